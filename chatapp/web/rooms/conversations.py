"""The page of a conversation, for entering, paging back, permalinks and refused posts."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Any

from aiohttp import web

from chatapp.html import language, paths, views
from chatapp.model.messages import Message, Page
from chatapp.model.numbers import ID_LIMIT
from chatapp.model.people import User
from chatapp.store import Busy, Unwritable
from chatapp.web import keys, pages, sessions
from chatapp.web.places import Place
from chatapp.web.rooms import sidebar
from chatapp.web.rooms.sidebar import Sidebar

_GLANCE = 10  # unread messages that are seen at once, with the newest below them


async def open_at_unread(request: web.Request, place: Place, **answer: Any) -> web.Response:
    """Answer with a conversation at the first message that its reader has not read."""
    me, reading = sessions.me(request), request.app[keys.reading]
    newest, beside = await sidebar.load_with(request, reading.page(me, place.conversation))
    read = beside.counts.reads.get(place.conversation.key, 0)
    page = await reading.opening(me, place.conversation, newest, read)
    return await show(request, place, page, beside, start=read, opened=True, **answer)


async def address_of(request: web.Request, place: Place, message_id: int) -> str:
    """Return the path of the newest message: a page that opens at the first unread one may end above it."""
    me, reading = sessions.me(request), request.app[keys.reading]
    newest, counts = await asyncio.gather(reading.page(me, place.conversation), sidebar.counts(request))
    page = await reading.opening(me, place.conversation, newest, counts.reads.get(place.conversation.key, 0))
    return paths.at_message(place.path, message_id, latest=page.newer)


async def show(  # noqa: PLR0913 - a page and how it is to be shown
    request: web.Request,
    place: Place,
    page: Page,
    beside: Sidebar | None = None,
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
    a script, a page that is ``opened`` at the first unread message shows that first.
    """
    me, beside = sessions.me(request), beside or await sidebar.load(request)
    read = beside.counts.reads.get(place.conversation.key, 0)
    unread = beside.counts.unread.get(place.conversation.key, 0)
    start, reading = min(start, _start(page)), opened and unread > _GLANCE  # each renewal would throw its reader back
    if (opened or not page.newer) and beside.counts.last != place.conversation.key:
        await _remember(request, me, place)
    context = listing(page, me, read if start <= read else None) | {
        "side": sidebar.conversations(request, beside.counts, place),
        "conversation": place.conversation,
        "title": place.title,
        "path": place.path,
        "is_direct": place.person is not None,
        "person": place.person,
        "beside": beside.listed,
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
    """Lay out a page of messages for a reader; ``read`` is the mark below which the line of new messages is drawn."""
    shown = views.entries(page.messages, me_id=me.id, zone=language.zone.get(), read=read)
    first, last = _ends(page.messages)
    return {"entries": shown, "older": first if page.older else None, "newer": last if page.newer else None}


def _start(page: Page) -> int:
    """Return the id above which this page and the later ones have every message."""
    return page.messages[0].id - 1 if page.older and page.messages else 0


def _ends(messages: list[Message]) -> tuple[int | None, int | None]:
    return (messages[0].id, messages[-1].id) if messages else (None, None)


async def _remember(request: web.Request, me: User, place: Place) -> None:
    """Store where a person is, for their next log-in."""
    with suppress(Busy, Unwritable):  # reading goes on while nothing can be written
        await request.app[keys.store].accounts.set_last_conversation(me.id, place.conversation.key)
