"""Reading a file without a trace, copying it as it is, and replacing it in one transaction."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chatapp.store.sqlite.adoption import damage, reading
from chatapp.store.sqlite.ownership import Kind, kind_of
from chatapp.system import files
from chatapp.system.startup import CannotStart

_PATIENCE = 0.25  # seconds to wait for a lock
_WAL = b"\x02"  # at byte 18 of a file that keeps a write-ahead log; https://www.sqlite.org/fileformat.html
_JOURNAL = "-journal"
_HEADER = 100  # bytes; https://www.sqlite.org/fileformat.html#the_database_header
_PIECE = 1 << 20  # bytes compared at once

State = list[tuple[int, int] | None]  # size and time of change of a file and of those that belong to it


def state(path: Path) -> State:
    """Return sizes and times that change when the file is written."""
    found: State = []
    for each in (path, *files.beside(path)[::2]):  # without -shm, which readers change
        stat = each.stat() if each.exists() else None
        found.append((stat.st_size, stat.st_mtime_ns) if stat else None)
    return found


def _copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.before-upgrade-0")


def place_for(path: Path, copy: Path) -> Path:
    """Return the path for the copy of an old file: that of an equal copy, or the first free one."""
    first = _copy_of(path)
    for number in itertools.count(1):
        place = first if number == 1 else first.with_name(f"{first.name}-{number}")
        if not os.path.lexists(place) or (place.is_file() and _are_equal(place, copy)):
            return place
    raise AssertionError("numbers do not end")


def _are_equal(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same database: copies made in different ways count their changes differently."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        if _uncounted(left.read(_HEADER)) != _uncounted(right.read(_HEADER)):
            return False
        while piece := left.read(_PIECE):
            if piece != right.read(_PIECE):
                return False
    return True


def _uncounted(header: bytes) -> bytes:
    """Return a header without the kind of journal, the counters of changes, and the version of the last writer."""
    return header[:18] + header[20:24] + header[28:40] + header[44:92]


def parts_of(path: Path) -> tuple[Path, Path]:
    """Return where the copy, and the new database, are while they are not whole. A start takes away old ones."""
    copy = _copy_of(path)
    return copy.with_name(f"{copy.name}.part"), path.with_name(f"{path.name}.upgraded.part")


def tidy(path: Path) -> None:
    """Delete the leftovers of a start that was killed."""
    for part in parts_of(path):
        for each in (part, *files.beside(part)):
            each.unlink(missing_ok=True)


@contextmanager
def foreign(path: Path) -> Iterator[Path | None]:
    """Give a copy, whole and at rest, of a file that another program left; None for one of ours and for a new one.

    The file itself is only read, and nothing but the copy is made. Raise CannotStart if it holds no chat; errors are
    SQLite's and the system's.
    """
    part, _ = parts_of(path)
    journal = _is_filled(path, _JOURNAL)
    is_empty = path.stat().st_size == 0 and not _is_filled(path, "-wal")
    if is_empty or (not journal and _is_ours(path)):
        yield None
    elif journal or _is_filled(path, "-wal"):
        _copy_unsettled(path, part)
        with reading.opened(part) as db:
            kind = kind_of(db)
            if kind is Kind.FOREIGN:
                _refuse_cut_off(part, path)
                reading.recognised(db, path)
        yield part if kind is Kind.FOREIGN else None
    else:
        yield part if _copy(path, part) else None


def _is_filled(path: Path, suffix: str) -> bool:
    other = path.with_name(path.name + suffix)
    return other.exists() and other.stat().st_size > 0


@contextmanager
def _looking(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file itself to be read, respecting the locks of others where that leaves nothing behind."""
    with path.open("rb") as file:
        header = file.read(20)
    # Readers of a file with a write-ahead log would make two files beside it, which only a writer takes away.
    mode = "immutable=1" if header[18:19] == _WAL else "mode=ro"
    address = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE)) as db:
        reading.prepare(db)
        yield db


def _is_ours(path: Path) -> bool:
    """Tell whether the file by itself, without what its log may add to it, is a database of ours."""
    with _looking(path) as db:
        return kind_of(db) is Kind.OURS


def _copy(path: Path, part: Path) -> bool:
    """Copy a file at rest that another program left. Return whether it is one."""
    with _looking(path) as db:
        if kind_of(db) is not Kind.FOREIGN:
            return False
        _refuse_cut_off(path, path)
        reading.recognised(db, path)  # first: what is refused need not be copied
        part.touch(0o600)
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # it is flushed when it is put in its place
            db.backup(copy, progress=_impatient(path))
    return True


def _refuse_cut_off(copy: Path, path: Path) -> None:
    if broken := damage.cut_off(copy):
        raise CannotStart(damage.refusal(path, broken))


def _impatient(path: Path) -> Callable[[int, int, int], None]:
    """Give up when the lock is held; SQLite itself would wait forever."""

    def look(status: int, remaining: int, total: int) -> None:
        if status & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise CannotStart(f"{path} is locked by another program. Close that program and start again.")

    return look


def _copy_unsettled(path: Path, part: Path) -> None:
    """Copy a file whose last program ended without tidying up, with what belongs to it, and settle the copy."""
    before = state(path)
    for source, target in zip((path, *files.beside(path)), (part, *files.beside(part)), strict=True):
        if source.exists() and not source.name.endswith("-shm"):  # an index of the log, made again from it
            target.touch(0o600)
            shutil.copyfile(source, target)
    if state(path) != before:
        raise CannotStart(f"{path} is in use by another program. Close that program and start again.")
    with closing(sqlite3.connect(part, isolation_level=None)) as db:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # rolls back what was under way
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def written(path: Path) -> datetime:
    """Return when a file was last written to."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def replace(path: Path, new: Path, before: State) -> None:
    """Write a new database over the old file, in one transaction of the file itself: all of it or nothing.

    The inode stays the same, so hard links to it remain valid. ``before`` is its state when it was copied. Raise
    CannotStart if somebody has changed it since; errors are SQLite's.
    """
    if state(path) != before:
        raise CannotStart(f"{path} changed while it was being read. Stop the other program that uses it and try again.")
    with (
        closing(sqlite3.connect(new, isolation_level=None)) as source,
        closing(sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)) as target,
    ):
        target.execute("PRAGMA synchronous = FULL")
        source.backup(target, progress=_impatient(path))
