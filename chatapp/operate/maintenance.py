"""Database maintenance from the command line: check, repair, back up, restore, rotate the key."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from chatapp.model.refusals import Rejected
from chatapp.store.sqlite import integrity, keyring
from chatapp.store.sqlite.maintenance import (
    Contents,
    Damaged,
    Progress,
    Reading,
    Refused,
    checkpoint,
    highest_ceiling,
    reading,
    start_new_epoch,
)
from chatapp.system import clock, files
from chatapp.system.lock import DatabaseLock
from chatapp.workers.images import Images

__all__ = ["Damaged", "Refused", "Report", "State", "backup", "check", "repair", "restore", "rotate_key"]

_FREE_BYTES = 16 * 2**20  # of disk space that a copy leaves: on a full disk the server cannot save
_LISTED = 5  # pictures, or lines of SQLite, that a report lists one by one


class State(IntEnum):
    """The result of a check, which is also the exit status of the command."""

    FINE = 0
    REPAIRABLE = 1
    LOST = 2  # something is missing; only a backup may have it


@dataclass(slots=True)
class Report:
    """What a check found."""

    size: int = 0
    counts: Contents | None = None
    found: list[tuple[State, str]] = field(default_factory=list)
    damaged: bool = False  # the file itself, not only its content
    old: bool = False  # the next start of the server upgrades it

    @property
    def state(self) -> State:
        """Return the worst state found."""
        return max((state for state, _ in self.found), default=State.FINE)


async def check(path: Path, progress: Callable[[str], Progress]) -> Report:
    """Check a whole database, even while a server uses it; change nothing. Raise Refused."""
    report = Report()
    try:
        with reading(path) as database:
            report.size = database.size
            _check_file(report, database)
            report.counts = database.counts()
            if database.is_old:
                report.old = True
                report.found.append((State.REPAIRABLE, f"written by an older version: schema {database.version}"))
                return report
            _check_rows(report, database)
            await _check_pictures(report, database, progress("checking pictures"))
    except Damaged as reason:  # too badly to count anything in it
        report.damaged = True
        report.found.append((State.LOST, str(reason)))
    return report


def _check_file(report: Report, database: Reading) -> None:
    if damage := database.damage():
        report.damaged = not integrity.is_index_only(damage)
        state = State.LOST if report.damaged else State.REPAIRABLE
        report.found += [(state, f"the file: {line}") for line in damage[:_LISTED]]


def _check_rows(report: Report, database: Reading) -> None:
    report.found += [(State.LOST, f"missing from the database's internal records: {name}") for name in database.lacks()]
    for fault in integrity.find(database):
        report.found.append((State.REPAIRABLE if fault.repairable else State.LOST, f"{fault.text}: {fault.count:,}"))


async def _check_pictures(report: Report, database: Reading, progress: Progress) -> None:
    images, broken = Images(), []
    pictures = database.pictures()
    try:
        for number, (picture_id, conversation, message_id) in enumerate(pictures, 1):
            try:
                for data in database.picture(picture_id):
                    await images.verify(data)
            except Rejected as reason:
                broken.append(f"the picture of message {message_id} in {conversation}: {reason}")
            progress(number, len(pictures))
    finally:
        await images.close()
    if len(broken) > _LISTED:
        broken[_LISTED:] = [f"and this many more pictures: {len(broken) - _LISTED:,}"]
    report.found += [(State.LOST, line) for line in broken]


def repair(path: Path) -> None:
    """Repair what a check calls repairable. Raise Refused, or CannotStart while a server uses the database."""
    with _alone(path) as database:
        if not integrity.is_index_only(database.damage()):
            raise Damaged(f"{path} is too damaged for this kind of repair. Restore a backup.")
        integrity.repair(path)


def rotate_key(path: Path) -> None:
    """Replace the key of the log-in cookies. Raise Refused, or CannotStart while a server uses the database."""
    with _alone(path):
        keyring.rotate(path)


@contextmanager
def _alone(path: Path) -> Iterator[Reading]:
    """Lock a database of this version that no server uses. Raise Refused or CannotStart."""
    with reading(path) as database:  # first: without a database, no lock file is left behind
        if database.is_old:
            raise Refused(f"{path} was written by an older version. Start the server: it upgrades the file.")
    with DatabaseLock(path), reading(path, locked=True) as database:
        yield database


def backup(database: Path, target: Path, progress: Progress, *, force: bool = False) -> Contents:
    """Copy a database into a verified file, as of one moment, even while a server writes. Raise Refused."""
    with reading(database) as source:
        target = files.real(target)
        _refuse_target(files.real(database), target, force=force)
        with _copied(source, target, progress) as (part, counts):
            files.put(part, target)
    return counts


def _refuse_target(database: Path, target: Path, *, force: bool) -> None:
    if target in (database, database.with_name(database.name + ".lock"), *files.beside(database)):
        raise Refused(f"{target} belongs to the database itself. Choose another file.")
    if target.is_dir():
        raise Refused(f"{target} is a folder. Name a file in it.")
    if target.exists() and not force:
        raise Refused(f"{target} already exists. Choose another file, or replace it with --force.")
    if busy := next((each for each in files.beside(target) if each.exists()), None):
        raise Refused(f"{target} is a database in use: {busy.name} is beside it. Choose another file.")


@contextmanager
def _copied(source: Reading, target: Path, progress: Progress) -> Iterator[tuple[Path, Contents]]:
    """Copy into a temporary file beside ``target``."""
    if not target.parent.is_dir():
        raise Refused(f"The folder {target.parent} does not exist. Create it first.")
    free = shutil.disk_usage(target.parent).free
    if free < source.size + _FREE_BYTES:
        needs = (source.size + _FREE_BYTES) / 1e6
        raise Refused(
            f"Not enough room in {target.parent}: the copy needs {needs:,.1f} MB, {free / 1e6:,.1f} are free."
        )
    with files.part_of(target) as part:
        yield part, source.copy(part, progress)


def restore(copy: Path, database: Path, progress: Progress) -> tuple[Contents, Path | None]:
    """Replace a database that no server uses with a copy.

    Return what is in it, and where the previous database is kept. Raise Refused or CannotStart.
    """
    database = files.real(database)
    if files.real(copy) == database:
        raise Refused(f"{copy} is the database itself. Name the backup that should replace it.")
    lock = DatabaseLock(database)
    with lock, reading(copy) as source:
        _refuse_source(source)
        with _copied(source, database, progress) as (part, counts):
            start_new_epoch(part, _ceiling(part, database))
            owner = database if database.exists() else database.parent
            for each in (part, lock.path):
                files.hand_over(each, owner)
            kept = _lay_aside(database)
            files.put(part, database)
    return counts, kept


def _refuse_source(source: Reading) -> None:
    if source.is_original:
        raise Refused(
            f"{source.path} is a file of the original program."
            " Start the server on a copy of it instead, with --database."
        )
    if lacking := source.lacks():
        raise Damaged(f"{source.path} is not complete, so it is not restored: it lacks {', '.join(lacking)}.")


def _ceiling(part: Path, database: Path) -> int:
    """Return a ceiling above every message number that pages may know from either database."""
    return clock.Stamper(max(highest_ceiling(part), highest_ceiling(database))).reserve()


def _lay_aside(database: Path) -> Path | None:
    """Keep the database under another name as well; its own stays until the new file replaces it."""
    kept = database.with_name(f"{database.name}.before-restore-{clock.timestamp().replace(':', '-')}")
    exists = database.exists()
    if exists:
        checkpoint(database)
    # A leftover log, of a damaged or removed database, must not be applied to the new file.
    for old, new in zip(files.beside(database), files.beside(kept), strict=True):
        if old.exists():
            old.rename(new)
    if exists:
        try:
            os.link(database, kept)
        except OSError:  # some file systems have no hard links: then there is no database for a moment
            database.rename(kept)
    return kept if exists else None
