"""One SQLite file: a connection that writes, one that reads, and errors of the disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from chatapp.model.adoption import Report
from chatapp.model.pictures import Prepare
from chatapp.store.contract import Busy, Unwritable
from chatapp.store.sqlite import adopting, opening
from chatapp.store.sqlite.location import Location
from chatapp.system.startup import CannotStart

log = logging.getLogger("chatapp.store")
Row = Sequence[Any]
T = TypeVar("T")

# Waiting is done by the journal, which keeps accepting messages meanwhile; SQLite itself waits only this long.
_BUSY_MS = 250


# https://www.sqlite.org/rescode.html: after these, the same rows can be written once the disk is in order.
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
    """Raise Busy or Unwritable for errors of the lock and the disk; let others pass."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code, without the extension
        if code in opening.BUSY_CODES:
            raise Busy(str(error)) from error
        if code in _DISK_CODES:
            raise Unwritable(str(error)) from error
        raise


class _Connection(aiosqlite.Connection):
    """A connection that also takes a whole function into its thread.

    Each hop between threads waits until the event loop comes round: while that writes to a thousand sockets, a
    transaction of six statements would wait six times.
    """

    async def run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on the connection's thread. Return its result, or raise its exception."""
        result: T = await self._execute(act, self._conn)  # type: ignore[no-untyped-call]
        return result


def _transact(act: Callable[[sqlite3.Connection], None], location: Location, db: sqlite3.Connection) -> None:
    try:
        _begin(location, db)
        act(db)
        _commit(location, db)
    except BaseException:
        try:
            db.rollback()
        except sqlite3.Error as error:  # the first error says more
            log.warning("rollback failed: %s", error)
        raise


def _begin(location: Location, db: sqlite3.Connection) -> None:
    _check_files(location, db)
    db.execute("BEGIN IMMEDIATE")


def _commit(location: Location, db: sqlite3.Connection) -> None:
    db.execute("COMMIT")
    _check_files(location, db)


def _check_files(location: Location, db: sqlite3.Connection) -> None:
    """Raise Unwritable unless the files are where they were opened: asked before a commit, and after it.

    A commit in between has an unknown outcome, like any failed commit.
    """
    if trouble := location.trouble():
        with suppress(sqlite3.Error):  # so that the file is complete without its log, wherever it is now
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        raise Unwritable(trouble)


def _data_version(db: sqlite3.Connection) -> int:
    # Asked of the writer, whose own commits do not change it (https://www.sqlite.org/pragma.html).
    [[version]] = db.execute("PRAGMA data_version")
    return int(version)


class Database:
    """Open the file, bring its schema up to date, and give out reads and transactions."""

    def __init__(
        self,
        writer: _Connection,
        reader: _Connection,
        connections: AsyncExitStack,
        path: Path,
        adopted: Report | None = None,
    ) -> None:
        self.adopted = adopted  # what this start imported from another program's file
        self._location = Location(path)
        self._writer = writer
        self._reader = reader
        self._connections = connections  # the writer and the reader, to be closed in turn
        self._writing = asyncio.Lock()
        self._closed = False
        self._version: int | None = None  # of the data: changes with every commit of another program

    @classmethod
    async def open(cls, path: Path, prepare: Prepare) -> Database:
        """Open or create the database and migrate it. Raise CannotStart with a sentence for the operator."""
        opening.create(path)
        try:
            adopted = await adopting.adopt(path, prepare)
            async with AsyncExitStack() as opened:
                # Overwrite deleted content in the file: not every build of SQLite does so by default.
                writer = await _connect(opened, path, "secure_delete = ON")
                await opening.bring_up_to_date(writer, path, prepare)
                reader = await _connect(opened, path, "query_only = ON")
                return cls(writer, reader, opened.pop_all(), path, adopted)
        except sqlite3.Error as error:
            raise CannotStart(opening.cannot_open(path, error)) from error

    async def close(self) -> None:
        """Wait for what is under way, fold the write-ahead log into the file, close every connection."""
        async with self._writing:
            self._closed = True
            async with self._connections:
                try:
                    await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                except sqlite3.Error as error:
                    log.warning("checkpoint at close failed: %s", error)

    async def rows(self, sql: str, values: Iterable[Any] = ()) -> list[Row]:
        """Return the rows of a query, seen in the newest committed state. Raise Busy or Unwritable."""
        try:
            with _translated():
                return list(await self._reader.execute_fetchall(sql, values))
        except (UnicodeEncodeError, OverflowError):
            return []  # a lone surrogate, or a number over 64 bits: no row can contain it

    async def row(self, sql: str, values: Iterable[Any] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        found = await self.rows(sql, values)
        return found[0] if found else None

    # A task may be cancelled while the connection's thread is busy with its statement. The thread finishes it all the
    # same, after the task has gone. So whether something has to be rolled back can be seen only in the thread, in
    # turn: rollback() looks there, and does nothing outside of a transaction.

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
                    await self._writer.run(partial(_begin, self._location))
                    yield self._writer
                    await self._writer.run(partial(_commit, self._location))
            except BaseException:
                await self._roll_back()
                raise

    async def write(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """Run writes in one go, all or nothing; on return they are on disk. Raise Busy or Unwritable.

        A task that is cancelled meanwhile does not learn whether it was all or nothing.
        """
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            with _translated():
                await self._writer.run(partial(_transact, act, self._location))

    async def checkpoint(self) -> bool:
        """Move the write-ahead log into the file and empty it. Return False if a reader prevented it. Raise Busy."""
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            with _translated():
                await self._writer.run(partial(_check_files, self._location))
                [[busy, *_]] = await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            return not busy

    async def changed_by_others(self) -> bool:
        """Return whether another program may have written since the last call. Raise Busy or Unwritable."""
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            with _translated():
                await self._writer.run(partial(_check_files, self._location))
                version, before = await self._writer.run(_data_version), self._version
        self._version = version
        return version != before

    async def _roll_back(self) -> None:
        try:
            await self._writer.rollback()
        except sqlite3.Error as error:  # the first error says more
            log.warning("rollback failed: %s", error)


async def _connect(opened: AsyncExitStack, path: Path, *pragmas: str) -> _Connection:
    db = _Connection(partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64)
    await db
    opened.push_async_callback(db.close)
    for pragma in (f"busy_timeout = {_BUSY_MS}", "foreign_keys = ON", *pragmas):
        await db.execute_fetchall(f"PRAGMA {pragma}")
    return db
