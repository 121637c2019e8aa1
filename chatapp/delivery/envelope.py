"""Lazy encoding of events: when the first listener of a format needs one, and once for all of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from chatapp.model.events import WORDED, Event

log = logging.getLogger("chatapp.delivery")


class Format(StrEnum):
    """The formats of frames; each listener reads one of them."""

    HTML = "html"  # of our pages: HTML fragments and JSON control frames


class Encoder(Protocol):
    """Turn an event into the bytes of its frames. ``language`` matters only for events with a sentence."""

    def __call__(self, event: Event, language: str, /) -> bytes: ...


Encoders = Mapping[Format, Encoder]


class Envelope:
    """An event and its frames, by format."""

    __slots__ = ("_encoders", "_frames", "event")

    def __init__(self, event: Event, encoders: Encoders) -> None:
        self.event = event
        self._encoders = encoders
        self._frames: dict[tuple[Format, str], bytes] = {}

    def frame(self, format_: Format, language: str = "") -> bytes:
        """Return the frames for listeners of a format; empty if encoding failed.

        A failure is a bug in an encoder. It must not hold up the other frames of the same write.
        """
        key = format_, language if isinstance(self.event, WORDED) else ""
        found = self._frames.get(key)
        if found is None:
            try:
                found = self._encoders[format_](self.event, language)
            except Exception:
                log.exception("a %s could not be encoded", type(self.event).__name__)
                found = b""
            self._frames[key] = found
        return found
