"""Conversations: every room and direct conversation is a row."""

from __future__ import annotations

from chatapp.model.conversations import Conversation
from chatapp.model.rooms import Room
from chatapp.store import contract
from chatapp.store.sqlite import tables
from chatapp.store.sqlite.database import Database


class Conversations(contract.Conversations):
    """Conversations as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all_rooms(self) -> list[Room]:
        rows = await self._database.rows(
            "SELECT key, name FROM conversations WHERE kind = 'room' ORDER BY position, key"
        )
        return [Room(row[0], row[1]) for row in rows]

    async def of_user(self, user_id: int) -> list[Conversation]:
        rows = await self._database.rows(
            "SELECT key FROM conversations WHERE kind = 'room'"
            " UNION ALL SELECT conversation FROM directs WHERE user_id = ?",
            (user_id,),
        )
        return [Conversation.from_key(row[0]) for row in rows]

    async def of_message(self, message_id: int) -> list[Conversation]:
        rows = await self._database.rows(tables.USES_OF_ID, (message_id,))
        return [Conversation.from_key(row[0]) for row in rows]
