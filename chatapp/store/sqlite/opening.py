"""Opening a file: create, migrate, or say in one sentence why it cannot be used."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path

import aiosqlite

from chatapp.model.pictures import Prepare
from chatapp.store.sqlite import schema
from chatapp.store.sqlite.adoption import damage
from chatapp.system import files
from chatapp.system.startup import CannotStart

log = logging.getLogger("chatapp.store")

BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def create(path: Path) -> None:
    """Create an empty file that only its owner may read, if there is none. Raise CannotStart."""
    if path.is_file():
        return  # opening and closing it would drop this process's locks on it (POSIX)
    if path.exists() and not path.is_dir():
        raise CannotStart(f"Cannot open {path}: it is a pipe or a device. Choose a file with --database.")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise CannotStart(f"Cannot open {path}: {error.strerror}. Choose another place with --database.") from error


async def bring_up_to_date(db: aiosqlite.Connection, path: Path, prepare: Prepare) -> None:
    """Run the missing migrations, each all or nothing, after keeping a copy. Raise CannotStart."""
    [[version]] = await db.execute_fetchall("PRAGMA user_version")
    newest = len(schema.MIGRATIONS)
    if await db.execute_fetchall("SELECT 1 FROM sqlite_schema LIMIT 1"):
        if version > newest:
            raise CannotStart(
                f"{path} was written by a newer chatapp (its schema is {version}, this program knows {newest})."
                " Install the newer version, or choose another file with --database."
            )
        if version < newest:
            await _keep_copy(db, path, version)
            _close_to_others(path)
    else:
        version = 0
    await db.execute_fetchall("PRAGMA journal_mode = WAL")
    await db.execute_fetchall("PRAGMA synchronous = FULL")
    await schema.migrate(db, prepare, version)


async def _keep_copy(db: aiosqlite.Connection, path: Path, version: int) -> None:
    """Keep a complete copy of the database beside it; one of the same version is replaced."""
    copy = path.with_name(f"{path.name}.before-upgrade-{version}")
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            await db.execute("VACUUM INTO ?", (str(part),))
            files.put(part, copy)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CannotStart(f"Cannot keep a copy of {path} before its upgrade: {error.strerror}.") from error
    log.info("kept a copy of the database as it was: %s", copy)


def _close_to_others(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        try:
            each.chmod(0o600)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("%s may be read by others: %s", each, error)


def cannot_open(path: Path, error: BaseException) -> str:
    """Return a sentence for the operator: why the database cannot be used, and what to do."""
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a database. Choose another file with --database."
    if code in BUSY_CODES:
        return f"{path} is locked by another program. Close that program and start again."
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:  # the second: no room for "-shm"
        return f"There is no room on the disk to open {path}. Make some, or choose another place with --database."
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return f"Cannot write {path} and its folder. Make them writable, or choose another file with --database."
    if code == sqlite3.SQLITE_CORRUPT:
        return damage.refusal(path, error)
    advice = "Look at its disk, or choose" if code == sqlite3.SQLITE_IOERR else "Choose"
    return f"Cannot open {path}: {error}. {advice} another file with --database."
