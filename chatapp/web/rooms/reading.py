"""Marking what is read, for pages without scripts: with them it is read when it was seen."""

from __future__ import annotations

from aiohttp import web

from chatapp.model.numbers import parse_id
from chatapp.web import keys, parts, places, redirects, sessions


async def mark(request: web.Request) -> web.StreamResponse:
    """Mark a conversation as read up to the message of the posted ``id``, and go on behind it."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    fields = await parts.fields(request)
    request.app[keys.reading].mark(me, place.conversation, parse_id(fields.get("id", "")))
    return redirects.to(request, place.path)
