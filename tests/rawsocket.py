"""A WebSocket client that controls every byte, so that tests can send what no browser would.

Its frames are those of ``chatapp.bench.frames``, which shares no code with the server's codec.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from chatapp.bench.frames import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, handshake, header, unpack

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "FIN",
    "PING",
    "PONG",
    "TEXT",
    "handshake",
    "unpack",
]  # tests need them, too
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10  # bits of the first byte that mean nothing without an extension


def masked(first: int, payload: bytes = b"", mask: bytes = bytes(4), *, claimed: int | None = None) -> bytes:
    """Return a client frame whose header claims a length, by default the true one. A mask of zeros hides nothing."""
    hidden = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if any(mask) else payload
    return header(first, len(payload) if claimed is None else claimed) + mask + hidden


def said(kind: str, **fields: Any) -> bytes:
    """Return a client's frame with one of our JSON objects."""
    return masked(FIN | TEXT, json.dumps({"type": kind, **fields}).encode())


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Split whole frames of a server: return the opcode and the payload of each."""
    found, at = [], 0
    while (frame := unpack(data, at)) is not None:
        opcode, start, at = frame
        found.append((opcode, data[start:at]))
    assert at == len(data), "half a frame"
    return found


class Client:
    """One connection. It asserts that what it reads are valid frames of a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> str:
        """Return the head of the answer to a handshake."""
        return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def frame(self) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next frame."""
        first, second = head = await self.reader.readexactly(2)
        assert first & FIN, "the server sends no message in pieces"
        assert not first & (RSV1 | RSV2 | RSV3)
        assert not second & 0x80, "a server masks nothing (section 5.1)"
        head += await self.reader.readexactly({126: 2, 127: 8}.get(second, 0))
        length = int.from_bytes(head[2:], "big") or second
        return first & 0xF, await self.reader.readexactly(length)

    async def until(self, wanted: Callable[[int, bytes], bool]) -> bytes:
        """Return the payload of the next frame that ``wanted`` accepts."""
        async with asyncio.timeout(10):
            while True:
                opcode, payload = await self.frame()
                if wanted(opcode, payload):
                    return payload

    async def told(self, kind: str) -> dict[str, Any]:
        """Return the next JSON frame of a type."""
        answer = await self.until(lambda opcode, payload: opcode == TEXT and b'{"type":"%b"' % kind.encode() in payload)
        return dict(json.loads(answer))
