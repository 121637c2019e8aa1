"""How far everybody has read, and the direct conversations they have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.records import Conversation, User
from chatapp.store.database import Database

COUNT_LIMIT = 1000  # counts are exact below this and shown as "999+" from it on


@dataclass(frozen=True, slots=True)
class Counts:
    """Unread messages of one person, exact for every id up to ``watermark``."""

    unread: dict[str, int]  # by conversation key
    reads: dict[str, int]  # the read marks they were counted from
    watermark: int


class Marks:
    """Keep a read mark for each person and conversation; it never moves back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def move(self, marks: Iterable[tuple[int, str, int]]) -> None:
        """Move marks (user id, conversation key, message id) forward, all in one transaction."""
        async with self._database.transaction() as db:
            await db.executemany(
                "INSERT INTO read_marks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET message_id = excluded.message_id"
                " WHERE message_id < excluded.message_id",
                list(marks),  # read here: the connection's thread must not look into what others change
            )

    async def of(self, user_id: int, conversation: Conversation) -> int:
        """Return the mark of one conversation, 0 if nothing was read."""
        row = await self._database.row(
            "SELECT message_id FROM read_marks WHERE user_id = ? AND conversation = ?", (user_id, conversation.key)
        )
        return row[0] if row else 0

    async def directs(self, user_id: int) -> list[tuple[str, User]]:
        """Return the keys of a person's direct conversations with the other user, latest first."""
        rows = await self._database.rows(
            "SELECT conversation, id, username, role, reserved_name IS NOT NULL"
            " FROM directs JOIN users ON id = other_id WHERE user_id = ? ORDER BY latest_id DESC",
            (user_id,),
        )
        return [(row[0], User(row[1], row[2], row[3], left=bool(row[4]))) for row in rows]

    async def counts(self, user_id: int) -> Counts:
        """Count what a person has not read, conversation by conversation."""
        async with self._database.snapshot() as db:
            rooms = await db.execute_fetchall(
                "SELECT r.id, coalesce(m.message_id, 0), (SELECT count(*) FROM (SELECT 1 FROM messages"
                " WHERE room = r.id AND id > coalesce(m.message_id, 0) AND author_id <> ? LIMIT ?))"
                " FROM rooms r LEFT JOIN read_marks m ON m.user_id = ? AND m.conversation = r.id",
                (user_id, COUNT_LIMIT, user_id),
            )
            directs = await db.execute_fetchall(
                "SELECT d.conversation, coalesce(m.message_id, 0), (SELECT count(*) FROM (SELECT 1"
                " FROM private_messages WHERE conversation = d.conversation"
                " AND id > coalesce(m.message_id, 0) AND sender_id <> ? LIMIT ?))"
                " FROM directs d LEFT JOIN read_marks m ON m.user_id = d.user_id AND m.conversation = d.conversation"
                " WHERE d.user_id = ?",
                (user_id, COUNT_LIMIT, user_id),
            )
            [[watermark]] = await db.execute_fetchall("SELECT value FROM meta WHERE name = 'watermark'")
        found = [*rooms, *directs]
        return Counts({row[0]: row[2] for row in found}, {row[0]: row[1] for row in found}, watermark)
