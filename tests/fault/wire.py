"""Connections made by hand, byte by byte, for what no browser would do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from fault.page import Page
from fault.server import Server
from rawsocket import CLOSE, handshake, unpack


class Wire:
    """One upgraded connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Put bytes on the wire as they are."""
        self._connection.sendall(data)

    def settimeout(self, seconds: float) -> None:
        """Wait no longer for the server, in one go."""
        self._connection.settimeout(seconds)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield the opcode and the payload of each frame until the connection ends."""
        while True:
            while (frame := unpack(self._buffer, 0)) is None:
                self._read()
            opcode, start, end = frame
            payload, self._buffer = self._buffer[start:end], self._buffer[end:]
            yield opcode, payload

    def close_code(self) -> int:
        """Read to the end and return the code that the server closed with, 1006 if it did not say."""
        try:
            for opcode, payload in self.frames():
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except ConnectionError:
            pass
        return 1006

    def _read(self) -> None:
        data = self._connection.recv(65_536)
        if not data:
            raise ConnectionResetError
        self._buffer += data


@contextmanager
def upgraded(
    server: Server, page: Page, *, room: str = "general", query: str | None = None, window: int = 0
) -> Iterator[Wire]:
    """Open a connection of a page's person; ``window`` limits what the kernel takes for somebody who does not read."""
    query = f"room={room}&epoch=x" if query is None else query
    with socket.socket() as connection:
        if window:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(handshake(server.url, f"/ws?{query}", page.cookie))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        assert b" 101 " in answer, answer
        yield Wire(connection)
