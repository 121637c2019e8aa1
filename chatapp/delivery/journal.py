"""Group commit: whatever waits is written in one transaction, in the order in which it was accepted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from chatapp.delivery.backlog import Backlog, Entry
from chatapp.model.messages import Identity, Message
from chatapp.store import Busy, Unwritable
from chatapp.system import clock
from chatapp.system.clock import Stamper

log = logging.getLogger("chatapp.journal")

_BUSY_PAUSE = 0.1  # seconds between two tries while another program holds the lock
_PROBE_PAUSE = 1.0  # seconds between two looks at a disk that could not be written

_Undo = dict[Identity, Message | None]


class Save(Protocol):
    """Commit a batch, all or nothing: ``store.messages.save``."""

    def __call__(
        self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Sequence[tuple[int, Message | None]]
    ) -> Awaitable[None]: ...


class Journal:
    """Take messages in stamp order and make them durable in that order.

    ``on_saved`` is called with each committed batch, ``on_lost`` with entries that were given up, both before
    the entries' futures complete, and both synchronously.
    """

    def __init__(  # noqa: PLR0913 - what it needs, named
        self,
        save: Save,
        stamper: Stamper,
        *,
        watermark: int = 0,
        hold: float = 30.0,
        rows_limit: int = 2_000,
        bytes_limit: int = 8 * 2**20,
    ) -> None:
        self._save = save
        self._stamper = stamper
        self._hold = hold
        self.backlog = Backlog(rows_limit, bytes_limit)
        # Given up, but their commit may have happened all the same: what stands instead; None for nothing.
        self._undo: _Undo = {}
        self._lost = 0  # the largest number that was given up
        self._trouble: Exception | None = None  # seen by others, and not dealt with yet
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._settled = watermark  # the largest number that was saved, or given up for good
        self.state = 0  # goes up with all that is accepted or given up
        self.healthy = True
        self.on_saved: Callable[[Sequence[Entry]], None] = lambda entries: None
        self.on_lost: Callable[[Sequence[Entry]], None] = lambda entries: None
        self.on_health: Callable[[bool], None] = lambda healthy: None

    @property
    def watermark(self) -> int:
        """Return a number at or below which everything is saved, or given up for good.

        It goes with the clock and not with what is written, so that nobody learns from it that others talk in private.
        """
        if self._undo:  # a crash could bring back what was given up
            return self._settled
        first = self.backlog.first
        return max(self._settled, first.message.rev - 1) if first else self.passed()

    def passed(self) -> int:
        """Return a number above all that was accepted so far."""
        return self._stamper.next()

    @property
    def newest(self) -> int:
        """Return the largest number handed out."""
        return self._stamper.last

    @property
    def put_back(self) -> list[Message]:
        """Return the revisions that stand again, as long as the table may say otherwise."""
        return [before for before in self._undo.values() if before is not None]

    def corrected(self, message: Message) -> Message | None:
        """Return a message that was read as it will stand once what was given up is undone; None for nothing."""
        return self._undo.get(message.identity, message)

    def append(self, message: Message, before: Message | None = None) -> Entry:
        """Queue a message; must be called in stamp order. Return the entry whose ``saved`` completes."""
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = Entry(message, saved, clock.monotonic(), before)
        self.state += 1
        self.backlog.add(entry)
        self._idle.clear()
        self._wake.set()
        return entry

    async def flush(self) -> None:
        """Wait until everything appended so far is saved or given up."""
        await self._idle.wait()

    async def run(self) -> None:
        """Commit what waits, for ever."""
        while True:
            await self._wake.wait()
            if trouble := self._trouble:
                self._trouble = None
                await self._endure(trouble)
            self.backlog.begin()
            await self._commit()
            if not self.backlog.waiting:
                self._wake.clear()
                self._idle.set()

    def suspend(self, error: Exception) -> None:
        """Take nothing more until the database can be written: somebody saw that it cannot, before anybody wrote."""
        if self.healthy and self._trouble is None:
            self._trouble = error
            self._wake.set()

    def give_up(self) -> None:
        """Retract everything that is not saved yet: the end of a flush that had to be cut short."""
        self._lose(self.backlog.pending)
        self._idle.set()

    async def _commit(self) -> None:
        """Save what is being written, holding on while the database is locked and halving while single rows fail."""
        size = len(self.backlog.writing)
        while self.backlog.writing:
            batch, undo = self.backlog.writing[:size], dict(self._undo)
            try:
                await self._write(batch, batch[-1].message.rev, undo)
            except Busy as error:
                if batch[0].appended < clock.monotonic() - self._hold:
                    # All that waits goes, and nothing more is taken for now: an author's later message must not be
                    # saved before an earlier one that is sent again.
                    await self._endure(error)
                else:
                    await asyncio.sleep(_BUSY_PAUSE)
            except Unwritable as error:
                await self._endure(error)
            except Exception as error:
                if len(batch) == 1:
                    log.exception("message %d could not be written and was retracted", batch[0].message.id)
                    self._lose(batch)
                else:
                    log.warning("a batch of %d failed (%s); looking for the row", len(batch), error)
                    size = len(batch) // 2
            else:
                self._keep(batch)

    async def _write(self, batch: list[Entry], watermark: int, undo: _Undo) -> None:
        ceiling = self._stamper.reserve()
        messages = [entry.message for entry in batch]
        rows = [(message_id, before) for (_, message_id), before in undo.items()]
        await self._save(messages, watermark=watermark, ceiling=ceiling, undo=rows)
        self._stamper.reserved(ceiling)
        for identity in undo:
            del self._undo[identity]

    async def _endure(self, error: Exception) -> None:
        """Give up what waits, say so, and look every second whether the disk can be written again."""
        log.error("the database cannot be written: %s", error)
        self.healthy = False
        self.on_health(False)
        self._lose(self.backlog.pending)
        self._idle.set()
        while True:
            await asyncio.sleep(_PROBE_PAUSE)
            # What was given up is undone first of all: until that is durable, a crash could bring it back.
            undo = dict(self._undo)
            numbers = [before.rev for before in undo.values() if before is not None]
            watermark = max(self._settled, self._lost, *numbers)
            try:
                await self._write([], watermark, undo)
            except (Busy, Unwritable):
                continue
            break
        self._settled = watermark
        log.warning("the database can be written again")
        self.healthy = True
        self.on_health(True)

    def _keep(self, batch: list[Entry]) -> None:
        batch = [entry for entry in batch if not entry.saved.done()]  # given up at the stop: said is said
        if not batch:
            return
        self._settled = max(self._settled, batch[-1].message.rev)
        self.backlog.saved(batch)
        self.on_saved(batch)
        _complete(batch, saved=True)

    def _lose(self, entries: Sequence[Entry]) -> None:
        entries = self.backlog.withdraw(entries)
        if not entries:
            return
        self.state += 1
        self._lost = max(self._lost, *(entry.message.rev for entry in entries))
        self.on_lost(entries)
        # Whether the failed COMMIT reached the disk is unknown: the next transaction undoes it first. Until that is
        # durable the watermark stays below: after a crash the lost ones may be there again, and pages must ask.
        for entry in entries:
            self._undo[entry.message.identity] = entry.before
            if entry.before is not None:
                self.backlog.put_back(replace(entry, message=entry.before, before=None))
        _complete(entries, saved=False)


def _complete(entries: Sequence[Entry], *, saved: bool) -> None:
    for entry in entries:
        if not entry.saved.done():  # whoever waited may be gone
            entry.saved.set_result(saved)
