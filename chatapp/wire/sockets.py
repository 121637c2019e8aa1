"""Drops idle sockets; shutdown waits for the rest."""

from __future__ import annotations

import asyncio

from chatapp.system import clock
from chatapp.wire.rfc6455 import CLOSE_GRACE
from chatapp.wire.websocket import WebSocket

_CHECKS = 20  # of each socket during a beat
_AT_ONCE = 500  # sockets checked before other tasks get their turn


class Sockets:
    """All open sockets. One loop checks them: a timer for each would cost more than the socket."""

    def __init__(self, beat: float) -> None:
        """Drop a peer that is silent for one and a half times ``beat`` seconds."""
        self._beat = beat
        self._open: set[WebSocket] = set()
        self._all_closed = asyncio.Event()

    def add(self, socket: WebSocket) -> None:
        """Add an open socket."""
        self._open.add(socket)
        self._all_closed.clear()

    def discard(self, socket: WebSocket) -> None:
        """Remove a socket, if it is still there."""
        self._open.discard(socket)
        if not self._open:
            self._all_closed.set()

    async def reap(self) -> None:
        """Drop idle sockets, forever."""
        while True:
            await asyncio.sleep(self._beat / _CHECKS)
            for number, socket in enumerate(list(self._open), 1):
                socket.check_idle(clock.monotonic(), self._beat)
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)

    async def wait_closed(self) -> None:
        """Wait until all are closed: what was written last is lost if the process ends before the peer has read it."""
        if self._open:
            try:
                async with asyncio.timeout(2 * CLOSE_GRACE):
                    await self._all_closed.wait()
            except TimeoutError:
                for socket in self._open:
                    socket.transport.abort()
