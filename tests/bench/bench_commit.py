"""Messages made durable in a second: the journal's group commit beside one transaction for each message.

    python tests/bench/bench_commit.py [--quick]

As many authors as the line says wait for their message to be saved before they append the next, so that the journal
finds about that many in each batch. "Of its own" is what the classic design does: one transaction for each message,
through the same store, by the same authors. All of it with ``synchronous=FULL``. No server and no sockets take part.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import measure

from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft, Message
from chatapp.model.people import User
from chatapp.store import Store
from chatapp.system import clock

AUTHORS = (1, 10, 100, 1000)
ROOM = Conversation("general")
CONTENT = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore"
RESERVE = 120_000 << 10  # as far ahead of its numbers as the server keeps the ceiling
HEADERS = ("authors", "way", "rows per s", "ratio", "mean batch", "CPU us a row", "p50 ms", "p99 ms")

Save = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Round:
    """One way to save, some seconds of it."""

    rows: int
    seconds: float
    cpu: float
    commits: int
    waits: list[float] = field(default_factory=list)  # seconds from append to saved

    @property
    def rate(self) -> float:
        """Return the rows saved in a second."""
        return self.rows / self.seconds


class Bench:
    """A store on a temporary file, and two ways to write to it."""

    def __init__(self, store: Store, author: User) -> None:
        self._store = store
        self._author = author
        self._commits = self._keys = 0
        self.journal = Journal(self._save, rows_limit=0)

    async def _save(self, batch: list[Message], **facts: object) -> None:
        self._commits += 1
        await self._store.messages.save(batch, **facts)

    async def together(self) -> None:
        """Save a message as the server does."""
        self._keys += 1
        await self.journal.accept(self._author, ROOM, Draft(CONTENT, f"key-{self._keys:020d}")).saved

    async def alone(self) -> None:
        """Save a message in a transaction of its own."""
        message = self._message()
        await self._save([message], watermark=message.id, ceiling=message.id + RESERVE, undo=())

    async def play(self, save: Save, authors: int, seconds: float) -> Round:
        """Let authors save one message after the other."""
        waits: list[float] = []
        deadline = time.perf_counter() + seconds

        async def write() -> None:
            while (began := time.perf_counter()) < deadline:
                await save()
                waits.append(time.perf_counter() - began)

        commits, cpu, began = self._commits, time.process_time(), time.perf_counter()
        await asyncio.gather(*(write() for _ in range(authors)))
        spent, took = time.process_time() - cpu, time.perf_counter() - began
        return Round(len(waits), took, spent, self._commits - commits, waits)

    def _message(self) -> Message:
        number = self.journal.issue_number()
        self._keys += 1
        return Message(
            id=number,
            rev=number,
            conversation=ROOM,
            author_id=self._author.id,
            author=self._author.username,
            content=CONTENT,
            created_at=clock.timestamp(),
            key=f"key-{self._keys:020d}",
        )


def row(authors: int, name: str, mine: list[Round], theirs: list[Round]) -> list[str]:
    """Return the line of one way."""
    return [
        f"{authors:,}",
        name,
        measure.spread([each.rate for each in mine]),
        measure.spread([one.rate / other.rate for one, other in zip(mine, theirs, strict=True)], "{:.1f}"),
        f"{measure.median(each.rows / each.commits for each in mine):.1f}",
        f"{measure.median(each.cpu / each.rows for each in mine) * 1e6:,.0f}",
        f"{measure.median(measure.percentile(each.waits, 0.5) for each in mine) * 1000:.2f}",
        f"{measure.median(measure.percentile(each.waits, 0.99) for each in mine) * 1000:.2f}",
    ]


async def no_pictures(data: bytes, name: str) -> NoReturn:
    """Stand for the preparing of pictures, which a new database does not need."""
    raise NotImplementedError


async def compare(folder: Path, rounds: int, seconds: float) -> list[list[str]]:
    """Return the lines of the table."""
    async with AsyncExitStack() as stack:
        store = await Store.open(folder / "chat.db", no_pictures)
        stack.push_async_callback(store.close)  # in any case: what it runs would keep this process from ending
        author = await store.accounts.create("person", "person", "no password")
        return await _compare(Bench(store, author), rounds, seconds)


async def _compare(bench: Bench, rounds: int, seconds: float) -> list[list[str]]:
    journal = asyncio.create_task(bench.journal.run())
    ways = {"group commit": bench.together, "of its own": bench.alone}
    rows: list[list[str]] = []
    for authors in AUTHORS:
        played: dict[str, list[Round]] = {name: [] for name in ways}
        for turn in range(rounds):
            for name, save in ways.items():
                measure.progress(f"{authors} authors, round {turn + 1} of {rounds}: {name}")
                played[name].append(await bench.play(save, authors, seconds))
        rows += [row(authors, name, played[name], played["of its own"]) for name in ways]
    journal.cancel()
    return rows


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    rounds, seconds = (1, 0.5) if options.quick else (5, 1.5)
    with tempfile.TemporaryDirectory(prefix="chatapp-bench-") as folder:
        rows = asyncio.run(compare(Path(folder), rounds, seconds))
    measure.show("Messages saved, waiting for the disk each time", HEADERS, rows)


if __name__ == "__main__":
    main()
