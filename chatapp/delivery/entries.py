"""Journal entries, and the interface of those that follow what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.model.messages import Message


@dataclass(slots=True, eq=False)
class Entry:
    """A message, or a later revision of one, on its way to the disk.

    ``saved`` completes with True once it is durable, with False if it was retracted. ``before`` is the revision that a
    change replaced; it stands again, under a new number, if the change is retracted.
    """

    message: Message
    saved: asyncio.Future[bool]
    appended: float = 0.0  # monotonic seconds
    before: Message | None = None

    @property
    def size(self) -> int:
        """Return an upper bound of the size of its row in bytes, without encoding it."""
        return len(self.message.content) * 4 + 200

    @classmethod
    def settled(cls, message: Message) -> Entry:
        """Return an entry for a message that is saved already."""
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        saved.set_result(True)
        return cls(message, saved)


class Subscriber:
    """A listener of the journal: it is called as messages are accepted, saved and lost.

    Calls are synchronous, in the order in which messages were accepted, and before the futures of entries complete.
    """

    def accepted(self, entry: Entry) -> None:
        """Handle a message, or a change of one, that was just numbered and is not queued yet."""

    def saved(self, entries: Sequence[Entry]) -> None:
        """Handle the entries of a committed transaction."""

    def lost(self, entries: Sequence[Entry]) -> None:
        """Handle entries that were retracted; their ``before`` is what stands instead."""

    def health(self, healthy: bool) -> None:
        """Handle the database becoming writable or unwritable."""
