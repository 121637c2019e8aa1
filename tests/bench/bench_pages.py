"""What a page costs the server and how long it takes, beside the cheapest answer that the server can give.

    python tests/bench/bench_pages.py [--quick]

One browser asks for one page after the other on a kept connection. The room has a few hundred messages of some people;
its page shows the last fifty.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import measure
from measure import Server

from browser import Browser

PEOPLE = 20
MESSAGES = 200
WORDS = "Một tin nhắn **vừa phải**, with a link https://example.org/page and `code`, số {number}."
HEADERS = ("page", "KB", "server CPU ms", "times /healthz", "p50 ms", "p99 ms")


@dataclass(slots=True)
class Page:
    """A page and what was measured of it."""

    name: str
    path: str
    logged_in: bool = True
    part: bool = False  # of a page, as htmx asks for it
    size: int = 0
    cpu: list[float] = field(default_factory=list)  # milliseconds of each round's mean
    wall: list[float] = field(default_factory=list)  # milliseconds of each request


PAGES = (
    Page("/healthz", "/healthz", logged_in=False),
    Page("log-in", "/login", logged_in=False),
    Page("room, 50 messages", "/rooms/general"),
    Page("older 50 messages", "/rooms/general/messages?before={older}", part=True),
    Page("list of rooms", "/rooms"),
    Page("people", "/people"),
)


def fill(server: Server, reader: Browser) -> str:
    """Let people write messages. Return the path of the message from which older ones are read."""
    for number in range(PEOPLE):
        writer = Browser(server)
        writer.register(f"person {number}")
        for line in range(MESSAGES // PEOPLE):
            writer.post("/rooms/general/messages", content=WORDS.format(number=number * 100 + line))
        writer.close()
    page = reader.get("/rooms/general").decode()
    return page.partition("?before=")[2].partition('"')[0]


def ask(server: Server, browser: Browser, page: Page, seconds: float) -> None:
    """Ask for one page over and over."""
    part = {"HX-Request": "true"} if page.part else {}
    times, cpu, deadline = 0, server.cpu(), time.perf_counter() + seconds
    while (began := time.perf_counter()) < deadline:
        page.size = len(browser.get(page.path, part))
        page.wall.append((time.perf_counter() - began) * 1000)
        times += 1
    page.cpu.append((server.cpu() - cpu) * 1000 / times)


def row(page: Page, floor: float) -> list[str]:
    """Return the line of one page."""
    cpu = measure.median(page.cpu)
    return [
        page.name,
        f"{page.size / 1024:.1f}",
        measure.spread(page.cpu, "{:.2f}"),
        measure.number(cpu / floor if floor else cpu, "{:.1f}"),
        f"{measure.percentile(page.wall, 0.5):.2f}",
        f"{measure.percentile(page.wall, 0.99):.2f}",
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    rounds, seconds = (1, 0.5) if options.quick else (5, 1.0)
    with measure.chatapp(options.host) as server:
        stranger, reader = Browser(server), Browser(server)
        measure.progress("writing messages")
        reader.register("reader")
        older = fill(server, reader)
        for page in PAGES:
            page.path = page.path.format(older=older)
        for turn in range(rounds):
            for page in PAGES:
                measure.progress(f"round {turn + 1} of {rounds}: {page.name}")
                ask(server, reader if page.logged_in else stranger, page, seconds)
        stranger.close()
        reader.close()
    floor = measure.median(PAGES[0].cpu)
    measure.show(
        f"Pages: {rounds} rounds of {seconds:g} s each, one request at a time",
        HEADERS,
        [row(page, floor) for page in PAGES],
        [f"The room's page lists {PEOPLE + 1} people beside {MESSAGES} messages written."],
    )


if __name__ == "__main__":
    main()
