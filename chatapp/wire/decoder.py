"""Cut the bytes that a client sends into WebSocket messages, RFC 6455: a frame at a time, as much of it as is there."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cache

from chatapp.system import clock
from chatapp.wire.rfc6455 import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    NOT_UTF8,
    PING,
    PONG,
    PROTOCOL_ERROR,
    SHORT,
    TEXT,
    TOO_BIG,
    Violation,
)

_RESERVED, _OPCODE, _MASKED, _LENGTH = 0x70, 0x0F, 0x80, 0x7F  # bits of the first two bytes, section 5.2
_CONTROL = 0x8  # opcodes from here on are about the connection: short, and never in pieces
_MASK = 4  # bytes
_LONG = 2048  # bytes from which tables take off a mask faster than large numbers (measured)
_BITE = 64 * 1024  # bytes of a frame that are taken in one go: a quarter of a millisecond
# Frames of one message. Browsers cut at 64 KiB or more; thousands of empty ones are only there to keep us busy.
_PIECES = 1024
PIECE = (CONTINUATION, b"")  # stands for a frame that completes no message
BITE = (CONTINUATION, b"...")  # stands for a part of a frame, of which more is there

# What begins half of a pair of UTF-16, which is no UTF-8. Python waits for its last byte to say so.
_HALF_PAIR = re.compile(rb"\xed[\xa0-\xbf]")
_utf8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Larger:
    """Which texts may be longer than the others: those that begin so, up to ``limit`` bytes."""

    limit: int
    opening: re.Pattern[bytes]
    head: int  # bytes within which it begins so


class _Pieces:
    """A message that is not all there: what has come of it, and what is missing of the frame that is coming."""

    __slots__ = ("_mask", "_text", "count", "data", "inside", "larger", "last", "left", "opcode", "since")

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        self.since = clock.monotonic()  # it is on its way
        self.data = bytearray()
        self.count = 0  # of its frames
        self.inside = self.last = False  # a frame; the last one
        self.left = 0  # bytes of it that are to come
        self.larger = False  # it may be larger than others
        self._mask = b""
        self._text = _utf8() if opcode == TEXT else None

    def open(self, *, last: bool, length: int, mask: bytes) -> None:
        """Begin a frame. Raise Violation."""
        self.inside, self.last, self.left, self._mask = True, last, length, mask
        self.count += 1
        if self.count > _PIECES:
            raise Violation(TOO_BIG, "in too many pieces")

    def take(self, masked: bytes | bytearray) -> None:
        """Add some bytes of the frame. Raise Violation as soon as they cannot become a text any more."""
        size = len(masked)
        plain, turn = _unmasked(masked, self._mask), size % _MASK
        self._mask = self._mask[turn:] + self._mask[:turn]
        self.left -= size
        self.data += plain
        if self._text is not None:
            try:
                self._text.decode(plain, final=self.last and not self.left)
            except UnicodeDecodeError as error:
                raise Violation(NOT_UTF8, "not UTF-8") from error
            if _HALF_PAIR.match(self._text.getstate()[0]):
                raise Violation(NOT_UTF8, "not UTF-8")


class Decoder:
    """Cut what a client sends into messages. Keep nothing between whole ones, for most connections say little."""

    __slots__ = ("_at", "_buffer", "_larger", "_limit", "_pieces")

    def __init__(self, limit: int, larger: Larger | None = None) -> None:
        """Take messages of up to ``limit`` bytes, and some texts that may be ``larger``."""
        self._limit = limit
        self._larger = larger
        self._buffer: bytes | bytearray = b""  # what came and was not looked at yet
        self._at = 0  # where that begins
        self._pieces: _Pieces | None = None

    @property
    def size(self) -> int:
        """Return how many bytes are kept, of messages that are not complete or not taken yet."""
        return len(self._buffer) - self._at + (len(self._pieces.data) if self._pieces else 0)

    @property
    def larger(self) -> int:
        """Return how many bytes a text may have that is coming and larger than others; 0 if there is none."""
        return self._larger.limit if self._larger is not None and self._pieces and self._pieces.larger else 0

    @property
    def since(self) -> float | None:
        """Return since when, in monotonic seconds, a message is on its way that is not all there."""
        return self._pieces.since if self._pieces else None

    def excuse(self, seconds: float) -> None:
        """Let a message take longer: for a while nothing of it was read."""
        if self._pieces:
            self._pieces.since += seconds

    def add(self, data: bytes) -> None:
        """Take bytes, to be looked at by ``next``."""
        if self._at < len(self._buffer):
            rest = self._buffer if isinstance(self._buffer, bytearray) else bytearray(self._buffer)
            del rest[: self._at]
            self._buffer = rest
            rest += data
        else:
            self._buffer = data
        self._at = 0

    def drop(self) -> None:
        """Forget what came and is not taken yet."""
        self._buffer, self._at, self._pieces = b"", 0, None

    def next(self) -> tuple[int, bytes | bytearray] | None:
        """Return the opcode and the payload of the next message or control frame.

        Return PIECE for a frame that completes none, BITE for a part of one, and None when more must come first. Raise
        Violation. A text in pieces is known to be UTF-8; of a whole one nothing is known yet.
        """
        coming = self._pieces
        if coming is None or not coming.inside:
            if (head := self._head()) is None:
                return None
            first, length, at = head
            opcode, end = first & _OPCODE, at + length
            if opcode >= _CONTROL or (coming is None and first & FIN and length <= self._limit):
                if end <= len(self._buffer):
                    payload = _unmasked(self._buffer[at:end], bytes(self._buffer[at - _MASK : at]))
                    self._skip(end)
                    return opcode, payload
                if opcode >= _CONTROL:
                    return None
            if coming is None:
                coming = self._pieces = _Pieces(opcode)
            coming.open(last=bool(first & FIN), length=length, mask=bytes(self._buffer[at - _MASK : at]))
            self._skip(at)
        return self._fill(coming)

    def _fill(self, coming: _Pieces) -> tuple[int, bytes | bytearray] | None:
        """Take what there is of a frame. Return None if that is not all of it."""
        end = min(self._at + coming.left, len(self._buffer), self._at + _BITE)
        coming.take(self._buffer[self._at : end])
        self._skip(end)
        self._judge(coming)
        if coming.left:
            return BITE if self._at < len(self._buffer) else None
        if not coming.last:
            coming.inside = False
            return PIECE
        self._pieces = None
        return coming.opcode, coming.data if coming.larger else bytes(coming.data)

    def _judge(self, coming: _Pieces) -> None:
        """Let a large text go on only if it begins as one that may be large. Raise Violation."""
        size = len(coming.data)
        if coming.larger or size + coming.left <= self._limit:
            return
        assert self._larger is not None, "or its head was refused"
        if size >= self._larger.head or not coming.left:
            if self._larger.opening.match(coming.data) is None:
                raise Violation(TOO_BIG, "only a picture may be that long")
            coming.larger = True

    def _skip(self, at: int) -> None:
        if at < len(self._buffer):
            self._at = at
        else:
            self._buffer, self._at = b"", 0

    def _head(self) -> tuple[int, int, int] | None:
        """Return the next frame's first byte, its length and where its payload begins; None if not all is there."""
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
        if (length > self._limit or self._pieces is not None) and first & _OPCODE < _CONTROL:
            self._check_length(first & _OPCODE, length)
        at += _MASK
        return (first, length, at) if at <= len(data) else None

    def _check_length(self, opcode: int, length: int) -> None:
        total = length + (len(self._pieces.data) if self._pieces else 0)
        if total <= self._limit:
            return
        is_text = (self._pieces.opcode if self._pieces else opcode) == TEXT
        if self._larger is None or not is_text or total > self._larger.limit:
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
        if opcode < _CONTROL and (opcode == CONTINUATION) != (self._pieces is not None):
            raise Violation(PROTOCOL_ERROR, "a piece out of order")


def _unmasked(payload: bytes | bytearray, mask: bytes) -> bytes:
    """Return a payload as it was before the browser hid it from proxies (section 5.3)."""
    size = len(payload)
    if size >= _LONG:
        plain = bytearray(payload)
        for place, key in enumerate(mask):
            plain[place::_MASK] = plain[place::_MASK].translate(_table(key))
        return bytes(plain)
    pattern = (mask * (size // _MASK + 1))[:size]
    # As two large numbers: without a loop over the bytes.
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


@cache
def _table(key: int) -> bytes:
    """Return every byte as one byte of a mask makes it."""
    return bytes(byte ^ key for byte in range(256))
