"""Start the server with one thing broken, to see whether the tests notice: ``python mutant.py MUTATION [OPTIONS]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_FILE = str(Path(__file__).resolve())
PENDING_DROPPED = (_FILE, "pending-dropped")
SYNC_NORMAL = (_FILE, "sync-normal")


class Forgetful:
    """A journal that does not tell who catches up what is not saved yet."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return [] if name == "pending" else getattr(self._journal, name)


def drop_pending() -> None:
    """Leave out of every catch-up what is pending when it begins."""
    from chatapp.messaging import Messaging

    made = Messaging.__init__

    def make(self: Any, *parts: Any, **options: Any) -> None:
        made(self, *parts, **options)
        self._journal = Forgetful(self._journal)

    Messaging.__init__ = make  # type: ignore[method-assign]


def sync_less() -> None:
    """Let commits return before they are on the disk."""
    from chatapp.store.database import Database

    opened = Database.open

    async def open_carelessly(*place: Any) -> Database:
        database = await opened(*place)
        await database._writer.execute_fetchall("PRAGMA synchronous = NORMAL")
        return database

    Database.open = open_carelessly  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    from chatapp.cli import main

    {"pending-dropped": drop_pending, "sync-normal": sync_less}[sys.argv.pop(1)]()
    raise SystemExit(main(sys.argv[1:]))
