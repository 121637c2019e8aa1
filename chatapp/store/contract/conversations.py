"""Conversations."""

from __future__ import annotations

from typing import Protocol

from chatapp.model.conversations import Conversation
from chatapp.model.rooms import Room


class Conversations(Protocol):
    """Keep every conversation. A direct one comes into being with its first message."""

    async def all_rooms(self) -> list[Room]:
        """Return every room in the order of the list."""
        ...

    async def of_user(self, user_id: int) -> list[Conversation]:
        """Return every conversation in which a user may have written: all rooms and their direct conversations."""
        ...

    async def of_message(self, message_id: int) -> list[Conversation]:
        """Return where a message id was used: in one place at most, or in two if an imported database did so."""
        ...
