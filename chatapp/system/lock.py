"""Lock of a database: one server at a time. The kernel releases it however the process ends."""

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

# The byte of the database file that is locked. SQLite locks the 510 bytes before it (pager.h, PENDING_BYTE), keeps no
# data in their page, and ignores this one, so that readers, backups and checks continue.
_BYTE = 0x4000_0000 + 512
_HELD = {errno.EACCES, errno.EAGAIN}  # another process holds the lock


class DatabaseLock:
    """Keep a second server away from a database, whatever path it uses.

    The lock file beside it protects the path, even before the database exists and while ``restore`` replaces it. The
    lock on the database itself protects the inode, which a hard link, a new name or another mount shares; a copy does
    not. It is no ``flock``: on BSD, macOS and NFS that conflicts with SQLite's own locks. It is a byte range of the
    open file description (Linux), which survives when this process closes another descriptor of the file; elsewhere an
    ordinary byte range, better than nothing. On Windows there is none: ``restore``, which holds this lock, could not
    replace an open file.

    The kernel releases both with the process, even after ``kill -9``, so the lock file stays: removing it would let
    two servers lock two different files of the same name.
    """

    def __init__(self, database: Path, *, create: bool = False) -> None:
        """``create``: create an empty database if there is none. Raise CannotStart when the path is a dangling link."""
        self._database = database
        self._create = create
        # Resolved, so that a link to the database and the database itself share one lock.
        self._real = files.real(database)
        self.path = _beside(self._real)
        self._descriptors: list[int] = []

    def acquire(self) -> None:
        """Acquire the lock.

        Raise CannotStart when another server holds it, or the folder or the file is not writable. Hold it as long as
        SQLite has the file open: by closing any descriptor of a file, a process loses its ordinary locks on it.
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
        """Release the lock, if it is held."""
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
            return os.open(
                self._real, os.O_RDWR | os.O_CREAT, 0o600
            )  # for its owner only: it holds the key of the log-in cookies
        except OSError as error:
            raise CannotStart(
                f"Cannot open {self._database}: {error.strerror}. Choose another place with --database."
            ) from error


def is_used_by_another_name(database: Path) -> bool:
    """Tell whether a server uses the file under another path, beside which its newest data is, in the log.

    Do not ask in the process that holds the lock.
    """
    real = files.real(database)
    return _is_held(real) and not _is_held(_beside(real))


def _beside(real: Path) -> Path:
    return real.with_name(real.name + ".lock")


def _is_held(path: Path) -> bool:
    """Tell whether a process holds the byte, without locking it even for a moment."""
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _byte(fcntl.F_WRLCK))
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)
    except OSError:  # no such locks on this file system
        return False
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _lock_byte(descriptor)  # which can be queried, unlike a flock


def _lock_byte(descriptor: int) -> None:
    """Lock the byte, if the file system supports it. Raise OSError when another process holds it."""
    if sys.platform == "win32":
        return
    try:
        _lock_description(descriptor)
    except OSError as error:
        if error.errno in _HELD:
            raise
        with suppress(OSError):  # no locks at all: the lock file must do
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _BYTE)


def _lock_description(descriptor: int) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _byte(fcntl.F_WRLCK))


def _byte(kind: int) -> bytes:
    return struct.pack("hhqqi", kind, os.SEEK_SET, _BYTE, 1, 0)  # struct flock, see fcntl(2)
