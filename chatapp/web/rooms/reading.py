"""Read marks by form, for pages without scripts; scripts mark what has been seen."""

from __future__ import annotations

from aiohttp import web

from chatapp.model.numbers import parse_id
from chatapp.web import keys, parts, places, redirects, sessions


async def mark(request: web.Request) -> web.StreamResponse:
    """Mark a conversation as read up to the message of the posted ``id``, and continue after it."""
    me = sessions.me(request)
    place = await places.find(request, me, request.match_info)
    fields = await parts.fields(request)
    request.app[keys.reading].mark(me, place.conversation, parse_id(fields.get("id", "")))
    return redirects.to(request, place.path)
