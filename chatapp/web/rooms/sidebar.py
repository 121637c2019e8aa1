"""The sidebar: the list of conversations, and people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from chatapp.html import language, views
from chatapp.html.views import Link, Side
from chatapp.model import collation
from chatapp.model.conversations import Conversation
from chatapp.model.marks import Counts
from chatapp.web import keys, places, sessions
from chatapp.web.places import Place

Page = TypeVar("Page")

_PEOPLE = 100  # people listed beside a conversation; the people page has everybody


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What a reader has not read, and everybody by name."""

    counts: Counts
    people: list[views.Person]

    @property
    def listed(self) -> list[views.Person]:
        """Return the people to list: of many, those who are online first."""
        chosen = sorted(self.people, key=lambda person: not person.online)[:_PEOPLE]
        return sorted(chosen, key=_name)


async def load(request: web.Request) -> Sidebar:
    """Return the sidebar for a request."""
    return Sidebar(*await asyncio.gather(counts(request), _people(request)))


async def load_with(request: web.Request, page: Awaitable[Page]) -> tuple[Page, Sidebar]:
    """Return the result of a query, and the sidebar.

    All is asked for at once: while many messages go out, each wait for an answer takes as long as a round of them.
    """
    found, unread, people = await asyncio.gather(page, counts(request), _people(request))
    return found, Sidebar(unread, people)


async def counts(request: web.Request) -> Counts:
    """Return what a reader has not read."""
    return await request.app[keys.reading].counts(sessions.me(request))


async def _people(request: web.Request) -> list[views.Person]:
    online = {*request.app[keys.presence].online, sessions.me(request).id}  # the reader is here, if not connected yet
    everybody = [views.Person(user, user.id in online) for user in await request.app[keys.reading].people()]
    return sorted(everybody, key=_name)


def _name(person: views.Person) -> collation.Key:
    return collation.key(person.user.username, language.current.get())


def conversations(
    request: web.Request, counts: Counts, current: Place | None = None, *, last: str | None = None
) -> Side:
    """Return the list of a person's conversations with what they have not read.

    ``current`` is shown beside the list; ``last`` is the key of the one that they come from.
    """
    me, online = sessions.me(request), request.app[keys.presence].online
    rooms = [places.of_room(room) for room in request.app[keys.access].readable(me.id)]
    directs = [places.of_person(Conversation.direct(me.id, person.id), person) for _, person in counts.directs]
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
