"""Rows that do not fit together any more: how each kind is found, and how it is mended where that loses nothing."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatapp.store.sqlite.upkeep import Reading, connect, translated

# Where the rest of a table is sound, an index is made anew from it. All other lines of SQLite are damage.
_INDEX_ONLY = re.compile(r"row \d+ missing from index |wrong # of entries in index ")
_POINTERS = (  # each foreign key with rows that point to nothing, and how many
    'SELECT broken."table", broken.parent, key."from", key."to", key.on_delete, count(*)'
    ' FROM pragma_foreign_key_check broken JOIN pragma_foreign_key_list(broken."table") key ON key.id = broken.fkid'
    " GROUP BY 1, 2, 3, 4, 5"
)
_MESSAGE = (
    "EXISTS (SELECT 1 FROM messages WHERE messages.id = message_id AND room = {0}.conversation)"
    " OR EXISTS (SELECT 1 FROM private_messages direct WHERE direct.id = message_id"
    " AND direct.conversation = {0}.conversation)"
)
_RECORDED = "(SELECT key FROM conversations)"
_ROOMS = "(SELECT key FROM conversations WHERE kind = 'room')"
_NOBODY = "(user_id NOT IN (SELECT id FROM users) OR other_id NOT IN (SELECT id FROM users))"
_PICTURE = "EXISTS (SELECT 1 FROM pictures WHERE message_id = {0}.id AND pictures.conversation = {0}.{1})"
_PLACE = (  # a room, or the two people in the key of a direct conversation, such as @3-7
    f"(conversation IN {_ROOMS} OR conversation LIKE '@%-%'"  # noqa: S608
    " AND CAST(substr(conversation, 2) AS INTEGER) IN (SELECT id FROM users)"
    " AND CAST(substr(conversation, instr(conversation, '-') + 1) AS INTEGER) IN (SELECT id FROM users))"
)
_NEWEST = (
    "(SELECT max(coalesce((SELECT max(rev) FROM messages), 0), coalesce((SELECT max(rev) FROM private_messages), 0)))"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which rows can be wrong."""

    text: str
    table: str
    where: str
    mend: str = ""  # a statement without its condition; without one, what is missing is lost


@dataclass(frozen=True, slots=True)
class Stray:
    """Rows of one kind that were found."""

    text: str
    count: int
    mendable: bool


_KINDS = (
    Kind(
        "messages in rooms that do not exist",
        "messages",
        f"room NOT IN {_ROOMS}",
    ),
    Kind("messages by nobody", "messages", "coalesce(author_id, 0) NOT IN (SELECT id FROM users)"),
    Kind(
        "direct messages by or to nobody",
        "private_messages",
        "conversation IS NULL OR coalesce(sender_id, 0) NOT IN (SELECT id FROM users)"
        " OR coalesce(receiver_id, 0) NOT IN (SELECT id FROM users)",
    ),
    Kind(
        "messages whose pictures are gone",
        "messages",
        "msg_type = 'image' AND NOT " + _PICTURE.format("messages", "room"),
    ),
    Kind(
        "direct messages whose pictures are gone",
        "private_messages",
        "msg_type = 'image' AND NOT " + _PICTURE.format("private_messages", "conversation"),
    ),
    Kind(
        "pictures without their bytes",
        "pictures",
        "message_id IS NOT NULL AND (SELECT count(*) FROM picture_bytes WHERE picture_id = id) < 2",
    ),
    Kind(
        "pictures of messages that are gone",
        "pictures",
        f"message_id IS NOT NULL AND NOT ({_MESSAGE.format('pictures')})",
        "DELETE FROM pictures",
    ),
    Kind(
        "keys of messages that are gone",
        "message_keys",
        f"NOT ({_MESSAGE.format('message_keys')})",
        "DELETE FROM message_keys",
    ),
    Kind(
        "read marks without a person or a conversation",
        "read_marks",
        "user_id NOT IN (SELECT id FROM users) OR NOT " + _PLACE,  # noqa: S608
        "DELETE FROM read_marks",
    ),
    Kind(
        "direct conversations without a person",
        "directs",
        _NOBODY,
        "DELETE FROM directs",
    ),
    Kind(
        "direct messages in missing conversations",
        "private_messages",
        f"conversation NOT IN {_RECORDED}",
        "INSERT OR IGNORE INTO conversations (key, kind) SELECT conversation, 'direct' FROM private_messages",
    ),
    Kind(
        "members of missing conversations",
        "directs",
        f"conversation NOT IN {_RECORDED} AND NOT {_NOBODY}",
        "DELETE FROM directs",
    ),
    Kind(
        "ids above the highest one recorded",
        "meta",
        f"name = 'ceiling' AND value < {_NEWEST}",
        f"UPDATE meta SET value = {_NEWEST}",  # noqa: S608
    ),
)


def is_index_only(damage: list[str]) -> bool:
    """Tell whether all that SQLite found wrong is in indexes, which can be made anew."""
    return all(_INDEX_ONLY.match(line) for line in damage)


def find(reading: Reading) -> list[Stray]:
    """Return every kind of stray row in a database of the present schema. Errors are SQLite's."""
    strays = [
        Stray(f"rows of {table} that refer to missing {parent}", count, action == "CASCADE")
        for table, parent, _, _, action, count in reading.rows(_POINTERS)
    ]
    for kind in _KINDS:
        [[count]] = reading.rows(f"SELECT count(*) FROM {kind.table} WHERE {kind.where}")  # noqa: S608
        if count:
            strays.append(Stray(kind.text, count, bool(kind.mend)))
    return strays


def mend(path: Path) -> None:
    """Make every index anew and remove stray rows, all or nothing. Raise Refused."""
    with translated(path), closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("REINDEX")
        for table, parent, column, other, action, _ in db.execute(_POINTERS).fetchall():
            if action == "CASCADE":
                db.execute(f'DELETE FROM "{table}" WHERE "{column}" NOT IN (SELECT "{other}" FROM "{parent}")')  # noqa: S608
        for kind in _KINDS:
            if kind.mend:
                db.execute(f"{kind.mend} WHERE {kind.where}")
        db.execute("COMMIT")
