"""A bad network between pages and a server: it delays, swallows silently, resets and half-closes."""

from __future__ import annotations

import asyncio
import socket
import struct

from fault.server import free_port

_CHUNK = 65_536


class Way:
    """One direction of a relay: what its connections carry arrives at once, late, or not at all."""

    def __init__(self) -> None:
        self.delay = 0.0  # seconds for each piece, one after the other
        self._passes = asyncio.Event()
        self._passes.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def stall(self) -> None:
        """Deliver nothing any more, not even that a connection ended."""
        self._passes.clear()

    def resume(self) -> None:
        """Deliver again, what was held back first, as the retries of TCP do."""
        self._passes.set()

    def half_close(self) -> None:
        """End this direction of every connection in good order; the other one lives on."""
        while self._writers:
            writer = self._writers.pop()
            if writer.can_write_eof() and not writer.transport.is_closing():
                writer.write_eof()

    def cut(self) -> None:
        """Reset every connection at the end that this direction leads to."""
        while self._writers:
            reset(self._writers.pop())

    async def passes(self) -> None:
        """Wait while this direction is stalled."""
        await self._passes.wait()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bring what one end says to the other until it has said everything."""
        self._writers.add(writer)
        try:
            while data := await self._arriving(reader):
                if writer in self._writers:
                    writer.write(data)
                    await writer.drain()
            if writer in self._writers and not writer.transport.is_closing():
                writer.write_eof()
        finally:
            self._writers.discard(writer)

    async def _arriving(self, reader: asyncio.StreamReader) -> bytes:
        """Return what one end says once it may arrive: data, the end, or (raised) a reset."""
        try:
            data = await reader.read(_CHUNK)
            if self.delay:
                await asyncio.sleep(self.delay)
            return data
        finally:
            await self.passes()


class Relay:
    """A port that leads to another one, through ``up`` and ``down``, the directions to and from the server."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.up, self.down = Way(), Way()
        self._target = target
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    def stall(self) -> None:
        """Swallow everything, of new connections too."""
        self.up.stall()
        self.down.stall()

    def resume(self) -> None:
        """Let everything pass again."""
        self.up.resume()
        self.down.resume()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of its own: asyncio.start_server of Python 3.11 stumbles over one that is cancelled.
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self.up.passes()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(far_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self.up.carry(reader, far_writer))
                both.create_task(self.down.carry(far_reader, writer))
        except* OSError:
            for end in ends:
                reset(end)
        finally:
            for end in ends:
                end.close()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=1024)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset: what is under way is lost."""
    if not writer.transport.is_closing():
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
