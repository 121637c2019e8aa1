"""The handshake of a socket: who may open one, and where it begins."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from chatapp.delivery import hub
from chatapp.delivery.audience import Listener
from chatapp.html import language
from chatapp.model.numbers import cursor
from chatapp.model.people import User
from chatapp.web import keys, legacy, places, refusals, sessions
from chatapp.web.connection import Connection
from chatapp.web.places import Place
from chatapp.wire import rfc6455
from chatapp.wire.addresses import address_key
from chatapp.wire.handshake import Upgrade
from chatapp.wire.websocket import ABUSE


async def socket(request: web.Request) -> web.StreamResponse:
    """Upgrade a request of a session to a socket, which goes on by itself."""
    session = request[keys.session]
    if session is None:
        return refusals.log_in_first(request)
    query = dict(request.query)
    place = await _first_place(request, session.user, query)
    settings = request.app[keys.settings]
    # Our page says where it is; a connection that does not may be the original program's client,
    # which sends pictures as frames.
    ours = "epoch" in query or "join" in query
    large = None if ours else legacy.PICTURES
    response, transport = Upgrade(request), request.transport
    try:
        await response.prepare(request)
    except ConnectionResetError:
        return response  # the browser went before it was answered
    assert transport is not None, "a request that was just read has a transport"
    listener = Listener(
        transport, session.user.id, session.id, address_key(request.remote), language=language.current.get()
    )
    connection = Connection(request.app, transport, listener, session.user, place, settings.frame_bytes, large)
    # Somebody else may have logged in since the page was rendered: what waits in it is not theirs to send.
    foreign = query.get("author", str(session.user.id)) != str(session.user.id)
    refusal = (lambda: sessions.CLOSED) if foreign else partial(_turned_away, request.app, listener)
    since, epoch = cursor(query), query.get("epoch")
    connection.begin(request, connection.enter(refusal, since, epoch, endings=request[keys.endings]))
    return response


async def _first_place(request: web.Request, me: User, query: dict[str, str]) -> Place | None:
    if "room" in query or "direct" in query:
        return await places.find(request, me, query)
    if "epoch" in query or "join" in query:
        return None  # a page that shows no conversation
    rooms = await request.app[keys.store].messages.rooms()
    return places.of_room(rooms[0])  # where the original program's client begins


def _turned_away(app: web.Application, listener: Listener) -> int | None:
    """Return the close code for a connection that is one too many, or comes at the wrong moment."""
    settings, everybody = app[keys.settings], app[keys.hub]
    if app[keys.messaging].closing:
        return rfc6455.RESTART
    if app[keys.limits].floods(listener.user_id):
        return ABUSE
    mine = everybody.of_user(listener.user_id)
    if len(mine) >= settings.sockets_per_person > 0:
        return hub.TOO_MANY
    if everybody.count(listener.address) >= settings.sockets_per_address > 0:
        return hub.TOO_MANY
    if everybody.count() >= settings.sockets > 0:
        return rfc6455.TRY_AGAIN
    return None
