"""Editing, removing and restoring a message by form, and its earlier versions."""

from __future__ import annotations

from aiohttp import web

from chatapp.html import paths
from chatapp.model.acts import Target
from chatapp.model.messages import Message
from chatapp.model.numbers import parse_id
from chatapp.model.people import User
from chatapp.model.refusals import NotFound, Rejected
from chatapp.web import acts, bodies, keys, pages, parts, places, redirects, refusals, sessions
from chatapp.web.places import Place


async def form(request: web.Request) -> web.StreamResponse:
    """Show the edit form of your own message, which can also remove and restore it; give programs the text."""
    me, place, message = await _found(request)
    if message.author_id != me.id:
        raise NotFound
    if pages.wants_json(request):
        if message.removed:
            return refusals.answer(request, Rejected("removed"))
        return web.json_response({"content": message.content, "rev": message.rev})
    return _form(request, place, message)


async def edit(request: web.Request) -> web.StreamResponse:
    """Save a new text; answer once it is on disk."""
    return await _change(request, "edit")


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove a message; answer once that is on disk."""
    return await _change(request, "remove")


async def restore(request: web.Request) -> web.StreamResponse:
    """Undo a recent removal."""
    return await _change(request, "restore")


async def versions(request: web.Request) -> web.StreamResponse:
    """Show the earlier versions of a message."""
    _, place, message = await _found(request)
    before = await request.app[keys.reading].versions(sessions.me(request), message)
    context = {"place": place, "message": message, "versions": before}
    return pages.page(request, "rooms/versions.html", context)


async def _found(request: web.Request) -> tuple[User, Place, Message]:
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    message = await request.app[keys.reading].message(me, place.conversation, parse_id(request.match_info["id"]))
    return me, place, message


async def _change(request: web.Request, what: str) -> web.StreamResponse:
    me, place, message = await _found(request)
    fields = await parts.fields(request, bodies.TEXT)
    target = Target(place.conversation, message.id, parse_id(fields.get("rev", str(message.rev))))
    act, posting = acts.change(what, target, fields, fields.get("key") or acts.new_key()), request.app[keys.posting]
    try:
        entry, _ = await posting.change(me, act)
        await posting.saved(entry)
    except Rejected as refusal:
        if pages.wants_json(request) or message.author_id != me.id:
            return refusals.answer(request, refusal)
        content = fields.get("content", "" if message.removed else message.content)
        return _form(request, place, message, content, refusals.advise(refusal), refusal.status)
    if pages.wants_json(request):
        return web.json_response({"id": entry.message.id, "rev": entry.message.rev})
    if what == "remove":  # this page offers to undo it
        return redirects.to(request, paths.message(place.path, message.id, "edit"))
    return redirects.to(request, paths.at_message(place.path, message.id))


def _form(  # noqa: PLR0913
    request: web.Request,
    place: Place,
    message: Message,
    content: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> web.Response:
    context = {
        "place": place,
        "message": message,
        "content": message.content if content is None else content,
        "error": error,
        "key": acts.new_key(),
    }
    return pages.page(request, "rooms/edit.html", context, status)
