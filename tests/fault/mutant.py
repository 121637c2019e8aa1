"""Start the server with one thing broken, to see whether the tests notice: ``python mutant.py MUTATION [OPTIONS]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_FILE = str(Path(__file__).resolve())
PENDING_DROPPED = (_FILE, "pending-dropped")
SYNC_NORMAL = (_FILE, "sync-normal")
CHANGES_DROPPED = (_FILE, "changes-dropped")
CHANGES_UNSAVED = (_FILE, "changes-unsaved")
CHANGES_KEPT = (_FILE, "changes-kept")


def drop_pending() -> None:
    """Leave out of every catch-up what is pending when it begins."""
    from chatapp.delivery.journal import Journal

    Journal.pending = lambda *_: []  # type: ignore[method-assign,assignment]


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

    revise = Journal.revise

    def forget(self: Journal, *current: Any, **changes: Any) -> Any:
        entry = revise(self, *current, **changes)
        self._backlog.waiting.remove(entry)
        self._backlog.put_back(entry)
        entry.saved.set_result(True)
        for subscriber in self._commits.subscribers:
            subscriber.saved([entry])
        return entry

    Journal.revise = forget  # type: ignore[method-assign]


def keep_changes() -> None:
    """Leave a change that could not be saved on the pages."""
    from chatapp.delivery.hub import Hub
    from chatapp.model.events import Restored

    publish = Hub.publish

    def publish_all_else(self: Hub, conversation: Any, event: Any, **options: Any) -> None:
        if not isinstance(event, Restored):
            publish(self, conversation, event, **options)

    Hub.publish = publish_all_else  # type: ignore[method-assign]


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
