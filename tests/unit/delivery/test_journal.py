"""Group commit: order, holding on, halving, giving up, and coming back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain

from chatapp.delivery import journal as journals
from chatapp.delivery.backlog import Entry
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.store import Busy, Unwritable
from chatapp.system.clock import Stamper

ROOM = Conversation("general")


class Disk:
    """A disk that fails on demand and otherwise remembers its transactions."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.undone: list[tuple[int, Message | None]] = []
        self.trouble: list[Exception] = []  # raised by the next saves, one each
        self.bad: set[int] = set()  # rows that can never be written
        self.full = False
        self.open = asyncio.Event()
        self.open.set()

    async def save(
        self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Sequence[tuple[int, Message | None]]
    ) -> None:
        await self.open.wait()
        if self.full:
            raise Unwritable("full")
        if self.trouble:
            raise self.trouble.pop(0)
        if any(message.id in self.bad for message in batch):
            raise ValueError("a row that cannot be written")
        self.undone.extend(undo)
        self.batches.append([message.id for message in batch])


def message(number: int) -> Message:
    return Message(number, number, ROOM, 1, "An", f"text {number}", "2026-11-22T10:00:00.000Z", f"key-{number:012}")


@asynccontextmanager
async def running(disk: Disk, stamper: Stamper | None = None, **options: float) -> AsyncIterator[Journal]:
    journal = Journal(disk.save, stamper or Stamper(), **options)
    task = asyncio.create_task(journal.run())
    try:
        yield journal
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_waits_while_one_batch_is_written_goes_into_the_next_together() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        journal.append(message(1))
        await asyncio.sleep(0)
        entries = [journal.append(message(number)) for number in (2, 3, 4)]
        disk.open.set()
        assert all(await asyncio.gather(*(entry.saved for entry in entries)))
    assert disk.batches in ([[1], [2, 3, 4]], [[1, 2, 3, 4]])


async def test_the_watermark_and_the_callback_come_before_the_futures() -> None:
    disk = Disk()
    order: list[str] = []
    async with running(disk) as journal:
        journal.on_saved = lambda entries: order.append(f"saved {[entry.message.id for entry in entries]}")
        entry = journal.append(message(7))
        await entry.saved
        order.append("future")
    assert order == ["saved [7]", "future"]


async def test_flush_waits_for_everything_appended_so_far() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        entries = [journal.append(message(number)) for number in range(1, 600)]
        flush = asyncio.create_task(journal.flush())
        await asyncio.sleep(0)
        assert not flush.done()
        disk.open.set()
        await flush
    assert all(entry.saved.result() for entry in entries)
    assert list(chain(*disk.batches)) == list(range(1, 600))
    assert max(map(len, disk.batches)) <= 256


async def test_a_locked_database_is_waited_for_and_nothing_is_retracted() -> None:
    disk = Disk()
    disk.trouble = [Busy("locked"), Busy("locked")]
    async with running(disk) as journal:
        entry = journal.append(message(1))
        assert await entry.saved
    assert disk.batches == [[1]]


async def test_when_the_oldest_waits_longer_than_the_hold_everything_is_given_up_in_order(monkeypatch) -> None:
    monkeypatch.setattr(journals, "_PROBE_PAUSE", 0.01)
    disk = Disk()
    disk.trouble = [Busy("locked")]
    lost: list[int] = []
    async with running(disk, hold=0.0) as journal:
        journal.on_lost = lambda entries: lost.extend(entry.message.id for entry in entries)
        entries = [journal.append(message(number)) for number in (1, 2)]
        # The later one too: saved now, it would stand before the earlier one that is sent again.
        assert await asyncio.gather(*(entry.saved for entry in entries)) == [False, False]
        while not journal.healthy:
            await asyncio.sleep(0.01)
        assert await journal.append(message(3)).saved
    assert lost == [1, 2]
    assert disk.batches == [[], [3]]
    assert [gone for gone, _ in disk.undone] == [1, 2]


async def test_a_row_that_cannot_be_written_is_found_and_retracted_alone() -> None:
    disk = Disk()
    disk.bad = {5}
    async with running(disk) as journal:
        entries = [journal.append(message(number)) for number in range(1, 10)]
        saved = await asyncio.gather(*(entry.saved for entry in entries))
    assert saved == [number != 5 for number in range(1, 10)]
    assert list(chain(*disk.batches)) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert journal.backlog.pending == []


async def test_a_full_disk_gives_up_what_waits_at_once_and_recovers_by_itself(monkeypatch) -> None:
    monkeypatch.setattr(journals, "_PROBE_PAUSE", 0.01)
    disk = Disk()
    disk.full = True
    health: list[bool] = []
    async with running(disk) as journal:
        journal.on_health = health.append
        entries = [journal.append(message(number)) for number in (1, 2, 3)]
        assert await asyncio.gather(*(entry.saved for entry in entries)) == [False] * 3
        assert not journal.healthy
        disk.full = False
        while not journal.healthy:
            await asyncio.sleep(0.01)
        assert await journal.append(message(4)).saved
    assert health == [False, True]
    assert [gone for gone, _ in disk.undone] == [1, 2, 3]  # their commit may have reached the disk: it is undone first
    assert disk.batches == [[], [4]]
    assert journal.corrected(message(1)) == message(1)


async def test_the_watermark_passes_what_was_given_up_only_when_that_is_durably_gone(monkeypatch) -> None:
    monkeypatch.setattr(journals, "_PROBE_PAUSE", 0.01)
    disk = Disk()
    disk.full = True
    async with running(disk, watermark=3) as journal:
        assert not await journal.append(message(7)).saved
        assert journal.watermark == 3  # after a crash it may be there again: pages must ask for it
        disk.full = False
        while not journal.healthy:
            await asyncio.sleep(0.01)
        assert journal.watermark > 7


async def test_the_watermark_stays_below_what_waits_and_else_goes_on_by_itself() -> None:
    """Nobody learns from it whether others write where they cannot read."""
    disk, stamper = Disk(), Stamper(100)
    async with running(disk, stamper=stamper) as journal:
        marks = [journal.watermark for _ in range(3)]
        assert marks == sorted(set(marks))
        assert marks[0] > 100
        disk.open.clear()
        entry = journal.append(message(stamper.next()))
        assert [journal.watermark for _ in range(3)] == [entry.message.id - 1] * 3
        disk.open.set()
        assert await entry.saved
        assert journal.watermark > entry.message.id


async def test_the_journal_says_when_it_is_full_and_when_it_is_not() -> None:
    disk = Disk()
    async with running(disk, rows_limit=2) as journal:
        disk.open.clear()
        journal.append(message(1))
        assert not journal.backlog.full
        entry = journal.append(message(2))
        assert journal.backlog.full
        disk.open.set()
        await entry.saved
        assert not journal.backlog.full


async def test_pending_messages_are_in_order_whether_waiting_or_being_written() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        journal.append(message(1))
        await asyncio.sleep(0)
        journal.append(message(2))
        assert [entry.message.id for entry in journal.backlog.pending] == [1, 2]
        assert [entry.message.id for entry in journal.backlog.recent(1)] == [2]
        disk.open.set()
        await journal.flush()
        assert journal.backlog.pending == []
        assert [entry.message.id for entry in journal.backlog.recent(0)] == [1, 2]


async def test_giving_up_at_the_stop_completes_every_future() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        entries: list[Entry] = [journal.append(message(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        journal.give_up()
        assert [entry.saved.result() for entry in entries] == [False, False]
        await journal.flush()
