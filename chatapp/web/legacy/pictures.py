"""Pictures in texts, as the original program's client sends them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import threading
from typing import Any

from chatapp.chat.pictures import too_big
from chatapp.model.pictures import PICTURE_BYTES
from chatapp.model.refusals import Rejected
from chatapp.wire import jsonframes
from chatapp.wire.buffers import LARGE
from chatapp.wire.fragments import LargeTexts

Frame = dict[str, Any]

_HEAD = 1024  # bytes within which a picture's text says that it is one
_ENDS = 2048  # bytes that may stand before a picture and after it, together
# One flat object with a few short values before the long one, which is a data: URL. Some languages write "\/".
_OPENING = re.compile(
    rb'\s*\{\s*(?:"[a-z_]{1,32}"\s*:\s*(?:"[^"\\]{0,200}"|[-+.\deE]{1,30}|true|false|null)\s*,\s*){0,6}'
    rb'"(?:content|message)"\s*:\s*"data:image\\?/[a-zA-Z0-9.+-]{1,20};base64,'
)
# Bytes decoded in one go: while they are, no other thread of Python has its turn. And seconds between two goes: Python
# would let the event loop wait for 5 ms at each of its turns if this thread did not make way by itself.
_CHUNK, _BREATH = 64 * 1024, 0.0005
_QUAD = 4  # letters of base64 that stand for whole bytes

# What a browser calls a file is a guess by its name, or nothing: the bytes decide.
_DATA_URL = re.compile(
    r"data:(image/[a-z0-9.+-]{1,40}|application/octet-stream|)(;[a-z0-9=.+-]{1,40}){0,3};base64,", re.IGNORECASE
)
_NAME = "picture"  # of a picture that comes without one

LARGE_TEXTS = LargeTexts(LARGE, _OPENING, _HEAD)


async def take_apart(text: bytearray) -> tuple[Frame, bytes]:
    """Take a text apart that holds a picture, and empty it. Return the frame without it, and it. Raise Rejected."""
    return await asyncio.to_thread(_picture, text)


def _picture(text: bytearray) -> tuple[Frame, bytes]:
    try:
        opening = _OPENING.match(text)
        start = opening.end() if opening else 0
        end = text.find(b'"', start)
        frame = None
        if start and end > 0 and start + len(text) - end <= _ENDS:
            frame = jsonframes.parse((text[:start] + text[end:]).decode(errors="replace"))
        if frame is None:
            raise Rejected("not_json")
        return frame, _decoded(text, start, end)
    finally:
        text.clear()


def _decoded(text: bytearray, start: int, end: int) -> bytes:
    """Return the bytes of the base64 between two places, without ever keeping other threads from working for long."""
    data, rest, breath = bytearray(), b"", threading.Event()
    try:
        for at in range(start, end, _CHUNK):
            breath.wait(_BREATH)
            letters = (rest + text[at : min(at + _CHUNK, end)]).replace(b"\\/", b"/")
            size = len(letters) - letters.endswith(b"\\")  # what that stands before comes with the next ones
            whole = size - size % _QUAD
            data += binascii.a2b_base64(letters[:whole], strict_mode=True)
            rest = letters[whole:]
            if letters[:whole].endswith(b"=") and (rest or at + _CHUNK < end):
                raise binascii.Error  # it goes on after its end
        if rest:
            raise binascii.Error  # it stops in the middle
    except binascii.Error as error:
        raise Rejected("damaged") from error
    if len(data) > PICTURE_BYTES:
        raise too_big(_NAME)
    return bytes(data)


def decoded(content: object) -> bytes:
    """Return the bytes of a picture in a frame of ordinary size. Raise Rejected."""
    if not isinstance(content, str) or not _DATA_URL.match(content):
        raise Rejected("content_type.picture")
    try:
        data = base64.b64decode(content.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected("damaged") from error
    if len(data) > PICTURE_BYTES:
        raise too_big(_NAME)
    return data
