"""Retractions: what to undo because a failed commit may have reached the disk after all."""

from __future__ import annotations

from collections.abc import Iterable

from chatapp.delivery.entries import Entry
from chatapp.model.messages import Identity, Message


class Retractions:
    """The messages that the next transaction must undo first: until then, a crash could bring them back."""

    def __init__(self) -> None:
        self._instead: dict[Identity, Message | None] = {}  # the revision to restore; None: delete the message

    def __bool__(self) -> bool:
        return bool(self._instead)

    def add(self, entry: Entry) -> None:
        """Retract an entry."""
        self._instead[entry.message.identity] = entry.before

    @property
    def restored(self) -> list[Message]:
        """Return the restored revisions."""
        return [before for before in self._instead.values() if before is not None]

    def corrected(self, message: Message) -> Message | None:
        """Return a stored message as it will be after the undo: unchanged if not retracted, None if deleted."""
        return self._instead.get(message.identity, message)

    def rows(self) -> list[tuple[Identity, Message | None]]:
        """Return what the next transaction must undo."""
        return list(self._instead.items())

    def confirm(self, undone: Iterable[tuple[Identity, Message | None]]) -> None:
        """Forget what was durably undone."""
        for identity, _ in undone:
            del self._instead[identity]
