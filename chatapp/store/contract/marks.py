"""Read marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from chatapp.model.marks import Counts


class Marks(Protocol):
    """Keep a read mark for each person and conversation; it never moves back."""

    async def move(self, marks: Iterable[tuple[int, str, int]]) -> None:
        """Move marks (user id, conversation key, message id) forward, all in one transaction."""
        ...

    async def counts(self, user_id: int) -> Counts:
        """Count a person's unread messages in each conversation, all in one committed state."""
        ...
