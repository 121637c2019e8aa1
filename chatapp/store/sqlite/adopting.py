"""Import of another program's database at the first start: all of it, or nothing."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from chatapp.model.adoption import Report
from chatapp.model.pictures import Prepare
from chatapp.store.sqlite import schema
from chatapp.store.sqlite.adoption import copies, damage, reading
from chatapp.store.sqlite.adoption.transfer import Transfer
from chatapp.system import files
from chatapp.system.startup import CannotStart

log = logging.getLogger("chatapp.store")


async def adopt(path: Path, prepare: Prepare) -> Report | None:
    """Convert another program's file into a database of ours; leave a new file, and one of ours, alone.

    A copy of the file is kept beside it. Return a report, or None if there was nothing to do. Raise CannotStart, or
    SQLite's own error; the file is then unchanged to the byte, with nothing new beside it.
    """
    try:
        copies.tidy(path)
        before = copies.state(path)
        with copies.foreign(path) as copy:
            return None if copy is None else await _replaced(path, copy, before, prepare)
    except OSError as error:
        raise CannotStart(_hindered(path, error)) from error
    except CannotStart:
        raise
    except sqlite3.Error as error:
        if damage.is_damage(error):
            raise CannotStart(damage.refusal(path, error)) from error
        raise
    except Exception as error:
        log.debug("adopting failed", exc_info=True)
        raise CannotStart(
            f"Cannot import {path}: something in it was unexpected ({type(error).__name__}: {error})."
            " It was not changed. Please report this."
        ) from error
    finally:
        copies.tidy(path)


def _hindered(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"There is no room on the disk to open {path}. Make some, or choose another place with --database."
    return f"Cannot adopt {path}: {error.strerror}. It was left as it is."


async def _replaced(path: Path, copy: Path, before: copies.State, prepare: Prepare) -> Report:
    log.info("importing %s, the database of another program", path)
    _, new = copies.parts_of(path)
    written = copies.written(path)
    with reading.opened(copy) as db:
        if broken := damage.found(db):
            raise CannotStart(damage.refusal(path, broken))
        [[page_size]] = db.execute("PRAGMA page_size")
        async with _new(new, int(page_size)) as target:
            await schema.migrate(target, prepare)
            await target.execute("BEGIN")
            report = await Transfer(reading.recognised(db, path), target, prepare, written).run()
            await target.execute("COMMIT")
            await _prove(target)
    report.copy = str(_switch(path, copy, new, before))
    log.info("kept a copy of the database as it was: %s", report.copy)
    return report


def _switch(path: Path, copy: Path, new: Path, before: copies.State) -> Path:
    """Move the copy, then the new database into place; return the path of the copy."""
    kept = copies.place_for(path, copy)
    is_first, mode = not kept.exists(), path.stat().st_mode
    if is_first:
        files.put(copy, kept)
    try:
        path.chmod(0o600)  # from now on it contains the session key
        copies.replace(path, new, before)
    except BaseException:
        path.chmod(mode)
        if is_first:
            kept.unlink()
        raise
    return kept


@asynccontextmanager
async def _new(path: Path, page_size: int) -> AsyncIterator[aiosqlite.Connection]:
    """Open an empty database that only this process knows, with the page size of the old one."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    async with aiosqlite.connect(path, isolation_level=None) as db:
        for pragma in (f"page_size = {page_size}", "journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = ON"):
            await db.execute_fetchall(f"PRAGMA {pragma}")
        yield db


async def _prove(db: aiosqlite.Connection) -> None:
    """Raise sqlite3.IntegrityError unless a new database is sound and all rows in it fit together."""
    [[found]] = await db.execute_fetchall("PRAGMA integrity_check(1)")
    if found != "ok" or list(await db.execute_fetchall("PRAGMA foreign_key_check")):
        raise sqlite3.IntegrityError(f"the new database is not sound: {found}")
