"""Decoder of a client's WebSocket frames, RFC 6455: incremental, bounded, and strict.

It yields whole texts. One that arrives in several frames is reassembled; a long frame is taken in parts, so that no
client keeps the others waiting.
"""

from __future__ import annotations

from chatapp.wire.fragments import Fragments, LargeTexts
from chatapp.wire.masking import MASK_BYTES, unmask
from chatapp.wire.rfc6455 import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    PROTOCOL_ERROR,
    SHORT,
    TEXT,
    TOO_BIG,
    Violation,
)

_RESERVED, _OPCODE, _MASKED, _LENGTH = 0x70, 0x0F, 0x80, 0x7F  # bits of the first two bytes, section 5.2
_CONTROL = 0x8  # opcodes from here on are control frames: short, and never fragmented
_PART = 64 * 1024  # bytes of a frame that are decoded in one go: a quarter of a millisecond
FRAGMENT = (CONTINUATION, b"")  # stands for a frame that completes no text
PARTIAL = (CONTINUATION, b"...")  # stands for a part of a frame, when more of it has arrived


class Decoder:
    """Decode frames. Hold no memory between them, since most connections say little."""

    __slots__ = ("_at", "_buffer", "_fragments", "_large", "_limit")

    def __init__(self, limit: int, large: LargeTexts | None = None) -> None:
        """Take texts of up to ``limit`` bytes, and those ``large`` ones that may be larger."""
        self._limit = limit
        self._large = large
        self._buffer: bytes | bytearray = b""  # received and not decoded
        self._at = 0  # where that starts
        self._fragments: Fragments | None = None

    @property
    def size(self) -> int:
        """Return how many bytes it holds, decoded or not."""
        return len(self._buffer) - self._at + (len(self._fragments.data) if self._fragments else 0)

    @property
    def large(self) -> int:
        """Return the limit, in bytes, of a large text that is arriving; 0 if there is none."""
        return self._large.limit if self._large is not None and self._fragments and self._fragments.large else 0

    @property
    def started(self) -> float | None:
        """Return when the text that is arriving started, in monotonic seconds; None if there is none."""
        return self._fragments.started if self._fragments else None

    def extend(self, seconds: float) -> None:
        """Give a text that is arriving more time: we did not read for so long."""
        if self._fragments:
            self._fragments.started += seconds

    def add(self, data: bytes) -> None:
        """Append received bytes."""
        if self._at < len(self._buffer):
            rest = self._buffer if isinstance(self._buffer, bytearray) else bytearray(self._buffer)
            del rest[: self._at]
            self._buffer = rest
            rest += data
        else:
            self._buffer = data
        self._at = 0

    def drop(self) -> None:
        """Discard everything that is not decoded yet."""
        self._buffer, self._at, self._fragments = b"", 0, None

    def next(self) -> tuple[int, bytes | bytearray] | None:
        """Return the opcode and the payload of the next text or control frame.

        Return FRAGMENT for a frame that completes no text, PARTIAL for a part of a frame, and None when more bytes
        must arrive first. Raise Violation. A text that came in pieces is valid UTF-8; one that came whole is unchecked.
        """
        fragments = self._fragments
        if fragments is None or not fragments.inside:
            if (head := self._head()) is None:
                return None
            first, length, at = head
            opcode, end = first & _OPCODE, at + length
            if opcode >= _CONTROL or (fragments is None and first & FIN and length <= self._limit):
                if end <= len(self._buffer):
                    payload = unmask(self._buffer[at:end], bytes(self._buffer[at - MASK_BYTES : at]))
                    self._skip(end)
                    return opcode, payload
                if opcode >= _CONTROL:
                    return None
            if fragments is None:
                fragments = self._fragments = Fragments(opcode)
            fragments.open(last=bool(first & FIN), length=length, mask=bytes(self._buffer[at - MASK_BYTES : at]))
            self._skip(at)
        return self._fill(fragments)

    def _fill(self, fragments: Fragments) -> tuple[int, bytes | bytearray] | None:
        """Take what has arrived of the current frame. Return None if that is not all of it."""
        end = min(self._at + fragments.left, len(self._buffer), self._at + _PART)
        fragments.take(self._buffer[self._at : end])
        self._skip(end)
        self._check_large(fragments)
        if fragments.left:
            return PARTIAL if self._at < len(self._buffer) else None
        if not fragments.last:
            fragments.inside = False
            return FRAGMENT
        self._fragments = None
        return fragments.opcode, fragments.data if fragments.large else bytes(fragments.data)

    def _check_large(self, fragments: Fragments) -> None:
        """Let a text beyond the limit go on only if it starts as a large one does. Raise Violation."""
        size = len(fragments.data)
        if fragments.large or size + fragments.left <= self._limit:
            return
        assert self._large is not None, "or its header was refused"
        if size >= self._large.head or not fragments.left:
            if self._large.opening.match(fragments.data) is None:
                raise Violation(TOO_BIG, "only a picture may be that long")
            fragments.large = True

    def _skip(self, at: int) -> None:
        if at < len(self._buffer):
            self._at = at
        else:
            self._buffer, self._at = b"", 0

    def _head(self) -> tuple[int, int, int] | None:
        """Return the next frame's first byte, its length and where its payload starts; None if not all is there."""
        data, at = self._buffer, self._at
        size = len(data) - at
        if size < 2:
            return None
        first, second = data[at], data[at + 1]
        length = second & _LENGTH
        self._check(first, second, length)
        at += 2
        if length >= SHORT:
            width = 2 if length == SHORT else 8
            if len(data) - at < width:
                return None
            length = int.from_bytes(data[at : at + width], "big")
            at += width
        if (length > self._limit or self._fragments is not None) and first & _OPCODE < _CONTROL:
            self._check_length(first & _OPCODE, length)
        at += MASK_BYTES
        return (first, length, at) if at <= len(data) else None

    def _check_length(self, opcode: int, length: int) -> None:
        total = length + (len(self._fragments.data) if self._fragments else 0)
        if total <= self._limit:
            return
        is_text = (self._fragments.opcode if self._fragments else opcode) == TEXT
        if self._large is None or not is_text or total > self._large.limit:
            raise Violation(TOO_BIG, "too long")

    def _check(self, first: int, second: int, length: int) -> None:
        opcode = first & _OPCODE
        if first & _RESERVED:
            raise Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & _MASKED:
            raise Violation(PROTOCOL_ERROR, "not masked")
        if opcode >= _CONTROL and (not first & FIN or length >= SHORT):
            raise Violation(PROTOCOL_ERROR, "a control frame is long or in pieces")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Violation(PROTOCOL_ERROR, "unknown opcode")
        if opcode < _CONTROL and (opcode == CONTINUATION) != (self._fragments is not None):
            raise Violation(PROTOCOL_ERROR, "a piece out of order")
