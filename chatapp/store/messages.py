"""Messages of rooms and of direct conversations, which share one counter and one path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import aiosqlite

from chatapp.records import ID_LIMIT, Conversation, Message, Picture, Room
from chatapp.store import saving
from chatapp.store.database import Database, Row

# What to undo: a message id, and the revision to put back; without one the message is deleted.
Undo = tuple[int, Message | None]

_ROOM = (
    "SELECT id, rev, author_id, sender, message, msg_type, created_at, edited_at, removed_at"
    " FROM messages WHERE room = ?"
)
_DIRECT = (
    "SELECT id, rev, sender_id, sender, message, msg_type, created_at, edited_at, removed_at"
    " FROM private_messages WHERE conversation = ?"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a conversation in id order, seen in one committed state whose watermark it carries."""

    messages: list[Message]
    older: bool  # there are messages before the first one
    newer: bool  # there are messages after the last one
    watermark: int


class Messages:
    """Keep what was said."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rooms: list[Room] | None = None

    async def rooms(self) -> list[Room]:
        """Return every room in its place."""
        if self._rooms is None:  # every page and every socket asks, and only a migration makes rooms
            rows = await self._database.rows("SELECT id, name FROM rooms ORDER BY position, id")
            self._rooms = [Room(row[0], row[1]) for row in rows]
        return self._rooms

    async def save(self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Sequence[Undo] = ()) -> None:
        """Commit a batch in order, all or nothing, after undoing what an earlier commit may have left behind.

        Raise Busy, Unwritable, or the database's own error when a row itself cannot be written.
        """
        async with self._database.transaction() as db:
            for message_id, before in undo:
                await (saving.change(db, before, undoing=True) if before else saving.delete(db, message_id))
            await saving.insert(db, [message for message in batch if not message.is_change])
            for message in batch:
                if message.is_change:
                    await saving.change(db, message)
            await db.executemany(
                "UPDATE meta SET value = max(value, ?) WHERE name = ?",
                [(watermark, "watermark"), (ceiling, "ceiling")],
            )

    async def page(
        self,
        conversation: Conversation,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> Page:
        """Return the newest messages, or those before or after an id."""
        select, place = _source(conversation)
        async with self._database.snapshot() as db:
            if after is not None:
                rows = [
                    *await db.execute_fetchall(f"{select} AND id > ? ORDER BY id LIMIT ?", (place, after, limit + 1))
                ]
                found = rows[:limit]
                older, newer = await _any(db, f"{select} AND id <= ?", (place, after)), len(rows) > limit
            else:
                end = ID_LIMIT if before is None else before
                rows = [
                    *await db.execute_fetchall(f"{select} AND id < ? ORDER BY id DESC LIMIT ?", (place, end, limit + 1))
                ]
                found = rows[:limit][::-1]
                older, newer = len(rows) > limit, await _any(db, f"{select} AND id >= ?", (place, end))
            return Page(await _messages(db, conversation, found), older, newer, await _watermark(db))

    async def around(self, conversation: Conversation, message_id: int, *, limit: int = 20) -> Page | None:
        """Return a message with those around it; None if it is not in the conversation."""
        select, place = _source(conversation)
        async with self._database.snapshot() as db:
            before = [
                *await db.execute_fetchall(
                    f"{select} AND id <= ? ORDER BY id DESC LIMIT ?", (place, message_id, limit + 2)
                )
            ]
            if not before or before[0][0] != message_id:
                return None
            after = [
                *await db.execute_fetchall(f"{select} AND id > ? ORDER BY id LIMIT ?", (place, message_id, limit + 1))
            ]
            rows = before[: limit + 1][::-1] + after[:limit]
            messages = await _messages(db, conversation, rows)
            return Page(messages, len(before) > limit + 1, len(after) > limit, await _watermark(db))

    async def changes(self, conversation: Conversation, since: int, limit: int) -> list[Message]:
        """Return what changed after a cursor, in id order, one more than ``limit`` when there is more."""
        select, place = _source(conversation)
        async with self._database.snapshot() as db:
            rows = await db.execute_fetchall(f"{select} AND rev > ? ORDER BY rev LIMIT ?", (place, since, limit + 1))
            return sorted(await _messages(db, conversation, [*rows]), key=lambda message: message.id)

    async def keyed(self, author_id: int, key: str) -> Message | None:
        """Return the message that an author posted under a key."""
        row = await self._database.row(
            "SELECT conversation, message_id FROM message_keys WHERE author_id = ? AND key = ?", (author_id, key)
        )
        message = await self.message(conversation_of(row[0]), row[1]) if row else None
        return replace(message, key=key) if message else None

    async def message(self, conversation: Conversation, message_id: int) -> Message | None:
        """Return one message of a conversation."""
        select, place = _source(conversation)
        async with self._database.snapshot() as db:
            rows = await db.execute_fetchall(f"{select} AND id = ?", (place, message_id))
            found = await _messages(db, conversation, [*rows])
        return found[0] if found else None

    async def authored(
        self, conversation: Conversation, author_id: int, *, after: int = 0, limit: int = 50
    ) -> list[Message]:
        """Return the next messages of an author after an id."""
        select, place = _source(conversation)
        author = "author_id" if conversation.pair is None else "sender_id"
        async with self._database.snapshot() as db:
            rows = await db.execute_fetchall(
                f"{select} AND id > ? AND {author} = ? ORDER BY id LIMIT ?", (place, after, author_id, limit)
            )
            return await _messages(db, conversation, [*rows])

    async def versions(self, message: Message) -> list[tuple[str, str]]:
        """Return what a message said before and since when (ISO 8601), oldest first."""
        return [
            (row[0], row[1])
            for row in await self._database.rows(
                "SELECT content, created_at FROM message_versions"
                " WHERE conversation = ? AND message_id = ? ORDER BY rev",
                (message.conversation.key, message.id),
            )
        ]

    async def erase_removed(self) -> None:
        """Erase for good what was removed so long ago that nobody can take it back any more."""
        async with self._database.transaction() as db:
            await saving.erase(db)

    async def conversation(self, message_id: int) -> list[Conversation]:
        """Return where a message id was used: at most one place since ids have one counter, two before."""
        rows = await self._database.rows(
            "SELECT room FROM messages WHERE id = ?"
            " UNION ALL SELECT conversation FROM private_messages WHERE id = ? AND conversation IS NOT NULL",
            (message_id, message_id),
        )
        return [conversation_of(row[0]) for row in rows]


def conversation_of(key: str) -> Conversation:
    """Return the conversation that a key names."""
    if key.startswith("@"):
        low, high = key[1:].split("-")
        return Conversation(pair=(int(low), int(high)))
    return Conversation(room=key)


def _source(conversation: Conversation) -> tuple[str, str]:
    return (_ROOM if conversation.pair is None else _DIRECT), conversation.key


async def _any(db: aiosqlite.Connection, query: str, values: Iterable[object]) -> bool:
    [[found]] = await db.execute_fetchall(f"SELECT EXISTS ({query})", values)
    return bool(found)


async def _watermark(db: aiosqlite.Connection) -> int:
    [row] = await db.execute_fetchall("SELECT value FROM meta WHERE name = 'watermark'")
    return int(row[0])


async def _messages(db: aiosqlite.Connection, conversation: Conversation, rows: Sequence[Row]) -> list[Message]:
    shown = await _pictures(db, conversation, [row[0] for row in rows if row[5] == "image" and row[8] is None])
    return [
        Message(
            id=row[0],
            rev=row[1],
            conversation=conversation,
            author_id=row[2] or 0,
            author=row[3] or "",
            content=row[4] or "",
            created_at=row[6],
            pictures=tuple(shown.get(row[0], ())),
            edited_at=row[7],
            removed=row[8] is not None,
        )
        for row in rows
    ]


async def _pictures(db: aiosqlite.Connection, conversation: Conversation, ids: list[int]) -> dict[int, list[Picture]]:
    found: dict[int, list[Picture]] = {}
    if ids:
        marks = ", ".join("?" * len(ids))
        for row in await db.execute_fetchall(
            "SELECT message_id, id, name, width, height, thumb_width, thumb_height, digest FROM pictures"  # noqa: S608
            f" WHERE conversation = ? AND message_id IN ({marks}) ORDER BY message_id, position",
            (conversation.key, *ids),
        ):
            found.setdefault(row[0], []).append(Picture(*row[1:]))
    return found
