"""What history costs when there is a lot of it, beside the same questions to a young database.

    python tests/bench/bench_history.py [--quick]

A database of two million messages in fifty rooms, by five hundred people who have read up to somewhere, and a young one
with a thousandth of that. Opening a room, paging back to anywhere, catching up and counting what is unread are asked of
both in turn, through the store as the server uses it. Needs about 700 MB of disk and a minute and a half.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import measure

sys.path.insert(0, str(measure.ROOT))

from chatapp.model.conversations import Conversation
from chatapp.store import Store
from chatapp.workers.images import Images

ROOMS = 50
PEOPLE = 500
WORDS = "Một tin nhắn vừa phải, như người ta vẫn viết cho nhau mỗi ngày. "
FIRST = 1_800_000_000_000_000  # the number of the first message; they come a second apart
STEP = 1_000_000
HEADERS = ("what", "young p50 ms", "old p50 ms", "old p99 ms", "old / young")

Question = Callable[[Store, int, random.Random], Awaitable[object]]


def room(number: int) -> str:
    return f"room-{number % ROOMS}"


def fill(path: Path, messages: int) -> None:
    """Write messages, people and read marks as a long-lived server would have them."""
    rows: Iterator[tuple[object, ...]] = (
        (
            FIRST + n * STEP,
            FIRST + n * STEP,
            room(n),
            n % PEOPLE + 1,
            f"person {n % PEOPLE}",
            WORDS * (1 + n % 4),
            "text",
        )
        for n, at in enumerate(range(FIRST, FIRST + messages * STEP, STEP))
    )
    dice = random.Random(7)
    newest = FIRST + messages * STEP
    marks = (
        (person, room(n), newest - STEP * int(messages * dice.random() ** 8))
        for person in range(1, PEOPLE + 1)
        for n in range(ROOMS)
    )
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        people = [(n + 1, f"person {n}", f"person {n}", "x") for n in range(PEOPLE)]
        db.executemany("INSERT INTO users (id, username, name_key, password) VALUES (?, ?, ?, ?)", people)
        db.executemany(
            "INSERT INTO conversations (key, kind, name, position) VALUES (?, 'room', ?, ?)",
            [(room(n), room(n), n + 9) for n in range(ROOMS)],
        )
        db.executemany(
            "INSERT INTO messages (id, rev, room, author_id, sender, message, msg_type, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, '2026-01-01T00:00:00.000Z')",
            rows,
        )
        db.executemany("INSERT OR REPLACE INTO read_marks VALUES (?, ?, ?)", marks)
        db.execute("UPDATE meta SET value = ? WHERE name IN ('watermark', 'ceiling')", (newest,))


def here(dice: random.Random) -> Conversation:
    return Conversation(room(dice.randrange(ROOMS)))


def somewhere(messages: int, dice: random.Random) -> int:
    return FIRST + dice.randrange(messages) * STEP


async def forget(store: Store, messages: int, dice: random.Random) -> object:
    return await store.accounts.session("nobody", idle_days=1, days=1)


QUESTIONS: dict[str, Question] = {
    "nothing (the way to the database)": forget,
    "open a room": lambda store, count, dice: store.messages.page(here(dice)),
    "page back, anywhere": lambda store, count, dice: store.messages.page(here(dice), before=somewhere(count, dice)),
    "page on, anywhere": lambda store, count, dice: store.messages.page(here(dice), after=somewhere(count, dice)),
    "link to a message": lambda store, count, dice: store.messages.around(here(dice), somewhere(count, dice)),
    "catch up with 20 messages": lambda store, count, dice: store.messages.changes(
        here(dice), FIRST + (count - 20 * ROOMS) * STEP, 500
    ),
    "unread counts of all rooms": lambda store, count, dice: store.marks.counts(dice.randrange(PEOPLE) + 1),
}


async def ask(store: Store, messages: int, question: Question, times: int, seed: int) -> list[float]:
    """Ask a question again and again. Return the milliseconds of each answer."""
    dice, found = random.Random(seed), []
    for _ in range(times):
        began = time.perf_counter()
        await question(store, messages, dice)
        found.append((time.perf_counter() - began) * 1000)
    return found


async def timed(stack: AsyncExitStack, folder: Path, messages: int) -> tuple[Store, float]:
    """Make a database of some messages. Return it opened, and the seconds that opening took."""
    path, images = folder / f"{messages}.db", Images()
    await (await Store.open(path, images.prepare)).close()
    measure.progress(f"writing {messages:,} messages")
    await asyncio.to_thread(fill, path, messages)
    began = time.perf_counter()
    store = await Store.open(path, images.prepare)
    stack.push_async_callback(store.close)  # in any case: what it runs would keep this process from ending
    return store, time.perf_counter() - began


async def bench(messages: int, rounds: int, times: int) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chatapp-bench-")))
        young, _ = await timed(stack, folder, messages // 1000)
        old, opened = await timed(stack, folder, messages)
        size = sum(each.stat().st_size for each in folder.glob(f"{messages}.db*")) / 2**20
        rows = []
        for name, question in QUESTIONS.items():
            measure.progress(name)
            quick: list[float] = []
            slow: list[float] = []
            for turn in range(rounds):
                quick += await ask(young, messages // 1000, question, times, turn)
                slow += await ask(old, messages, question, times, turn)
            middle = measure.median(quick), measure.median(slow)
            late = measure.percentile(slow, 0.99)
            rows.append([name, *(f"{each:.2f}" for each in (*middle, late)), f"{middle[1] / middle[0]:.1f}"])
    measure.show(
        f"History: {messages:,} messages in {ROOMS} rooms ({size:,.0f} MB), {rounds} rounds of {times} questions",
        HEADERS,
        rows,
        [f"The large database was opened in {opened:.2f} s."],
    )


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    messages, rounds, times = (200_000, 2, 50) if options.quick else (2_000_000, 5, 100)
    asyncio.run(bench(messages, rounds, times))


if __name__ == "__main__":
    main()
