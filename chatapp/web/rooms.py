"""The pages of the chat: the list of conversations, a conversation, its older messages, the people."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from chatapp.records import ID_LIMIT, NotFound, User
from chatapp.store import Busy, Unwritable
from chatapp.web import conversations, keys, pages, places, sessions
from chatapp.web.places import Place


async def index(request: web.Request) -> web.StreamResponse:
    """Show the list of conversations."""
    context = {"side": await places.side(request, sessions.me(request)), "beside": await conversations.beside(request)}
    return pages.page(request, "rooms/rooms.html", context)


async def people(request: web.Request) -> web.StreamResponse:
    """Show everybody, to start a direct conversation with."""
    me = sessions.me(request)
    context = {
        "side": await places.side(request, me),
        "people": await conversations.people(request),
        "beside": await conversations.beside(request),
    }
    return pages.page(request, "rooms/people.html", context)


async def conversation(request: web.Request) -> web.StreamResponse:
    """Show a conversation: its newest messages, or those before or after an id."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    before, after = _id(request, "before"), _id(request, "after")
    page = await request.app[keys.messaging].history.page(place.conversation, before=before, after=after)
    if not page.newer:
        await _remember(request, me, place)
    return await conversations.show(request, place, page)


async def messages(request: web.Request) -> web.StreamResponse:
    """Show older or newer messages: the bare list where a page asks for more, else a page."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    before, after = _id(request, "before"), _id(request, "after")
    page = await request.app[keys.messaging].history.page(place.conversation, before=before, after=after)
    if "HX-Request" not in request.headers:
        return await conversations.show(request, place, page)
    context = conversations.listing(page, me) | {"path": place.path, "downward": after is not None}
    return pages.page(request, "rooms/messages.html", context)


async def permalink(request: web.Request) -> web.StreamResponse:
    """Show a message among those around it."""
    place = await places.find(request, sessions.me(request), request.match_info)
    message_id = _number(request.match_info["id"])
    page = await request.app[keys.messaging].history.around(place.conversation, message_id)
    if page is None:
        raise NotFound
    return await conversations.show(request, place, page, focus=message_id)


async def message(request: web.Request) -> web.StreamResponse:
    """Send a reader on to where a message stands: its address is the same for everybody who may read it."""
    me, store = sessions.me(request), request.app[keys.store]
    message_id, more = _number(request.match_info["id"]), request.match_info.get("more")
    end = f"messages/{message_id}/{more}" if more else f"messages/{message_id}"
    for found in await store.messages.conversation(message_id):
        if found.pair is None:
            return pages.redirect(request, f"/rooms/{found.room}/{end}")
        if found.admits(me.id):
            other = await store.accounts.user(found.other(me.id))
            if other is not None:
                return pages.redirect(request, f"{places.of_person(me, other).path}/{end}")
    raise NotFound


async def _remember(request: web.Request, me: User, place: Place) -> None:
    accounts = request.app[keys.store].accounts
    if await accounts.last_conversation(me.id) != place.conversation.key:
        with suppress(Busy, Unwritable):  # reading goes on while nothing can be written
            await accounts.set_last_conversation(me.id, place.conversation.key)


def _id(request: web.Request, name: str) -> int | None:
    given = request.query.get(name)
    return None if given is None else _number(given)


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(ID_LIMIT)) else 0
    if not 0 < number < ID_LIMIT:
        raise NotFound
    return number
