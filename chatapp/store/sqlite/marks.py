"""Read marks, and the unread counts that follow from them."""

from __future__ import annotations

from collections.abc import Iterable

from chatapp.model.marks import COUNT_LIMIT, Counts
from chatapp.model.people import User
from chatapp.store import contract
from chatapp.store.sqlite import tables
from chatapp.store.sqlite.database import Database
from chatapp.store.sqlite.tables import Table


def _unread(table: Table, key: str) -> str:
    """Return an expression that counts the messages of others above the read mark ``m``."""
    return (
        f"(SELECT count(*) FROM (SELECT 1 FROM {table.name} WHERE {table.conversation} = {key}"  # noqa: S608
        f" AND id > coalesce(m.message_id, 0) AND {table.author} <> :user LIMIT :limit))"
    )


# One statement, so that all of it is one committed state: a row about the person, then one for each conversation.
_COUNTS = f"""SELECT NULL, value, NULL, NULL, (SELECT last_conversation FROM users WHERE id = :user), NULL, NULL, NULL
FROM meta WHERE name = 'watermark'
UNION ALL
SELECT r.key, coalesce(m.message_id, 0), {_unread(tables.ROOMS, "r.key")}, NULL, NULL, NULL, NULL, NULL
FROM conversations r LEFT JOIN read_marks m ON m.user_id = :user AND m.conversation = r.key
WHERE r.kind = 'room'
UNION ALL
SELECT d.conversation, coalesce(m.message_id, 0), {_unread(tables.DIRECTS, "d.conversation")},
d.latest_id, u.id, u.username, u.role, u.reserved_name IS NOT NULL
FROM directs d JOIN users u ON u.id = d.other_id
LEFT JOIN read_marks m ON m.user_id = :user AND m.conversation = d.conversation
WHERE d.user_id = :user
"""  # noqa: S608


class Marks(contract.Marks):
    """Read marks in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def move(self, marks: Iterable[tuple[int, str, int]]) -> None:
        async with self._database.transaction() as db:
            await db.executemany(
                "INSERT INTO read_marks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET message_id = excluded.message_id"
                " WHERE message_id < excluded.message_id",
                list(marks),  # read here: the connection's thread must not iterate over what the event loop changes
            )

    async def counts(self, user_id: int) -> Counts:
        person, *found = await self._database.rows(_COUNTS, {"user": user_id, "limit": COUNT_LIMIT})
        directs = sorted((row for row in found if row[3] is not None), key=lambda row: row[3], reverse=True)
        return Counts(
            unread={row[0]: row[2] for row in found},
            reads={row[0]: row[1] for row in found},
            watermark=person[1],
            directs=[(row[0], User(row[4], row[5], row[6], left=bool(row[7]))) for row in directs],
            last=person[4],
        )
