"""Background chores: what the server does again and again, whether anybody is there or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from chatapp.delivery.journal import Journal
from chatapp.settings import Settings
from chatapp.store import Busy, Store, Unwritable

log = logging.getLogger("chatapp")

_CLEANING_PAUSE = 50.0  # seconds between two rounds of cleaning up; numbers are reserved for at least 60
_WATCHING_PAUSE = 0.5  # seconds between two looks at the database: sessions that a command ends are closed within one


@dataclass(frozen=True, slots=True)
class Chore:
    """One chore: its name for the log, and what to do. ``do`` raises Busy or Unwritable when it has to wait."""

    name: str
    do: Callable[[], Awaitable[None]]

    async def turn(self) -> bool:
        """Tell whether it is this process's turn. A process that has its database to itself always has it."""
        return True


async def clean_up(store: Store, journal: Journal, settings: Settings) -> None:
    """Reserve numbers and delete what nobody needs any more, forever."""
    sessions = partial(store.accounts.sweep_sessions, idle_days=settings.session_idle_days, days=settings.session_days)
    chores = (
        Chore("reserving numbers", partial(journal.reserve, store.meta.reserve)),
        Chore("sweeping pictures that were never posted", store.pictures.sweep),
        Chore("erasing removed messages", store.messages.erase_removed),
        Chore("sweeping expired sessions", sessions),
    )
    await _repeat(chores, _CLEANING_PAUSE)


async def watch(store: Store, journal: Journal, on_change: Callable[[], Awaitable[None]]) -> None:
    """Notice what other programs do to the database, forever: call ``on_change`` after they have written.

    Commands change it, and somebody may move its file: then the journal is suspended.
    """
    await _repeat((Chore("watching the database", _Watch(store, journal, on_change)),), _WATCHING_PAUSE)


async def _repeat(chores: Sequence[Chore], pause: float) -> None:
    """Do the chores in order, then wait for ``pause`` seconds; forever. One that has to wait ends its round."""
    while True:
        name = ""
        try:
            for chore in chores:
                name = chore.name
                if await chore.turn():
                    await chore.do()
        except (Busy, Unwritable) as error:
            log.warning("%s has to wait: %s", name, error)
        await asyncio.sleep(pause)


class _Watch:
    """One look at the database after the other."""

    def __init__(self, store: Store, journal: Journal, on_change: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._journal = journal
        self._on_change = on_change
        self._changed = False  # and ``on_change`` has not succeeded since

    async def __call__(self) -> None:
        try:
            self._changed = await self._store.changed_by_others() or self._changed
            if self._changed:
                await self._on_change()
                self._changed = False
        except Busy:
            pass  # the next look finds it again
        except Unwritable as error:
            self._journal.suspend(error)
