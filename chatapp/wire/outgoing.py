"""Sending on a connection, with back-pressure: ``send`` waits until the peer has read what came before."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from chatapp.wire import rfc6455
from chatapp.wire.rfc6455 import CLOSE_GRACE

# Bytes in the write buffer before ``send`` waits; TLS allows 512 KiB, more than the hub aborts a connection for.
_AHEAD = 64 * 1024


class Outgoing(asyncio.Protocol, ABC):
    """Send frames. What must not wait is written straight to ``transport``."""

    __slots__ = ("_resumed", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Write to a transport."""
        self.transport = transport
        transport.set_write_buffer_limits(_AHEAD)
        self._resumed: asyncio.Future[None] | None = (
            None  # set while the peer reads too slowly; done when it has caught up
        )

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Tell whether a close frame was sent."""

    async def send(self, frame: bytes) -> None:
        """Send a frame; wait while the write buffer is full. Raise ConnectionResetError when the peer is gone.

        Send nothing after a close frame (RFC 6455, section 5.5.1).
        """
        if not (self.closed or self.transport.is_closing()):
            self.transport.write(frame)
            if self._resumed is not None:
                await self._resumed
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is gone")

    def pause_writing(self) -> None:
        """Make senders wait: the write buffer is full."""
        self._resumed = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let senders continue."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    def complete_close(self, code: int | None) -> None:
        """Answer a close frame, or accept the answer to ours, and end the connection."""
        if not (self.closed or self.transport.is_closing()):
            self.transport.write(rfc6455.closing(code))
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE, self.transport.abort)  # if the peer never reads the rest
