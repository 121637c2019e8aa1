"""The store's facts about itself."""

from __future__ import annotations

from typing import Protocol

from chatapp.model.facts import Facts


class Meta(Protocol):
    """Keep the epoch, the cookie keys and how far messages are written."""

    async def facts(self) -> Facts:
        """Return the facts as committed."""
        ...

    async def reserve(self, ceiling: int) -> None:
        """Make durable that numbers up to ``ceiling`` may have been handed out. The ceiling never moves back."""
        ...
