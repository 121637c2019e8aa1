"""The page of a conversation, which entering, paging back, permalinks and refused posts all show."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from chatapp.html import language, paths, views
from chatapp.model import collation
from chatapp.model.marks import Counts
from chatapp.model.messages import Message, Page
from chatapp.model.numbers import ID_LIMIT
from chatapp.model.people import User
from chatapp.store import Busy, Unwritable
from chatapp.web import keys, pages, places, sessions
from chatapp.web.places import Place

Found = TypeVar("Found")

_GLANCE = 10  # unread messages that are seen at once, with the newest below them
_PEOPLE_BESIDE = 100  # people listed beside a conversation; the people page has everybody


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every page of the chat shows to its reader, whatever else is on it."""

    counts: Counts
    people: list[views.Person]  # everybody, by name

    @property
    def beside(self) -> list[views.Person]:
        """Return the people who are listed beside the page: of many, rather those who are here."""
        chosen = sorted(self.people, key=lambda person: not person.online)[:_PEOPLE_BESIDE]
        return sorted(chosen, key=_name)


async def open_at_unread(request: web.Request, place: Place, **answer: Any) -> web.Response:
    """Answer with a conversation where its reader goes on: at the first message that they have not read."""
    me, history = sessions.me(request), request.app[keys.history]
    newest, around = await with_surroundings(request, history.page(place.conversation))
    read = around.counts.reads.get(place.conversation.key, 0)
    page = await history.opening(place.conversation, newest, me.id, read)
    return await show(request, place, page, around, start=read, opened=True, **answer)


async def way_to(request: web.Request, place: Place, message_id: int) -> str:
    """Return the path of a message that is the newest: a page that opens at what is new may end above it."""
    me, history = sessions.me(request), request.app[keys.history]
    newest, counts = await asyncio.gather(history.page(place.conversation), _counts(request))
    page = await history.opening(place.conversation, newest, me.id, counts.reads.get(place.conversation.key, 0))
    return paths.at_message(place.path, message_id, latest=page.newer)


async def show(  # noqa: PLR0913 - a page and how it is to be shown
    request: web.Request,
    place: Place,
    page: Page,
    around: Surroundings | None = None,
    *,
    start: int = ID_LIMIT,
    opened: bool = False,
    focus: int | None = None,
    content: str = "",
    error: str | None = None,
    status: int = 200,
) -> web.Response:
    """Answer with the page of a conversation.

    All above the id ``start`` is on the page or on later ones; by itself that is what its first message says. Without
    a script a page that is ``opened`` at what is new shows that first.
    """
    me, around = sessions.me(request), around or await surroundings(request)
    read = around.counts.reads.get(place.conversation.key, 0)
    unread = around.counts.unread.get(place.conversation.key, 0)
    start, reading = min(start, _start(page)), opened and unread > _GLANCE  # each renewal would throw its reader back
    if (opened or not page.newer) and around.counts.last != place.conversation.key:
        await _remember(request, me, place)
    context = listing(page, me, read if start <= read else None) | {
        "side": await places.side(request, me, around.counts, place),
        "conversation": place.conversation,
        "title": place.title,
        "path": place.path,
        "is_direct": place.person is not None,
        "person": place.person,
        "beside": around.beside,
        "at_newest": not page.newer,
        # Without scripts a page looks for news on a timer, but not while its reader has something to lose.
        "renewing": not (page.newer or content or reading or "pause" in request.query),
        "unread": unread,
        "opened": opened,
        "start": start,
        "cursor": page.watermark,
        "epoch": request.app[keys.resume].epoch,
        "read": read,
        "focus": focus,
        "draft": {"content": content, "error": error},
        "composer_key": secrets.token_urlsafe(16),
    }
    return pages.chat_page(request, "rooms/room.html", context, status)


def listing(page: Page, me: User, read: int | None = None) -> dict[str, object]:
    """Arrange a piece of a conversation for a person; ``read`` draws the line above what is new to them."""
    shown = views.entries(page.messages, me_id=me.id, zone=language.zone.get(), read=read)
    first, last = _ends(page.messages)
    return {"entries": shown, "older": first if page.older else None, "newer": last if page.newer else None}


def _start(page: Page) -> int:
    """Return the id above which a page, with those after it, has every message."""
    return page.messages[0].id - 1 if page.older and page.messages else 0


def _ends(messages: list[Message]) -> tuple[int | None, int | None]:
    return (messages[0].id, messages[-1].id) if messages else (None, None)


async def _remember(request: web.Request, me: User, place: Place) -> None:
    """Note where a person is, for their next log-in."""
    with suppress(Busy, Unwritable):  # reading goes on while nothing can be written
        await request.app[keys.store].accounts.set_last_conversation(me.id, place.conversation.key)


async def surroundings(request: web.Request) -> Surroundings:
    """Return what stands around a page of the chat."""
    return Surroundings(*await asyncio.gather(_counts(request), _people(request)))


async def with_surroundings(request: web.Request, page: Awaitable[Found]) -> tuple[Found, Surroundings]:
    """Return a page that is looked for, and what stands around it.

    All is asked for at once: while many messages go out, each wait for an answer takes as long as a round of them.
    """
    found, counts, everybody = await asyncio.gather(page, _counts(request), _people(request))
    return found, Surroundings(counts, everybody)


async def _counts(request: web.Request) -> Counts:
    await request.app[keys.unread].settle(sessions.me(request).id)
    return await request.app[keys.store].marks.counts(sessions.me(request).id)


async def _people(request: web.Request) -> list[views.Person]:
    online = {*request.app[keys.presence].online, sessions.me(request).id}  # the reader is here, if not connected yet
    everybody = [views.Person(user, user.id in online) for user in await request.app[keys.store].accounts.people()]
    return sorted(everybody, key=_name)


def _name(person: views.Person) -> collation.Key:
    return collation.key(person.user.username, language.current.get())
