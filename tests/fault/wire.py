"""Connections made by hand, byte by byte, for what no browser would do."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from fault.page import Page
from fault.server import Server

_HANDSHAKE = (
    "GET /ws?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {url}\r\nCookie: {cookie}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9
FIN, RSV1 = 0x80, 0x40


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
            head = self._take(2)
            length = head[1]
            if length == 126:
                length = int.from_bytes(self._take(2), "big")
            elif length == 127:
                length = int.from_bytes(self._take(8), "big")
            yield head[0] & 15, self._take(length)

    def close_code(self) -> int:
        """Read to the end and return the code that the server closed with, 1006 if it did not say."""
        try:
            for opcode, payload in self.frames():
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except ConnectionError:
            pass
        return 1006

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = self._connection.recv(65_536)
            if not data:
                raise ConnectionResetError
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


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
        key = base64.b64encode(os.urandom(16)).decode()
        head = _HANDSHAKE.format(query=query, port=server.port, url=server.url, cookie=page.cookie, key=key)
        connection.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        assert b" 101 " in answer, answer
        yield Wire(connection)
