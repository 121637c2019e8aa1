"""What one page did and saw, for the judge."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "invoke",  # its person wrote a message
    "shown",  # a message was put on the screen
    "removed",  # a message was taken from the screen
    "saved",  # an own message was acknowledged
    "failed",  # an own message was refused for good
    "upto",  # everything up to an id was called saved
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


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the database. History over HTTP has no keys."""

    id: int
    author: int
    content: str
    key: str = ""


@dataclass(slots=True)
class Log:
    """The events of one page in their order, and what its end was."""

    author: int  # the user id of whom the page belongs to
    events: list[Event] = field(default_factory=list)
    screen: list[Row] = field(default_factory=list)  # what it shows, from top to bottom
    base: int = 0  # the page shows everything from this id on; older messages are a scroll away
    unsent: list[str] = field(default_factory=list)  # keys that still wait in its outbox
    counts: Counter[str] = field(default_factory=Counter)  # of the events noted, by kind

    def note(self, kind: Kind, id: int = 0, key: str = "", content: str = "") -> None:  # noqa: A002 - the wire's word
        """Write down what happened."""
        self.events.append(Event(kind, id, key, content))
        self.counts[kind] += 1
