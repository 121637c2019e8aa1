"""Events: records of what happened, which the chat publishes to its listeners.

An event says nothing about how it is shown. Encoders turn it into the frames of one kind of listener.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.model.refusals import Rejected

# --- messages, for everybody who shows their conversation -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posted:
    """A message was accepted."""

    message: Message


@dataclass(frozen=True, slots=True)
class Revised:
    """A message was changed: edited, removed, brought back, or its author's name taken off."""

    message: Message


@dataclass(frozen=True, slots=True)
class Restored:
    """A change could not be saved: what stood before it stands again, under a new number."""

    message: Message


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Messages could not be saved and were taken back."""

    conversation: str
    message_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Covered:
    """Everything in a conversation up to a number is saved, or was taken back for good."""

    conversation: str | None
    upto: int


@dataclass(frozen=True, slots=True)
class News:
    """Messages came in a conversation that the listener does not show."""

    conversation: str
    messages: Sequence[Message]
    person: User | None = None  # the other person of a direct conversation, which may be missing in the listener's list
    online: bool = False  # whether that person is here


# --- what became of somebody's own message, for its author ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """A message or a change was accepted under its key."""

    key: str
    message_id: int
    rev: int | None = None  # of a change: what the next one is made of


@dataclass(frozen=True, slots=True)
class Saved:
    """What was accepted under these keys is on the disk."""

    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Failed:
    """A message or a change was accepted, could not be saved, and was taken back."""

    message: Message


@dataclass(frozen=True, slots=True)
class Refused:
    """What a frame asked for was refused before anybody saw it."""

    key: str | None
    refusal: Rejected


# --- coming and going -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """A connection is being brought up to date."""

    conversation: str | None
    recovered: bool  # all that was missed follows; else nothing of it does
    healthy: bool  # messages can be saved
    epoch: str
    boot: str


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages that a connection missed, as they stand."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Ready:
    """A connection is up to date as far as a number, and live."""

    conversation: str | None
    upto: int


@dataclass(frozen=True, slots=True)
class Online:
    """Who is here."""

    user_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Who came and who left."""

    came: Sequence[int]
    left: Sequence[int]


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody is typing."""

    user: User


@dataclass(frozen=True, slots=True)
class Newcomers:
    """People registered."""

    users: Sequence[User]


@dataclass(frozen=True, slots=True)
class Departed:
    """Somebody deleted their account."""

    user_id: int


# --- the rest -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unread:
    """A person's exact counts of unread messages and read marks, by conversation."""

    counts: Mapping[str, int]
    reads: Mapping[str, int]
    upto: Mapping[str, int]  # the counts of each conversation cover every message up to here


@dataclass(frozen=True, slots=True)
class StorageHealth:
    """Messages can no longer be saved, or can be again."""

    healthy: bool


@dataclass(frozen=True, slots=True)
class Beat:
    """The connection is alive."""


Event = (
    Posted
    | Revised
    | Restored
    | Withdrawn
    | Covered
    | News
    | Sent
    | Saved
    | Failed
    | Refused
    | Hello
    | Missed
    | Ready
    | Online
    | PresenceChanged
    | Typing
    | Newcomers
    | Departed
    | Unread
    | StorageHealth
    | Beat
)
WORDED = (Failed, Refused)  # these hold a sentence: they are told to each listener in its own language
