"""One WebSocket of a crowd, as cheap as it can be: a bench must not measure its own client.

aiohttp's own client needs twice the time for each message that it receives.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import cast
from urllib.parse import SplitResult

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10  # opcodes, RFC 6455 section 5.2
_SHORT, _MEDIUM = 126, 65_536  # lengths from which the header grows


class Wire(asyncio.Protocol):
    """A socket that gives every text it receives to ``hear``, and a sentence to ``gone`` when the server ends it."""

    def __init__(
        self, url: SplitResult, cookie: str, hear: Callable[[Wire, bytes], None], gone: Callable[[str], None]
    ) -> None:
        self._url = url
        self._cookie = cookie
        self._hear = hear
        self._gone = gone
        self._open = False
        self._rest = b""  # of a frame that is not all there

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        url = self._url
        lines = (
            f"GET {url.path}?{url.query} HTTP/1.1",
            f"Host: {url.netloc}",
            f"Origin: {url.scheme}://{url.netloc}",
            f"Cookie: {self._cookie}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",  # the one of RFC 6455: the answer proves nothing new here
        )
        self._transport.write("\r\n".join((*lines, "", "")).encode())

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        data = self._rest + data
        at = 0 if self._open else self._upgrade(data)
        while (frame := _unpacked(data, at) if self._open else None) is not None:
            opcode, start, at = frame
            if opcode == _TEXT:
                self._hear(self, data[start:at])
            elif opcode == _PING:
                self._transport.write(_packed(_PONG, data[start:at]))
            elif opcode == _CLOSE:
                self._gone(f"The server closed a connection with {int.from_bytes(data[start : start + 2], 'big')}.")
        self._rest = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        """Say that it is over."""
        self._gone("The server closed a connection.")

    def send(self, text: str) -> None:
        """Send a text."""
        self._transport.write(_packed(_TEXT, text.encode()))

    def abort(self) -> None:
        """Hang up."""
        self._transport.abort()

    def _upgrade(self, data: bytes) -> int:
        """Read the answer to the handshake. Return where the first frame begins."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        status = data.partition(b"\r\n")[0].decode("latin-1")
        if not status.startswith("HTTP/1.1 101"):
            self._gone(f"The server answered a new connection with {status}.")
            return len(data)
        self._open = True
        return end + 4


def _unpacked(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the opcode of the frame at a place, where its payload begins and ends; None if it is not all there."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length >= _SHORT:
        width = 2 if length == _SHORT else 8
        length, start = int.from_bytes(data[start : start + width], "big"), start + width
    return (data[at] & 0x0F, start, start + length) if start + length <= len(data) else None


def _packed(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame. A mask of zeros is one too, and changes nothing."""
    length = len(payload)
    if length < _SHORT:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | length, 0) + payload
    assert length < _MEDIUM, "nothing a bench says is that long"
    return struct.pack("!BBHI", 0x80 | opcode, 0x80 | _SHORT, length, 0) + payload
