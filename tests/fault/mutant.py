"""Start the server with one thing broken, to see whether the tests notice: ``python mutant.py MUTATION [OPTIONS]``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_FILE = str(Path(__file__).resolve())
PENDING_DROPPED = (_FILE, "pending-dropped")
SYNC_NORMAL = (_FILE, "sync-normal")
CHANGES_DROPPED = (_FILE, "changes-dropped")
CHANGES_UNSAVED = (_FILE, "changes-unsaved")
CHANGES_KEPT = (_FILE, "changes-kept")


class Forgetful:
    """A journal that does not tell who catches up what is not saved yet."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        if name == "backlog":
            return SimpleNamespace(pending=[])
        return getattr(self._journal, name)


def drop_pending() -> None:
    """Leave out of every catch-up what is pending when it begins."""
    from chatapp.chat.resume import Resume

    made = Resume.__init__

    def make(self: Any, *parts: Any, **options: Any) -> None:
        made(self, *parts, **options)
        self._journal = Forgetful(self._journal)

    Resume.__init__ = make  # type: ignore[method-assign]


def sync_less() -> None:
    """Let commits return before they are on the disk."""
    from chatapp.store.sqlite.database import Database

    opened = Database.open

    async def open_carelessly(*place: Any) -> Database:
        database = await opened(*place)
        await database._writer.execute_fetchall("PRAGMA synchronous = NORMAL")
        return database

    Database.open = open_carelessly  # type: ignore[method-assign,assignment]


def drop_changes() -> None:
    """Bring only new messages to a page that comes back."""
    from chatapp.store.sqlite.messages import Messages

    found = Messages.changes

    async def find(self: Any, *query: Any) -> Any:
        return [message for message in await found(self, *query) if not message.is_change]

    Messages.changes = find  # type: ignore[method-assign]


def leave_changes_unsaved() -> None:
    """Show changes to everybody and call them saved, but keep them from the journal."""
    from chatapp.delivery.journal import Journal

    append = Journal.append

    def forget(self: Journal, message: Any, before: Any = None) -> Any:
        entry = append(self, message, before)
        if before is not None:
            self.backlog.waiting.remove(entry)
            self.backlog.put_back(entry)
            entry.saved.set_result(True)
            self.on_saved([entry])
        return entry

    Journal.append = forget  # type: ignore[method-assign]


def keep_changes() -> None:
    """Leave a change that could not be saved on the pages."""
    from chatapp.chat.messaging import Messaging
    from chatapp.delivery.hub import Hub

    put_back = Messaging._put_back

    def put_back_silently(self: Any, entry: Any) -> Any:
        publish, Hub.publish = Hub.publish, lambda *_, **__: None  # type: ignore[method-assign]
        try:
            return put_back(self, entry)
        finally:
            Hub.publish = publish  # type: ignore[method-assign]

    Messaging._put_back = put_back_silently  # type: ignore[method-assign]


if __name__ == "__main__":
    from chatapp.cli import main

    {
        "pending-dropped": drop_pending,
        "sync-normal": sync_less,
        "changes-dropped": drop_changes,
        "changes-unsaved": leave_changes_unsaved,
        "changes-kept": keep_changes,
    }[sys.argv.pop(1)]()
    raise SystemExit(main(sys.argv[1:]))
