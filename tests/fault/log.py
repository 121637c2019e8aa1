"""What one page did and saw, for the judge."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

GONE = "\N{NO ENTRY SIGN}"  # what a removed message says; nobody here writes it

Kind = Literal[
    "invoke",  # its person wrote a message, or changed one
    "shown",  # a revision of a message came, to be put on the screen unless a later one is there
    "removed",  # a message was taken from the screen
    "saved",  # an own message, or a change of one, was acknowledged
    "failed",  # an own message, or a change of one, was refused for good
    "undone",  # a change of an own message could not be saved, and what stood before stands again
    "upto",  # everything up to a number was called saved
    "ready",  # the page is up to date
    "down",  # the connection is gone
    "fetched",  # the list was taken anew: what was shown is gone, what follows is the new one
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: Kind
    id: int = 0
    key: str = ""
    content: str = ""
    at: float = field(default_factory=time.monotonic)
    rev: int = 0  # 0: that of the message as it was posted
    change: str = ""  # edit, remove or restore of the message ``id``; none when it is a message that was posted

    @property
    def number(self) -> int:
        """Return the number of the revision."""
        return self.rev or self.id


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the database. History over HTTP has no keys."""

    id: int
    author: int
    content: str
    key: str = ""
    rev: int = 0  # 0: as it was posted
    before: tuple[str, ...] = ()  # what it said before, oldest first; of a removed one also what it said last

    @property
    def number(self) -> int:
        """Return the number of the revision."""
        return self.rev or self.id


@dataclass(slots=True)
class Log:
    """The events of one page in their order, and what its end was."""

    author: int  # the user id of whom the page belongs to
    events: list[Event] = field(default_factory=list)
    screen: list[Row] = field(default_factory=list)  # what it shows, from top to bottom
    base: int = 0  # the page shows everything from this id on; older messages are a scroll away
    unsent: list[str] = field(default_factory=list)  # keys that still wait in its outbox
    counts: Counter[str] = field(default_factory=Counter)  # of the events noted, by kind

    def note(
        self,
        kind: Kind,
        id: int = 0,  # noqa: A002 - the wire's word
        key: str = "",
        content: str = "",
        *,
        rev: int = 0,
        change: str = "",
    ) -> None:
        """Write down what happened."""
        self.events.append(Event(kind, id, key, content, rev=rev, change=change))
        self.counts[kind] += 1
