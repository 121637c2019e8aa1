"""One server for one database: a lock beside the file, and one on it, that end with the process however it ends."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from chatapp.system import files
from chatapp.system.startup import CannotStart

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# The byte of the file itself that is locked. SQLite locks the 510 bytes before it (pager.h, PENDING_BYTE), keeps no
# data in their page, and never looks at this one, so that readers, backups and checks go on.
_BYTE = 0x4000_0000 + 512
_HELD = {errno.EACCES, errno.EAGAIN}  # how systems say that somebody else has the lock


class DatabaseLock:
    """Keep a second server away from a database, by whatever name it calls it.

    The lock beside the file keeps its place, also before there is a file and while another one is put there. The lock
    on the file itself belongs to its inode: a hard link, a new name or another mount leads to the same one; a copy
    does not. It is no ``flock``, which is one with SQLite's own locks on BSD, macOS and NFS, and would keep SQLite
    out too. It is a byte range of the open file description (Linux), which no other descriptor of this process that is
    closed takes along; where there is no such lock, an ordinary one, which is better than none. On Windows there is
    none: a file that a program has open cannot be replaced there, which ``restore`` does under this lock.

    The kernel drops both with the process, after ``kill -9`` too, so the file beside may stay: removing it would let
    two servers lock two different files of the same name.
    """

    def __init__(self, database: Path, *, create: bool = False) -> None:
        """Take the database to be locked; ``create`` lets the lock make an empty one where there is none.

        Raise CannotStart when its name is a link that leads nowhere.
        """
        self._database = database
        self._create = create
        # Resolved, so that a link to the database and the database itself share one lock.
        self._real = files.real(database)
        self.path = _beside(self._real)
        self._descriptors: list[int] = []

    def acquire(self) -> None:
        """Take the lock.

        Raise CannotStart when another server holds it, or the folder or the file refuses to be written. Hold it as
        long as SQLite has the file open: with any descriptor that it closes, a process loses its ordinary locks.
        """
        try:
            self._take(self._open_beside(), _lock)
            if self._create or (self._real.is_file() and sys.platform != "win32"):
                self._take(self._open_database(), _lock_byte)
        except BaseException:
            self.release()
            raise

    def _take(self, descriptor: int, lock: Callable[[int], None]) -> None:
        self._descriptors.append(descriptor)
        try:
            lock(descriptor)
        except OSError as error:
            raise CannotStart(
                f"Another chatapp is already using {self._database}. "
                "Stop it first, or choose another file with --database."
            ) from error

    def release(self) -> None:
        """Give the lock back; without one, do nothing."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> DatabaseLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open_beside(self) -> int:
        folder = self.path.parent
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CannotStart(
                f"The folder {folder} does not exist. Create it first, or choose another file with --database."
            ) from error
        except OSError as error:
            raise CannotStart(
                f"Cannot write in the folder {folder} ({error.strerror}). "
                "Change its permissions, or choose another file with --database."
            ) from error

    def _open_database(self) -> int:
        try:
            return os.open(self._real, os.O_RDWR | os.O_CREAT, 0o600)  # for its owner only: it holds the log-in key
        except OSError as error:
            raise CannotStart(
                f"Cannot open {self._database}: {error.strerror}. Choose another place with --database."
            ) from error


def is_used_by_another_name(database: Path) -> bool:
    """Tell whether a server uses a file, but not by this name: then its newest part is in a log beside another one.

    It is not asked where the process has locked the file itself.
    """
    real = files.real(database)
    return _is_held(real) and not _is_held(_beside(real))


def _beside(real: Path) -> Path:
    return real.with_name(real.name + ".lock")


def _is_held(path: Path) -> bool:
    """Tell whether somebody holds the byte of a file, without taking it for a moment from a server that starts."""
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _byte(fcntl.F_WRLCK))
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)
    except OSError:  # such locks do not exist here
        return False
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _lock_byte(descriptor)  # which can be asked about, as a flock cannot


def _lock_byte(descriptor: int) -> None:
    """Lock the file behind a descriptor as far as its file system can. Raise OSError when somebody else has."""
    if sys.platform == "win32":
        return
    try:
        _lock_description(descriptor)
    except OSError as error:
        if error.errno in _HELD:
            raise
        with suppress(OSError):  # no locks at all: then there is only the one beside the file
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _BYTE)


def _lock_description(descriptor: int) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _byte(fcntl.F_WRLCK))


def _byte(kind: int) -> bytes:
    return struct.pack("hhqqi", kind, os.SEEK_SET, _BYTE, 1, 0)  # struct flock, see fcntl(2)
