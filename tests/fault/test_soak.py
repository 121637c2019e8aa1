"""A day of a team of fifty, squeezed: people write, send pictures, lose their connections, and nothing grows."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from fault.figures import amount
from fault.people import CALM, People
from fault.server import Server
from fault.uploads import UNLIMITED, Uploader, kept, uploader
from pictures import picture

SECONDS = amount("SOAK_SECONDS", 30)
TEAM = amount("SOAK_TEAM", 50)
HOUR = 3600  # into which a day is squeezed
MESSAGES, RECONNECTS, UPLOADS = 20_000, 500, 200  # of a day
FEWEST_RECONNECTS, FEWEST_UPLOADS = 100, 40  # of a run, however short
TELLING = 600  # seconds of a run from which on a slope means something
WARM = 0.25  # of a run: what the program and its libraries take once is not growth
REMEMBERED = 15_000  # messages: as many as it takes until all that the server remembers on purpose is full
WAL = 64 * 2**20
GROWTH = 1.0  # MB of memory in ten minutes


@dataclass(slots=True)
class Gauge:
    """What the process holds, looked at every second."""

    server: Server
    moments: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)  # MB
    descriptors: list[int] = field(default_factory=list)
    log: int = 0  # bytes of the write-ahead log at its largest

    async def watch(self, enough: asyncio.Event) -> None:
        """Look until it is enough."""
        wal = self.server.database.with_name(self.server.database.name + "-wal")
        while not enough.is_set():
            self.moments.append(time.monotonic())
            self.resident.append(self.server.resident)
            self.descriptors.append(self.server.descriptors)
            self.log = max(self.log, wal.stat().st_size)
            await asyncio.sleep(1)

    @property
    def slope(self) -> float:
        """Return by how many MB the memory grows in ten minutes, once it is warm: the line nearest to all looks."""
        first = int(WARM * len(self.moments))
        times, sizes = self.moments[first:], self.resident[first:]
        middle, mean = sum(times) / len(times), sum(sizes) / len(sizes)
        spread = sum((at - middle) ** 2 for at in times)
        return 600 * sum((at - middle) * (size - mean) for at, size in zip(times, sizes, strict=True)) / spread


@asynccontextmanager
async def during(*works: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    """Let things go on in the block, and tell them when it is enough; what they fail of fails the test."""
    enough = asyncio.Event()
    tasks = [asyncio.ensure_future(work(enough)) for work in works]
    try:
        yield
    finally:
        enough.set()
        await asyncio.gather(*tasks)


def now_and_then(often: int, act: Callable[[], Awaitable[None]]) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Do something about so many times in the run, at moments that nobody knows before."""

    async def work(enough: asyncio.Event) -> None:
        while not enough.is_set():
            try:
                async with asyncio.timeout(random.expovariate(often / SECONDS)):
                    await enough.wait()
            except TimeoutError:
                await act()

    return work


def cut(people: People) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        random.choice(people.pages).cut()

    return act


def send(senders: list[Uploader], sent: list[int]) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        size = (random.randrange(200, 2000), random.randrange(200, 1500))
        data = await asyncio.to_thread(picture, "JPEG", size, f"#{random.randrange(16**6):06x}")
        upload = await random.choice(senders).send(data, "photo.jpg")
        assert upload.taken, upload
        sent.append(upload.answer["id"])

    return act


def p99(seconds: list[float]) -> float:
    return 1000 * sorted(seconds)[int(0.99 * len(seconds))]


def tenths(latencies: list[list[float]]) -> tuple[float, float]:
    """Return the milliseconds within which messages were shown in the first tenth of the run and in the last."""
    counts = [(each, max(1, len(each) // 10)) for each in latencies]
    first = [seconds for each, count in counts for seconds in each[:count]]
    last = [seconds for each, count in counts for seconds in each[-count:]]
    return p99(first), p99(last)


@pytest.mark.timeout(240 + 2 * SECONDS)
async def test_a_day_of_a_team_leaves_nothing_behind(start, gather, figures):
    server = await start(environment=UNLIMITED)
    people = await gather(server, TEAM)
    gauge, sent = Gauge(server), []
    reconnects = max(RECONNECTS * SECONDS // HOUR, FEWEST_RECONNECTS)
    uploads = max(UPLOADS * SECONDS // HOUR, FEWEST_UPLOADS)
    async with AsyncExitStack() as stack:
        senders = [await stack.enter_async_context(uploader(server, page.cookie)) for page in people.pages[:5]]
        for sender in senders:
            assert (await sender.send(picture())).taken
        if SECONDS >= TELLING:
            await people.say(REMEMBERED // TEAM)
        await people.calm(10 * CALM)
        marks, descriptors = [len(page.latencies) for page in people.pages], server.descriptors
        await stack.enter_async_context(people.chatting(rate=MESSAGES / HOUR / TEAM))
        cuts, photos = now_and_then(reconnects, cut(people)), now_and_then(uploads, send(senders, sent))
        await stack.enter_async_context(during(gauge.watch, cuts, photos))
        await asyncio.sleep(SECONDS)
    verdict = await people.verdict()
    await people.wait(lambda: abs(server.descriptors - descriptors) <= 5)
    first, last = tenths([page.latencies[mark:] for page, mark in zip(people.pages, marks, strict=True)])
    figures(seconds=SECONDS, team=TEAM, messages=verdict.messages, uploads=len(sent), reconnects=people.total("down"))
    figures(memory_mb=gauge.resident[0], memory_at_end_mb=gauge.resident[-1], growth_mb_in_10_min=gauge.slope)
    figures(descriptors=descriptors, at_end=server.descriptors, most=max(gauge.descriptors), wal_mb=gauge.log / 2**20)
    figures(p99_first_tenth_ms=first, p99_last_tenth_ms=last, kept=kept(server.database), verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert people.total("removed") == 0
    assert kept(server.database)["pictures"] == len(sent) + len(senders)
    assert gauge.log <= WAL
    if SECONDS >= TELLING:
        assert gauge.slope <= GROWTH
        assert last <= max(1.5 * first, 100)
