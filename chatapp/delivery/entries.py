"""A message on its way to the disk, and who is told what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.model.messages import Message


@dataclass(slots=True, eq=False)
class Entry:
    """A message, or a later revision of one, on its way to the disk.

    ``saved`` becomes True when it is there, False when it was given up. ``before`` is the revision that a change
    replaced: the one that stands again, under a new number, when the change is given up.
    """

    message: Message
    saved: asyncio.Future[bool]
    appended: float = 0.0  # monotonic seconds
    before: Message | None = None

    @property
    def size(self) -> int:
        """Return an upper bound of the bytes of its row; exact ones are not worth an encode."""
        return len(self.message.content) * 4 + 200

    @classmethod
    def settled(cls, message: Message) -> Entry:
        """Return the entry of a message that is saved."""
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        saved.set_result(True)
        return cls(message, saved)


class Subscriber:
    """Somebody whom the journal tells what becomes of messages.

    Each call is synchronous and part of what it tells of: nothing else happens in between. Calls come in the order in
    which messages were accepted, and before the futures of their entries complete.
    """

    def accepted(self, entry: Entry) -> None:
        """Act on a message, or a change of one, that has just got its number."""

    def saved(self, entries: Sequence[Entry]) -> None:
        """Act on what was committed together."""

    def lost(self, entries: Sequence[Entry]) -> None:
        """Act on what was given up; ``before`` is what stands instead."""

    def health(self, healthy: bool) -> None:
        """Act on the database becoming writable or unwritable."""
