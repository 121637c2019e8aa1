"""One SQLite file: one connection that writes, one that reads, and what can go wrong with the disk."""

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
from chatapp.store.sqlite.place import Place
from chatapp.system.startup import CannotStart

log = logging.getLogger("chatapp.store")
Row = Sequence[Any]
T = TypeVar("T")

# Waiting is done by the journal, which keeps accepting messages meanwhile; SQLite itself waits only this long.
_BUSY_MS = 250


# https://www.sqlite.org/rescode.html: the codes after which the same rows can be written later.
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
        """Run a function; return what it returns, and raise what it raises."""
        result: T = await self._execute(act, self._conn)  # type: ignore[no-untyped-call]
        return result


def _transact(act: Callable[[sqlite3.Connection], None], place: Place, db: sqlite3.Connection) -> None:
    try:
        _begin(place, db)
        act(db)
        _commit(place, db)
    except BaseException:
        try:
            db.rollback()
        except sqlite3.Error as error:  # what failed before is the better story
            log.warning("rollback failed: %s", error)
        raise


def _begin(place: Place, db: sqlite3.Connection) -> None:
    _stand_by(place, db)
    db.execute("BEGIN IMMEDIATE")


def _commit(place: Place, db: sqlite3.Connection) -> None:
    db.execute("COMMIT")
    _stand_by(place, db)


def _stand_by(place: Place, db: sqlite3.Connection) -> None:
    """Raise Unwritable unless the files are where they were opened: asked before a commit, and after it.

    What was committed in between is not known to be saved, as after any commit that failed.
    """
    if trouble := place.trouble():
        with suppress(sqlite3.Error):  # so that the file alone is complete, whatever becomes of it
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        raise Unwritable(trouble)


def _data_version(db: sqlite3.Connection) -> int:
    # Of the connection that writes: commits of its own do not count (https://www.sqlite.org/pragma.html).
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
        self.adopted = adopted  # what came along at this start out of the file of another program
        self._place = Place(path)
        self._writer = writer
        self._reader = reader
        self._connections = connections  # both, to be closed in turn
        self._writing = asyncio.Lock()
        self._closed = False
        self._version: int | None = None  # of the data: another one after every commit of another program

    @classmethod
    async def open(cls, path: Path, prepare: Prepare) -> Database:
        """Open or create the database and migrate it. Raise CannotStart with a sentence for the operator."""
        opening.create(path)
        try:
            adopted = await adopting.adopt(path, prepare)
            async with AsyncExitStack() as opened:
                # What is erased is overwritten in the file, too: not every SQLite does that by itself.
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
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Write all or nothing; on leaving, what was written is on disk. Raise Busy or Unwritable.

        A task that is cancelled while it leaves does not learn whether it was all or nothing.
        """
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            try:
                with _translated():
                    await self._writer.run(partial(_begin, self._place))
                    yield self._writer
                    await self._writer.run(partial(_commit, self._place))
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
                await self._writer.run(partial(_transact, act, self._place))

    async def fold(self) -> bool:
        """Fold the write-ahead log into the file and empty it. Return whether nobody stood in the way. Raise Busy."""
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            with _translated():
                await self._writer.run(partial(_stand_by, self._place))
                [[busy, *_]] = await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            return not busy

    async def changed_by_others(self) -> bool:
        """Tell whether another program may have written since this was asked last. Raise Busy or Unwritable."""
        async with self._writing:
            if self._closed:
                raise Unwritable("the database is closed")
            with _translated():
                await self._writer.run(partial(_stand_by, self._place))
                version, before = await self._writer.run(_data_version), self._version
        self._version = version
        return version != before

    async def _roll_back(self) -> None:
        try:
            await self._writer.rollback()
        except sqlite3.Error as error:  # what failed before is the better story
            log.warning("rollback failed: %s", error)


async def _connect(opened: AsyncExitStack, path: Path, *pragmas: str) -> _Connection:
    db = _Connection(partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64)
    await db
    opened.push_async_callback(db.close)
    for pragma in (f"busy_timeout = {_BUSY_MS}", "foreign_keys = ON", *pragmas):
        await db.execute_fetchall(f"PRAGMA {pragma}")
    return db
