"""Reading another program's database: tables by their meaning, rows as the file contains them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatapp.store.sqlite.adoption import columns
from chatapp.store.sqlite.adoption.columns import Meaning, Table
from chatapp.store.sqlite.adoption.values import Text, Value
from chatapp.system.startup import CannotStart

_OUR_COLUMN = "name_key"  # of the people in a database of ours


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table whose columns are known by their uses."""

    uses: dict[str, tuple[int, ...]]
    values: Sequence[Value]

    def all(self, use: str) -> tuple[Value, ...]:
        """Return what the columns of a use hold."""
        return tuple(self.values[place] for place in self.uses[use])

    def first(self, use: str) -> Value:
        """Return what the first column of a use holds that holds anything; None if none does."""
        return next((value for value in self.all(use) if not is_blank(value)), None)


def is_blank(value: Value) -> bool:
    """Return whether a value is empty."""
    return value is None or (isinstance(value, bytes) and not value.strip())


@dataclass(frozen=True, slots=True)
class Old:
    """A database of another program, open to be read."""

    db: sqlite3.Connection
    users: Meaning
    messages: Meaning | None
    private: Meaning | None
    rooms: Meaning | None
    aside: tuple[str, ...]  # tables that mean nothing to us

    def count(self, meaning: Meaning | None) -> int:
        """Return how many rows a table has."""
        if meaning is None:
            return 0
        return int(self.db.execute(f"SELECT count(*) FROM {quoted(meaning.table.name)}").fetchone()[0])  # noqa: S608

    def rows(self, meaning: Meaning | None) -> Iterator[Row]:
        """Yield the rows of a table in the order in which they came, the same one each time."""
        if meaning is None or not meaning.columns:
            return
        places = {column: place for place, column in enumerate(meaning.columns)}
        uses = {use: tuple(places[column] for column in found) for use, found in meaning.uses.items()}
        names = ", ".join(map(quoted, meaning.columns))
        order = f" ORDER BY {meaning.table.order}" if meaning.table.order else ""
        for values in self.db.execute(f"SELECT {names} FROM {quoted(meaning.table.name)}{order}"):  # noqa: S608
            yield Row(uses, values)


def quoted(name: str) -> str:
    """Return a name as it stands in a statement."""
    return '"{}"'.format(name.replace('"', '""'))


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that is at rest; nothing in it or beside it changes."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)) as db:
        prepare(db)
        yield db


def prepare(db: sqlite3.Connection) -> None:
    """Make a connection safe for a foreign file: text arrives as bytes, and no code of the file runs."""
    db.text_factory = Text
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA trusted_schema = OFF")


def tables(db: sqlite3.Connection) -> list[Table]:
    """Return every table and view whose columns SQLite can tell."""
    found = []
    factory, db.text_factory = db.text_factory, Text
    try:
        for name, kind in db.execute("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall():
            try:
                found.append(_table(db, name.decode(), kind == b"view"))
            except (sqlite3.OperationalError, UnicodeDecodeError):
                continue  # of a module that is not here, or broken: it means nothing to us
    finally:
        db.text_factory = factory
    return [table for table in found if not table.name.lower().startswith("sqlite_")]


def _table(db: sqlite3.Connection, name: str, is_view: bool) -> Table:
    rows = [(row[1].decode(), row[6]) for row in db.execute(f"PRAGMA table_xinfo({quoted(name)})")]
    names = tuple(column for column, hidden in rows if hidden != 1)
    points = {}
    for row in db.execute(f"PRAGMA foreign_key_list({quoted(name)})"):
        points[row[3].decode()] = (row[2].decode(), row[4].decode() if row[4] is not None else "")
    taken = {column.lower() for column in names}
    keyless = is_view or _lacks_rowid(db, name)
    order = next((word for word in ("rowid", "_rowid_", "oid") if not keyless and word not in taken), "")
    if not order and not is_view:
        order = ", ".join(quoted(row[1].decode()) for row in db.execute(f"PRAGMA table_info({quoted(name)})") if row[5])
    return Table(name, names, points, order, _is_filled(db, name))


def _is_filled(db: sqlite3.Connection, name: str) -> bool:
    try:
        return db.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 1").fetchone() is not None  # noqa: S608
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR:
            raise
        return False  # a view of a missing table


def _lacks_rowid(db: sqlite3.Connection, name: str) -> bool:
    try:
        db.execute(f"SELECT rowid FROM {quoted(name)} LIMIT 0")  # noqa: S608
    except sqlite3.OperationalError:
        return True
    return False


def recognised(db: sqlite3.Connection, path: Path) -> Old:
    """Identify the tables of a chat database. Raise CannotStart, naming what is missing, for any other database."""
    known = tables(db)
    users = columns.find("users", columns.USERS, known)
    messages = columns.find("messages", columns.MESSAGES, known)
    private = columns.find("private", columns.PRIVATE, known)
    if users is None or (messages is None and private is None):
        lacks = [
            _lack(kind, called, words, known)
            for kind, called, words, found in (
                ("users", "users", columns.USERS, users),
                ("messages", "messages", columns.MESSAGES, messages or private),
            )
            if found is None
        ]
        raise CannotStart(
            f"{path} is the database of another program: {' and '.join(lacks)}. Choose another file with --database."
        )
    if _OUR_COLUMN in users.table.columns:
        raise CannotStart(
            f"{path} is the database of another program, or one of ours that has lost tables."
            " Restore a backup, or choose another file with --database."
        )
    rooms = columns.find("rooms", columns.ROOMS, known)
    if messages:
        rooms = columns.pointed(messages.table, messages.uses["room"], known) or rooms
    used = {meaning.table.name for meaning in (users, messages, private, rooms) if meaning}
    aside = tuple(table.name for table in known if table.name not in used)
    return Old(db, users, messages, private, rooms, aside)


def _lack(kind: str, called: str, words: str, known: Sequence[Table]) -> str:
    """Return what is missing from the table that comes nearest."""
    named = [table for table in known if columns.folded(table.name) in words.split()]
    if not named:
        return f"it has no table of {called}"
    table = min(named, key=lambda table: len(columns.missing(kind, table)))
    return f"its table {table.name} has no column for {' or '.join(columns.missing(kind, table))}"
