"""What was given up although its commit may have happened: what stands instead, until that is durable."""

from __future__ import annotations

from collections.abc import Iterable

from chatapp.delivery.entries import Entry
from chatapp.model.messages import Identity, Message


class Retractions:
    """Keep what the next transaction has to undo first of all: until then, a crash could bring it back."""

    def __init__(self) -> None:
        self._instead: dict[Identity, Message | None] = {}  # None: nothing stands

    def __bool__(self) -> bool:
        return bool(self._instead)

    def add(self, entry: Entry) -> None:
        """Retract an entry that was given up."""
        self._instead[entry.message.identity] = entry.before

    @property
    def restored(self) -> list[Message]:
        """Return the revisions that stand again."""
        return [before for before in self._instead.values() if before is not None]

    def corrected(self, message: Message) -> Message | None:
        """Return a message that was read as it will stand once everything is undone; None for nothing."""
        return self._instead.get(message.identity, message)

    def rows(self) -> list[tuple[Identity, Message | None]]:
        """Return what a transaction has to undo."""
        return list(self._instead.items())

    def confirm(self, undone: Iterable[tuple[Identity, Message | None]]) -> None:
        """Forget what is durably undone."""
        for identity, _ in undone:
            del self._instead[identity]
