"""Every open socket: those that fell silent are found, and the stop waits until all have parted."""

from __future__ import annotations

import asyncio

from chatapp.system import clock
from chatapp.wire.rfc6455 import CLOSE_GRACE
from chatapp.wire.websocket import WebSocket

_LOOKS = 20  # looks at each socket in a beat
_AT_ONCE = 500  # sockets looked at before others get their turn


class Sockets:
    """The sockets that are open. One loop looks at them all: a timer for each would cost more than the socket."""

    def __init__(self, beat: float) -> None:
        """Take a peer for gone that says nothing for one and a half times ``beat`` seconds."""
        self._beat = beat
        self._open: set[WebSocket] = set()
        self._parted = asyncio.Event()

    def add(self, socket: WebSocket) -> None:
        """Watch over a socket."""
        self._open.add(socket)
        self._parted.clear()

    def discard(self, socket: WebSocket) -> None:
        """Forget a socket; harmless when it is forgotten already."""
        self._open.discard(socket)
        if not self._open:
            self._parted.set()

    async def watch(self) -> None:
        """Look after the silent ones, for ever."""
        while True:
            await asyncio.sleep(self._beat / _LOOKS)
            for number, socket in enumerate(list(self._open), 1):
                socket.look(clock.monotonic(), self._beat)
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)

    async def part(self) -> None:
        """Wait until all are gone: what was written last is lost when a process ends before it was taken."""
        if self._open:
            try:
                async with asyncio.timeout(2 * CLOSE_GRACE):
                    await self._parted.wait()
            except TimeoutError:
                for socket in self._open:
                    socket.transport.abort()
