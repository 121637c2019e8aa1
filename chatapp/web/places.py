"""Conversations as one viewer sees them: their URL path and title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from chatapp.chat.access import Found
from chatapp.html import paths
from chatapp.html.views import person_title, room_title
from chatapp.model.conversations import Conversation
from chatapp.model.people import User
from chatapp.model.rooms import Room
from chatapp.web import keys


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation as one person sees it. ``person`` is the other user of a direct conversation."""

    conversation: Conversation
    path: str  # without the base path
    title: str
    person: User | None = None


async def find(source: keys.HasApp, me: User, given: Mapping[str, object]) -> Place:
    """Return the place named by the key ``room`` or ``direct`` of ``given``. Raise NotFound."""
    return of(await source.app[keys.access].find(me, room=given.get("room"), direct=given.get("direct")))


def of(found: Found) -> Place:
    """Return the place of a conversation."""
    if found.room is not None:
        return of_room(found.room)
    assert found.person is not None, "a conversation that is not a room is with a person"
    return of_person(found.conversation, found.person)


def of_room(room: Room) -> Place:
    """Return the place of a room."""
    return _room_place(room, room_title(room))


@lru_cache(maxsize=1024)  # few distinct ones; the title is in the reader's language
def _room_place(room: Room, title: str) -> Place:
    return Place(Conversation(room.id), paths.room(room.id), title)


def of_person(conversation: Conversation, person: User) -> Place:
    """Return the place of a direct conversation with a person."""
    return Place(conversation, paths.direct(person.username), person_title(person), person)
