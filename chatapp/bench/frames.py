"""The client's side of a WebSocket, RFC 6455: its handshake and its frames.

It shares no code with the server's codec, so a mistake there cannot hide in the client that tests it.
"""

from __future__ import annotations

import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA  # opcodes, section 5.2
FIN, MASKED = 0x80, 0x80  # bits of the first and of the second byte

_MEDIUM, _LONG = 126, 65_536  # lengths from which the header grows
_NO_MASK = bytes(4)  # a mask of zeros is valid, and changes nothing
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of section 1.3: a client that checks no answer needs no secret


def handshake(origin: str, target: str, cookie: str) -> bytes:
    """Return the request that opens a socket at ``target``, a path with its query."""
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {origin.partition('://')[2]}",
        f"Origin: {origin}",
        f"Cookie: {cookie}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def header(first: int, length: int) -> bytes:
    """Return the bytes of a client's frame before its mask: the first one as given, and the length."""
    if length < _MEDIUM:
        return struct.pack("!BB", first, MASKED | length)
    if length < _LONG:
        return struct.pack("!BBH", first, MASKED | 126, length)
    return struct.pack("!BBQ", first, MASKED | 127, length)


def pack(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame of a client."""
    return header(FIN | opcode, len(payload)) + _NO_MASK + payload


def unpack(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the opcode of the server's frame at ``at``, and where its payload starts and ends.

    Return None when not all of it is there.
    """
    if len(data) < at + 2:
        return None
    opcode, length, start = data[at] & 0x0F, data[at + 1], at + 2
    if length >= _MEDIUM:
        width = 2 if length == 126 else 8
        length, start = int.from_bytes(data[start : start + width], "big"), start + width
    return (opcode, start, start + length) if start + length <= len(data) else None
