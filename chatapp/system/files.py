"""Files that are whole or not there at all, and that only their owner may read."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatapp.system.startup import CannotStart

BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database: they belong to it by their names alone


def real(path: Path) -> Path:
    """Return where a file is once all links are followed. Raise CannotStart where they lead nowhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # Python up to 3.12 raises the second for links in a circle
        said = error.strerror if isinstance(error, OSError) else os.strerror(errno.ELOOP)
        raise CannotStart(f"Cannot follow {path}: {said}. Fix the link, or choose another file.") from error


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """Give an empty file of its own beside ``path``, to be filled and put in its place. What is left of it goes."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)  # with mode 0600
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
    finally:
        for each in (part, *beside(part)):
            each.unlink(missing_ok=True)


def put(part: Path, path: Path) -> None:
    """Let ``part`` become ``path``: after a power cut there is the old file or the new one, whole."""
    sync(part)
    part.replace(path)
    sync(path.parent)


def beside(path: Path) -> list[Path]:
    """Return the names under which SQLite keeps the rest of a database."""
    return [path.with_name(path.name + suffix) for suffix in BESIDE]


def hand_over(path: Path, like: Path) -> None:
    """Give a file that root made to the owner of another one, who is to use it."""
    if os.name == "posix" and os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def sync(path: Path) -> None:
    """Return when a file or a folder is on the disk as it is now."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
