"""Frames that no page sends."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterator
from typing import Any

_VALUES: list[Any] = [
    None, True, False, 0, -1, 2**53, 2**63, 10**400, 1e308, "", " ", "\0", "\ud800", "\u202e", "x" * 5000, "é" * 17_000,
    [], {}, [[]], {"a": {}}, "general", "@1-2", "__proto__", "../../etc/passwd", "' OR 1=1 --", "<b hx-get='/'>",
]  # fmt: skip
_FIELDS = ["type", "content", "key", "room", "direct", "since", "epoch", "id", "recovered", "upto", "keys", "n"]
_TYPES = ["message", "join", "read", "typing", "beat", "image", "hello", "saved", "sent", "", "MESSAGE", "__init__"]
_TEXTS = [
    "", " ", "null", "true", "0", '"x"', "[]", "{}", "{", "}", '{"type"', "NaN", '{"type":NaN}', "[" * 60_000, "\0",
    '{"type":"message","content":"x","content":["y"]}', "\ufeff{}", '{"type":"message"}', "<ol></ol>",
    '{"a":' * 9_000, '{"type":"message","content":"\\ud83d","key":"abcdefghijklmnop"}', "1" * 5_000,
]  # fmt: skip


def frames(seed: int) -> Iterator[str]:
    """Yield hostile frames without end, the same for the same seed."""
    source = random.Random(seed)
    while True:
        yield from _TEXTS
        for _ in range(100):
            yield _strange(source)
            yield _broken(source)
            yield "".join(chr(source.randrange(1, 0xD7FF)) for _ in range(source.randrange(200)))


def _strange(source: random.Random) -> str:
    """Return an object whose fields have the right names and the wrong values."""
    frame = {source.choice(_FIELDS): source.choice(_VALUES) for _ in range(source.randrange(5))}
    if source.random() < 0.8:
        frame["type"] = source.choice(_TYPES)
    if source.random() < 0.3:
        frame["key"] = "k" * source.choice([1, 15, 16, 64, 65, 3000])
    return json.dumps(frame)


def _broken(source: random.Random) -> str:
    """Return a good frame with a few letters changed."""
    text = [*json.dumps({"type": "message", "content": secrets.token_hex(4), "key": secrets.token_urlsafe(16)})]
    for _ in range(source.randrange(1, 4)):
        text[source.randrange(len(text))] = source.choice('{}[]",:\\x09é')
    return "".join(text)
