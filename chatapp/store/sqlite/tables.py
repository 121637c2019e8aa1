"""The two tables of messages, which the original program made: their differences, described once.

Everything else in the store takes a ``Table`` and builds the same statement for both.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.model.conversations import Conversation, Kind


@dataclass(frozen=True, slots=True, eq=False)  # two of them, compared by identity
class Table:
    """A table of messages."""

    name: str
    kind: Kind  # of the conversations in it
    conversation: str  # column of the conversation's key
    people: tuple[tuple[str, str], ...]  # columns (name, id) of the author, then of the receiver

    @property
    def author(self) -> str:
        """Return the column of the author's id."""
        return self.people[0][1]


ROOMS = Table("messages", Kind.ROOM, "room", (("sender", "author_id"),))
DIRECTS = Table("private_messages", Kind.DIRECT, "conversation", (("sender", "sender_id"), ("receiver", "receiver_id")))
BOTH = (ROOMS, DIRECTS)
# The keys of the conversations in which a message id was used. Imported databases counted the two tables apart.
USES_OF_ID = " UNION ALL ".join(
    f"SELECT {table.conversation} FROM {table.name} WHERE id = ?1 AND {table.conversation} IS NOT NULL"  # noqa: S608
    for table in BOTH
)
_BY_KIND = {table.kind: table for table in BOTH}


def of(conversation: Conversation) -> Table:
    """Return the table that holds the messages of a conversation."""
    return _BY_KIND[conversation.kind]
