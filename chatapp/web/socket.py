"""The handshake of a socket: who may open one, and where it begins."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web

from chatapp import hub
from chatapp.hub import Listener
from chatapp.records import PICTURE_BYTES, User
from chatapp.web import keys, pages, places, sessions
from chatapp.web.connection import Connection
from chatapp.web.limits import neighbourhood
from chatapp.web.places import Place

_LEGACY_BYTES = PICTURE_BYTES * 4 // 3 + 1024  # a picture as base64 in a frame of the original program
_PARTING = 1.0  # seconds that a peer has to answer a close


async def socket(request: web.Request) -> web.StreamResponse:
    """Upgrade a request of a session to a socket and serve it until it ends."""
    session = request[keys.session]
    if session is None:
        return pages.log_in_first(request)
    # Not request.query: the request would keep it as long as the socket lives.
    query = dict(parse_qsl(request.query_string, keep_blank_values=True))
    place = await _first_place(request, session.user, query)
    settings = request.app[keys.settings]
    # Our page says where it is; a connection that does not may be the original program's client,
    # which sends pictures as frames.
    ours = "epoch" in query or "join" in query
    ws = web.WebSocketResponse(
        compress=False,  # frames are small and joined; deflate costs 0.2 MB a connection
        heartbeat=settings.beat_seconds,  # a silent peer is gone after one and a half times this
        max_msg_size=settings.frame_bytes if ours else max(settings.frame_bytes, _LEGACY_BYTES),
        timeout=_PARTING,
        autoclose=False,  # a second close frame behind ours would be a protocol error
    )
    try:
        await ws.prepare(request)
    except ConnectionResetError:
        return ws  # the browser went before it was answered
    assert request.transport is not None, "a socket that was just upgraded has a transport"
    listener = Listener(request.transport, session.user.id, session.id, neighbourhood(request.remote))
    # Somebody else may have logged in since the page was rendered: what waits in it is not theirs to send.
    foreign = query.get("author", str(session.user.id)) != str(session.user.id)
    if code := sessions.CLOSED if foreign else _turned_away(request, listener):
        await ws.close(code=code)
        return ws
    since, epoch = query.get("since"), query.get("epoch")
    del query
    await Connection(request, ws, listener, session.user, place).serve(since, epoch)
    return ws


async def _first_place(request: web.Request, me: User, query: dict[str, str]) -> Place | None:
    if "room" in query or "direct" in query:
        return await places.find(request, me, query)
    if "epoch" in query or "join" in query:
        return None  # a page that shows no conversation
    rooms = await request.app[keys.store].messages.rooms()
    return places.of_room(rooms[0])  # where the original program's client begins


def _turned_away(request: web.Request, listener: Listener) -> int | None:
    """Return the close code for a connection that is one too many, or comes at the wrong moment."""
    settings, everybody = request.app[keys.settings], request.app[keys.hub]
    if request.app[keys.messaging].closing:
        return hub.RESTART
    mine = everybody.of_user(listener.user_id)
    if len(mine) >= settings.sockets_per_person > 0:
        return hub.TOO_MANY
    if everybody.count(listener.address) >= settings.sockets_per_address > 0:
        return hub.TOO_MANY
    if everybody.count() >= settings.sockets > 0:
        return hub.TRY_AGAIN
    return None
