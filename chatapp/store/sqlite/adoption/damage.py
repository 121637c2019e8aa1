"""Damage to a SQLite file, as distinct from rows that violate constraints."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from chatapp.store.sqlite.adoption.values import decoded

_HUGE = 500_000_000  # bytes; above, the indexes are not compared with their tables, which takes minutes
_MOST = 2**31 - 1  # complaints; the harmless ones must not crowd out the others
# What integrity_check also tells of: values that a constraint, a type or an index of words forbids. They are all there.
_HARMLESS = re.compile(
    r"(?:non-)?\w+ value (?:missing )?(?:in|from) |non-unique entry in index |CHECK constraint failed in "
    r"|.*inverted index for FTS|ok$"
)


def is_damage(error: BaseException) -> bool:
    """Return whether an error of SQLite means that the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT


def refusal(path: Path, what: object) -> str:
    """Return a sentence for the operator: that the file is damaged, and what to do."""
    said = str(what).strip().rstrip(".")
    return (
        f"{path} is damaged: {said}. Restore a backup of it, or save what can be saved with"
        f" `sqlite3 {shlex.quote(str(path))} .recover | sqlite3 saved.db` and start on it with --database saved.db."
    )


def cut_off(path: Path) -> str | None:
    """Tell whether a file at rest is shorter than it says: SQLite itself reads zeros for the end of the last page."""
    with path.open("rb") as file:
        header = file.read(100)
    page = int.from_bytes(header[16:18])
    page = 65_536 if page == 1 else page
    # The count of pages holds only if the last writer knew of it; https://www.sqlite.org/fileformat.html, 1.3.7
    is_known = len(header) == 100 and header[24:28] == header[92:96]
    expected = page * int.from_bytes(header[28:32]) if is_known else 0
    missing = expected - path.stat().st_size
    return f"{missing:,} bytes are missing at its end" if missing > 0 else None


def found(db: sqlite3.Connection) -> str | None:
    """Return the first thing that is broken in an open database, None if it is whole. Errors are SQLite's."""
    size = db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
    check = "quick_check" if size > _HUGE else "integrity_check"
    try:
        return next(_complaints(db, f"PRAGMA {check}({_MOST})"), None)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR:
            raise
    # A collation, function or module is missing: what does not depend on it can still be checked.
    return next((each for name in _tables(db) for each in _one(db, check, name)), None)


def _one(db: sqlite3.Connection, check: str, name: str) -> Iterator[str]:
    quoted = name.replace('"', '""')
    try:
        yield from _complaints(db, f'PRAGMA {check}("{quoted}")')
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR:
            raise


def _complaints(db: sqlite3.Connection, statement: str) -> Iterator[str]:
    for (value,) in db.execute(statement):
        for line in (decoded(value) if isinstance(value, bytes) else str(value)).splitlines():
            if line and not line.startswith("***") and not _HARMLESS.match(line):
                yield line


def _tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return [decoded(name) if isinstance(name, bytes) else name for (name,) in rows]
