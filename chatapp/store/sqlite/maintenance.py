"""Access to a database from outside the server: read it, copy it while it is in use, start a new epoch."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatapp.store.sqlite import schema, tables
from chatapp.store.sqlite.adoption.reading import recognised
from chatapp.store.sqlite.database import Row
from chatapp.store.sqlite.ownership import Kind, kind_of
from chatapp.system import clock
from chatapp.system.lock import is_used_by_another_name
from chatapp.system.startup import CannotStart

Progress = Callable[[int, int], None]  # called with how much is done, and of how much

_PATIENCE = 5.0  # seconds to wait for a lock
_STEP = 256  # pages copied at once, usually a megabyte
_REST = 1.0  # of the time that a step took: the disk belongs to the server
_LONGEST_REST = 1.0  # seconds
_HIGHEST_CEILING = 2**52  # a higher ceiling is damage; accepting it would leave too few numbers
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_META = ("epoch", "cookie_key", "watermark", "ceiling")


class Refused(Exception):  # noqa: N818 - an answer to the operator, not a failure of the program
    """A command that was refused, with a sentence for the operator."""


class Damaged(Refused):
    """A command that was refused because a database is damaged."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database contains, in figures."""

    people: int
    messages: int
    pictures: int
    newest: str  # time of the newest message; empty if there is none

    def __str__(self) -> str:
        return f"people: {self.people:,}, messages: {self.messages:,}, pictures: {self.pictures:,}"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every SQLite error into a sentence about the file: raise Damaged or Refused."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code == sqlite3.SQLITE_NOTADB:
            raise Damaged(f"{path} is not a database.") from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR}:
            raise Damaged(f"{path} is damaged: {error}.") from error
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Refused(f"{path} is locked by another program. Close that program and try again.") from error
        raise Refused(f"Cannot use {path}: {error}.") from error


def connect(path: Path, mode: str = "mode=rw") -> sqlite3.Connection:
    """Open a database that exists. Errors are SQLite's."""
    address = f"{path.absolute().as_uri()}?{mode}"
    db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE)
    db.execute("PRAGMA foreign_keys = ON")
    return db


@contextmanager
def reading(path: Path, *, locked: bool = False) -> Iterator[Reading]:
    """Open a database for reading, whether a server uses it or not. Raise Refused.

    ``locked``: this process holds its lock.
    """
    if not path.is_file():
        raise Refused(f"There is no database at {path}.")
    if not locked and is_used_by_another_name(path):
        raise Refused(f"{path} is in use by a server under another name. Use the name that the server uses.")
    # Not mode=ro: a connection that could not write would leave a log behind that the server had tidied away. Where
    # none can be made, on a disk that is read-only, nothing else changes the file either.
    resting = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    with translated(path), closing(connect(path, "immutable=1" if resting else "mode=rw")) as db:
        db.execute("PRAGMA query_only = ON")
        yield Reading(db, path)


class Reading:
    """A database that is open for reading."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        kind = _check_kind(db, path)
        if kind is Kind.NEW:
            raise Refused(f"{path} is empty: it holds no chat yet.")
        self.is_original = kind is Kind.FOREIGN  # a database that only another program has used
        [[version]] = db.execute("PRAGMA user_version")
        self.version = 0 if self.is_original else int(version)
        if self.version > len(schema.MIGRATIONS):
            raise Refused(f"{path} was written by a newer chatapp. Install the newer version.")
        self._db = db
        self.path = path

    @property
    def is_old(self) -> bool:
        """Return whether the next start of the server would upgrade the database."""
        return self.version < len(schema.MIGRATIONS)

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Return the rows of a query."""
        return list(self._db.execute(sql, values))

    @property
    def size(self) -> int:
        """Return the size of a copy in bytes."""
        return int(self.rows("PRAGMA page_count")[0][0] * self.rows("PRAGMA page_size")[0][0])

    def counts(self) -> Contents:
        """Count the contents; of another program's database, as far as its tables tell."""
        if self.is_original:
            old = recognised(self._db, self.path)
            return Contents(old.count(old.users), old.count(old.messages) + old.count(old.private), 0, "")
        known = self._tables()

        def count(table: str) -> int:
            return int(self.rows(f"SELECT count(*) FROM {table}")[0][0]) if table in known else 0  # noqa: S608

        talk = [table.name for table in tables.BOTH if table.name in known]
        newest = [self.rows(f"SELECT created_at FROM {table} ORDER BY id DESC LIMIT 1") for table in talk]  # noqa: S608
        return Contents(
            count("users"),
            sum(count(table) for table in talk),
            count("pictures"),
            max((str(row[0]) for rows in newest for row in rows), default=""),
        )

    def damage(self) -> list[str]:
        """Return what SQLite finds wrong with the file, at most twenty lines."""
        try:
            found = [str(line) for [line] in self.rows("PRAGMA integrity_check(20)")]
        except sqlite3.DatabaseError as error:
            if _code(error) not in _DAMAGE:
                raise
            return [str(error)]
        return [] if found == ["ok"] else found

    def lacks(self) -> list[str]:
        """Return the names of missing facts that a server needs to start."""
        known = {row[0] for row in self.rows("SELECT name FROM meta WHERE value IS NOT NULL")}
        return [name for name in _META if name not in known]

    def pictures(self) -> list[tuple[str, str, int]]:
        """Return the id of every picture that a message shows, with the conversation and the id of the message."""
        return [
            (row[0], row[1], row[2])
            for row in self.rows("SELECT id, conversation, message_id FROM pictures WHERE message_id IS NOT NULL")
        ]

    def picture(self, picture_id: str) -> list[bytes]:
        """Return the bytes of every size of a picture."""
        return [row[0] for row in self.rows("SELECT bytes FROM picture_bytes WHERE picture_id = ?", picture_id)]

    def _tables(self) -> set[str]:
        return {row[0] for row in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def copy(self, target: Path, progress: Progress) -> Contents:
        """Write a snapshot into an empty file and verify it. Return its contents. Raise Refused."""
        # In one read transaction all steps see the same state, and what is written meanwhile never makes them start
        # over. It holds nobody up: the server goes on writing into its log.
        self._db.execute("BEGIN")
        try:
            counts = self.counts()
            self._fill(target, progress)
        finally:
            self._db.rollback()
        with reading(target) as copy:
            damage = copy.damage() or ([] if copy.counts() == counts else ["something is missing"])
        if damage:
            raise Damaged(f"The copy of {self.path} is not sound and was thrown away: {damage[0]}.")
        return counts

    def _fill(self, target: Path, progress: Progress) -> None:
        descriptor, began = os.open(target, os.O_RDWR), clock.monotonic()

        def step(_: int, remaining: int, total: int) -> None:
            nonlocal began
            # Written back in one go at the end, a large copy would hold up for seconds what the server has to save.
            os.fsync(descriptor)
            progress(total - remaining, total)
            clock.sleep(min(_LONGEST_REST, _REST * (clock.monotonic() - began)))
            began = clock.monotonic()

        try:
            with closing(connect(target)) as copy:
                # Nobody else knows the file yet, and half of one is thrown away.
                copy.execute("PRAGMA journal_mode = OFF")
                copy.execute("PRAGMA synchronous = OFF")
                self._db.backup(copy, pages=_STEP, progress=step)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete without a log beside it
        except sqlite3.Error as error:
            if _code(error) in _DAMAGE:
                raise  # of what is copied: the copy was empty
            raise Refused(f"Cannot copy {self.path} into {target.parent}: {error}.") from error
        finally:
            os.close(descriptor)


def highest_ceiling(path: Path) -> int:
    """Return the ceiling of all numbers handed out, or 0 if the file cannot tell."""
    try:
        with closing(connect(path)) as db:
            [[ceiling]] = db.execute("SELECT value FROM meta WHERE name = 'ceiling'")
            return ceiling if isinstance(ceiling, int) and 0 <= ceiling < _HIGHEST_CEILING else 0
    except (sqlite3.Error, ValueError):  # missing, damaged, or of the original program
        return 0


def start_new_epoch(path: Path, ceiling: int) -> None:
    """Give a restored database a new epoch and a new ceiling. Raise Refused."""
    with translated(path), closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (secrets.token_urlsafe(9),))
        db.execute("UPDATE meta SET value = ? WHERE name = 'ceiling'", (ceiling,))
        db.execute("COMMIT")


def checkpoint(path: Path) -> None:
    """Move the write-ahead log into a database that is about to be set aside; leave a damaged one alone.

    Raise Refused if another program uses it, or if it belongs to another program.
    """
    try:
        with translated(path), closing(connect(path)) as db:
            _check_kind(db, path)
            [[busy, *_]] = db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except Damaged:
        return  # this is why backups are restored
    if busy:
        raise Refused(f"{path} is in use by another program. Close that program and try again.")


def _check_kind(db: sqlite3.Connection, path: Path) -> Kind:
    """Return which program the database belongs to. Raise Refused for one that the server would not open."""
    kind = kind_of(db)
    if kind is Kind.FOREIGN:
        try:
            recognised(db, path)
        except CannotStart as reason:
            raise Refused(str(reason)) from reason
    return kind


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the primary code, without the extension
