"""Detection of a database that was renamed, deleted or replaced while it is open.

SQLite keeps writing to such a file, and every commit succeeds; but after the next start what was written is lost. The
same goes for the write-ahead log beside it, which contains the newest messages until the next checkpoint.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from chatapp.system import files

_DESCRIPTORS = Path("/proc/self/fd")  # of Linux: the way to a deleted file that is still open


class Location:
    """The paths of an open database and the files that they led to when it was opened."""

    def __init__(self, path: Path) -> None:
        """Record the files as they are. Call it once SQLite has opened all of them."""
        self._path = path
        # The path as given, because the next start follows links again; the others as SQLite names them, without links.
        names = [path.absolute(), *files.beside(path.resolve())]
        self._known = {name: found for name in names if (found := _identity(name))}

    def trouble(self) -> str | None:
        """Return a sentence for the operator if a file is no longer where it was opened, else None.

        Costs one system call a file, and on a network disk the time that takes to answer.
        """
        for name, identity in self._known.items():
            found = _identity(name)
            if found != identity:
                happened = "is gone" if found is None else "is another file now"
                return f"{name} {happened}: it was renamed, deleted or replaced while the server runs. {self._advice()}"
        return None

    def _advice(self) -> str:
        whole = self._known.get(self._path.absolute())
        if whole and (nameless := _nameless(whole)):
            return (
                "Before you stop the server, save what it still holds:"
                f" cp /proc/{os.getpid()}/fd/{nameless} {self._path.absolute()}.rescued"
            )
        if whole == _identity(self._path.absolute()):  # only a file beside it is missing
            return "Everything saved is in the database itself. Restart the server."
        return (
            "Put it back where it was, and the server goes on; or stop the server and start it where the file is now."
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # the folder or the disk is gone, or access was revoked
        return None
    return found.st_dev, found.st_ino


def _nameless(identity: tuple[int, int]) -> str | None:
    """Return the number of a descriptor of a deleted file."""
    try:
        numbers = [each.name for each in _DESCRIPTORS.iterdir()]
    except OSError:
        return None
    for number in numbers:
        with suppress(OSError):  # the descriptor of this listing is closed by now
            found = os.fstat(int(number))
            if (found.st_dev, found.st_ino) == identity and not found.st_nlink:
                return number
    return None
