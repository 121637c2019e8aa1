"""The handshake of a socket: where it begins, and whose it is."""

from __future__ import annotations

from aiohttp import web

from chatapp.delivery.audience import Listener
from chatapp.html import language
from chatapp.model.numbers import cursor
from chatapp.model.people import User
from chatapp.web import keys, places, refusals
from chatapp.web.connection import Arrival, Connection
from chatapp.web.legacy import connections as legacy
from chatapp.web.places import Place
from chatapp.wire.addresses import address_key
from chatapp.wire.handshake import Upgrade


async def socket(request: web.Request) -> web.StreamResponse:
    """Upgrade a request of a session to a socket, which goes on by itself."""
    session = request[keys.session]
    if session is None:
        return refusals.log_in_first(request)
    query = dict(request.query)
    place = await _first_place(request, session.user, query)
    response, transport = Upgrade(request), request.transport
    try:
        await response.prepare(request)
    except ConnectionResetError:
        return response  # the browser went before it was answered
    assert transport is not None, "a request that was just read has a transport"
    address, spoken = address_key(request.remote), language.current.get()
    listener = Listener(transport, session.user.id, session.id, address, language=spoken)
    arrival = Arrival(
        place=place,
        since=cursor(query),
        epoch=query.get("epoch"),
        # Somebody else may have logged in since the page was rendered: what waits in it is not theirs to send.
        is_foreign=query.get("author", str(session.user.id)) != str(session.user.id),
        revoked=request[keys.revoked],
    )
    Connection(request.app, transport, listener, session.user, arrival, legacy.large_texts(query)).begin(request)
    return response


async def _first_place(request: web.Request, me: User, query: dict[str, str]) -> Place | None:
    if "room" in query or "direct" in query:
        return await places.find(request, me, query)
    return places.of(request.app[keys.access].first(me)) if legacy.is_old(query) else None
