"""Writes of messages and their revisions: called inside a transaction, on the writer thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from chatapp.model.conversations import Conversation, Kind
from chatapp.model.messages import Identity, Message
from chatapp.store.sqlite import tables
from chatapp.store.sqlite.tables import Table
from chatapp.system import clock


def _per_table(statement: Callable[[Table], str]) -> dict[Table, str]:
    return {table: statement(table) for table in tables.BOTH}


def _insert_sql(table: Table) -> str:
    (name, person), *others = table.people
    columns = ["id", "rev", table.conversation, name, person, "message", "msg_type", "created_at"]
    values = ["?"] * len(columns)
    for number, (other_name, other_id) in enumerate(others, len(columns) + 1):
        columns += [other_name, other_id]
        values += [f"(SELECT username FROM users WHERE id = ?{number})", f"?{number}"]  # noqa: S608
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(values)})"  # noqa: S608


_INSERT = _per_table(_insert_sql)
_CHANGE = _per_table(
    lambda table: (
        f"UPDATE {table.name} SET message = ?, rev = ?, edited_at = ?, removed_at = ?"  # noqa: S608
        f" WHERE id = ? AND {table.conversation} = ?"
    )
)
_KEEP_VERSION = _per_table(
    lambda table: (
        f"INSERT OR IGNORE INTO message_versions"  # noqa: S608
        f" SELECT {table.conversation}, id, rev, message, coalesce(edited_at, created_at) FROM {table.name}"
        f" WHERE id = ? AND {table.conversation} = ? AND message <> ? AND removed_at IS NULL"
    )
)
_ERASE = _per_table(
    lambda table: (
        f"UPDATE {table.name} SET message = '', msg_type = 'text'"  # noqa: S608
        f" WHERE {table.conversation} = ? AND id = ? AND removed_at IS NOT NULL"
    )
)


def insert(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    """Insert new messages in id order, with their idempotency keys and pictures."""
    for table in tables.BOTH:
        if rows := [_row(message) for message in batch if message.conversation.kind is table.kind]:
            db.executemany(_INSERT[table], rows)
    _list_directs(db, batch)
    db.executemany(
        "INSERT INTO message_keys VALUES (?, ?, ?, ?)",
        [(message.author_id, message.key, message.conversation.key, message.id) for message in batch],
    )
    _claim_pictures(db, batch)


def _row(m: Message) -> tuple[object, ...]:
    row = (m.id, m.rev, m.conversation.key, m.author, m.author_id, m.content, _type(m), m.created_at)
    return (*row, m.conversation.other(m.author_id)) if m.conversation.kind is Kind.DIRECT else row


def _type(message: Message) -> str:
    return "image" if message.pictures else "text"


def _list_directs(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    """Create new direct conversations, and move those with messages to the top of their members' lists."""
    latest = {message.conversation: message.id for message in batch if message.conversation.kind is Kind.DIRECT}
    if not latest:
        return
    rows = [
        (message_id, user, conversation.key, conversation.other(user))
        for conversation, message_id in latest.items()
        for user in set(conversation.members)
    ]
    moved = db.executemany(
        "UPDATE directs SET latest_id = max(latest_id, ?1) WHERE user_id = ?2 AND conversation = ?3 AND other_id = ?4",
        rows,
    )
    if moved.rowcount < len(rows):
        db.executemany(
            "INSERT INTO conversations (key, kind) VALUES (?, 'direct') ON CONFLICT DO NOTHING",
            [(conversation.key,) for conversation in latest],
        )
        db.executemany(
            "INSERT INTO directs (latest_id, user_id, conversation, other_id) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            rows,
        )


def _claim_pictures(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    claims = [
        (message.id, position, picture.id) for message in batch for position, picture in enumerate(message.pictures)
    ]
    if claims:
        claimed = db.executemany(
            "UPDATE pictures SET message_id = ?, position = ? WHERE id = ? AND message_id IS NULL", claims
        )
        # If the clock jumped ahead, the sweep may have deleted one; no message may refer to a missing picture.
        if claimed.rowcount != len(claims):
            raise sqlite3.IntegrityError("a picture of this message is gone, or belongs to another one")


def change(db: sqlite3.Connection, message: Message, *, undoing: bool = False) -> None:
    """Write a new revision of a message, and keep the previous text as a version.

    ``undoing``: write an earlier revision back instead, if the message exists.
    """
    table, key, rev = tables.of(message.conversation), message.conversation.key, message.rev
    if undoing:
        _forget_versions(db, message)
    else:
        db.execute(_KEEP_VERSION[table], (message.id, key, message.content))
    removed_at = clock.timestamp() if message.removed else None
    changed = db.execute(_CHANGE[table], (message.content, rev, message.edited_at, removed_at, message.id, key))
    if changed.rowcount != 1 and not undoing:
        raise sqlite3.IntegrityError("the message of this change is gone")
    if message.removed:
        db.execute("INSERT OR REPLACE INTO removals VALUES (?, ?, ?)", (key, message.id, clock.unix_time()))
    else:
        db.execute("DELETE FROM removals WHERE conversation = ? AND message_id = ?", (key, message.id))


def _forget_versions(db: sqlite3.Connection, before: Message) -> None:
    """Delete the version that is current again, and all later ones."""
    place = (before.conversation.key, before.id)
    db.execute(
        "DELETE FROM message_versions WHERE conversation = ? AND message_id = ? AND rev >= (SELECT min(rev)"
        " FROM message_versions WHERE conversation = ? AND message_id = ? AND content = ? AND created_at = ?)",
        (*place, *place, before.content, before.edited_at or before.created_at),
    )


def erase(db: sqlite3.Connection, removed: Iterable[Identity]) -> None:
    """Erase the texts of removed messages, all of their versions, and their pictures."""
    rows: dict[Table, list[tuple[str, int]]] = {table: [] for table in tables.BOTH}
    for conversation, message_id in removed:
        rows[tables.of(conversation)].append((conversation.key, message_id))
    for table, found in rows.items():
        db.executemany(_ERASE[table], found)
        for trace in ("message_versions", "pictures", "unreadable_pictures"):
            db.executemany(f"DELETE FROM {trace} WHERE conversation = ? AND message_id = ?", found)  # noqa: S608


def erase_old(db: sqlite3.Connection, before: int) -> None:
    """Erase messages removed before a Unix time. The caller deletes their rows in ``removals`` later."""
    found = db.execute("SELECT conversation, message_id FROM removals WHERE removed_at < ?", (before,)).fetchall()
    # The end of an account deletion adds a row that names no message: it erases nothing.
    erase(db, [(Conversation.from_key(key), message_id) for key, message_id in found])


def delete(db: sqlite3.Connection, message_id: int) -> None:
    """Delete a message that a failed commit may have written after all, with its later changes."""
    for trace in ("message_versions", "removals"):
        db.execute(
            f"DELETE FROM {trace} WHERE message_id = ?1 AND conversation IN ({tables.USES_OF_ID})",  # noqa: S608
            (message_id,),
        )
    for table in tables.BOTH:
        db.execute(f"DELETE FROM {table.name} WHERE id = ?", (message_id,))  # noqa: S608
    db.execute("DELETE FROM message_keys WHERE message_id = ?", (message_id,))
    db.execute("UPDATE pictures SET message_id = NULL WHERE message_id = ?", (message_id,))
