"""How messages and their later revisions are written: inside a transaction, in the thread that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from chatapp.model.conversations import Kind
from chatapp.model.messages import Message
from chatapp.system import clock


def insert(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    """Insert new messages in id order, with their keys and pictures."""
    rooms = [message for message in batch if message.conversation.kind is Kind.ROOM]
    directs = [message for message in batch if message.conversation.kind is Kind.DIRECT]
    if rooms:
        _insert_rooms(db, rooms)
    if directs:
        _insert_directs(db, directs)
    db.executemany(
        "INSERT INTO message_keys VALUES (?, ?, ?, ?)",
        [(message.author_id, message.key, message.conversation.key, message.id) for message in batch],
    )
    _claim_pictures(db, batch)


def change(db: sqlite3.Connection, message: Message, *, undoing: bool = False) -> None:
    """Make a later revision of a message the current one; keep what it said before.

    ``undoing`` puts an earlier one back, if the message came to be at all.
    """
    table, place = (
        ("messages", "room") if message.conversation.kind is Kind.ROOM else ("private_messages", "conversation")
    )
    key, rev = message.conversation.key, message.rev
    (_forget_versions(db, message) if undoing else _keep_version(db, message, table, place))
    changed = db.execute(
        f"UPDATE {table} SET message = ?, rev = ?, edited_at = ?, removed_at = ? WHERE id = ? AND {place} = ?",  # noqa: S608
        (message.content, rev, message.edited_at, clock.timestamp() if message.removed else None, message.id, key),
    )
    if changed.rowcount != 1 and not undoing:
        raise sqlite3.IntegrityError("the message of this change is gone")
    if message.removed:
        db.execute("INSERT OR REPLACE INTO removals VALUES (?, ?, ?)", (key, message.id, clock.unix_time()))
    else:
        db.execute("DELETE FROM removals WHERE conversation = ? AND message_id = ?", (key, message.id))


def _keep_version(db: sqlite3.Connection, message: Message, table: str, place: str) -> None:
    db.execute(
        f"INSERT OR IGNORE INTO message_versions SELECT {place}, id, rev, message, coalesce(edited_at, created_at)"  # noqa: S608
        f" FROM {table} WHERE id = ? AND {place} = ? AND message <> ? AND removed_at IS NULL",
        (message.id, message.conversation.key, message.content),
    )


def _forget_versions(db: sqlite3.Connection, before: Message) -> None:
    """Take out of the versions the revision that stands again, and what was made of it."""
    place = (before.conversation.key, before.id)
    db.execute(
        "DELETE FROM message_versions WHERE conversation = ? AND message_id = ? AND rev >= (SELECT min(rev)"
        " FROM message_versions WHERE conversation = ? AND message_id = ? AND content = ? AND created_at = ?)",
        (*place, *place, before.content, before.edited_at or before.created_at),
    )


def erase(db: sqlite3.Connection, before: int) -> None:
    """Erase the texts and pictures of messages that were removed before a time (Unix), all of their versions."""
    for key, message_id in list(
        db.execute("SELECT conversation, message_id FROM removals WHERE removed_at < ?", (before,))
    ):
        table, place = ("private_messages", "conversation") if key.startswith("@") else ("messages", "room")
        db.execute(
            f"UPDATE {table} SET message = '', msg_type = 'text'"  # noqa: S608
            f" WHERE id = ? AND {place} = ? AND removed_at IS NOT NULL",
            (message_id, key),
        )
        for gone in ("message_versions", "pictures", "unreadable_pictures"):
            db.execute(f"DELETE FROM {gone} WHERE conversation = ? AND message_id = ?", (key, message_id))  # noqa: S608


def _kind(message: Message) -> str:
    return "image" if message.pictures else "text"


def _insert_rooms(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    db.executemany(
        "INSERT INTO messages (id, rev, room, author_id, sender, message, msg_type, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(m.id, m.rev, m.conversation.key, m.author_id, m.author, m.content, _kind(m), m.created_at) for m in batch],
    )


def _insert_directs(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    db.executemany(
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
    latest = {message.conversation: message.id for message in batch}  # in id order: once for each conversation
    db.executemany(
        "INSERT INTO conversations (key, kind) VALUES (?, 'direct') ON CONFLICT DO NOTHING",
        [(conversation.key,) for conversation in latest],
    )
    db.executemany(
        "INSERT INTO directs VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET latest_id = max(latest_id, excluded.latest_id)",
        [
            (user, conversation.key, conversation.other(user), message_id)
            for conversation, message_id in latest.items()
            for user in set(conversation.members)
        ],
    )


def _claim_pictures(db: sqlite3.Connection, batch: Sequence[Message]) -> None:
    claims = [
        (message.id, position, picture.id) for message in batch for position, picture in enumerate(message.pictures)
    ]
    if claims:
        claimed = db.executemany(
            "UPDATE pictures SET message_id = ?, position = ? WHERE id = ? AND message_id IS NULL", claims
        )
        # A clock that jumped ahead may have swept one; no message ever points at a missing picture.
        if claimed.rowcount != len(claims):
            raise sqlite3.IntegrityError("a picture of this message is gone, or belongs to another one")


def delete(db: sqlite3.Connection, message_id: int) -> None:
    for trace in ("message_versions", "removals"):  # of changes that were committed with it
        db.execute(
            f"DELETE FROM {trace} WHERE message_id = ?1 AND conversation IN (SELECT room FROM messages WHERE id = ?1"  # noqa: S608
            " UNION ALL SELECT conversation FROM private_messages WHERE id = ?1)",
            (message_id,),
        )
    db.execute("DELETE FROM messages WHERE id = ?", (message_id,))
    db.execute("DELETE FROM private_messages WHERE id = ?", (message_id,))
    db.execute("DELETE FROM message_keys WHERE message_id = ?", (message_id,))
    db.execute("UPDATE pictures SET message_id = NULL WHERE message_id = ?", (message_id,))
