"""The pages of the chat: the list of conversations, a conversation, its older messages, the people."""

from __future__ import annotations

from aiohttp import web

from chatapp.html import paths
from chatapp.model import collation
from chatapp.model.numbers import ID_LIMIT, parse_id
from chatapp.model.refusals import NotFound
from chatapp.web import keys, pages, places, redirects, sessions
from chatapp.web.rooms import conversations, sidebar

_QUERY_LIMIT = 100  # characters to find somebody by; names are shorter


async def index(request: web.Request) -> web.StreamResponse:
    """Show the list of conversations."""
    beside = await sidebar.load(request)
    side = sidebar.conversations(request, beside.counts, last=beside.counts.last)
    return pages.chat_page(request, "rooms/rooms.html", {"side": side, "beside": beside.listed})


async def people(request: web.Request) -> web.StreamResponse:
    """Show everybody, to start a direct conversation with, or those whose name has a text ``q`` in it."""
    query = request.query.get("q", "").strip()[:_QUERY_LIMIT]
    beside = await sidebar.load(request)
    side = sidebar.conversations(request, beside.counts)
    wanted = collation.fold(query)
    found = [someone for someone in beside.people if wanted in collation.fold(someone.user.username)]
    context = {"side": side, "people": found, "beside": beside.listed, "query": query}
    return pages.chat_page(request, "rooms/people.html", context)


async def conversation(request: web.Request) -> web.StreamResponse:
    """Show a conversation: at the first unread message, at its newest (``latest``), or before or after an id."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    before, after = _id(request, "before"), _id(request, "after")
    if before is None and after is None and "latest" not in request.query:
        return await conversations.open_at_unread(request, place)
    found = request.app[keys.reading].page(me, place.conversation, before=before, after=after)
    page, beside = await sidebar.load_with(request, found)
    return await conversations.show(request, place, page, beside, start=ID_LIMIT if after is None else after)


async def messages(request: web.Request) -> web.StreamResponse:
    """Show older or newer messages: the bare list where a page asks for more, else a page."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    before, after = _id(request, "before"), _id(request, "after")
    page = await request.app[keys.reading].page(me, place.conversation, before=before, after=after)
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
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    message_id = parse_id(request.match_info["id"])
    found = request.app[keys.reading].around(me, place.conversation, message_id)
    page, beside = await sidebar.load_with(request, found)
    if page is None:
        raise NotFound
    return await conversations.show(request, place, page, beside, focus=message_id)


async def message(request: web.Request) -> web.StreamResponse:
    """Redirect to a message in its conversation: this address is the same for everybody who may read it."""
    message_id = parse_id(request.match_info["id"])
    found = await request.app[keys.access].of_message(sessions.me(request), message_id)
    return redirects.to(request, paths.message(places.of(found).path, message_id, request.match_info.get("more")))


def _id(request: web.Request, name: str) -> int | None:
    given = request.query.get(name)
    return None if given is None else parse_id(given)
