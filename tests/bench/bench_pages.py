"""What a page costs the server and how long it takes, in quiet and while a crowd talks.

    python tests/bench/bench_pages.py [--quick]

One browser asks for one page after the other on a kept connection; beside them stands the cheapest answer that the
server can give, which waits as they do for whatever the server is at. The room has a few hundred messages of some
people; the last fifty are asked for, compressed as browsers want them. The crowd is a thousand sockets in that room,
in a process of their own: some messages a second, evenly; then eight on their way to everybody at any time, which
keeps the server busy all the time.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from zoneinfo import available_timezones

import measure
from crowd import Crowd
from measure import Server

from browser import Browser

PEOPLE = 20
MESSAGES = 200
WORDS = "Một tin nhắn **vừa phải**, with a link https://example.org/page and `code`, số {number}."
SOCKETS = 1000
RATE = 20  # messages a second
IN_FLIGHT = 8
PAUSE = 0.02  # seconds, on average, before a reader asks again
PACKED = {"Accept-Encoding": "gzip, deflate, br"}  # as browsers ask
LEAD = 1.0  # seconds that the crowd talks before and after it counts


@dataclass(frozen=True)
class Load:
    """What the crowd does meanwhile."""

    name: str
    talk: Callable[[Crowd, float], object] | None = None  # for some seconds


LOADS = (
    Load("quiet"),
    Load(f"{RATE} msg/s", lambda crowd, seconds: crowd.talk_at(RATE, seconds)),
    Load(f"{IN_FLIGHT} in flight", lambda crowd, seconds: crowd.talk(IN_FLIGHT, seconds)),
)
HEADERS = ("page", "KB", "server CPU ms", "times /healthz", *(f"{load.name}: p50, p99 ms" for load in LOADS))
NOTES = (
    f"The room's page lists {PEOPLE + 1} people. Drawn anew: nobody has seen these messages in that time zone before.",
    f"The crowd of {SOCKETS:,} sockets shares a core with the reader, who goes before it but waits for it at times:",
    "the first line shows how much of the waiting is not for the page.",
)


@dataclass(slots=True)
class Page:
    """A page and what was measured of it."""

    name: str
    path: str
    logged_in: bool = True
    part: bool = False  # of a page, as htmx asks for it
    anew: bool = False  # in another time zone each time, so that nothing of it was drawn before
    size: int = 0
    cpu: list[float] = field(default_factory=list)  # milliseconds of each round's mean
    waits: dict[str, list[float]] = field(default_factory=dict)  # milliseconds of each request, by load


PAGES = (
    Page("/healthz", "/healthz", logged_in=False),
    Page("log-in", "/login", logged_in=False),
    Page("room, 50 messages", "/rooms/general?latest=1"),
    Page("the same, drawn anew", "/rooms/general?latest=1", anew=True),
    Page("a change to that room", "/rooms/general?latest=1", part=True),
    Page("older 50 messages", "/rooms/general/messages?before={older}", part=True),
    Page("list of rooms", "/rooms"),
    Page("people", "/people"),
)


class Reader:
    """Somebody who asks for pages, with an account or without."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stranger, self._member = Browser(server), Browser(server)
        self._cookie = self._member.register("reader")
        self._zones = itertools.cycle(sorted(available_timezones()))
        self.cookies: list[str] = []  # of the others

    def write(self) -> None:
        """Let people write messages, and find the one from which older ones are read."""
        for number in range(PEOPLE):
            writer = Browser(self._server)
            self.cookies.append(writer.register(f"person {number}"))
            for line in range(MESSAGES // PEOPLE):
                writer.post("/rooms/general/messages", content=WORDS.format(number=number * 100 + line))
            writer.close()
        page = self._member.get("/rooms/general?latest=1").decode()
        older = page.partition("?before=")[2].partition('"')[0]
        for each in PAGES:
            each.path = each.path.format(older=older)

    def ask(self, page: Page, load: Load) -> None:
        """Ask for a page."""
        browser = self._member if page.logged_in else self._stranger
        zone = f"; zone={next(self._zones)}" if page.anew else ""
        self._member.cookie = self._cookie + zone
        began = time.perf_counter()
        page.size = len(browser.get(page.path, PACKED | ({"HX-Request": "true"} if page.part else {})))
        page.waits.setdefault(load.name, []).append((time.perf_counter() - began) * 1000)

    def repeat(self, page: Page, seconds: float) -> None:
        """Ask for a page over and over, in quiet, and see what that costs."""
        times, cpu, deadline = 0, self._server.cpu(), time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            self.ask(page, LOADS[0])
            times += 1
        page.cpu.append((self._server.cpu() - cpu) * 1000 / times)

    def read(self, load: Load, seconds: float) -> None:
        """Ask for all pages in turn, with pauses."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            for page in PAGES:
                self.ask(page, load)
                time.sleep(random.uniform(0, 2 * PAUSE))  # in step with nothing

    def close(self) -> None:
        """Close the connections."""
        self._stranger.close()
        self._member.close()


def read_beside_crowd(server: Server, reader: Reader, load: Load, seconds: float) -> None:
    """Read while a crowd talks in a process of its own."""
    assert load.talk is not None, "quiet needs no crowd"
    process = multiprocessing.get_context("fork")
    ready = process.Event()
    crowd = process.Process(target=_talk, args=(server, reader.cookies, load, seconds + 2 * LEAD, ready), daemon=True)
    crowd.start()
    while not ready.wait(0.2):
        if not crowd.is_alive():
            sys.exit("The crowd did not come.")
    time.sleep(LEAD)
    reader.read(load, seconds)
    crowd.join()


def _talk(server: Server, cookies: Sequence[str], load: Load, seconds: float, ready: Event) -> None:
    os.nice(10)  # the reader goes first
    with Crowd(server, cookies) as crowd:
        crowd.connect(SOCKETS)
        crowd.rest(1.2)  # news of who came goes out within a second
        ready.set()
        assert load.talk is not None
        load.talk(crowd, seconds)


def row(page: Page, floor: float) -> list[str]:
    """Return the line of one page."""
    cpu = measure.median(page.cpu)
    waits = (page.waits.get(load.name, []) for load in LOADS)
    return [
        page.name,
        f"{page.size / 1024:.1f}",
        measure.spread(page.cpu, "{:.2f}"),
        measure.number(cpu / floor if floor else cpu, "{:.1f}"),
        *(f"{measure.percentile(times, 0.5):.1f} {measure.percentile(times, 0.99):.1f}" for times in waits),
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    rounds, seconds, loaded = (1, 0.5, 3.0) if options.quick else (5, 1.0, 20.0)
    with measure.chatapp(options.host) as server:
        measure.progress("writing messages")
        reader = Reader(server)
        reader.write()
        for turn in range(rounds):
            for page in PAGES:
                measure.progress(f"round {turn + 1} of {rounds}: {page.name}")
                reader.repeat(page, seconds)
        for load in LOADS[1:]:
            measure.progress(f"{SOCKETS} sockets, {load.name}")
            read_beside_crowd(server, reader, load, loaded)
        reader.close()
    floor = measure.median(PAGES[0].cpu)
    title = f"Pages: {rounds} rounds of {seconds:g} s each, one request at a time; {loaded:g} s beside each crowd"
    measure.show(title, HEADERS, [row(page, floor) for page in PAGES], NOTES)


if __name__ == "__main__":
    main()
