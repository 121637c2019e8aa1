"""People who leave: their accounts are locked at once, and what they leave behind is cleared step by step."""

from __future__ import annotations

from collections.abc import Iterable

from chatapp.model.conversations import Conversation, Kind
from chatapp.model.people import Deletion
from chatapp.store import contract
from chatapp.store.sqlite.adoption import LOCKED
from chatapp.store.sqlite.database import Database

_BATCH = 200  # rows of one transaction: a few milliseconds


class AccountDeletion(contract.AccountDeletion):
    """Keep who has left, until nothing shows their name any more."""

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
        if conversation.kind is Kind.ROOM:
            await self._blank("messages", "room", ("sender", "author_id"), (conversation.key, user_id))
            return
        for name in ("sender", "receiver"):
            await self._blank("private_messages", "conversation", (name, f"{name}_id"), (conversation.key, user_id))

    async def _blank(self, table: str, place: str, columns: tuple[str, str], whose: tuple[str, int]) -> None:
        """Blank names a few at a time, which are looked for beside the writer: others want to save meanwhile."""
        name, person = columns
        named = (
            f"SELECT id FROM {table} WHERE {place} = ? AND {person} = ? AND id > ? AND {name} <> ''"  # noqa: S608
            " ORDER BY id LIMIT ?"
        )
        after = 0
        while rows := await self._database.rows(named, (*whose, after, _BATCH)):
            async with self._database.transaction() as db:
                await db.executemany(f"UPDATE {table} SET {name} = '' WHERE id = ?", rows)  # noqa: S608
            after = rows[-1][0]

    async def erase(self, conversation: Conversation, message_ids: Iterable[int]) -> None:
        table, place = ("messages", "room") if conversation.kind is Kind.ROOM else ("private_messages", "conversation")
        rows = [(conversation.key, message_id) for message_id in message_ids]
        async with self._database.transaction() as db:
            await db.executemany(
                f"UPDATE {table} SET message = '', msg_type = 'text'"  # noqa: S608
                f" WHERE {place} = ? AND id = ? AND removed_at IS NOT NULL",
                rows,
            )
            for gone in ("message_versions", "pictures", "removals", "unreadable_pictures"):
                await db.executemany(f"DELETE FROM {gone} WHERE conversation = ? AND message_id = ?", rows)  # noqa: S608

    async def end(self, user_id: int) -> None:
        keys = "SELECT author_id, key FROM message_keys WHERE author_id = ? LIMIT ?"
        while rows := await self._database.rows(keys, (user_id, _BATCH)):
            async with self._database.transaction() as db:
                await db.executemany("DELETE FROM message_keys WHERE author_id = ? AND key = ?", rows)
        async with self._database.transaction() as db:
            for table in ("read_marks", "directs", "departures"):
                await db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608
            # A removal of nothing: the next sweep then folds the log, in which the words still are.
            await db.execute("INSERT OR REPLACE INTO removals VALUES ('', 0, 0)")
