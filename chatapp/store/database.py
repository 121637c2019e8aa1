"""One SQLite file: one connection that writes, two that read, and what can go wrong with the disk."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from chatapp import schema
from chatapp.pictures import Prepare
from chatapp.settings import CannotStart

log = logging.getLogger("chatapp.store")
Row = Sequence[Any]

# Waiting is done by the journal, which keeps accepting messages meanwhile; SQLite itself waits only this long.
_BUSY_MS = 250


class Busy(Exception):  # noqa: N818 - a state that passes by itself
    """Somebody else holds the database's lock."""


class Unwritable(Exception):  # noqa: N818 - a state that passes when the operator makes room
    """The disk is full, read-only or failing: nothing can be written now."""


# https://www.sqlite.org/rescode.html: the codes after which the same rows can be written later.
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DISK_CODES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOTADB,
}


@contextmanager
def _translated() -> Iterator[None]:
    """Say which errors pass by themselves: raise Busy or Unwritable for them, everything else as it is."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code, without the extension
        if code in _BUSY_CODES:
            raise Busy(str(error)) from error
        if code in _DISK_CODES:
            raise Unwritable(str(error)) from error
        raise


class Database:
    """Open the file, bring its schema up to date, and give out reads and transactions."""

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        pages: aiosqlite.Connection,
        connections: AsyncExitStack,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._pages = pages
        self._connections = connections  # all three, to be closed in turn
        self._writing = asyncio.Lock()
        self._snapping = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, prepare: Prepare) -> Database:
        """Open or create the database and migrate it. Raise CannotStart with a sentence for the operator."""
        _create(path)
        try:
            async with AsyncExitStack() as opened:
                writer = await _connect(opened, path)
                await _bring_up_to_date(writer, path, prepare)
                reader = await _connect(opened, path, "query_only = ON")
                pages = await _connect(opened, path, "query_only = ON")
                return cls(writer, reader, pages, opened.pop_all())
        except sqlite3.Error as error:
            raise CannotStart(cannot_open(path, error)) from error

    async def close(self) -> None:
        """Wait for what is under way, fold the write-ahead log into the file, close every connection."""
        async with self._snapping, self._writing:
            self._closed = True
            async with self._connections:
                try:
                    await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                except sqlite3.Error as error:
                    log.warning("checkpoint at close failed: %s", error)

    async def rows(self, sql: str, values: Iterable[Any] = ()) -> list[Row]:
        """Return what a query finds in the newest committed state. Raise Busy or Unwritable."""
        try:
            with _translated():
                return list(await self._reader.execute_fetchall(sql, values))
        except (UnicodeEncodeError, OverflowError):
            return []  # half a character, or a number past 64 bits: nothing of the kind can be in the database

    async def row(self, sql: str, values: Iterable[Any] = ()) -> Row | None:
        """Return the first row that a query finds, or None."""
        found = await self.rows(sql, values)
        return found[0] if found else None

    # A task may be cancelled while the connection's thread is busy with its statement. The thread finishes it all the
    # same, after the task has gone. So whether something has to be rolled back can be seen only in the thread, in
    # turn: rollback() looks there, and does nothing outside of a transaction.

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[aiosqlite.Connection]:
        """Give a connection whose reads all see one committed state. Raise Busy or Unwritable."""
        async with self._snapping:
            try:
                with _translated():
                    await self._pages.execute_fetchall("BEGIN")
                    yield self._pages
            finally:
                await self._pages.rollback()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Write all or nothing; on leaving, what was written is on disk. Raise Busy or Unwritable.

        A task that is cancelled while it leaves does not learn whether it was all or nothing.
        """
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            try:
                with _translated():
                    await self._writer.execute_fetchall("BEGIN IMMEDIATE")
                    yield self._writer
                    await self._writer.execute_fetchall("COMMIT")
            except BaseException:
                await self._roll_back()
                raise

    async def _roll_back(self) -> None:
        try:
            await self._writer.rollback()
        except sqlite3.Error as error:  # what failed before is the better story
            log.warning("rollback failed: %s", error)


def _create(path: Path) -> None:
    """Make an empty file that only its owner may read, where there is none. Raise CannotStart."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise CannotStart(f"Cannot open {path}: {error.strerror}. Choose another place with --database.") from error


async def _connect(opened: AsyncExitStack, path: Path, *pragmas: str) -> aiosqlite.Connection:
    db = await aiosqlite.connect(path, isolation_level=None)
    opened.push_async_callback(db.close)
    for pragma in (f"busy_timeout = {_BUSY_MS}", "foreign_keys = ON", *pragmas):
        await db.execute_fetchall(f"PRAGMA {pragma}")
    return db


async def _bring_up_to_date(db: aiosqlite.Connection, path: Path, prepare: Prepare) -> None:
    """Run the migrations that are missing, each all or nothing. Change nothing in a file that is not ours."""
    [[version]] = await db.execute_fetchall("PRAGMA user_version")
    newest = len(schema.MIGRATIONS)
    if await _holds_a_chat(db, path):
        if version > newest:
            raise CannotStart(
                f"{path} was written by a newer chatapp (its schema is {version}, this program knows {newest})."
                " Install the newer version, or choose another file with --database."
            )
        if version < newest:
            await _keep_copy(db, path, version)
            _close_to_others(path)  # from now on it holds the key of the sessions
    else:
        version = 0
    await db.execute_fetchall("PRAGMA journal_mode = WAL")
    await db.execute_fetchall("PRAGMA synchronous = FULL")
    for number in range(version, newest):
        await db.execute("BEGIN IMMEDIATE")
        try:
            await schema.MIGRATIONS[number](db, prepare)
            await db.execute(f"PRAGMA user_version = {number + 1}")
            await db.execute("COMMIT")
        finally:
            await db.rollback()


async def _holds_a_chat(db: aiosqlite.Connection, path: Path) -> bool:
    """Return False for an empty database. Raise CannotStart for one of another program."""
    columns = {
        (str(table).lower(), str(column).lower())
        for table, column in await db.execute_fetchall(
            "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
        )
    }
    if columns and not columns >= schema.REQUIRED:
        raise CannotStart(f"{path} is the database of another program. Choose another file with --database.")
    return bool(columns)


async def _keep_copy(db: aiosqlite.Connection, path: Path, version: int) -> None:
    """Leave a copy of the database beside it: the latest one of each version, and never half of one."""
    copy = path.with_name(f"{path.name}.before-upgrade-{version}")
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            await db.execute("VACUUM INTO ?", (str(part),))
            _sync(part)
            part.replace(copy)
        finally:
            part.unlink(missing_ok=True)
        _sync(copy.parent)
    except OSError as error:
        raise CannotStart(f"Cannot keep a copy of {path} before its upgrade: {error.strerror}.") from error
    log.info("kept a copy of the database as it was: %s", copy)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close_to_others(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        try:
            each.chmod(0o600)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("%s may be read by others: %s", each, error)


def cannot_open(path: Path, error: BaseException) -> str:
    """Return a sentence that tells the operator why the database cannot be used and what to do."""
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a database. Choose another file with --database."
    if code in _BUSY_CODES:
        return f"{path} is locked by another program. Close that program and start again."
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:  # the second: no room for "-shm"
        return f"There is no room on the disk to open {path}. Make some, or choose another place with --database."
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return f"Cannot write {path} and its folder. Make them writable, or choose another file with --database."
    return f"Cannot open {path}: {error}."
