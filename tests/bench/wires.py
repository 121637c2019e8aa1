"""Many WebSockets in one thread, cheap enough that the server is what a bench measures.

They are read straight from epoll, and frames are looked into only as far as they must be. The frames of a room are the
same bytes for everybody, so what was read from one socket is mostly equal to what was read from one before it: then
nothing needs to be parsed again.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from server import Server

from chatapp.bench.frames import CLOSE, PING, PONG, TEXT, handshake, pack, unpack
from chatapp.bench.texts import MARK

_CHUNK = 262_144  # bytes read at once
_TURN = 32  # sockets read between two looks at the clock: at some 5 us each, well below a millisecond
_KEPT = 8  # chunks that others may be equal to: sockets get out of step under load

Control = Callable[["Wire", bytes], None]


@dataclass(slots=True, eq=False)
class Wire:
    """One socket, and what was read of a frame that is not complete."""

    sock: socket.socket
    room: str
    opened: float  # by the clock of time.perf_counter, as all times here
    rest: bytes = b""
    upgraded: bool = False
    ready: float = 0.0  # when its page had caught up; 0 before


@dataclass(slots=True, eq=False)
class Chunk:
    """What was read at once from one socket, or the same from several."""

    data: bytes
    numbers: list[int]  # of the messages in it


class Wires:
    """Open sockets of one server, and what they say. ``control`` is called with each JSON frame of the server."""

    def __init__(self, server: Server, control: Control) -> None:
        self._server = server
        self._control = control
        self._poll = select.epoll()
        self._open: dict[int, Wire] = {}
        self._kept: list[Chunk] = []
        self.received = 0  # bytes
        self.closed = 0  # sockets that the server let go

    def __len__(self) -> int:
        return len(self._open)

    def open(self, room: str, query: str, cookie: str) -> Wire:
        """Connect one more and ask for its upgrade."""
        opened = time.perf_counter()
        sock = socket.create_connection((self._server.host, self._server.port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(handshake(self._server.origin, f"/ws?room={room}&{query}", cookie))
        sock.setblocking(False)
        wire = self._open[sock.fileno()] = Wire(sock, room, opened)
        self._poll.register(sock.fileno(), select.EPOLLIN)
        return wire

    def close(self) -> None:
        """Let all of them go."""
        for wire in self._open.values():
            wire.sock.close()
        self._poll.close()

    def say(self, wire: Wire, text: str) -> None:
        """Send a text frame."""
        self._send(wire, TEXT, text.encode())

    def _send(self, wire: Wire, opcode: int, payload: bytes) -> None:
        try:
            wire.sock.send(pack(opcode, payload))
        except ConnectionError:
            pass  # it is closed, and was or will be counted as that
        except BlockingIOError:
            sys.exit(f"{self._server.name} does not read what is sent to it")

    def receive(self, timeout: float) -> dict[Chunk, list[Wire]]:
        """Read once from some sockets that have something. Wait for the first at most ``timeout`` seconds."""
        heard: dict[Chunk, list[Wire]] = {}
        for descriptor, _ in self._poll.poll(max(timeout, 0), _TURN):
            try:
                data = os.read(descriptor, _CHUNK)
            except ConnectionError:
                data = b""
            self.received += len(data)
            wire = self._open[descriptor]
            chunk = None if wire.rest else self._like(data)
            heard.setdefault(chunk or self._parse(wire, data), []).append(wire)
        return heard

    def _like(self, data: bytes) -> Chunk | None:
        for chunk in self._kept:
            if chunk.data == data:
                return chunk
        return None

    def _parse(self, wire: Wire, data: bytes) -> Chunk:
        """Return the numbers of the messages in what was read from a socket."""
        if not data:
            self._lose(wire, "it ended")
        whole = wire.rest + data
        chunk = Chunk(data, [])
        at = 0 if wire.upgraded else self._upgrade(wire, whole)
        while (frame := unpack(whole, at)) is not None:
            opcode, start, at = frame
            if opcode == TEXT:
                self._look(wire, whole, start, at, chunk.numbers)
            elif opcode == PING:
                self._send(wire, PONG, whole[start:at])
            elif opcode == CLOSE:
                self._lose(wire, repr(whole[start:at]))
        partly, wire.rest = bool(wire.rest), whole[at:]
        if chunk.numbers and not (partly or wire.rest):
            self._kept = [chunk, *self._kept[: _KEPT - 1]]
        return chunk

    def _lose(self, wire: Wire, why: str) -> None:
        """Let a socket go; what it will not hear is lost."""
        if not wire.ready:
            sys.exit(f"{self._server.name} closed a connection: {why}")
        self.closed += 1
        self._poll.unregister(wire.sock)  # it stays open, so that its number is not given to another one

    def _upgrade(self, wire: Wire, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            sys.exit(f"{self._server.name} refused a connection: {data[:200]!r}")
        wire.upgraded = True
        if not self._server.greets:
            self._control(wire, b'{"type":"ready","upto":0}')
        return end + 4

    def _look(self, wire: Wire, data: bytes, start: int, end: int, numbers: list[int]) -> None:
        at = data.find(MARK, start, end)
        if at < 0 and data.startswith(b"{", start):
            self._control(wire, data[start:end])
        while at >= 0:
            at += len(MARK)
            numbers.append(int(data[at : at + 9]))
            at = data.find(MARK, at, end)
