"""One SQLite file: one connection that writes, two that read, and what can go wrong with the disk."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite

from chatapp import schema
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


def _translated(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code, without the extension
    if code in _BUSY_CODES:
        return Busy(str(error))
    if code in _DISK_CODES:
        return Unwritable(str(error))
    return error


class Database:
    """Open the file, bring its schema up to date, and give out reads and transactions."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._pages: aiosqlite.Connection = reader
        self._writing = asyncio.Lock()
        self._snapping = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, prepare: schema.Prepare) -> Database:
        """Open or create the database and migrate it. Raise CannotStart with a sentence for the operator."""
        created = _create(path)
        try:
            writer = await _connect(path)
            try:
                await _migrate(writer, path, prepare, created=created)
                reader, pages = await _connect(path, read_only=True), await _connect(path, read_only=True)
            except BaseException:
                await writer.close()
                raise
        except sqlite3.Error as error:
            raise CannotStart(_sentence(path, error)) from error
        database = cls(path, writer, reader)
        database._pages = pages
        return database

    async def close(self) -> None:
        """Close the readers, fold the write-ahead log into the file, close the writer."""
        await self._pages.close()
        if self._pages is not self._reader:
            await self._reader.close()
        async with self._writing:
            try:
                await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                log.warning("checkpoint at close failed: %s", error)
            await self._writer.close()

    async def rows(self, sql: str, values: Iterable[Any] = ()) -> list[Row]:
        """Return what a query finds in the newest committed state."""
        return list(await self._reader.execute_fetchall(sql, values))

    async def row(self, sql: str, values: Iterable[Any] = ()) -> Row | None:
        """Return the first row that a query finds, or None."""
        found = await self.rows(sql, values)
        return found[0] if found else None

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[aiosqlite.Connection]:
        """Give a connection whose reads all see one committed state."""
        async with self._snapping:
            await self._pages.execute_fetchall("BEGIN")
            try:
                yield self._pages
            finally:
                await self._pages.execute_fetchall("COMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Write all or nothing; on leaving, what was written is on disk. Raise Busy or Unwritable."""
        async with self._writing:
            try:
                await self._writer.execute_fetchall("BEGIN IMMEDIATE")
                yield self._writer
                await self._writer.execute_fetchall("COMMIT")
            except BaseException as error:
                await self._roll_back()
                if isinstance(error, sqlite3.Error):
                    raise _translated(error) from error
                raise

    async def _roll_back(self) -> None:
        if self._writer.in_transaction:
            try:
                await self._writer.execute_fetchall("ROLLBACK")
            except sqlite3.Error as error:  # SQLite rolls some errors back by itself
                log.warning("rollback failed: %s", error)


def _create(path: Path) -> bool:
    """Make an empty file that only its owner may read. Return False if there is one already."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return path.stat().st_size == 0
    except OSError as error:
        raise CannotStart(
            f"Cannot create {path}: {error.strerror}. Choose another place with --database."
        ) from error
    return True


async def _connect(path: Path, *, read_only: bool = False) -> aiosqlite.Connection:
    db = await aiosqlite.connect(path, isolation_level=None)
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "foreign_keys = ON",
        "journal_mode = WAL",
        "synchronous = FULL",
        "query_only = ON" if read_only else "temp_store = MEMORY",
    ):
        try:
            await db.execute_fetchall(f"PRAGMA {pragma}")
        except sqlite3.Error:
            await db.close()
            raise
    return db


async def _migrate(db: aiosqlite.Connection, path: Path, prepare: schema.Prepare, *, created: bool) -> None:
    [[version]] = await db.execute_fetchall("PRAGMA user_version")
    newest = len(schema.MIGRATIONS)
    if version > newest:
        raise CannotStart(
            f"{path} was written by a newer chatapp (its schema is {version}, this program knows {newest})."
            " Install the newer version, or choose another file with --database."
        )
    tables = {str(row[0]) for row in await db.execute_fetchall("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and not {"users", "messages"} <= tables:
        raise CannotStart(f"{path} is the database of another program. Choose another file with --database.")
    if version < newest and not created:
        await _snapshot_beside(db, path, version)
    for number in range(version, newest):
        await db.execute("BEGIN IMMEDIATE")
        try:
            await schema.MIGRATIONS[number](db, prepare)
            await db.execute(f"PRAGMA user_version = {number + 1}")
            await db.execute("COMMIT")
        except BaseException:
            await db.execute("ROLLBACK")
            raise


async def _snapshot_beside(db: aiosqlite.Connection, path: Path, version: int) -> None:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")  # part of a file's name, orders nothing
    copy = path.with_name(f"{path.name}.before-upgrade-{version}-{moment}")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    await db.execute("VACUUM INTO ?", (str(copy),))
    path.chmod(0o600)
    log.info("kept a copy of the database as it was: %s", copy)


def _sentence(path: Path, error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a database. Choose another file with --database."
    if code in _BUSY_CODES:
        return f"{path} is locked by another program. Close that program and start again."
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return f"Cannot write {path} and its folder. Make them writable, or choose another file with --database."
    return f"Cannot open {path}: {error}."
