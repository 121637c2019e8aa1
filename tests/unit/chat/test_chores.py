"""Background chores: whose turn it is, what has to wait, and what other programs do to the database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress

import pytest

from chatapp.chat import chores
from chatapp.chat.chores import Chore
from chatapp.store import Busy, Unwritable
from pipeline import Chat


@asynccontextmanager
async def running(loop) -> AsyncIterator[None]:
    task = asyncio.create_task(loop)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "_WATCHING_PAUSE", 0.01)


class Elsewhere(Chore):
    """Another process does it."""

    async def turn(self) -> bool:
        return False


async def test_chores_are_done_in_order_again_and_again() -> None:
    done: list[str] = []

    async def first() -> None:
        done.append("first")

    async def second() -> None:
        done.append("second")

    async with running(chores._repeat([Chore("first", first), Chore("second", second)], 0.01)):
        await until(lambda: len(done) >= 4)
    assert done[:4] == ["first", "second", "first", "second"]


async def test_a_process_leaves_a_chore_alone_when_it_is_not_its_turn() -> None:
    mine, theirs = [], []

    async def do_mine() -> None:
        mine.append(1)

    async def do_theirs() -> None:
        theirs.append(1)

    async with running(chores._repeat([Elsewhere("theirs", do_theirs), Chore("mine", do_mine)], 0.01)):
        await until(lambda: len(mine) >= 3)
    assert not theirs


@pytest.mark.parametrize("error", [Busy("locked"), Unwritable("disk full")])
async def test_a_chore_that_has_to_wait_is_logged_and_tried_again(error: Exception, caplog) -> None:
    tries = []

    async def do() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise error

    async with running(chores._repeat([Chore("sweeping", do)], 0.01)):
        await until(lambda: len(tries) >= 4)
    assert [record.getMessage() for record in caplog.records] == [f"sweeping has to wait: {error}"] * 2


async def test_what_another_program_writes_is_noticed_once(chat: Chat, tmp_path) -> None:
    noticed = []

    async def on_change() -> None:
        noticed.append(1)

    async with running(chores.watch(chat.store, chat.journal, on_change)):
        with closing(sqlite3.connect(tmp_path / "chat.db")) as db:
            db.execute("UPDATE meta SET value = value")
            db.commit()
        await until(lambda: bool(noticed))
        await asyncio.sleep(0.1)  # several looks
    assert len(noticed) == 1


async def test_a_change_that_could_not_be_followed_is_followed_at_the_next_look(chat: Chat, tmp_path) -> None:
    tries = []

    async def on_change() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Busy("locked")

    async with running(chores.watch(chat.store, chat.journal, on_change)):
        with closing(sqlite3.connect(tmp_path / "chat.db")) as db:
            db.execute("UPDATE meta SET value = value")
            db.commit()
        await until(lambda: len(tries) >= 3)


async def test_a_database_that_was_moved_away_suspends_the_journal(chat: Chat, tmp_path) -> None:
    async def on_change() -> None:
        pass

    assert chat.journal.healthy
    async with running(chores.watch(chat.store, chat.journal, on_change)):
        (tmp_path / "chat.db").rename(tmp_path / "elsewhere.db")
        await until(lambda: not chat.journal.healthy)
