"""Group commit: order, holding on, halving, giving up, and coming back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain

from chatapp.delivery import commits
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft, Message
from chatapp.model.people import User
from chatapp.store import Busy, Unwritable

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


def accept(journal: Journal, text: str = "text") -> Entry:
    return journal.accept(User(1, "An"), ROOM, Draft(text, "a-key-of-a-message"))


def several(journal: Journal, count: int) -> list[Entry]:
    """Accept messages, which get the numbers 1, 2, ... in a new journal."""
    return [accept(journal) for _ in range(count)]


class Witness(Subscriber):
    """A subscriber that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def accepted(self, entry: Entry) -> None:
        self.told.append(("accepted", entry.message.rev))

    def saved(self, entries: Sequence[Entry]) -> None:
        self.told.append(("saved", *(entry.message.rev for entry in entries)))

    def lost(self, entries: Sequence[Entry]) -> None:
        self.told.append(("lost", *(entry.message.rev for entry in entries)))

    def health(self, healthy: bool) -> None:
        self.told.append(("healthy", healthy))


@asynccontextmanager
async def running(disk: Disk, **options: float) -> AsyncIterator[Journal]:
    journal = Journal(disk.save, **options)
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
        accept(journal)
        await asyncio.sleep(0)
        entries = several(journal, 3)
        disk.open.set()
        assert all(await asyncio.gather(*(entry.saved for entry in entries)))
    assert disk.batches in ([[1], [2, 3, 4]], [[1, 2, 3, 4]])


async def test_subscribers_are_told_before_the_futures_complete() -> None:
    disk = Disk()
    witness = Witness()
    async with running(disk, floor=6) as journal:
        journal.subscribe(witness)
        await accept(journal).saved
        witness.told.append("future")
    assert witness.told == [("accepted", 7), ("saved", 7), "future"]


async def test_flush_waits_for_everything_appended_so_far() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        entries = several(journal, 599)
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
        entry = accept(journal)
        assert await entry.saved
    assert disk.batches == [[1]]


async def test_when_the_oldest_waits_longer_than_the_hold_everything_is_given_up_in_order(monkeypatch) -> None:
    monkeypatch.setattr(commits, "_PROBE_PAUSE", 0.01)
    disk = Disk()
    disk.trouble = [Busy("locked")]
    witness = Witness()
    async with running(disk, hold=0.0) as journal:
        journal.subscribe(witness)
        entries = several(journal, 2)
        # The later one too: saved now, it would stand before the earlier one that is sent again.
        assert await asyncio.gather(*(entry.saved for entry in entries)) == [False, False]
        while not journal.healthy:
            await asyncio.sleep(0.01)
        later = accept(journal)
        assert await later.saved
    assert ("lost", 1, 2) in witness.told
    assert disk.batches == [[], [later.message.id]]
    assert [gone for gone, _ in disk.undone] == [1, 2]


async def test_a_row_that_cannot_be_written_is_found_and_retracted_alone() -> None:
    disk = Disk()
    disk.bad = {5}
    async with running(disk) as journal:
        entries = several(journal, 9)
        saved = await asyncio.gather(*(entry.saved for entry in entries))
    assert saved == [number != 5 for number in range(1, 10)]
    assert list(chain(*disk.batches)) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert journal.pending() == []


async def test_a_full_disk_gives_up_what_waits_at_once_and_recovers_by_itself(monkeypatch) -> None:
    monkeypatch.setattr(commits, "_PROBE_PAUSE", 0.01)
    disk = Disk()
    disk.full = True
    witness = Witness()
    async with running(disk) as journal:
        journal.subscribe(witness)
        entries = several(journal, 3)
        assert await asyncio.gather(*(entry.saved for entry in entries)) == [False] * 3
        assert not journal.healthy
        disk.full = False
        while not journal.healthy:
            await asyncio.sleep(0.01)
        later = accept(journal)
        assert await later.saved
    assert [told for told in witness.told if told[0] == "healthy"] == [("healthy", False), ("healthy", True)]
    assert [gone for gone, _ in disk.undone] == [1, 2, 3]  # their commit may have reached the disk: it is undone first
    assert disk.batches == [[], [later.message.id]]
    assert journal.corrected(entries[0].message) == entries[0].message


async def test_the_watermark_passes_what_was_given_up_only_when_that_is_durably_gone(monkeypatch) -> None:
    monkeypatch.setattr(commits, "_PROBE_PAUSE", 0.01)
    disk = Disk()
    disk.full = True
    async with running(disk, floor=6, watermark=3) as journal:
        assert not await accept(journal).saved
        assert journal.issue_watermark() == 3  # after a crash it may be there again: pages must ask for it
        disk.full = False
        while not journal.healthy:
            await asyncio.sleep(0.01)
        assert journal.issue_watermark() > 7


async def test_the_watermark_stays_below_what_waits_and_else_goes_on_by_itself() -> None:
    """Nobody learns from it whether others write where they cannot read."""
    disk = Disk()
    async with running(disk, floor=100) as journal:
        marks = [journal.issue_watermark() for _ in range(3)]
        assert marks == sorted(set(marks))
        assert marks[0] > 100
        disk.open.clear()
        entry = accept(journal)
        assert [journal.issue_watermark() for _ in range(3)] == [entry.message.id - 1] * 3
        disk.open.set()
        assert await entry.saved
        assert journal.issue_watermark() > entry.message.id


async def test_the_journal_says_when_it_is_full_and_when_it_is_not() -> None:
    disk = Disk()
    async with running(disk, rows_limit=2) as journal:
        disk.open.clear()
        accept(journal)
        assert not journal.full
        entry = accept(journal)
        assert journal.full
        disk.open.set()
        await entry.saved
        assert not journal.full


async def test_pending_messages_are_in_order_whether_waiting_or_being_written() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        accept(journal)
        await asyncio.sleep(0)
        accept(journal)
        assert [message.id for message in journal.pending()] == [1, 2]
        assert [message.id for message in journal.recent(1)] == [2]
        disk.open.set()
        await journal.flush()
        assert journal.pending() == []
        assert [message.id for message in journal.recent(0)] == [1, 2]


async def test_giving_up_at_the_stop_completes_every_future() -> None:
    disk = Disk()
    async with running(disk) as journal:
        disk.open.clear()
        entries: list[Entry] = several(journal, 2)
        await asyncio.sleep(0)
        journal.give_up()
        assert [entry.saved.result() for entry in entries] == [False, False]
        await journal.flush()


async def test_a_message_is_shown_before_it_is_queued_and_by_each_subscriber_in_its_turn() -> None:
    told: list[object] = []

    class Named(Subscriber):
        def __init__(self, name: str) -> None:
            self.name = name

        def accepted(self, entry: Entry) -> None:
            told.append((self.name, entry.message.id, [message.id for message in journal.pending()]))

    async with running(Disk()) as journal:
        journal.subscribe(Named("first"), Named("second"))
        several(journal, 2)
    assert told == [("first", 1, []), ("second", 1, []), ("first", 2, [1]), ("second", 2, [1])]


async def test_a_change_gets_the_next_number_and_what_it_replaced_stands_again_under_a_later_one() -> None:
    disk, lost = Disk(), list[Entry]()

    class Mourner(Subscriber):
        def lost(self, entries: Sequence[Entry]) -> None:
            lost.extend(entries)

    async with running(disk) as journal:
        first = accept(journal, "one")
        assert await first.saved
        journal.subscribe(Mourner())
        disk.open.clear()
        second = journal.revise(first.message, content="two")
        third = journal.revise(second.message, content="three")
        journal.give_up()
        assert first.message.rev < second.message.rev < third.message.rev
        assert [entry.message for entry in lost] == [second.message, third.message]
        assert lost[0].before == lost[1].before
        assert lost[0].before.rev > third.message.rev
        assert {entry.before.content for entry in lost} == {"one"}
        assert journal.restored == [lost[0].before]
        assert journal.current(first.message.identity) == lost[0].before


async def test_pending_messages_are_those_of_one_conversation_where_that_is_asked_for() -> None:
    async with running(Disk()) as journal:
        accept(journal)
        journal.accept(User(1, "An"), Conversation("tech"), Draft("text", "a-key-of-a-message"))
        assert [message.id for message in journal.pending(ROOM)] == [1]
        assert [message.id for message in journal.pending()] == [1, 2]
