"""The page of a conversation, which entering, paging back, permalinks and refused posts all show."""

from __future__ import annotations

import secrets

from aiohttp import web

from chatapp import language, views
from chatapp.records import Message, User
from chatapp.store.messages import Page
from chatapp.web import keys, pages, places, sessions
from chatapp.web.places import Place

_PEOPLE_BESIDE = 100  # people listed beside a conversation; the people page has everybody


async def show(  # noqa: PLR0913 - a page and how it is to be shown
    request: web.Request,
    place: Place,
    page: Page,
    *,
    focus: int | None = None,
    content: str = "",
    error: str | None = None,
    status: int = 200,
) -> web.Response:
    """Answer with the page of a conversation."""
    me, store = sessions.me(request), request.app[keys.store]
    read = await store.marks.of(me.id, place.conversation)
    context = listing(page, me, read) | {
        "side": await places.side(request, me, place),
        "conversation": place.conversation,
        "title": place.title,
        "path": place.path,
        "is_direct": place.person is not None,
        "person": place.person,
        "beside": await beside(request),
        "at_newest": not page.newer,
        # Without scripts a page looks for news on a timer, but not while its reader has something to lose.
        "renewing": not page.newer and not content and "pause" not in request.query,
        "cursor": page.watermark,
        "epoch": request.app[keys.messaging].epoch,
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


async def beside(request: web.Request) -> list[views.Person]:
    """Return the people whom a page lists beside what it shows."""
    return (await people(request))[:_PEOPLE_BESIDE]


async def people(request: web.Request) -> list[views.Person]:
    """Return everybody, those who are here first."""
    online = {*request.app[keys.hub].users(), sessions.me(request).id}  # the reader is here, if not connected yet
    everybody = [views.Person(user, user.id in online) for user in await request.app[keys.store].accounts.people()]
    return sorted(everybody, key=lambda person: not person.online)  # stable: by name within each half
