"""The page of a conversation, which entering, paging back, permalinks and refused posts all show."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from chatapp import language, views
from chatapp.records import Message, User
from chatapp.store import Busy, Unwritable
from chatapp.store.marks import Counts
from chatapp.store.messages import Page
from chatapp.web import keys, pages, places, sessions
from chatapp.web.places import Place

Found = TypeVar("Found")

_PEOPLE_BESIDE = 100  # people listed beside a conversation; the people page has everybody


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every page of the chat shows to its reader, whatever else is on it."""

    counts: Counts
    people: list[views.Person]  # everybody, those who are here first

    @property
    def beside(self) -> list[views.Person]:
        """Return the people who are listed beside the page."""
        return self.people[:_PEOPLE_BESIDE]


async def show(  # noqa: PLR0913 - a page and how it is to be shown
    request: web.Request,
    place: Place,
    page: Page,
    around: Surroundings | None = None,
    *,
    focus: int | None = None,
    content: str = "",
    error: str | None = None,
    status: int = 200,
) -> web.Response:
    """Answer with the page of a conversation."""
    me, around = sessions.me(request), around or await surroundings(request)
    if not page.newer and around.counts.last != place.conversation.key:
        await _remember(request, me, place)
    read = around.counts.reads.get(place.conversation.key, 0)
    context = listing(page, me, read) | {
        "side": await places.side(request, me, around.counts, place),
        "conversation": place.conversation,
        "title": place.title,
        "path": place.path,
        "is_direct": place.person is not None,
        "person": place.person,
        "beside": around.beside,
        "at_newest": not page.newer,
        # Without scripts a page looks for news on a timer, but not while its reader has something to lose.
        "renewing": not page.newer and not content and "pause" not in request.query,
        "cursor": page.watermark,
        "epoch": request.app[keys.messaging].resume.epoch,
        "read": read,
        "focus": focus,
        "draft": {"content": content, "error": error},
        "composer_key": secrets.token_urlsafe(16),
    }
    return pages.page(request, "rooms/room.html", context, status)


def listing(page: Page, me: User, read: int | None = None) -> dict[str, object]:
    """Arrange a piece of a conversation for a person; ``read`` draws the line above what is new to them."""
    shown = views.entries(page.messages, me_id=me.id, zone=language.zone.get(), read=read)
    first, last = _ends(page.messages)
    return {"entries": shown, "older": first if page.older else None, "newer": last if page.newer else None}


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
    online = {*request.app[keys.hub].users(), sessions.me(request).id}  # the reader is here, if not connected yet
    everybody = [views.Person(user, user.id in online) for user in await request.app[keys.store].accounts.people()]
    return sorted(everybody, key=lambda person: not person.online)  # stable: by name within each half
