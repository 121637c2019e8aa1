"""WebSocket frames, RFC 6455: built whole for sending, and cut out of the bytes that arrive."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA  # opcodes, section 5.2
_FIN, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F  # bits of the first two bytes
_CONTROL = 0x8  # opcodes from here on are about the connection: short, and never in pieces
_SHORT, _MEDIUM = 126, 65_536  # lengths from which the header grows
_MASK = 4  # bytes
_REASON = 123  # bytes that a close frame holds besides its code

# Close codes, section 7.4.1.
PROTOCOL_ERROR, UNSUPPORTED, NOT_UTF8, TOO_BIG, FAILED = 1002, 1003, 1007, 1009, 1011
_SAYABLE = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}  # codes that may stand in a frame


def frame(text: str) -> bytes:
    """Return a whole text frame."""
    return _frame(TEXT, text.encode())


def note(kind: str, **fields: Any) -> str:
    """Return the text of a control frame of ours, which a page's scripts read."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def control(kind: str, **fields: Any) -> bytes:
    """Return a whole control frame of ours."""
    return frame(note(kind, **fields))


def parsed(text: str) -> dict[str, Any] | None:
    """Return the object that a page's control frame holds; None if it holds none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def closing(code: int | None, reason: str = "") -> bytes:
    """Return a whole close frame; without a code, an empty one."""
    return _frame(CLOSE, struct.pack("!H", code) + reason.encode()[:_REASON] if code else b"")


def pong(payload: bytes) -> bytes:
    """Return the answer to a ping."""
    return _frame(PONG, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    first, length = _FIN | opcode, len(payload)
    if length < _SHORT:
        return struct.pack("!BB", first, length) + payload
    if length < _MEDIUM:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


ping = _frame(PING, b"")


class Violation(Exception):  # noqa: N818 - it ends a connection in good order
    """The peer broke the protocol; ``code`` is what its connection is to be closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Decoder:
    """Cut what a client sends into messages. Keep nothing between whole ones, for most connections say little."""

    __slots__ = ("_limit", "_opcode", "_parts", "_rest")

    def __init__(self, limit: int) -> None:
        """Take messages of up to ``limit`` bytes."""
        self._limit = limit
        self._rest: bytes | bytearray = b""  # of a frame that is not complete
        self._parts: bytearray | None = None  # of a message in pieces
        self._opcode = TEXT  # of that message

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the opcode and the payload of each message and control frame that is complete. Raise Violation."""
        whole: bytes | bytearray = data
        if self._rest:
            whole = self._rest if isinstance(self._rest, bytearray) else bytearray(self._rest)
            whole += data  # in place: a large frame in many pieces is not copied with each of them
        at, size = 0, len(whole)
        while (found := self._cut(whole, at, size)) is not None:
            first, payload, at = found
            message = self._join(first, payload)
            if message is not None:
                yield message
        if not at:
            self._rest = whole
        else:
            self._rest = whole[at:] if at < size else b""

    def _cut(self, data: bytes | bytearray, at: int, size: int) -> tuple[int, bytes, int] | None:
        """Return the first byte of the next frame, its payload and where it ends; None if it is not all there."""
        if size - at < 2:
            return None
        first, second = data[at], data[at + 1]
        length = second & _LENGTH
        self._check(first, second, length)
        at += 2
        if length >= _SHORT:
            width = 2 if length == _SHORT else 8
            if size - at < width:
                return None
            length = int.from_bytes(data[at : at + width], "big")
            at += width
        if length > self._limit - len(self._parts or b""):
            raise Violation(TOO_BIG, "too long")
        end = at + _MASK + length
        if size < end:
            return None
        return first, _unmasked(data[at + _MASK : end], data[at : at + _MASK]), end

    def _check(self, first: int, second: int, length: int) -> None:
        opcode = first & _OPCODE
        if first & _RESERVED:
            raise Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & _MASKED:
            raise Violation(PROTOCOL_ERROR, "not masked")
        if opcode >= _CONTROL and (not first & _FIN or length >= _SHORT):
            raise Violation(PROTOCOL_ERROR, "a control frame is long or in pieces")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Violation(PROTOCOL_ERROR, "unknown opcode")
        if opcode < _CONTROL and (opcode == CONTINUATION) != (self._parts is not None):
            raise Violation(PROTOCOL_ERROR, "a piece out of order")

    def _join(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Return what is complete with this frame; None for a piece of a message that is not."""
        opcode = first & _OPCODE
        if opcode >= _CONTROL or (first & _FIN and self._parts is None):
            return opcode, payload
        if self._parts is None:
            self._parts, self._opcode = bytearray(), opcode
        self._parts += payload
        if not first & _FIN:
            return None
        whole, self._parts = bytes(self._parts), None
        return self._opcode, whole


def _unmasked(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Return a payload as it was before the browser hid it from proxies (section 5.3)."""
    size = len(payload)
    pattern = (bytes(mask) * (size // _MASK + 1))[:size]
    # As two large numbers: without a loop over the bytes.
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


def close_code(payload: bytes) -> int | None:
    """Return the code in the payload of a close frame, None if there is none. Raise Violation."""
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or code not in _SAYABLE:
        raise Violation(PROTOCOL_ERROR, "not a close code")
    decoded(payload[2:])
    return code


def decoded(payload: bytes) -> str:
    """Return the text of a payload. Raise Violation."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise Violation(NOT_UTF8, "not UTF-8") from error
