"""Atomic, durable files that only their owner may read."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatapp.system.startup import CannotStart

BESIDE = ("-wal", "-shm", "-journal")  # suffixes of files that SQLite keeps beside a database


def real(path: Path) -> Path:
    """Return a path with all links resolved. Raise CannotStart if they lead nowhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # Python up to 3.12 raises RuntimeError for a loop of links
        said = error.strerror if isinstance(error, OSError) else os.strerror(errno.ELOOP)
        raise CannotStart(f"Cannot follow {path}: {said}. Fix the link, or choose another file.") from error


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """Create an empty temporary file beside ``path``, to be filled and ``put`` there. Remove it in the end."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)  # with mode 0600
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
    finally:
        for each in (part, *beside(part)):
            each.unlink(missing_ok=True)


def put(part: Path, path: Path) -> None:
    """Replace ``path`` with ``part`` atomically: after a power cut the file is the old one or the new one, whole."""
    sync(part)
    part.replace(path)
    sync(path.parent)


def beside(path: Path) -> list[Path]:
    """Return the paths of the files that SQLite keeps beside a database."""
    return [path.with_name(path.name + suffix) for suffix in BESIDE]


def hand_over(path: Path, like: Path) -> None:
    """Give a file that root created to the owner of ``like``, who will use it."""
    if os.name == "posix" and os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def sync(path: Path) -> None:
    """Flush a file or a folder to disk (fsync)."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
