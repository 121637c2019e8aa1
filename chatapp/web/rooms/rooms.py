"""The pages of the chat: the list of conversations, a conversation, its older messages, the people."""

from __future__ import annotations

from aiohttp import web

from chatapp.html import paths
from chatapp.model import collation
from chatapp.model.conversations import Kind
from chatapp.model.numbers import ID_LIMIT, id_of
from chatapp.model.refusals import NotFound
from chatapp.web import keys, pages, places, redirects, sessions
from chatapp.web.rooms import conversations

_QUERY_LIMIT = 100  # characters to find somebody by; names are shorter


async def index(request: web.Request) -> web.StreamResponse:
    """Show the list of conversations."""
    around = await conversations.surroundings(request)
    side = await places.side(request, sessions.me(request), around.counts, last=around.counts.last)
    return pages.chat_page(request, "rooms/rooms.html", {"side": side, "beside": around.beside})


async def people(request: web.Request) -> web.StreamResponse:
    """Show everybody, to start a direct conversation with, or those whose name has a text ``q`` in it."""
    query = request.query.get("q", "").strip()[:_QUERY_LIMIT]
    around = await conversations.surroundings(request)
    side = await places.side(request, sessions.me(request), around.counts)
    wanted = collation.fold(query)
    found = [someone for someone in around.people if wanted in collation.fold(someone.user.username)]
    context = {"side": side, "people": found, "beside": around.beside, "query": query}
    return pages.chat_page(request, "rooms/people.html", context)


async def conversation(request: web.Request) -> web.StreamResponse:
    """Show a conversation where its reader goes on: at its newest messages (``latest``), or before or after an id."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    before, after = _id(request, "before"), _id(request, "after")
    if before is None and after is None and "latest" not in request.query:
        return await conversations.open_at_unread(request, place)
    found = request.app[keys.history].page(place.conversation, before=before, after=after)
    page, around = await conversations.with_surroundings(request, found)
    return await conversations.show(request, place, page, around, start=ID_LIMIT if after is None else after)


async def messages(request: web.Request) -> web.StreamResponse:
    """Show older or newer messages: the bare list where a page asks for more, else a page."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    before, after = _id(request, "before"), _id(request, "after")
    page = await request.app[keys.history].page(place.conversation, before=before, after=after)
    if not pages.asks_for_part(request):
        return await conversations.show(request, place, page, start=ID_LIMIT if after is None else after)
    context = conversations.listing(page, me) | {
        "path": place.path,
        "downward": after is not None,
        "cursor": page.watermark,
    }
    return pages.chat_page(request, "rooms/messages.html", context)


async def permalink(request: web.Request) -> web.StreamResponse:
    """Show a message among those around it."""
    place = await places.find(request, sessions.me(request), request.match_info)
    message_id = id_of(request.match_info["id"])
    found = request.app[keys.history].around(place.conversation, message_id)
    page, around = await conversations.with_surroundings(request, found)
    if page is None:
        raise NotFound
    return await conversations.show(request, place, page, around, focus=message_id)


async def message(request: web.Request) -> web.StreamResponse:
    """Send a reader on to where a message stands: its address is the same for everybody who may read it."""
    me, store = sessions.me(request), request.app[keys.store]
    message_id, more = id_of(request.match_info["id"]), request.match_info.get("more")
    for found in await store.conversations.of_message(message_id):
        if found.kind is Kind.ROOM:
            return redirects.to(request, paths.message(paths.room(found.key), message_id, more))
        if found.admits(me.id):
            other = await store.accounts.user(found.other(me.id))
            if other is not None:
                return redirects.to(request, paths.message(places.of_person(me, other).path, message_id, more))
    raise NotFound


def _id(request: web.Request, name: str) -> int | None:
    given = request.query.get(name)
    return None if given is None else id_of(given)
