"""People who chat with each other, one page each, while something goes wrong."""

from __future__ import annotations

import asyncio
import random
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fault.address import Address
from fault.judge import Verdict, judge
from fault.log import GONE, Kind, Log, Row
from fault.page import Page
from fault.server import Server

CALM = 60.0  # seconds after the last message until everything is saved and shown everywhere, at the latest
_ROWS = (
    "SELECT talk.id, {author}, message, key, rev, removed_at IS NOT NULL FROM {table} talk"
    " LEFT JOIN message_keys ON message_keys.message_id = talk.id WHERE {place} = ? ORDER BY talk.id"
)
_ROOM = _ROWS.format(table="messages", author="talk.author_id", place="room")
_DIRECT = _ROWS.format(table="private_messages", author="sender_id", place="talk.conversation")
_VERSIONS = "SELECT message_id, content FROM message_versions WHERE conversation = ? ORDER BY rev"


def table(database: Path, place: str) -> list[Row]:
    """Return the rows of a room, or of a direct conversation such as @3-7, as the database has them."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        before: dict[int, tuple[str, ...]] = {}
        for number, content in db.execute(_VERSIONS, (place,)):
            before[number] = (*before.get(number, ()), content)
        rows = db.execute(_DIRECT if place.startswith("@") else _ROOM, (place,))
        return [_row(*row, before.get(row[0], ())) for row in rows]


def _row(number: int, author: int, content: str, key: str, rev: int, removed: bool, before: tuple[str, ...]) -> Row:
    if removed and content:  # until it is erased
        before = (*before, content)
    return Row(number, author, GONE if removed else content, key, rev, before)


def integrity(database: Path) -> str:
    """Return what SQLite says of the file: "ok", or what is wrong."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return "; ".join(row[0] for row in db.execute("PRAGMA integrity_check"))


class People:
    """Some pages on one room; each of their people writes now and then until told to be quiet."""

    def __init__(self, server: Server | Address, room: str = "general") -> None:
        self.server = server
        self.pages: list[Page] = []
        self.act: Callable[[Page, str], object] = Page.write  # what everybody does, and with which words
        self._room = room
        self._writing: list[asyncio.Task[None]] = []

    async def come(self, count: int) -> None:
        """Open pages for more people."""
        for _ in range(count):
            page = Page(self.server, f"p{len(self.pages)}{secrets.token_hex(2)}", self._room)
            self.pages.append(page)
            await page.open()
        await self.wait(lambda: self.live == len(self.pages))

    @asynccontextmanager
    async def chatting(self, rate: float = 5.0, size: int = 0) -> AsyncIterator[None]:
        """Let everybody write: ``rate`` messages a second each, of at least ``size`` characters."""
        self._writing = [asyncio.create_task(self._write(page, rate, size)) for page in self.pages]
        try:
            yield
        finally:
            for task in self._writing:
                task.cancel()
            await asyncio.gather(*self._writing, return_exceptions=True)

    async def say(self, count: int = 1) -> None:
        """Let everybody write some messages at once."""
        for page in self.pages:
            for number in range(count):
                page.write(_content(page, number))

    async def reconnect(self, count: int) -> None:
        """Cut some connections and wait until they are back."""
        await self.wait(lambda: self.live == len(self.pages))
        before = self.total("down")
        for page in self.pages[:count]:
            page.cut()
        await self.wait(lambda: self.total("down") >= before + count and self.live == len(self.pages))

    async def wait(self, condition: Callable[[], bool], patience: float = CALM) -> float:
        """Wait until something is so. Return the seconds it took."""
        began = time.monotonic()
        while not condition():
            for page in self.pages:
                page.check()
            assert time.monotonic() - began < patience, f"not so after {patience:.0f} s\n{self.server.log[-2000:]}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def calm(self, patience: float = CALM) -> float:
        """Wait until nothing is under way anywhere, at most ``patience``. Return the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            for page in self.pages:
                page.check()
            if all(page.quiet for page in self.pages):
                async with asyncio.timeout(10):
                    await asyncio.gather(*(page.hear_out() for page in self.pages))
                if all(page.quiet for page in self.pages):
                    break
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def verdict(self, patience: float = CALM, others: Sequence[Log] = ()) -> Verdict:
        """Wait for calm and let the judge speak, also of ``others`` who have no page that is open."""
        await self.calm(patience)
        history = await self.pages[0].history()
        for log in others:
            log.screen, log.base = history, 0
        logs = [*(page.finish() for page in self.pages), *others]
        found = judge(logs, table(self.server.database, self._room), history)
        if (health := integrity(self.server.database)) != "ok":
            found.lost.append(f"the database is damaged: {health}")
        return found

    async def leave(self) -> None:
        """Close every page."""
        await asyncio.gather(*(page.close() for page in self.pages))

    @property
    def live(self) -> int:
        """Return how many pages are connected and up to date."""
        return sum(page.live for page in self.pages)

    def total(self, kind: Kind) -> int:
        """Return how often something happened to them all."""
        return sum(page.log.counts[kind] for page in self.pages)

    def latency(self, share: float, since: int = 0) -> float:
        """Return how many milliseconds a share of the live messages took at most to be shown elsewhere."""
        all_of_them = sorted(seconds for page in self.pages for seconds in page.latencies[since:])
        return 1000 * all_of_them[min(len(all_of_them) - 1, int(share * len(all_of_them)))] if all_of_them else 0.0

    async def _write(self, page: Page, rate: float, size: int) -> None:
        number = 0
        while True:
            await asyncio.sleep(random.expovariate(rate))
            number += 1
            self.act(page, _content(page, number).ljust(size, "."))


def _content(page: Page, number: int) -> str:
    return f"{page.name} {time.monotonic():.6f} {number} {secrets.token_hex(4)}"
