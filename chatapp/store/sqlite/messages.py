"""Messages, in pages and one by one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial

from chatapp.model import removal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Identity, Message, Page, Undo
from chatapp.model.numbers import ID_LIMIT
from chatapp.model.pictures import Picture
from chatapp.store import contract
from chatapp.store.sqlite import saving, tables
from chatapp.store.sqlite.database import Database, Row
from chatapp.store.sqlite.tables import Table
from chatapp.system import clock


def _selecting(table: Table) -> str:
    """Return the start of every query for messages: one statement, so that it sees one committed state."""
    pictures = (
        "SELECT json_group_array(json_array(position, p.id, name, width, height, thumb_width, thumb_height, digest))"  # noqa: S608
        f" FROM pictures p WHERE p.message_id = {table.name}.id AND p.conversation = {table.name}.{table.conversation}"
    )
    return (
        f"SELECT id, rev, {table.author}, sender, message, created_at, edited_at, removed_at IS NOT NULL,"  # noqa: S608
        f" CASE WHEN msg_type = 'image' THEN ({pictures}) END FROM {table.name} WHERE {table.conversation} = ?"
    )


_SELECT = {table: _selecting(table) for table in tables.BOTH}
# The watermark of the state that the messages were seen in, also when there are none.
_PAGE = "SELECT value, {others}, page.* FROM meta LEFT JOIN ({found}) AS page WHERE meta.name = 'watermark'"


class Messages(contract.Messages):
    """Messages in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Sequence[Undo] = ()) -> None:
        facts = [(watermark, "watermark"), (ceiling, "ceiling")]

        def write(db: sqlite3.Connection) -> None:
            for message_id, before in undo:
                if before is None:
                    saving.delete(db, message_id)
                else:
                    saving.change(db, before, undoing=True)
            saving.insert(db, [message for message in batch if not message.is_change])
            for message in batch:
                if message.is_change:
                    saving.change(db, message)
            db.executemany("UPDATE meta SET value = max(value, ?) WHERE name = ?", facts)

        await self._database.write(write)

    async def page(
        self,
        conversation: Conversation,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> Page:
        select, place = _source(conversation)
        if after is not None:
            edge, wanted, others = after, "id > ? ORDER BY id", "id <= ?"
        else:
            edge = ID_LIMIT if before is None else before
            wanted, others = "id < ? ORDER BY id DESC", "id >= ?"
        rows = await self._database.rows(
            _PAGE.format(found=f"{select} AND {wanted} LIMIT ?", others=f"EXISTS ({select} AND {others})"),
            (place, edge, place, edge, limit + 1),
        )
        messages, more, beyond = _seen(conversation, rows), len(rows) > limit, bool(rows[0][1])
        if after is not None:
            return Page(messages[:limit], older=beyond, newer=more, watermark=rows[0][0])
        return Page(messages[-limit:], older=more, newer=beyond, watermark=rows[0][0])

    async def around(
        self, conversation: Conversation, message_id: int, *, before: int | None = None, limit: int = 20
    ) -> Page | None:
        before = limit if before is None else before
        select, place = _source(conversation)
        found = (
            f"SELECT * FROM ({select} AND id <= ? ORDER BY id DESC LIMIT ?)"  # noqa: S608
            f" UNION ALL SELECT * FROM ({select} AND id > ? ORDER BY id LIMIT ?)"
        )
        rows = await self._database.rows(
            _PAGE.format(found=found, others="NULL"), (place, message_id, before + 2, place, message_id, limit + 1)
        )
        messages = _seen(conversation, rows)
        at = next((n for n, message in enumerate(messages) if message.id == message_id), None)
        if at is None:
            return None
        start, end = max(at - before, 0), at + 1 + limit
        return Page(messages[start:end], start > 0, len(messages) > end, rows[0][0])

    async def first_unread(self, conversation: Conversation, reader_id: int, read: int) -> int | None:
        table = tables.of(conversation)
        row = await self._database.row(
            f"SELECT id FROM {table.name} WHERE {table.conversation} = ? AND id > ? AND {table.author} <> ?"  # noqa: S608
            " ORDER BY id LIMIT 1",
            (conversation.key, read, reader_id),
        )
        return row[0] if row else None

    async def changes(self, conversation: Conversation, since: int, limit: int) -> list[Message]:
        select, place = _source(conversation)
        rows = await self._database.rows(f"{select} AND rev > ? ORDER BY rev LIMIT ?", (place, since, limit + 1))
        return sorted((_message(conversation, row) for row in rows), key=lambda message: message.id)

    async def posted(self, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Identity]:
        rows = await self._database.rows(
            "SELECT k.author_id, k.key, k.conversation, k.message_id FROM json_each(?) AS asked"
            " JOIN message_keys AS k ON k.author_id = json_extract(asked.value, '$[0]')"
            " AND k.key = json_extract(asked.value, '$[1]')",
            (json.dumps([*keys]),),
        )
        return {(row[0], row[1]): (Conversation.from_key(row[2]), row[3]) for row in rows}

    async def message(self, conversation: Conversation, message_id: int) -> Message | None:
        select, place = _source(conversation)
        row = await self._database.row(f"{select} AND id = ?", (place, message_id))
        return _message(conversation, row) if row else None

    async def authored(
        self, conversation: Conversation, author_id: int, *, after: int = 0, limit: int = 50
    ) -> list[Message]:
        select, place = _source(conversation)
        author = tables.of(conversation).author
        rows = await self._database.rows(
            f"{select} AND id > ? AND {author} = ? ORDER BY id LIMIT ?", (place, after, author_id, limit)
        )
        return [_message(conversation, row) for row in rows]

    async def versions(self, message: Message) -> list[tuple[str, str]]:
        return [
            (row[0], row[1])
            for row in await self._database.rows(
                "SELECT content, created_at FROM message_versions"
                " WHERE conversation = ? AND message_id = ? ORDER BY rev",
                (message.conversation.key, message.id),
            )
        ]

    async def erase_removed(self) -> None:
        before = clock.unix_time() - removal.ERASED_AFTER
        if await self._database.row("SELECT 1 FROM removals WHERE removed_at < ? LIMIT 1", (before,)):
            await self._database.write(partial(saving.erase_old, before=before))
            if await self._database.checkpoint():  # a reader of an older state keeps the texts in the log
                async with self._database.transaction() as db:
                    await db.execute("DELETE FROM removals WHERE removed_at < ?", (before,))


def _source(conversation: Conversation) -> tuple[str, str]:
    return _SELECT[tables.of(conversation)], conversation.key


def _seen(conversation: Conversation, rows: Sequence[Row]) -> list[Message]:
    """Return the messages of a page in id order. An empty page is one row with nothing but the watermark."""
    found = (_message(conversation, row[2:]) for row in rows if row[2] is not None)
    return sorted(found, key=lambda message: message.id)


def _message(conversation: Conversation, row: Row) -> Message:
    number, rev, author_id, author, content, created_at, edited_at, removed, pictures = row
    return Message(
        id=number,
        rev=rev,
        conversation=conversation,
        author_id=author_id or 0,
        author=author or "",
        content=content or "",
        created_at=created_at,
        pictures=tuple(Picture(*values) for _, *values in sorted(json.loads(pictures))) if pictures else (),
        edited_at=edited_at,
        removed=bool(removed),
    )
