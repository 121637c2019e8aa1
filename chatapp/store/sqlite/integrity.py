"""Integrity checks across tables, and repairs of those faults whose repair loses nothing."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatapp.store.sqlite import tables
from chatapp.store.sqlite.maintenance import Reading, connect, translated
from chatapp.store.sqlite.tables import DIRECTS, ROOMS, Table

# Faults of an index alone: it can be rebuilt from its table. Every other line of SQLite means damage.
_INDEX_ONLY = re.compile(r"row \d+ missing from index |wrong # of entries in index ")
_POINTERS = (  # every foreign key with dangling rows, and how many
    'SELECT broken."table", broken.parent, key."from", key."to", key.on_delete, count(*)'
    ' FROM pragma_foreign_key_check broken JOIN pragma_foreign_key_list(broken."table") key ON key.id = broken.fkid'
    " GROUP BY 1, 2, 3, 4, 5"
)
_MESSAGE = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table.name} m WHERE m.id = message_id AND m.{table.conversation} = {{0}}.conversation)"  # noqa: S608
    for table in tables.BOTH
)
_RECORDED = "(SELECT key FROM conversations)"
_ROOMS = "(SELECT key FROM conversations WHERE kind = 'room')"
_NOBODY = "(user_id NOT IN (SELECT id FROM users) OR other_id NOT IN (SELECT id FROM users))"
_PICTURES_GONE = (
    "msg_type = 'image' AND NOT EXISTS (SELECT 1 FROM pictures p"
    " WHERE p.message_id = {0.name}.id AND p.conversation = {0.name}.{0.conversation})"
)
_PLACE = (  # a room, or the two people in the key of a direct conversation, such as @3-7
    f"(conversation IN {_ROOMS} OR conversation LIKE '@%-%'"  # noqa: S608
    " AND CAST(substr(conversation, 2) AS INTEGER) IN (SELECT id FROM users)"
    " AND CAST(substr(conversation, instr(conversation, '-') + 1) AS INTEGER) IN (SELECT id FROM users))"
)
_NEWEST = "(SELECT max({}))".format(
    ", ".join(f"coalesce((SELECT max(rev) FROM {table.name}), 0)" for table in tables.BOTH)  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Check:
    """A query for faulty rows of one kind, and its repair."""

    text: str
    table: str
    where: str
    repair: str = ""  # a statement without its condition; empty if what is missing is lost


@dataclass(frozen=True, slots=True)
class Fault:
    """Faulty rows of one kind that were found."""

    text: str
    count: int
    repairable: bool


def _unknown_people(table: Table) -> str:
    return " OR ".join(f"coalesce({person}, 0) NOT IN (SELECT id FROM users)" for _, person in table.people)  # noqa: S608


_CHECKS = (
    Check(
        "messages in rooms that do not exist",
        "messages",
        f"room NOT IN {_ROOMS}",
    ),
    Check("messages by nobody", ROOMS.name, _unknown_people(ROOMS)),
    Check(
        "direct messages by or to nobody",
        DIRECTS.name,
        f"{DIRECTS.conversation} IS NULL OR {_unknown_people(DIRECTS)}",
    ),
    Check("messages whose pictures are gone", ROOMS.name, _PICTURES_GONE.format(ROOMS)),
    Check("direct messages whose pictures are gone", DIRECTS.name, _PICTURES_GONE.format(DIRECTS)),
    Check(
        "pictures without their bytes",
        "pictures",
        "message_id IS NOT NULL AND (SELECT count(*) FROM picture_bytes WHERE picture_id = id) < 2",
    ),
    Check(
        "pictures of messages that are gone",
        "pictures",
        f"message_id IS NOT NULL AND NOT ({_MESSAGE.format('pictures')})",
        "DELETE FROM pictures",
    ),
    Check(
        "keys of messages that are gone",
        "message_keys",
        f"NOT ({_MESSAGE.format('message_keys')})",
        "DELETE FROM message_keys",
    ),
    Check(
        "read marks without a person or a conversation",
        "read_marks",
        "user_id NOT IN (SELECT id FROM users) OR NOT " + _PLACE,  # noqa: S608
        "DELETE FROM read_marks",
    ),
    Check(
        "direct conversations without a person",
        "directs",
        _NOBODY,
        "DELETE FROM directs",
    ),
    Check(
        "direct messages in missing conversations",
        DIRECTS.name,
        f"{DIRECTS.conversation} NOT IN {_RECORDED}",
        f"INSERT OR IGNORE INTO conversations (key, kind) SELECT {DIRECTS.conversation}, 'direct' FROM {DIRECTS.name}",  # noqa: S608
    ),
    Check(
        "members of missing conversations",
        "directs",
        f"conversation NOT IN {_RECORDED} AND NOT {_NOBODY}",
        "DELETE FROM directs",
    ),
    Check(
        "ids above the highest one recorded",
        "meta",
        f"name = 'ceiling' AND value < {_NEWEST}",
        f"UPDATE meta SET value = {_NEWEST}",  # noqa: S608
    ),
)


def is_index_only(damage: list[str]) -> bool:
    """Return whether all damage is in indexes, which can be rebuilt."""
    return all(_INDEX_ONLY.match(line) for line in damage)


def find(reading: Reading) -> list[Fault]:
    """Return all faults of a database of the current schema. Errors are SQLite's."""
    faults = [
        Fault(f"rows of {table} that refer to missing {parent}", count, action == "CASCADE")
        for table, parent, _, _, action, count in reading.rows(_POINTERS)
    ]
    for check in _CHECKS:
        [[count]] = reading.rows(f"SELECT count(*) FROM {check.table} WHERE {check.where}")  # noqa: S608
        if count:
            faults.append(Fault(check.text, count, bool(check.repair)))
    return faults


def repair(path: Path) -> None:
    """Rebuild every index and repair faulty rows, all or nothing. Raise Refused."""
    with translated(path), closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("REINDEX")
        for table, parent, column, other, action, _ in db.execute(_POINTERS).fetchall():
            if action == "CASCADE":
                db.execute(f'DELETE FROM "{table}" WHERE "{column}" NOT IN (SELECT "{other}" FROM "{parent}")')  # noqa: S608
        for check in _CHECKS:
            if check.repair:
                db.execute(f"{check.repair} WHERE {check.where}")
        db.execute("COMMIT")
