"""Reassembly: a text that arrives in several frames, or in parts of one (RFC 6455, section 5.4)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from chatapp.system import clock
from chatapp.wire.masking import MASK_BYTES, unmask
from chatapp.wire.rfc6455 import NOT_UTF8, TEXT, TOO_BIG, Violation

# Frames of one text. Browsers fragment at 64 KiB or more; thousands of empty frames only keep the server busy.
_MAX_FRAMES = 1024

# The start of a surrogate in UTF-8, which is invalid. Python reports it only at its last byte.
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
_utf8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class LargeTexts:
    """Which texts may be larger than the others: those that start with ``opening``, up to ``limit`` bytes."""

    limit: int
    opening: re.Pattern[bytes]
    head: int  # bytes within which ``opening`` matches, if it does


class Fragments:
    """The payload received so far, and what is missing of the current frame."""

    __slots__ = ("_mask", "_text", "count", "data", "inside", "large", "last", "left", "opcode", "started")

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        self.started = clock.monotonic()
        self.data = bytearray()
        self.count = 0  # frames
        self.inside = False  # the current frame is not complete
        self.last = False  # the current frame is the last one
        self.left = 0  # bytes missing of the current frame
        self.large = False  # it is one of those that may be larger
        self._mask = b""
        self._text = _utf8() if opcode == TEXT else None

    def open(self, *, last: bool, length: int, mask: bytes) -> None:
        """Start a frame. Raise Violation when there are too many."""
        self.inside, self.last, self.left, self._mask = True, last, length, mask
        self.count += 1
        if self.count > _MAX_FRAMES:
            raise Violation(TOO_BIG, "in too many pieces")

    def take(self, masked: bytes | bytearray) -> None:
        """Add bytes of the current frame. Raise Violation as soon as they cannot become UTF-8 any more."""
        size = len(masked)
        plain, turn = unmask(masked, self._mask), size % MASK_BYTES
        self._mask = self._mask[turn:] + self._mask[:turn]
        self.left -= size
        self.data += plain
        if self._text is not None:
            try:
                self._text.decode(plain, final=self.last and not self.left)
            except UnicodeDecodeError as error:
                raise Violation(NOT_UTF8, "not UTF-8") from error
            if _SURROGATE.match(self._text.getstate()[0]):
                raise Violation(NOT_UTF8, "not UTF-8")
