"""One server for one database: a lock beside the file that ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from chatapp.settings import CannotStart

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class DatabaseLock:
    """Keep a second server away from a database.

    The kernel drops the lock with the process, after ``kill -9`` too, so the file may stay: removing it would let
    two servers lock two different files of the same name.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        # Resolved, so that a link to the database and the database itself share one lock.
        real = database.resolve()
        self.path = real.with_name(real.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raise CannotStart when another server holds it or the folder refuses files."""
        descriptor = self._open()
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise CannotStart(
                f"Another chatapp is already using {self._database}. "
                "Stop it first, or choose another file with --database."
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; without one, do nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DatabaseLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open(self) -> int:
        folder = self.path.parent
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CannotStart(
                f"The folder {folder} does not exist. Make it first, or choose another file with --database."
            ) from error
        except OSError as error:
            raise CannotStart(
                f"Cannot write in the folder {folder} ({error.strerror}). "
                "Change its permissions, or choose another file with --database."
            ) from error


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
