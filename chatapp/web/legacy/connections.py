"""Sockets of the original program's client: where they begin, and what they may send."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.web.legacy import pictures
from chatapp.wire.fragments import LargeTexts


def is_old(query: Mapping[str, str]) -> bool:
    """Tell whether the address of a socket may be that of an old client: our own page says more in it."""
    return not ("epoch" in query or "join" in query)


def large_texts(query: Mapping[str, str]) -> LargeTexts | None:
    """Return which large texts a socket may send: old clients send pictures in text frames."""
    return pictures.LARGE_TEXTS if is_old(query) else None
