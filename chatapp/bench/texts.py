"""The messages of a bench: numbered, about as long as in real chats, recognisable in what arrives."""

from __future__ import annotations

import json
import re

LENGTH = 150  # characters of a message, about the mean of chat
SPEAKERS = 8  # sockets that talk; the others listen
MARK = b"mark-"  # precedes a message's number of nine digits
MARKS = re.compile(MARK + rb"(\d{9})")
KEYS = re.compile(rb"key-(\d{9})-")
_PADDING = " lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt" * 2


def frame(number: int, run: str) -> str:
    """Return the JSON frame of a message. ``run`` makes the keys of one run differ from those of any other."""
    content = f"mark-{number:09d}{_PADDING}"[:LENGTH]
    return json.dumps({"type": "message", "content": content, "key": f"key-{number:09d}-{run}"})
