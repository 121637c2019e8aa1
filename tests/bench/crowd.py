"""A crowd in some rooms of a server: it comes, talks, and counts what arrives and when."""

from __future__ import annotations

import itertools
import json
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from measure import Times
from server import Server
from wires import Chunk, Wire, Wires

from chatapp.bench import texts

GREETING_SECONDS = 30.0  # without anybody becoming ready
DRAIN_SECONDS = 10.0  # for what is still on its way at the end

_ABREAST = 128  # handshakes under way at once
_numbers = itertools.count(1)  # of messages, one count for all crowds: a late frame of another one is not ours


@dataclass(slots=True)
class Result:
    """What came of some seconds of talk."""

    messages: int = 0
    seconds: float = 0.0
    cpu: float = 0.0  # seconds, of the server
    client: float = 0.0  # CPU seconds of this process
    received: int = 0  # bytes
    arrivals: Times = field(default_factory=Times)  # from sending to each receiving
    saved: Times = field(default_factory=Times)  # from sending to the author's saved mark
    late: Times = field(default_factory=Times)  # from when a message was due to sending it

    @property
    def deliveries(self) -> int:
        """Return how many messages were received, by everybody."""
        return len(self.arrivals)

    @property
    def per_cpu(self) -> float:
        """Return the deliveries of one CPU second of the server."""
        return self.deliveries / self.cpu if self.cpu else float("nan")

    @property
    def size(self) -> float:
        """Return the bytes of a delivery, with all else that was read meanwhile."""
        return self.received / self.deliveries if self.deliveries else float("nan")


class Crowd:
    """Sockets in some rooms of a server. Leave it as a context manager."""

    def __init__(self, server: Server, cookies: Sequence[str] = ("",), rooms: Sequence[str] = ("general",)) -> None:
        self._server = server
        self._cookies = cookies
        self._rooms = rooms
        self._wires = Wires(server, self._control)
        self._ready = 0
        self._run = secrets.token_hex(4)  # keys are unique for ever, and people may meet several crowds
        self._speakers: itertools.cycle[Wire] = itertools.cycle(())
        self._audience: dict[str, int] = {}  # sockets, by room
        self._sent: dict[int, float] = {}
        self._left: dict[int, int] = {}  # deliveries that are still to come, by message
        self._coming = 0  # messages that have not arrived everywhere
        self._unsaved: set[int] = set()  # whose authors were not told that they are; each is told in all tabs
        self._result = Result()
        self.everybody: list[Wire] = []
        self._refused = 0
        self.epoch, self.upto = "", 0  # the cursor of a page that is here

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wires.close()

    @property
    def lost(self) -> int:
        """Return the deliveries that never came, with the messages refused and the sockets closed."""
        return sum(self._left.values()) + self._refused + self._wires.closed

    @property
    def written(self) -> set[int]:
        """Return the numbers of the messages that were sent."""
        return set(self._sent)

    # --- coming -----------------------------------------------------------------------------------------------------

    def connect(self, count: int, *, query: str = "join=1", abreast: int = _ABREAST) -> float:
        """Open more sockets and wait until all of them are live. Return the seconds that it took."""
        began = heard = time.perf_counter()
        wanted = len(self.everybody) + count
        while self._ready < wanted:
            before = self._ready
            while len(self.everybody) < min(wanted, self._ready + abreast):
                self._come(query)
                if not len(self.everybody) % _ABREAST:
                    self._receive(0)
            self._receive(1.0)
            heard = time.perf_counter() if self._ready > before else heard
            if time.perf_counter() - heard > GREETING_SECONDS:
                sys.exit(f"{self._server.name}: {wanted - self._ready} of {wanted} sockets did not become ready")
        at_least_one_in_each_room = max(texts.SPEAKERS, len(self._rooms))
        self._speakers = itertools.cycle(self.everybody[:at_least_one_in_each_room])
        return time.perf_counter() - began

    def _come(self, query: str) -> None:
        place = len(self.everybody)
        room = self._rooms[place % len(self._rooms)]
        self._audience[room] = self._audience.get(room, 0) + 1
        self.everybody.append(self._wires.open(room, query, self._cookies[place % len(self._cookies)]))

    # --- talking ----------------------------------------------------------------------------------------------------

    def rest(self, seconds: float) -> None:
        """Read what comes and say nothing."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._receive(left)

    def talk(self, in_flight: int, seconds: float, warmup: float = 0.3) -> Result:
        """Keep some messages on their way to everybody: the next one leaves when one has arrived everywhere."""
        self._keep(in_flight, warmup)
        result = self._measured(lambda: self._keep(in_flight, seconds))
        self._drain()
        return result

    def _keep(self, in_flight: int, seconds: float) -> None:
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if self._coming < in_flight:
                self._speak(in_flight - self._coming)
            self._receive(left)

    def talk_at(self, rate: float, seconds: float) -> Result:
        """Send so many messages a second, evenly, whatever becomes of them."""

        def talk() -> None:
            began = time.perf_counter()
            for number in range(int(rate * seconds)):
                due = began + number / rate
                self.rest(due - time.perf_counter())
                self._result.late.add(time.perf_counter() - due)
                self._speak()
            self._drain()

        return self._measured(talk)

    def talk_alone(self, messages: int, pause: float) -> Result:
        """Send a message, wait until it has arrived everywhere, be quiet for some seconds; and again."""

        def talk() -> None:
            for _ in range(messages):
                self._speak()
                self._arrive()
                self.rest(pause)
            self._drain()

        return self._measured(talk)

    def _measured(self, act: Callable[[], None]) -> Result:
        self._result = mine = Result()
        cpu, client, began = self._server.cpu(), time.process_time(), time.perf_counter()
        received = self._wires.received
        act()
        mine.cpu, mine.seconds = self._server.cpu() - cpu, time.perf_counter() - began
        mine.client, mine.received = time.process_time() - client, self._wires.received - received
        self._result = Result()
        return mine

    def _drain(self) -> None:
        """Wait until everything has arrived everywhere, and authors know that it is saved."""
        self._arrive()
        deadline = time.perf_counter() + DRAIN_SECONDS
        while self._server.greets and self._unsaved and time.perf_counter() < deadline:
            self._receive(0.1)

    def _arrive(self) -> None:
        deadline = time.perf_counter() + DRAIN_SECONDS
        while self._coming and time.perf_counter() < deadline:
            self._receive(0.1)

    def _speak(self, messages: int = 1) -> None:
        """Send some messages, one right behind the other: they are made before the first one leaves."""
        made = [self._made() for _ in range(messages)]
        now = time.perf_counter()
        for number, wire, text in made:
            self._sent[number] = now
            self._wires.say(wire, text)

    def _made(self) -> tuple[int, Wire, str]:
        number, wire = next(_numbers), next(self._speakers)
        self._left[number] = self._audience[wire.room]
        self._coming += 1
        self._unsaved.add(number)
        self._result.messages += 1
        return number, wire, texts.frame(number, self._run)

    # --- listening --------------------------------------------------------------------------------------------------

    def _receive(self, timeout: float) -> None:
        heard = self._wires.receive(timeout)
        now = time.perf_counter()
        for chunk, wires in heard.items():
            self._count(chunk, wires, now)

    def _count(self, chunk: Chunk, wires: list[Wire], now: float) -> None:
        """Note what some sockets heard."""
        times, sent, left = len(wires), self._sent, self._left
        for number in chunk.numbers:
            if number in sent:
                self._result.arrivals.add(now - sent[number], times)
                left[number] -= times
                self._coming -= not left[number]

    def _control(self, wire: Wire, frame: bytes) -> None:
        now = time.perf_counter()
        if frame.startswith(b'{"type":"saved","keys"'):
            for number in map(int, texts.KEYS.findall(frame)):
                if number in self._unsaved:
                    self._unsaved.remove(number)
                    self._result.saved.add(now - self._sent[number])
        elif frame.startswith(b'{"type":"hello"'):
            self.epoch = json.loads(frame)["epoch"]
        elif frame.startswith(b'{"type":"ready"'):
            self.upto = json.loads(frame)["upto"]
            wire.ready = now
            self._ready += 1
        elif frame.startswith((b'{"type":"refused"', b'{"type":"failed"')):
            self._refused += 1
