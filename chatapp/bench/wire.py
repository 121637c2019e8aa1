"""One WebSocket of a crowd, as cheap as possible: a bench must not measure its own client.

aiohttp's client takes twice the time for each message received.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from chatapp.bench.frames import CLOSE, PING, PONG, TEXT, handshake, pack, unpack


class Wire(asyncio.Protocol):
    """A socket that passes every text to ``hear``, and a sentence to ``gone`` when the server closes it."""

    def __init__(
        self, origin: str, target: str, cookie: str, hear: Callable[[Wire, bytes], None], gone: Callable[[str], None]
    ) -> None:
        self._handshake = handshake(origin, target, cookie)
        self._hear = hear
        self._gone = gone
        self._open = False
        self._rest = b""  # an incomplete frame

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._handshake)

    def data_received(self, data: bytes) -> None:
        """Handle complete frames; keep the rest."""
        data = self._rest + data
        at = 0 if self._open else self._upgrade(data)
        while (frame := unpack(data, at) if self._open else None) is not None:
            opcode, start, at = frame
            if opcode == TEXT:
                self._hear(self, data[start:at])
            elif opcode == PING:
                self._transport.write(pack(PONG, data[start:at]))
            elif opcode == CLOSE:
                self._gone(f"The server closed a connection with {int.from_bytes(data[start : start + 2], 'big')}.")
        self._rest = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        """Report the end."""
        self._gone("The server closed a connection.")

    def send(self, text: str) -> None:
        """Send a text."""
        self._transport.write(pack(TEXT, text.encode()))

    def abort(self) -> None:
        """Abort the connection."""
        self._transport.abort()

    def _upgrade(self, data: bytes) -> int:
        """Read the response to the handshake. Return where the first frame starts."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        status = data.partition(b"\r\n")[0].decode("latin-1")
        if not status.startswith("HTTP/1.1 101"):
            self._gone(f"The server answered a new connection with {status}.")
            return len(data)
        self._open = True
        return end + 4
