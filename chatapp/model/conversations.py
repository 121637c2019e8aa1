"""Conversations: where messages go."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What kind of conversation it is."""

    ROOM = "room"  # open to every user
    DIRECT = "direct"  # of the members alone


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation, identified by its key: a room's id, or ``@3-7`` for the direct one of users 3 and 7."""

    key: str
    kind: Kind = field(default=Kind.ROOM, compare=False)
    members: tuple[int, ...] = field(default=(), compare=False)  # user ids, the smallest first; none of an open room

    @classmethod
    def direct(cls, one: int, other: int) -> Conversation:
        """Return the conversation of two users, the same for both of them."""
        low, high = min(one, other), max(one, other)
        return cls(f"@{low}-{high}", Kind.DIRECT, (low, high))

    @classmethod
    def from_key(cls, key: str) -> Conversation:
        """Return the conversation with a key that the store returned."""
        if key.startswith("@"):
            low, high = key[1:].split("-")
            return cls.direct(int(low), int(high))
        return cls(key)

    def other(self, user_id: int) -> int:
        """Return the id of the other user of a direct conversation."""
        low, high = self.members
        return high if low == user_id else low
