"""Middlewares and security headers: what every request passes before its handler, and every response after it."""

from __future__ import annotations

import functools
import logging
import secrets
from http import HTTPStatus
from urllib.parse import unquote

import aiohttp_session
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from chatapp.html import language, paths
from chatapp.model.people import Session
from chatapp.model.refusals import NotFound, Rejected
from chatapp.settings import Settings
from chatapp.store import Busy, Unwritable
from chatapp.system import clock, logs
from chatapp.web import bodies, keys, origins, pages, refusals, sessions
from chatapp.wire.handshake import is_handshake

access = logging.getLogger("chatapp.access")
log = logging.getLogger("chatapp.web")

_UNSAFE = {"POST", "PUT", "PATCH", "DELETE", "CONNECT"}  # all that RFC 9110, 9.2.1 does not call safe
_PROBES = {paths.HEALTH, paths.READINESS}
_KEPT_HEADERS = ("Allow", "Retry-After", "Sec-WebSocket-Version")  # headers of a refusal that say what to do instead
# The same for everybody: no session is read.
_PUBLIC = (f"{paths.STATIC}/", paths.HEALTH, paths.READINESS, paths.FAVICON)
_CLIENT_LEFT = 499  # nginx's number for a request whose client did not wait for the answer
_ZONE_LIMIT = 64  # characters of the name of a time zone

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000"  # a year, for this host only: its neighbours may have no HTTPS
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'{sockets}; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def middlewares(storage: sessions.CookieStorage) -> list[Middleware]:
    """Return the middlewares in their order, the outermost first."""
    cookies: Middleware = aiohttp_session.session_middleware(storage)

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Number the request, trust its proxies, answer its errors, and log one line."""
        request[keys.request_id] = number = secrets.token_hex(6)
        logs.request.set(number)  # for the lines that others write about this request
        request = origins.with_trusted_proxy(request)
        began, status = clock.monotonic(), _CLIENT_LEFT
        try:
            _check_host(request)
            response = await handler(request)
            status = response.status
        except Exception as error:
            response = _answer(request, error)
            status = response.status
        finally:
            bodies.release(request)
            _note(request, status, clock.monotonic() - began)
        return response

    return [handle, cookies, recognise, same_origin]


def _note(request: web.Request, status: int, seconds: float) -> None:
    path, good = _own_path(request), status < HTTPStatus.BAD_REQUEST
    if path in _PROBES or (good and path.startswith(f"{paths.STATIC}/")):  # a page has dozens of files
        return
    # Never the query, which may hold what is private.
    fields = {"method": request.method, "path": request.rel_url.raw_path, "status": status}
    fields |= {"ms": round(seconds * 1000, 1), "request": request[keys.request_id]}
    access.info("request", extra=fields)


def _check_host(request: web.Request) -> None:
    """Raise HTTPMisdirectedRequest for a host that is not ours.

    Supervisors ask under any, and static files are the same for everybody: the error page needs them.
    """
    if origins.is_misdirected(request) and not _own_path(request).startswith(_PUBLIC):
        _set_locale(request, None)
        raise web.HTTPMisdirectedRequest


def _answer(request: web.Request, error: Exception) -> web.Response:
    """Return the answer to an error, no more than the client may know; raise it if no answer is possible."""
    match error:
        case web.HTTPException() if error.status >= HTTPStatus.BAD_REQUEST:
            kept = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
            return refusals.of_status(request, error.status, kept)
        case NotFound() | HttpProcessingError() | web.RequestPayloadError():  # the last two: a body that falls apart
            return refusals.of_status(request, 404 if isinstance(error, NotFound) else 400)
        case Rejected():
            return refusals.answer(request, error)
        case Busy() | Unwritable():
            log.warning("the database did not do what a request needs: %s", error)
            return refusals.answer(request, Rejected("storage.database"))
        case ConnectionError() if not request.writer.output_size:
            return web.Response(status=HTTPStatus.BAD_REQUEST)  # the client went in the middle; nobody will read this
        case web.HTTPException() | ConnectionError():  # a way on; or a socket that broke
            raise error
    log.error("request failed", extra={"request": request[keys.request_id]}, exc_info=error)
    if request.writer.output_size:  # a socket, or half an answer: nothing can be said any more
        raise error
    return refusals.of_status(request, 500)


@web.middleware
async def recognise(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Identify the session, the language and the time zone."""
    request[keys.revoked] = request.app[keys.revocations].count  # first: a session that ends from here on is noticed
    request[keys.session] = session = None
    try:
        if not _own_path(request).startswith(_PUBLIC):
            cookie = await aiohttp_session.get_session(request)
            request[keys.session] = session = await sessions.current(request, cookie)
    finally:  # an error page speaks the reader's language too
        _set_locale(request, session)
    return await handler(request)


def _set_locale(request: web.Request, session: Session | None) -> None:
    wish = (session and session.user.language) or request.cookies.get("language")
    default = request.app[keys.settings].language
    spoken = language.choose(request.headers.get("Accept-Language"), wish, default)
    zone = str(language.time_zone(unquote(request.cookies.get("zone", ""))[:_ZONE_LIMIT]))
    for variable, value in ((language.current, spoken), (language.zone, zone)):
        if variable.get() != value:  # the context of a socket lives as long as the socket
            variable.set(value)


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse cross-site changes and sockets (CSRF)."""
    is_socket = _own_path(request) == paths.SOCKET and is_handshake(request)
    if (is_socket or request.method in _UNSAFE) and not origins.is_ours(request, handshake=is_socket):
        return refusals.answer(request, Rejected("origin"))
    return await handler(request)


def login_required(handler: Handler) -> Handler:
    """Require a session: send people to the log-in, answer programs with 401."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        return refusals.log_in_first(request) if request[keys.session] is None else await handler(request)

    return guarded


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every response has; connect it to ``on_response_prepare``."""
    headers = response.headers
    headers.pop("Server", None)  # names exact versions
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    secure = origins.scheme(request) == "https"  # this is the request as it came, before any proxy was trusted
    if secure or origins.is_at_home(request):  # elsewhere browsers only complain about it
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if secure and _promises_https(request.app[keys.settings]):
        headers["Strict-Transport-Security"] = _HSTS
    headers.setdefault("Content-Security-Policy", _policy(request.host, secure=secure))
    if keys.request_id in request:
        headers["X-Request-Id"] = request[keys.request_id]
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "private, no-cache"
        headers["Vary"] = pages.VARY


def _promises_https(settings: Settings) -> bool:
    """Tell whether browsers may remember for a year that this host has HTTPS.

    Not with a certificate of our own: browsers that remember let nobody past the warning about it (RFC 6797, 12.1).
    """
    return settings.tls == "off" and (settings.public_scheme == "https" or settings.serves_https)


@functools.lru_cache(maxsize=64)
def _policy(host: str, *, secure: bool) -> str:
    # Safari before 15.4 does not count a WebSocket of the same host as 'self'. A plain connection may have been an
    # HTTPS one until some proxy, so only ``secure`` fixes the scheme.
    schemes = ("wss",) if secure else ("ws", "wss")
    sockets = "".join(f" {scheme}://{host}" for scheme in schemes) if origins.HOST.fullmatch(host) else ""
    return _POLICY.format(sockets=sockets)


def _own_path(request: web.Request) -> str:
    return request.path.removeprefix(request.app[keys.settings].base_path)
