"""Which conversation an address or a frame means, and how it appears in a person's list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from chatapp.html import paths
from chatapp.html.views import Link, Side, person_title, room_title
from chatapp.model import names
from chatapp.model.conversations import Conversation
from chatapp.model.marks import Counts
from chatapp.model.people import User
from chatapp.model.refusals import NotFound
from chatapp.model.rooms import Room
from chatapp.web import keys


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation as one person sees it. ``person`` is the other user of a direct conversation."""

    conversation: Conversation
    path: str  # without the base path
    title: str
    person: User | None = None


async def find(asker: keys.Asker, me: User, names_given: Mapping[str, object]) -> Place:
    """Return the place that ``room`` or ``direct`` names. Raise NotFound."""
    room, direct = names_given.get("room"), names_given.get("direct")
    if isinstance(room, str):
        for known in await asker.app[keys.store].messages.rooms():
            if known.id == room:
                return of_room(known)
    elif isinstance(direct, str) and names.may_exist(direct):
        person = await asker.app[keys.store].accounts.named(direct, names.key(direct))
        if person is not None and (not person.left or await _knew(asker, me, person)):
            return of_person(me, person)
    raise NotFound


async def _knew(asker: keys.Asker, me: User, person: User) -> bool:
    """Tell whether two people have talked: only then is one who has left to be found."""
    counts = await asker.app[keys.store].marks.counts(me.id)
    return any(other.id == person.id for _, other in counts.directs)


def of_room(room: Room) -> Place:
    """Return the place of a room."""
    return _room_place(room, room_title(room))


@lru_cache(maxsize=1024)  # the same few for every page and every socket
def _room_place(room: Room, title: str) -> Place:
    return Place(Conversation(room.id), paths.room(room.id), title)


def of_person(me: User, person: User) -> Place:
    """Return the place where two people talk."""
    title, path = person_title(person), paths.direct(person.username)
    return Place(Conversation.direct(me.id, person.id), path, title, person)


async def side(
    request: web.Request, me: User, counts: Counts, current: Place | None = None, *, last: str | None = None
) -> Side:
    """Return the list of a person's conversations with what they have not read.

    ``current`` is shown beside the list; ``last`` is the key of the one that they come from.
    """
    online = request.app[keys.presence].online
    rooms = [of_room(room) for room in await request.app[keys.store].messages.rooms()]
    directs = [of_person(me, person) for _, person in counts.directs]
    if current is not None and current.person is not None and current not in directs:
        directs.insert(0, current)  # a conversation that is about to begin

    def link(place: Place) -> Link:
        key = place.conversation.key
        return Link(
            key=key,
            path=place.path,
            title=place.title,
            count=counts.unread.get(key, 0),
            current=current is not None and place.conversation == current.conversation,
            user=place.person,
            online=place.person is not None and place.person.id in online,
            last=key == last,
        )

    return Side([link(place) for place in rooms], [link(place) for place in directs])
