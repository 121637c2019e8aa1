"""What the people before an open page wait for: their own bubble, a room that is flooded, another room.

    python tests/bench/bench_browser.py [--quick]

A real Chromium shows the pages of the real server; people on sockets flood its room. The second column is the same
page on a CPU slowed down to a quarter, about a cheap phone. The first two lines are an empty page's: what the
browser itself needs. Times run from the key or the click to the end of the frame that shows what it was for.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import machine
import measure
from crowd import Crowd
from measure import Server
from reader import Reader, chromium

import browser as forms

SENDERS = 8
RATE = 300  # messages a second of the flood
SLOWER = (1, 4)
EMPTY = "<!doctype html><ol id=messages></ol><textarea id=text></textarea>"
HANG = "document.getElementById('text').addEventListener('keydown', ({ key }) => \
    key === 'Enter' && document.getElementById('messages').append(document.createElement('li')))"
PATIENCE = 60.0  # seconds until a page counts as never catching up


@dataclass(slots=True)
class Column:
    """What was measured on one machine, by the name of its line."""

    name: str
    cells: dict[str, str] = field(default_factory=dict)

    def times(self, name: str, found: list[float]) -> None:
        """Note some waiting times in milliseconds."""
        shown = [f"{measure.percentile(found, share):.0f}" for share in (0.5, 0.99)]
        self.cells[f"{name}, p50 / p99 ms"] = " / ".join(shown)


@dataclass(slots=True)
class Bench:
    """The server, who floods its room, and how much is asked of them."""

    server: Server
    cookies: list[str]  # of the crowd
    tries: int
    seconds: float

    def measure(self, reader: Reader, column: Column) -> None:
        """Let somebody sit before the page, write, read in a flood, and go from room to room."""
        self._empty(reader, column)
        reader.open("/rooms/general")
        self._talk(2 * RATE, 1.0)  # from here on the page is full
        self._until_shown(reader)
        column.times("own bubble", [self._say(reader, f"own {n} of {column.name}") for n in range(self.tries)])
        column.times("a letter", [reader.press("a") for _ in range(self.tries)])
        reader.page.locator("#text").fill("")
        self._flood(reader, column, "flood, at the bottom")
        reader.scroll_up(1500)
        self._flood(reader, column, "flood, further up")
        reader.open("/rooms/general")
        column.times("another room", [took for _ in range(self.tries // 3) for took in self._switch(reader)])

    def _empty(self, reader: Reader, column: Column) -> None:
        reader.page.goto("/healthz")
        reader.page.set_content(EMPTY)
        reader.page.evaluate(HANG)
        reader.page.locator("#text").focus()
        seen = "() => document.querySelector('li:nth-child({n})')"
        found = [reader.press("Enter", seen.format(n=n + 1)) for n in range(self.tries)]
        column.times("empty page, a line", found)
        column.times("empty page, a letter", [reader.press("a") for _ in range(self.tries)])

    def _say(self, reader: Reader, text: str) -> float:
        reader.page.locator("#text").fill(text)
        seen = f"() => document.getElementById('messages').lastElementChild.textContent.includes('{text}')"
        found = reader.press("Enter", seen)
        reader.page.locator("#messages .own[data-state=saved]", has_text=text).wait_for()
        return found

    def _flood(self, reader: Reader, column: Column, name: str) -> None:
        letters: list[float] = []
        before, _ = reader.weight()
        reader.page.locator("#text").focus()
        busy, began = reader.busy(), time.perf_counter()
        reader.begin()
        self._talk(RATE, self.seconds, lambda: letters.append(reader.press("a")))
        tasks, gap = reader.end()
        share = (reader.busy() - busy) / (time.perf_counter() - began)
        typed = len(reader.page.locator("#text").input_value())
        shown = {
            "letters lost": f"{len(letters) - typed}",
            "longest task ms": f"{max(tasks):.0f}" if tasks else "under 50",
            "tasks over 50 ms": f"{len(tasks)}",
            "longest time between frames ms": f"{gap:.0f}",
            "the page is busy %": f"{share * 100:.0f}",
            "messages in the page": f"{reader.count()}",
        }
        reader.page.locator("#text").fill("")
        if reader.page.locator("#jump").is_visible():
            reader.page.locator("#jump").click()
        shown["until the newest is shown ms"] = f"{self._until_shown(reader) * 1000:.0f}"
        after, nodes = reader.weight()
        shown["heap before / after MB"] = f"{before:.1f} / {after:.1f}"
        shown["nodes after"] = f"{nodes:,}"
        column.times(f"{name}: a letter", letters)
        column.cells |= {f"{name}: {key}": value for key, value in shown.items()}

    def _talk(self, rate: float, seconds: float, meanwhile: Callable[[], None] | None = None) -> None:
        talking = threading.Thread(target=self._crowd, args=(rate, seconds), daemon=True)
        talking.start()
        while talking.is_alive():
            if meanwhile:
                meanwhile()
            talking.join(0.2)

    def _crowd(self, rate: float, seconds: float) -> None:
        with Crowd(self.server, self.cookies) as crowd:
            crowd.connect(SENDERS)
            crowd.talk_at(rate, seconds)

    def _until_shown(self, reader: Reader) -> float:
        """Wait until the page can show the newest messages, in their order. Return the seconds."""
        guest = forms.Browser(self.server)
        guest.register(f"guest {time.monotonic_ns()}")
        page = guest.get("/rooms/general").decode()
        guest.close()
        newest = [int(number) for number in re.findall(r"mark-(\d{9})", page)]
        began = time.perf_counter()
        while reader.marks()[-len(newest) :] != newest and time.perf_counter() - began < PATIENCE:
            reader.page.wait_for_timeout(20)
        return time.perf_counter() - began

    def _switch(self, reader: Reader) -> list[float]:
        seen = "() => document.querySelector('#messages[data-conversation={0}] [data-mid]:last-child .av')"
        links = {room: f'#side a[href="/rooms/{room}"]' for room in ("tech", "general")}
        found = []
        for room, link in links.items():
            found.append(reader.click(link, seen.format(room)))
            reader.page.locator(f'#composer[action="/rooms/{room}/messages"]').wait_for()
        return found


def fill(server: Server, room: str) -> None:
    """Let somebody write in the other room."""
    writer = forms.Browser(server)
    writer.register("writer")
    for number in range(60):
        writer.post(f"/rooms/{room}/messages", content=f"Một tin nhắn **vừa phải** với số {number}.")
    writer.close()


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    machine.keep_to(machine.CLIENT + machine.SERVER)  # a browser is several processes
    tries, seconds = (6, 2.0) if options.quick else (30, 10.0)
    columns = [Column("this CPU" if slower == 1 else f"{slower} times slower") for slower in SLOWER]
    with chromium() as running, measure.chatapp(options.host) as server:
        fill(server, "tech")
        cookies = forms.people(server, SENDERS + 1)
        bench = Bench(server, cookies[1:], tries, seconds)
        for slower, column in zip(SLOWER, columns, strict=True):
            measure.progress(column.name)
            reader = Reader(running, server, cookies[0], slower)
            bench.measure(reader, column)
            reader.leave()
    first, *others = columns
    rows = [[name, *(column.cells[name] for column in (first, *others))] for name in first.cells]
    title = f"An open page: {tries} tries each, floods of {RATE} messages a second for {seconds:g} s"
    measure.show(title, ("", *(column.name for column in columns)), rows)


if __name__ == "__main__":
    main()
