"""View models: records arranged for one reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from chatapp.html import language
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.model.refusals import N_
from chatapp.model.rooms import Room

RUN_PAUSE: Final = timedelta(minutes=5)  # ends a run, as in Campfire, Element, Mattermost and Rocket.Chat
_FORMER = N_("Former member")
_ROOM_NAMES = {"general": N_("General"), "tech": N_("Tech"), "game": N_("Game")}


@dataclass(frozen=True, slots=True)
class Link:
    """A conversation in one person's sidebar. ``user`` is the other person of a direct conversation."""

    key: str
    path: str  # without the base path: "/rooms/tech", "/direct/An"; percent-encoded where a link needs it
    title: str
    count: int = 0  # unread messages
    current: bool = False
    user: User | None = None
    online: bool = False
    last: bool = False  # where its reader was before they opened the list


@dataclass(frozen=True, slots=True)
class Side:
    """The sidebar of one person."""

    rooms: Sequence[Link]
    directs: Sequence[Link]


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a list of people."""

    user: User
    online: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A message on a page: its place in a run of messages, and the lines drawn above it."""

    message: Message
    first: bool  # of a run: consecutive messages of one author without a long pause
    last: bool
    own: bool
    day: date | None = None  # draw a line with this date above it
    new: bool = False  # draw the line of new messages above it

    @property
    def marks(self) -> str:
        """Return the CSS classes of the entry, each after a space."""
        names = (("first", self.first), ("last", self.last), ("own", self.own))
        return "".join(f" {name}" for name, holds in names if holds)


def room_title(room: Room) -> str:
    """Return the name of a room in the current language."""
    return room.name if room.name is not None else language.gettext(_ROOM_NAMES.get(room.id, room.id))


def person_title(user: User) -> str:
    """Return the name of a person, or a placeholder if they deleted their account."""
    return language.gettext(_FORMER) if user.left else user.username


def entries(messages: Sequence[Message], *, me_id: int, zone: str, read: int | None = None) -> list[Entry]:
    """Arrange messages for a reader: runs, dates in their time zone, and a line above the first unread message.

    ``read`` is the id up to which they have read; None draws no such line.
    """
    where = language.time_zone(zone)
    moments = [datetime.fromisoformat(message.created_at).astimezone(where) for message in messages]
    unread = (n for n, message in enumerate(messages) if read is not None and read < message.id)
    line = next((n for n in unread if messages[n].author_id != me_id), None)
    starts = [n == line or _starts_run(messages, moments, n) for n in range(len(messages))] + [True]
    return [
        Entry(
            message,
            first=starts[n],
            last=starts[n + 1],
            own=message.author_id == me_id,
            day=moments[n].date() if n == 0 or moments[n].date() != moments[n - 1].date() else None,
            new=n == line,
        )
        for n, message in enumerate(messages)
    ]


def _starts_run(messages: Sequence[Message], moments: Sequence[datetime], n: int) -> bool:
    return (
        n == 0
        or messages[n].author_id != messages[n - 1].author_id
        or moments[n].date() != moments[n - 1].date()
        or moments[n] - moments[n - 1] >= RUN_PAUSE
    )
