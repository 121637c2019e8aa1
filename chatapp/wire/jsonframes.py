"""The JSON objects that pages and the server send each other as text frames."""

from __future__ import annotations

import json
from typing import Any

from chatapp.wire import rfc6455


def text(kind: str, **fields: Any) -> str:
    """Return a JSON frame as text."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def encode(kind: str, **fields: Any) -> bytes:
    """Return a JSON frame as the bytes of a whole WebSocket frame."""
    return rfc6455.frame(text(kind, **fields))


def parse(received: str) -> dict[str, Any] | None:
    """Return the object in a text frame; None if it holds none."""
    try:
        found = json.loads(received)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
