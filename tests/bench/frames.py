"""WebSocket frames as a client reads and writes them (RFC 6455, section 5.2)."""

from __future__ import annotations

import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def unpack(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the opcode of the frame at a place, where its payload begins and ends; None if it is not all there."""
    if len(data) < at + 2:
        return None
    opcode, length, start = data[at] & 0x0F, data[at + 1], at + 2
    if length >= 126:
        width = 2 if length == 126 else 8
        length, start = int.from_bytes(data[start : start + width], "big"), start + width
    return (opcode, start, start + length) if start + length <= len(data) else None


def pack(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame. A mask of zeros is one too, and changes nothing."""
    if len(payload) < 126:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | len(payload), 0) + payload
    return struct.pack("!BBHI", 0x80 | opcode, 0x80 | 126, len(payload), 0) + payload
