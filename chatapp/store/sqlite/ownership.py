"""Which program a database belongs to."""

from __future__ import annotations

import sqlite3
from enum import Enum


class Kind(Enum):
    """Which program a database belongs to."""

    NEW = "new"  # no tables yet
    OURS = "ours"
    FOREIGN = "foreign"  # of the original program, a relative of it, or something else


# Columns that only our tables have. Other programs have a meta or rooms table, and a user_version, too.
_OURS = (("meta", "name value"), ("users", "id name_key"), ("messages", "id rev author_id"))
_PLACES = (("conversations", "key position"), ("rooms", "id position"))  # the second before schema 6


def kind_of(db: sqlite3.Connection) -> Kind:
    """Return which program the database belongs to. Errors are SQLite's."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' LIMIT 1").fetchall():
        return Kind.NEW
    ours = all(_has(db, *each) for each in _OURS) and any(_has(db, *each) for each in _PLACES)
    return Kind.OURS if ours else Kind.FOREIGN


def _has(db: sqlite3.Connection, table: str, columns: str) -> bool:
    try:
        return all(
            db.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchall()
            for column in columns.split()
        )
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:
            return False  # a virtual table whose module is missing
        raise
