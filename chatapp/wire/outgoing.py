"""The way out of a connection: whoever sends much waits until its peer has read what came before."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from chatapp.wire import rfc6455
from chatapp.wire.rfc6455 import CLOSE_GRACE

# Bytes that wait for a peer before we do; TLS would let 512 KiB, past what the hub cuts a peer for.
_AHEAD = 64 * 1024


class Outgoing(asyncio.Protocol, ABC):
    """Send frames. What need not wait for the peer goes straight to ``transport``."""

    __slots__ = ("_resumed", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Write to a transport."""
        self.transport = transport
        transport.set_write_buffer_limits(_AHEAD)
        self._resumed: asyncio.Future[None] | None = None  # the peer does not read fast enough; done when it does

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Tell whether a close frame was sent."""

    async def send(self, frame: bytes) -> None:
        """Send a frame and wait until the peer takes it. Raise ConnectionResetError when it is gone.

        Nothing follows a close frame (RFC 6455, 5.5.1).
        """
        if not (self.closed or self.transport.is_closing()):
            self.transport.write(frame)
            if self._resumed is not None:
                await self._resumed
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is gone")

    def pause_writing(self) -> None:
        """Note that the peer does not read fast enough."""
        self._resumed = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let those go on who wait for the peer to read."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    def part(self, code: int | None) -> None:
        """Answer a close, or take the answer to ours, and end the connection."""
        if not (self.closed or self.transport.is_closing()):
            self.transport.write(rfc6455.closing(code))
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE, self.transport.abort)  # should it never read what is left
