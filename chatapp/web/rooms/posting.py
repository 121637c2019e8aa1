"""Posting by form: text, pictures, or both; answered when the message is on disk."""

from __future__ import annotations

from aiohttp import web

from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.web import acts, keys, pages, places, redirects, refusals, sessions
from chatapp.web.places import Place
from chatapp.web.rooms import conversations, uploads
from chatapp.web.rooms.uploads import Form


async def post(request: web.Request) -> web.StreamResponse:
    """Post a message and answer once it is saved; nothing typed is lost when it is refused."""
    form = Form()
    try:
        return await _post(request, form)
    finally:
        if form.pictures and not form.taken:  # it was refused, or the line broke in the middle of it
            await request.app[keys.pictures].discard(form.pictures)


async def _post(request: web.Request, form: Form) -> web.StreamResponse:
    me, posting = sessions.me(request), request.app[keys.posting]
    place = await places.find(request, me, request.match_info)
    try:
        await uploads.read(request, me, place, form)
        if form.refusal is not None:
            raise form.refusal
        if not await sessions.is_open(request, sessions.mine(request).id):
            return refusals.log_in_first(request)  # ended while a slow upload came in
        _check_author(me, form)
        act = acts.of_form(form.content, form.key, tuple(form.pictures), place)
        entry, again = await posting.post(me, act)
        form.taken = not again
        await posting.saved(entry)
    except Rejected as refusal:
        return await _refuse(request, place, form, refusal)
    if pages.wants_json(request):
        return web.json_response({"key": act.draft.key, "id": entry.message.id})
    return redirects.to(request, await conversations.address_of(request, place, entry.message.id))


def _check_author(me: User, form: Form) -> None:
    """Raise Rejected if somebody else has logged in since the page with the form was rendered."""
    if form.author not in ("", str(me.id)):
        raise Rejected("other_person", name=me.username)


async def _refuse(request: web.Request, place: Place, form: Form, refusal: Rejected) -> web.StreamResponse:
    if pages.wants_json(request):
        return refusals.answer(request, refusal)
    return await conversations.open_at_unread(
        request, place, content=form.content, error=refusals.advise(refusal), status=refusal.status
    )
