"""Connections as we want them: without a request they do not stay for long, and nonsense on them makes no noise.

Anybody can open connections and say nothing, or half a request, a byte at a time. Each costs memory and a descriptor,
and the framework would wait an hour. It also writes a traceback into the log for each line that is no HTTP, and quotes
that line, which may hold a cookie, there and in its answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from chatapp.wire.addresses import address_key

log = logging.getLogger("chatapp.access")

HEAD_SECONDS = 15.0  # for the first request to be there; browsers also open connections that they may need soon
SILENT = 100  # connections of one address without a request; of more, the oldest go
GRACE_SECONDS = 2.0  # after a connection too many: when everybody comes back at once, their requests are on the way
KEEPALIVE_SECONDS = 75.0  # between two requests; more than nginx's 60, so that it never uses one that was just closed

_NOT_UNDERSTOOD = "The server did not understand this request.\n"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Server": "chatapp",  # the framework would name its version
}


class Runner(web.AppRunner):
    """Run an application on connections of this kind."""

    async def _make_server(self) -> web.Server:
        usual = await super()._make_server()
        # No browser packs what it sends, and with Brotli 500 bytes may unpack to gigabytes.
        options = {"keepalive_timeout": KEEPALIVE_SECONDS, "auto_decompress": False, **self._kwargs}
        return Server(usual.request_handler, request_factory=usual.request_factory, **options)


class Site(web.SockSite):
    """Listen on a socket; wait for the handshake of TLS no longer than for a request, and not for a minute."""

    async def start(self) -> None:
        """Begin to listen."""
        await web.BaseSite.start(self)
        server, secure = self._runner.server, self._ssl_context is not None
        assert server is not None, "the runner was not set up"
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HEAD_SECONDS if secure else None,
        )


class Server(web.Server):
    """What makes the connections, and counts those of an address over which no request has come."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # By address, the oldest first, with the moment at which each is looked at.
        self._recent: dict[str, dict[Connection, asyncio.TimerHandle]] = {}

    def __call__(self) -> Connection:
        """Make a connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Let a connection in; give it some seconds for its first request."""
        super().connection_made(handler, transport)
        assert isinstance(handler, Connection), "what __call__ made"
        peer = handler.peername
        handler.address = address_key(peer[0]) if isinstance(peer, tuple) else ""
        recent = self._recent.setdefault(handler.address, {})
        recent[handler] = self._loop.call_later(HEAD_SECONDS, self._look_at, handler)
        if len(recent) == SILENT + 1:
            self._loop.call_later(GRACE_SECONDS, self._thin_out, handler.address)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection that ended, or that became a WebSocket, which needs nothing of it."""
        super().connection_lost(handler, exc)
        assert isinstance(handler, Connection), "what __call__ made"
        self._forget(handler)

    def _thin_out(self, address: str) -> None:
        recent = list(self._recent.get(address, ()))
        for each in recent:
            if not each.silent:
                self._forget(each)
        for each in [each for each in recent if each.silent][:-SILENT]:
            self._forget(each)  # now: were it counted until it is gone, the next one too many could pass unnoticed
            each.force_close()

    def _look_at(self, connection: Connection) -> None:
        self._forget(connection)
        if connection.silent:
            connection.force_close()

    def _forget(self, connection: Connection) -> None:
        recent = self._recent.get(connection.address, {})
        if look := recent.pop(connection, None):
            look.cancel()
        if not recent:
            self._recent.pop(connection.address, None)


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = ("address",)

    address: str

    @property
    def silent(self) -> bool:
        """Tell whether it is open and no whole request has come over it."""
        return self._request_count == 0 and self.transport is not None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request in few words, and close."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        log.info("not understood", extra={"address": request.remote, "status": status, "why": type(exc).__name__})
        response = web.Response(status=status, text=_NOT_UNDERSTOOD, headers=_HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **named: Any) -> None:
        """Write down a failure of ours; a body that falls apart when nobody reads it any more is none."""
        if not isinstance(sys.exception(), HttpProcessingError | web.RequestPayloadError):
            super().log_exception(*args, **named)
