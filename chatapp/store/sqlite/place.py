"""Where a database lies: whether what stands there is still what was opened.

SQLite goes on writing into a file that was renamed or deleted, and every commit succeeds; but after the next start
nobody finds what was in them. The log beside the file counts too: until it is folded in, it holds the newest messages.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from chatapp.system import files

_DESCRIPTORS = Path("/proc/self/fd")  # of Linux: the way to a file that has no name any more


class Place:
    """The files of an open database, by the names under which they were opened."""

    def __init__(self, path: Path) -> None:
        """Look at what lies there; call it when SQLite has opened everything."""
        self._path = path
        # As it was named, since the next start follows a link anew; the rest as SQLite names it, without links.
        names = [path.absolute(), *files.beside(path.resolve())]
        self._known = {name: found for name in names if (found := _identity(name))}

    def trouble(self) -> str | None:
        """Return what an operator has to know when the files are not where they were opened; None while they are.

        It takes a system call for each file, and on a network disk as long as that takes to answer.
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
        if whole == _identity(self._path.absolute()):  # only what is beside it
            return "Everything saved is in the database itself. Restart the server."
        return (
            "Put it back where it was, and the server goes on; or stop the server and start it where the file is now."
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # the folder is gone, the disk is away, nobody may look any more
        return None
    return found.st_dev, found.st_ino


def _nameless(identity: tuple[int, int]) -> str | None:
    """Return the number of a descriptor of a file that has no name any more."""
    try:
        numbers = [each.name for each in _DESCRIPTORS.iterdir()]
    except OSError:
        return None
    for number in numbers:
        with suppress(OSError):  # the descriptor of this look itself is closed by now
            found = os.fstat(int(number))
            if (found.st_dev, found.st_ino) == identity and not found.st_nlink:
                return number
    return None
