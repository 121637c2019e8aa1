"""A crowd of WebSockets in one thread, cheap enough that the server is what a bench measures.

It reads sockets straight from epoll and looks into frames only as far as it must. The frames of a room are the same
bytes for everybody, so what was read from one socket is mostly equal to what was read from the one before: then
nothing needs to be parsed again.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import select
import socket
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from frames import CLOSE, PING, PONG, TEXT, pack, unpack
from measure import Server

SIZE = 150  # characters of a message, about the mean of chat
SENDERS = 8  # sockets that speak; the others listen
GREETING_SECONDS = 30.0
DRAIN_SECONDS = 10.0

_BATCH = 128  # handshakes under way at once
_CHUNK = 65_536
_MARK = b"mark-"
_KEY = re.compile(rb"key-(\d{9})-")
_PADDING = " lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt" * 2
_numbers = itertools.count(1)  # of messages, one count for all crowds: a late frame of another one is not ours


@dataclass(slots=True)
class Wire:
    """One socket, and what was read of a frame that is not complete."""

    sock: socket.socket
    rest: bytes = b""
    upgraded: bool = False


@dataclass(slots=True)
class Result:
    """What came of some seconds of talk; times in seconds."""

    deliveries: int = 0
    seconds: float = 0.0
    cpu: float = 0.0  # of the server
    latencies: array[float] = field(default_factory=lambda: array("d"))  # from sending to each receiving
    saved: array[float] = field(default_factory=lambda: array("d"))  # from sending to the author's saved mark

    @property
    def per_cpu(self) -> float:
        """Return the deliveries of one CPU second."""
        return self.deliveries / self.cpu if self.cpu else float("nan")


class Crowd:
    """Sockets in one room of a server. Leave it as a context manager."""

    def __init__(self, server: Server, cookies: Sequence[str] = ("",)) -> None:
        self._server = server
        self._cookies = cookies
        self._greeted = server.name == "chatapp"  # the baseline says nothing when a socket is ready
        self._poll = select.epoll()
        self._wires: dict[int, Wire] = {}
        self._ready = 0
        self._run = secrets.token_hex(4)  # keys are unique for ever, and people may meet several crowds
        self._speakers: itertools.cycle[Wire] = itertools.cycle(())
        self._sent: dict[int, float] = {}
        self._left: dict[int, int] = {}  # deliveries that are still to come, by message
        self._refill = False
        self._result = Result()
        self.refused = 0

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for wire in self._wires.values():
            wire.sock.close()
        self._poll.close()

    @property
    def lost(self) -> int:
        """Return the deliveries that never came."""
        return sum(self._left.values())

    # --- coming -----------------------------------------------------------------------------------------------------

    def connect(self, count: int) -> float:
        """Open more sockets and wait until all of them are live. Return the seconds that it took."""
        began = time.perf_counter()
        wanted = len(self._wires) + count
        while self._ready < wanted:
            while len(self._wires) < min(wanted, self._ready + _BATCH):
                self._open()
            self._receive(1.0)
            if time.perf_counter() - began > GREETING_SECONDS:
                sys.exit(f"{self._server.name}: {wanted - self._ready} of {wanted} sockets did not become ready")
        self._speakers = itertools.cycle(list(self._wires.values())[:SENDERS])
        return time.perf_counter() - began

    def _open(self) -> None:
        sock = socket.create_connection((self._server.host, self._server.port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cookie = self._cookies[len(self._wires) % len(self._cookies)]
        lines = (
            "GET /ws?room=general&join=1 HTTP/1.1",
            f"Host: {self._server.host}:{self._server.port}",
            f"Origin: {self._server.origin}",
            f"Cookie: {cookie}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        sock.sendall("\r\n".join((*lines, "", "")).encode())
        sock.setblocking(False)
        self._wires[sock.fileno()] = Wire(sock)
        self._poll.register(sock.fileno(), select.EPOLLIN)

    # --- talking ----------------------------------------------------------------------------------------------------

    def rest(self, seconds: float) -> None:
        """Read what comes and say nothing."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._receive(left)

    def talk(self, in_flight: int, seconds: float, warmup: float = 0.5) -> Result:
        """Keep some messages on their way to everybody: the next one leaves when one has arrived everywhere."""
        self._refill = True
        for _ in range(in_flight):
            self._speak()
        self.rest(warmup)
        result = self._measured(lambda: self.rest(seconds))
        self._refill = False
        self._drain()
        return result

    def talk_at(self, rate: float, seconds: float) -> Result:
        """Send so many messages a second, evenly, whatever becomes of them."""

        def talk() -> None:
            began = time.perf_counter()
            for number in range(int(rate * seconds)):
                self.rest(began + number / rate - time.perf_counter())
                self._speak()
            self._drain()

        return self._measured(talk)

    def _measured(self, act: Callable[[], None]) -> Result:
        self._result = Result()
        cpu, began = self._server.cpu(), time.perf_counter()
        act()
        result, self._result = self._result, Result()
        result.cpu, result.seconds = self._server.cpu() - cpu, time.perf_counter() - began
        result.deliveries = len(result.latencies)
        return result

    def _drain(self) -> None:
        deadline = time.perf_counter() + DRAIN_SECONDS
        while any(self._left.values()) and time.perf_counter() < deadline:
            self._receive(0.1)
        if self._greeted:
            self.rest(0.1)  # for the last saved marks

    def _speak(self) -> None:
        number = next(_numbers)
        content = f"mark-{number:09d}{_PADDING}"[:SIZE]
        message = {"type": "message", "content": content, "key": f"key-{number:09d}-{self._run}"}
        payload = json.dumps(message).encode()
        self._left[number] = len(self._wires)
        wire = next(self._speakers)
        self._sent[number] = time.perf_counter()
        try:
            wire.sock.send(pack(TEXT, payload))
        except ConnectionError:
            sys.exit(f"{self._server.name} closed a connection")

    # --- listening --------------------------------------------------------------------------------------------------

    def _receive(self, timeout: float) -> None:
        """Read once from every socket that has something, and count what arrived."""
        last: bytes | None = None
        numbers: list[int] = []
        wires, sent, left, latencies = self._wires, self._sent, self._left, self._result.latencies
        arrived = 0
        for descriptor, _ in self._poll.poll(timeout):
            data = os.read(descriptor, _CHUNK)
            wire = wires[descriptor]
            if data != last or wire.rest:
                numbers = self._parse(wire, data)
                last = data if numbers and not wire.rest else None
            now = time.perf_counter()
            for number in numbers:
                if number in sent:
                    latencies.append(now - sent[number])
                    left[number] -= 1
                    arrived += not left[number]
        if self._refill:
            for _ in range(arrived):
                self._speak()

    def _parse(self, wire: Wire, data: bytes) -> list[int]:
        """Return the numbers of the messages in what was read from a socket."""
        if not data:
            sys.exit(f"{self._server.name} closed a connection")
        data = wire.rest + data
        numbers: list[int] = []
        at = 0 if wire.upgraded else self._upgrade(wire, data)
        while (frame := unpack(data, at)) is not None:
            opcode, start, at = frame
            if opcode == TEXT:
                self._read(data, start, at, numbers)
            elif opcode == PING:
                wire.sock.send(pack(PONG, data[start:at]))
            elif opcode == CLOSE:
                sys.exit(f"{self._server.name} closed a connection: {data[start:at]!r}")
        wire.rest = data[at:]
        return numbers

    def _upgrade(self, wire: Wire, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            sys.exit(f"{self._server.name} refused a connection: {data[:200]!r}")
        wire.upgraded = True
        self._ready += not self._greeted
        return end + 4

    def _read(self, data: bytes, start: int, end: int, numbers: list[int]) -> None:
        at = data.find(_MARK, start, end)
        if at < 0 and data.startswith(b"{", start):
            self._control(data[start:end])
        while at >= 0:
            at += len(_MARK)
            numbers.append(int(data[at : at + 9]))
            at = data.find(_MARK, at, end)

    def _control(self, frame: bytes) -> None:
        if frame.startswith(b'{"type":"saved","keys"'):
            now = time.perf_counter()
            numbers = map(int, _KEY.findall(frame))
            self._result.saved.extend(now - self._sent[number] for number in numbers if number in self._sent)
        elif frame.startswith(b'{"type":"ready"'):
            self._ready += 1
        elif frame.startswith((b'{"type":"refused"', b'{"type":"failed"')):
            self.refused += 1
