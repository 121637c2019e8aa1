"""Account deletion: the account is locked at once, its traces are cleared batch by batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from chatapp.model.conversations import Conversation
from chatapp.model.people import Deletion
from chatapp.store import contract
from chatapp.store.sqlite import saving, tables
from chatapp.store.sqlite.adoption import LOCKED
from chatapp.store.sqlite.database import Database
from chatapp.store.sqlite.tables import Table

_BATCH = 200  # rows of one transaction: a few milliseconds


class AccountDeletion(contract.AccountDeletion):
    """Deleted accounts in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, user_id: int, *, password: str, stamp: int, removing: bool) -> bool:
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "UPDATE users SET reserved_name = username, username = ' ' || id, password = ?, role = 'user',"
                " language = NULL, theme = NULL, last_conversation = NULL WHERE id = ? AND password = ?",
                (LOCKED, user_id, password),
            )
            if cursor.rowcount != 1:
                return False
            await db.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
            await db.execute("INSERT INTO departures VALUES (?, ?, ?)", (user_id, "go" if removing else "stay", stamp))
        return True

    async def under_way(self) -> list[Deletion]:
        rows = await self._database.rows("SELECT user_id, messages = 'go', stamp FROM departures")
        return [Deletion(row[0], bool(row[1]), row[2]) for row in rows]

    async def anonymise(self, conversation: Conversation, user_id: int) -> None:
        table = tables.of(conversation)
        for name, person in table.people:
            await self._blank(table, name, person, (conversation.key, user_id))

    async def _blank(self, table: Table, name: str, person: str, whose: tuple[str, int]) -> None:
        """Blank names in small batches, found by the reader so that the writer is free for others in between."""
        named = (
            f"SELECT id FROM {table.name}"  # noqa: S608
            f" WHERE {table.conversation} = ? AND {person} = ? AND id > ? AND {name} <> '' ORDER BY id LIMIT ?"
        )
        after = 0
        while rows := await self._database.rows(named, (*whose, after, _BATCH)):
            async with self._database.transaction() as db:
                await db.executemany(f"UPDATE {table.name} SET {name} = '' WHERE id = ?", rows)  # noqa: S608
            after = rows[-1][0]

    async def erase(self, conversation: Conversation, message_ids: Iterable[int]) -> None:
        removed = [(conversation, message_id) for message_id in message_ids]

        def write(db: sqlite3.Connection) -> None:
            saving.erase(db, removed)
            db.executemany(
                "DELETE FROM removals WHERE conversation = ? AND message_id = ?",
                [(conversation.key, message_id) for _, message_id in removed],
            )

        await self._database.write(write)

    async def end(self, user_id: int) -> None:
        keys = "SELECT author_id, key FROM message_keys WHERE author_id = ? LIMIT ?"
        while rows := await self._database.rows(keys, (user_id, _BATCH)):
            async with self._database.transaction() as db:
                await db.executemany("DELETE FROM message_keys WHERE author_id = ? AND key = ?", rows)
        async with self._database.transaction() as db:
            for table in ("read_marks", "directs", "departures"):
                await db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608
            # A removal of no message: the next sweep then folds the write-ahead log, which still holds the texts.
            await db.execute("INSERT OR REPLACE INTO removals VALUES ('', 0, 0)")
