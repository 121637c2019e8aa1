"""Messages of rooms and of direct conversations, which share one counter and one path."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import aiosqlite

from chatapp.records import ID_LIMIT, Conversation, Message, Picture, Room
from chatapp.store.database import Database, Row

_ROOM = "SELECT id, rev, author_id, sender, message, msg_type, created_at FROM messages WHERE room = ?"
_DIRECT = (
    "SELECT id, rev, sender_id, sender, message, msg_type, created_at FROM private_messages WHERE conversation = ?"
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

    async def save(self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Iterable[int] = ()) -> None:
        """Commit a batch in id order, all or nothing, after deleting ids whose earlier commit had no known end.

        Raise Busy, Unwritable, or the database's own error when a row itself cannot be written.
        """
        async with self._database.transaction() as db:
            for message_id in undo:
                await _delete(db, message_id)
            rooms = [message for message in batch if message.conversation.pair is None]
            directs = [message for message in batch if message.conversation.pair is not None]
            if rooms:
                await _insert_rooms(db, rooms)
            if directs:
                await _insert_directs(db, directs)
            await db.executemany(
                "INSERT INTO message_keys VALUES (?, ?, ?, ?)",
                [(message.author_id, message.key, message.conversation.key, message.id) for message in batch],
            )
            await _claim_pictures(db, batch)
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
    shown = await _pictures(db, conversation, [row[0] for row in rows if row[5] == "image"])
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


def _kind(message: Message) -> str:
    return "image" if message.pictures else "text"


async def _insert_rooms(db: aiosqlite.Connection, batch: Sequence[Message]) -> None:
    await db.executemany(
        "INSERT INTO messages (id, rev, room, author_id, sender, message, msg_type, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(m.id, m.rev, m.conversation.room, m.author_id, m.author, m.content, _kind(m), m.created_at) for m in batch],
    )


async def _insert_directs(db: aiosqlite.Connection, batch: Sequence[Message]) -> None:
    await db.executemany(
        "INSERT INTO private_messages"
        " (id, rev, conversation, sender_id, sender, receiver_id, receiver, message, msg_type, created_at)"
        " SELECT ?, ?, ?, ?, ?, id, username, ?, ?, ? FROM users WHERE id = ?",
        [
            (
                m.id,
                m.rev,
                m.conversation.key,
                m.author_id,
                m.author,
                m.content,
                _kind(m),
                m.created_at,
                m.conversation.other(m.author_id),
            )
            for m in batch
        ],
    )
    await db.executemany(
        "INSERT INTO directs VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET latest_id = max(latest_id, excluded.latest_id)",
        [
            (user, m.conversation.key, m.conversation.other(user), m.id)
            for m in batch
            for user in set(m.conversation.pair or ())
        ],
    )


async def _claim_pictures(db: aiosqlite.Connection, batch: Sequence[Message]) -> None:
    claims = [
        (message.id, position, picture.id) for message in batch for position, picture in enumerate(message.pictures)
    ]
    if claims:
        claimed = await db.executemany(
            "UPDATE pictures SET message_id = ?, position = ? WHERE id = ? AND message_id IS NULL", claims
        )
        # A clock that jumped ahead may have swept one; no message ever points at a missing picture.
        if claimed.rowcount != len(claims):
            raise sqlite3.IntegrityError("a picture of this message is gone, or belongs to another one")


async def _delete(db: aiosqlite.Connection, message_id: int) -> None:
    await db.execute("DELETE FROM messages WHERE id = ?", (message_id,))
    await db.execute("DELETE FROM private_messages WHERE id = ?", (message_id,))
    await db.execute("DELETE FROM message_keys WHERE message_id = ?", (message_id,))
    await db.execute("UPDATE pictures SET message_id = NULL WHERE message_id = ?", (message_id,))
