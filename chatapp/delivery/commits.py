"""Group commit: queued messages are written in batches, one transaction each, in the order of acceptance."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Protocol

from chatapp.delivery.backlog import Backlog
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.retractions import Retractions
from chatapp.model.messages import Identity, Message
from chatapp.store import Busy, Unwritable
from chatapp.system import clock
from chatapp.system.clock import Stamper

log = logging.getLogger("chatapp.journal")

_BUSY_PAUSE = 0.1  # seconds between retries while another program holds the lock
_PROBE_PAUSE = 1.0  # seconds between test writes while the database cannot be written


class Save(Protocol):
    """Commit a batch, all or nothing: ``store.messages.save``."""

    def __call__(
        self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Sequence[tuple[int, Message | None]]
    ) -> Awaitable[None]: ...


class GroupCommit:
    """Write the backlog to the disk, and tell subscribers what was saved and what was lost."""

    def __init__(self, save: Save, stamper: Stamper, backlog: Backlog, *, watermark: int, hold: float) -> None:
        """Retry for up to ``hold`` seconds while the database is locked."""
        self._save = save
        self._stamper = stamper
        self._backlog = backlog
        self._hold = hold
        self.subscribers: list[Subscriber] = []
        self.retractions = Retractions()
        self.settled = watermark  # the largest number that was saved, or durably retracted
        self.healthy = True
        self._lost = 0  # the largest number that was retracted
        self._trouble: Exception | None = None  # reported by ``suspend`` and not handled yet
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def wake(self) -> None:
        """Start writing: something was queued."""
        self._idle.clear()
        self._wake.set()

    async def flush(self) -> None:
        """Wait until everything that is queued is saved or retracted."""
        await self._idle.wait()

    async def run(self) -> None:
        """Commit queued entries, forever."""
        while True:
            await self._wake.wait()
            if trouble := self._trouble:
                self._trouble = None
                await self._wait_until_writable(trouble)
            self._backlog.begin()
            await self._commit()
            if not self._backlog.waiting:
                self._wake.clear()
                self._idle.set()

    def suspend(self, error: Exception) -> None:
        """Stop accepting until the database can be written; for callers that have noticed that it cannot."""
        if self.healthy and self._trouble is None:
            self._trouble = error
            self._wake.set()

    def give_up(self) -> None:
        """Retract everything that is still unsaved, after a flush took too long."""
        self._retract(self._backlog.pending)
        self._idle.set()

    async def _commit(self) -> None:
        """Save the current batch. Retry while the database is locked; bisect to isolate a bad row."""
        size = len(self._backlog.writing)
        while self._backlog.writing:
            batch = self._backlog.writing[:size]
            try:
                await self._write(batch, batch[-1].message.rev, self.retractions.rows())
            except Busy as error:
                if batch[0].appended < clock.monotonic() - self._hold:
                    # Retract everything and accept nothing: an author's later message must not be saved before an
                    # earlier one that is sent again.
                    await self._wait_until_writable(error)
                else:
                    await asyncio.sleep(_BUSY_PAUSE)
            except Unwritable as error:
                await self._wait_until_writable(error)
            except Exception as error:
                if len(batch) == 1:
                    log.exception("message %d could not be written and was retracted", batch[0].message.id)
                    self._retract(batch)
                else:
                    log.warning("a batch of %d failed (%s); bisecting it to find the row", len(batch), error)
                    size = len(batch) // 2
            else:
                self._mark_saved(batch)

    async def _write(self, batch: list[Entry], watermark: int, undo: Sequence[tuple[Identity, Message | None]]) -> None:
        ceiling = self._stamper.reserve()
        messages = [entry.message for entry in batch]
        rows = [(message_id, before) for (_, message_id), before in undo]
        await self._save(messages, watermark=watermark, ceiling=ceiling, undo=rows)
        self._stamper.reserved(ceiling)
        self.retractions.confirm(undo)

    async def _wait_until_writable(self, error: Exception) -> None:
        """Retract everything, report it, and probe every second until the disk can be written again."""
        log.error("the database cannot be written: %s", error)
        self._set_health(healthy=False)
        self._retract(self._backlog.pending)
        self._idle.set()
        while True:
            await asyncio.sleep(_PROBE_PAUSE)
            # Undo retracted messages first: until that is durable, a crash could bring them back.
            undo = self.retractions.rows()
            numbers = [before.rev for _, before in undo if before is not None]
            watermark = max(self.settled, self._lost, *numbers)
            try:
                await self._write([], watermark, undo)
            except (Busy, Unwritable):
                continue
            break
        self.settled = watermark
        log.warning("the database can be written again")
        self._set_health(healthy=True)

    def _set_health(self, *, healthy: bool) -> None:
        self.healthy = healthy
        for subscriber in self.subscribers:
            subscriber.health(healthy)

    def _mark_saved(self, batch: list[Entry]) -> None:
        batch = [entry for entry in batch if not entry.saved.done()]  # without those that ``give_up`` retracted
        if not batch:
            return
        self.settled = max(self.settled, batch[-1].message.rev)
        self._backlog.saved(batch)
        for subscriber in self.subscribers:
            subscriber.saved(batch)
        _complete(batch, saved=True)

    def _retract(self, entries: Sequence[Entry]) -> None:
        entries = self._backlog.withdraw(entries)
        if not entries:
            return
        self._lost = max(self._lost, *(entry.message.rev for entry in entries))
        self._renumber(entries)
        for subscriber in self.subscribers:
            subscriber.lost(entries)
        # The failed COMMIT may have reached the disk after all, so the next transaction undoes it first. Until that is
        # durable the watermark stays below them: a crash could bring them back, and pages must then be sent them.
        for entry in entries:
            self.retractions.add(entry)
            if entry.before is not None:
                self._backlog.put_back(replace(entry, message=entry.before, before=None))
        _complete(entries, saved=False)

    def _renumber(self, entries: Sequence[Entry]) -> None:
        """Give restored revisions new numbers, so that pages take them as newer than the lost change they show.

        If several changes of one message were lost, the revision before the first of them is restored.
        """
        standing: dict[Identity, Message | None] = {}
        for entry in entries:
            identity = entry.message.identity
            if identity not in standing:
                standing[identity] = entry.before and replace(entry.before, rev=self._stamper.next())
            entry.before = standing[identity]


def _complete(entries: Sequence[Entry], *, saved: bool) -> None:
    for entry in entries:
        if not entry.saved.done():  # cancelled together with a task that awaited it
            entry.saved.set_result(saved)
