"""Every SQL statement, split by noun; records in, records out."""

from __future__ import annotations

from pathlib import Path

from chatapp.model.pictures import Prepare
from chatapp.store.sqlite.accounts import Accounts
from chatapp.store.sqlite.database import Busy, Database, Unwritable
from chatapp.store.sqlite.departures import Departures
from chatapp.store.sqlite.marks import Marks
from chatapp.store.sqlite.messages import Messages
from chatapp.store.sqlite.meta import Meta
from chatapp.store.sqlite.pictures import Pictures

__all__ = ["Busy", "Store", "Unwritable"]


class Store:
    """The chat's memory. Reads see what is committed; a write that returns is on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.adopted = database.adopted  # what the start says of a file of another program, None for one of ours
        self.meta = Meta(database)
        self.accounts = Accounts(database)
        self.messages = Messages(database)
        self.pictures = Pictures(database)
        self.marks = Marks(database)
        self.departures = Departures(database)

    @classmethod
    async def open(cls, path: Path, prepare: Prepare) -> Store:
        """Open or create the file and bring it up to date. Raise CannotStart with a sentence for the operator."""
        return cls(await Database.open(path, prepare))

    async def close(self) -> None:
        """Close every connection; the file is then complete without its write-ahead log."""
        await self._database.close()

    async def changed_by_others(self) -> bool:
        """Tell whether another program has written since the last time this was asked. Raise Busy or Unwritable."""
        return await self._database.changed_by_others()

    async def probe(self) -> None:
        """Write and commit something harmless. Raise Busy or Unwritable."""
        await self.meta.probe()
