"""HTTP connections: limits on those without a request; malformed requests are not logged as errors.

Anybody can open connections and send nothing, or a request byte by byte (Slowloris). Each costs memory and a
descriptor, and aiohttp would wait an hour. It would also log a traceback for every line that is not HTTP, and quote
that line, which may hold a cookie, in the log and in its answer.
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

HEAD_SECONDS = 15.0  # until the first request is complete; browsers also open connections in advance
SILENT = 100  # connections of one address without a request; beyond that, the oldest are closed
GRACE_SECONDS = 2.0  # before closing them: after a restart everybody reconnects at once, and requests are on the way
KEEPALIVE_SECONDS = 75.0  # between requests; more than nginx's 60, so that it never reuses one that was just closed

_NOT_UNDERSTOOD = "The server did not understand this request.\n"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Server": "chatapp",  # aiohttp would name its version
}


class Runner(web.AppRunner):
    """Run an application on these connections."""

    async def _make_server(self) -> web.Server:
        usual = await super()._make_server()
        # No browser compresses requests, and 500 bytes of Brotli may decompress to gigabytes.
        options = {"keepalive_timeout": KEEPALIVE_SECONDS, "auto_decompress": False, **self._kwargs}
        return Server(usual.request_handler, request_factory=usual.request_factory, **options)


class Site(web.SockSite):
    """Listen on a socket, with the same time limit for a TLS handshake as for a request (asyncio: a minute)."""

    async def start(self) -> None:
        """Start listening."""
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
    """Factory of connections; limits how many of an address have sent no request."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # By address, oldest first, with the timer that checks each.
        self._recent: dict[str, dict[Connection, asyncio.TimerHandle]] = {}

    def __call__(self) -> Connection:
        """Return a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Accept a connection; start the time limit for its first request."""
        super().connection_made(handler, transport)
        assert isinstance(handler, Connection), "what __call__ made"
        peer = handler.peername
        handler.address = address_key(peer[0]) if isinstance(peer, tuple) else ""
        recent = self._recent.setdefault(handler.address, {})
        recent[handler] = self._loop.call_later(HEAD_SECONDS, self._check, handler)
        if len(recent) == SILENT + 1:
            self._loop.call_later(GRACE_SECONDS, self._thin_out, handler.address)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection that ended or became a WebSocket."""
        super().connection_lost(handler, exc)
        assert isinstance(handler, Connection), "what __call__ made"
        self._forget(handler)

    def _thin_out(self, address: str) -> None:
        recent = list(self._recent.get(address, ()))
        for each in recent:
            if not each.silent:
                self._forget(each)
        for each in [each for each in recent if each.silent][:-SILENT]:
            self._forget(each)  # at once, so that it is not counted again while it closes
            each.force_close()

    def _check(self, connection: Connection) -> None:
        self._forget(connection)
        if connection.silent:
            connection.force_close()

    def _forget(self, connection: Connection) -> None:
        recent = self._recent.get(connection.address, {})
        if timer := recent.pop(connection, None):
            timer.cancel()
        if not recent:
            self._recent.pop(connection.address, None)


class Connection(web.RequestHandler):
    """One connection, with its client's address."""

    __slots__ = ("address",)

    address: str

    @property
    def silent(self) -> bool:
        """Tell whether it is open and has not received a whole request."""
        return self._request_count == 0 and self.transport is not None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request briefly, and close."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        log.info("not understood", extra={"address": request.remote, "status": status, "why": type(exc).__name__})
        response = web.Response(status=status, text=_NOT_UNDERSTOOD, headers=_HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **named: Any) -> None:
        """Log an exception, unless it only says that a body is malformed that nobody reads any more."""
        if not isinstance(sys.exception(), HttpProcessingError | web.RequestPayloadError):
            super().log_exception(*args, **named)
