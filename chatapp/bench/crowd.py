"""Simulated people: they open sockets, talk at a constant rate, and record when every message arrives."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, DummyCookieJar

from chatapp.bench import texts
from chatapp.bench.wire import Wire

PEOPLE = 50  # accounts; each opens several tabs

_TARGET = "/ws?room=general&join=1"
_HANDSHAKES = 32  # at the same time
_READY_SECONDS = 30.0  # for so many sockets to become ready
_DRAIN = 5.0  # seconds after the last message; what has not arrived by then is lost
_BEHIND = 1.0  # seconds behind schedule at which it stops sending: it cannot keep up, and would go on for hours


class Gone(Exception):  # noqa: N818 - an event, reported to the operator
    """The server closed a connection, or did not let one in."""


@dataclass(slots=True)
class Heard:
    """The outcome of some seconds of talk; times in seconds."""

    clients: int
    sent: int = 0
    seconds: float = 0.0  # of sending
    received: array[float] = field(default_factory=lambda: array("d"))  # from sending to each receipt
    saved: array[float] = field(default_factory=lambda: array("d"))  # from sending to the author's saved mark
    late: array[float] = field(default_factory=lambda: array("d"))  # how far each sending was behind schedule
    lost: int = 0  # receipts that have not arrived
    refused: int = 0  # messages, refused or not saved

    @property
    def rate(self) -> float:
        """Return the messages sent per second."""
        return self.sent / self.seconds


class Crowd:
    """Sockets in one room of a server, open as long as the context. Its methods raise Gone."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._wires: list[Wire] = []
        self._ready: set[Wire] = set()
        self._run = secrets.token_hex(4)  # keys are unique forever
        self._numbers = itertools.count(1)
        self._sent: dict[int, float] = {}
        self._heard = Heard(0)
        self._last = b""  # a fragment is the same for everybody, so it is parsed once
        self._found: list[int] = []

    async def __aenter__(self) -> Crowd:
        self._news = asyncio.Event()  # set when something happened that may be waited for
        self._gone: str | None = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for wire in self._wires:
            wire.abort()

    # --- connecting -------------------------------------------------------------------------------------------------

    async def come(self, clients: int, progress: Callable[[int, int], None]) -> None:
        """Register people and open their sockets; return when all are live."""
        try:
            async with ClientSession(cookie_jar=DummyCookieJar()) as http:
                cookies = [await self._register(http, number) for number in range(min(clients, PEOPLE))]
            while len(self._wires) < clients:
                for _ in range(min(_HANDSHAKES, clients - len(self._wires))):
                    await self._open(cookies[len(self._wires) % PEOPLE])
                await self._until(lambda: len(self._ready) == len(self._wires), _READY_SECONDS)
                progress(len(self._wires), clients)
        except (ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise Gone(f"A client could not connect: {str(error) or 'it took too long'}.") from error

    async def _register(self, http: ClientSession, number: int) -> str:
        form = {"username": f"person {number}", "password": secrets.token_urlsafe()}
        headers = {"Origin": self._origin}
        async with http.post(f"{self._origin}/register", data=form, headers=headers, allow_redirects=False) as answer:
            cookies = [f"{name}={morsel.value}" for name, morsel in answer.cookies.items()]
            if not cookies:
                raise Gone(f"The server answered a registration with {answer.status}.")
            return "; ".join(cookies)

    async def _open(self, cookie: str) -> None:
        url = urlsplit(self._origin)
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: Wire(self._origin, _TARGET, cookie, self._hear, self._lost), str(url.hostname), url.port or 80
        )
        self._wires.append(wire)

    # --- talking ----------------------------------------------------------------------------------------------------

    async def rest(self, seconds: float) -> None:
        """Only listen."""
        await asyncio.sleep(0)  # raises a Ctrl+C from just before, which a timeout of zero would swallow
        with suppress(TimeoutError):
            await self._until(lambda: False, seconds)

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        """Listen until ``done`` is true. Raise TimeoutError, or Gone when the server has closed a connection."""
        async with asyncio.timeout(seconds):
            while not done():
                if self._gone:
                    raise Gone(self._gone)
                self._news.clear()
                await self._news.wait()

    async def talk(self, rate: float, seconds: float, progress: Callable[[int, int], None] | None = None) -> Heard:
        """Send at a constant rate, whatever the server does (open loop); then wait for what is on its way.

        Fewer are sent when the client cannot keep up.
        """
        heard = self._heard = Heard(len(self._wires))
        self._sent.clear()
        self._last = b""
        speakers = itertools.cycle(self._wires[: texts.SPEAKERS])
        began, total = time.perf_counter(), max(1, round(rate * seconds))
        end = began + total / rate + _BEHIND
        for turn in range(total):
            due = began + turn / rate
            await self.rest(max(0.0, due - time.perf_counter()))
            heard.late.append(time.perf_counter() - due)
            if due + heard.late[-1] > end:
                break
            self._say(next(speakers))
            if progress:
                progress(turn, total)
        if progress:
            progress(total, total)
        heard.seconds = max(total / rate, time.perf_counter() - began)  # including the interval of the last one
        with suppress(TimeoutError):
            await self._until(lambda: not heard.lost and len(heard.saved) + heard.refused >= heard.sent, _DRAIN)
        return heard

    def _say(self, wire: Wire) -> None:
        number = next(self._numbers)
        self._heard.sent += 1
        self._heard.lost += self._heard.clients  # until they arrive
        self._sent[number] = time.perf_counter()
        wire.send(texts.frame(number, self._run))

    # --- listening --------------------------------------------------------------------------------------------------

    def _lost(self, why: str) -> None:
        self._gone = self._gone or why
        self._news.set()

    def _hear(self, wire: Wire, text: bytes) -> None:
        heard, now = self._heard, time.perf_counter()
        if text.startswith(b"{"):
            self._control(wire, text, now)
            return
        if text != self._last:
            self._last, self._found = text, self._known(texts.MARKS.findall(text))
        heard.received.extend(now - self._sent[number] for number in self._found)
        heard.lost -= len(self._found)
        if not heard.lost:
            self._news.set()

    def _control(self, wire: Wire, text: bytes, now: float) -> None:
        """Handle a control frame."""
        if text.startswith(b'{"type":"saved","keys"'):
            self._heard.saved.extend(now - self._sent[number] for number in self._known(texts.KEYS.findall(text)))
        elif text.startswith(b'{"type":"refused"'):
            self._heard.refused += 1
            self._heard.lost -= self._heard.clients  # nobody will receive it
        elif text.startswith(b'{"type":"failed"'):
            self._heard.refused += 1  # after many have received it
        elif text.startswith(b'{"type":"ready"'):
            self._ready.add(wire)
        else:
            return
        self._news.set()

    def _known(self, numbers: list[bytes]) -> list[int]:
        """Return the numbers that belong to this talk; messages of an earlier one may arrive late."""
        return [number for number in map(int, numbers) if number in self._sent]
