"""The store on one SQLite file."""

from __future__ import annotations

from pathlib import Path

from chatapp.model.adoption import Report
from chatapp.model.pictures import Prepare
from chatapp.store import contract
from chatapp.store.sqlite.account_deletion import AccountDeletion
from chatapp.store.sqlite.accounts import Accounts
from chatapp.store.sqlite.conversations import Conversations
from chatapp.store.sqlite.database import Database
from chatapp.store.sqlite.marks import Marks
from chatapp.store.sqlite.messages import Messages
from chatapp.store.sqlite.meta import Meta
from chatapp.store.sqlite.pictures import Pictures


class SqliteStore(contract.Store):
    """Every SQL statement, split by noun; records in, records out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.adopted: Report | None = database.adopted
        self.meta: contract.Meta = Meta(database)
        self.accounts: contract.Accounts = Accounts(database)
        self.conversations: contract.Conversations = Conversations(database)
        self.messages: contract.Messages = Messages(database)
        self.pictures: contract.Pictures = Pictures(database)
        self.marks: contract.Marks = Marks(database)
        self.deletions: contract.AccountDeletion = AccountDeletion(database)

    @classmethod
    async def open(cls, place: Path, prepare: Prepare) -> SqliteStore:
        """Open or create the file and bring it up to date. Raise CannotStart with a sentence for the operator."""
        return cls(await Database.open(place, prepare))

    async def close(self) -> None:
        # The file is then complete without its write-ahead log.
        await self._database.close()

    async def changed_by_others(self) -> bool:
        return await self._database.changed_by_others()

    async def probe(self) -> None:
        async with self._database.transaction() as db:
            await db.execute("INSERT OR REPLACE INTO meta VALUES ('probe', hex(randomblob(8)))")
