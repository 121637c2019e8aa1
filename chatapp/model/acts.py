"""What somebody asks for: one record for each act, whatever form, frame or program it came by."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft
from chatapp.model.people import User


@dataclass(frozen=True, slots=True)
class Target:
    """A revision of a message that somebody saw and wants to change."""

    conversation: Conversation
    message_id: int
    rev: int  # the revision they saw: changing any other would overwrite an edit that they have not seen


@dataclass(frozen=True, slots=True)
class Post:
    """Post a message."""

    conversation: Conversation
    draft: Draft
    person: User | None = None  # the receiver in a direct conversation


@dataclass(frozen=True, slots=True)
class Edit:
    """Give a message another text."""

    target: Target
    key: object  # of the request, to be checked, as is the text
    content: object


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a message."""

    target: Target
    key: object


@dataclass(frozen=True, slots=True)
class Restore:
    """Undo the removal of a message."""

    target: Target
    key: object


@dataclass(frozen=True, slots=True)
class Join:
    """Move a connection to a room or to the direct conversation with a person, and catch up there."""

    room: object = None  # its id
    direct: object = None  # the person's name
    since: int | None = None  # the cursor to catch up from
    epoch: str | None = None  # of the database that the cursor belongs to

    @property
    def is_nowhere(self) -> bool:
        """Tell whether the connection is to show no conversation."""
        return self.room is None and self.direct is None


@dataclass(frozen=True, slots=True)
class Read:
    """Mark the conversation of a connection as read up to a message."""

    message_id: int | None


@dataclass(frozen=True, slots=True)
class Typing:
    """Tell the others that somebody is typing."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Ask for a sign of life."""


Change = Edit | Remove | Restore
Act = Post | Change | Join | Read | Typing | Beat
