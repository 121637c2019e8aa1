"""Who is logged in: a random id in an encrypted cookie, and a row behind it that can be taken away."""

from __future__ import annotations

import hashlib
import logging
import secrets
from contextlib import suppress

import aiohttp_session
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet

from chatapp import clock
from chatapp.records import Session, User
from chatapp.settings import Settings
from chatapp.store import Busy, Unwritable
from chatapp.web import keys

NAME = "chatapp"  # of the cookie
CLOSED = 4401  # the socket close code that sends a page to the log-in
_SID = "sid"
_COOKIE_LIMIT = 4096  # characters; browsers keep no longer ones (RFC 6265bis, 5.6), ours have about 250
_SEEN_SECONDS = 3600  # a session's last use is written at most this often
_DAY = 86_400
_FOREVER = 36_500  # days, when a limit is switched off
_COOKIE_DAYS = 400  # browsers keep no cookie longer (RFC 6265bis, 5.5)

# It warns of every cookie that it cannot read, and anybody can send one: that is not worth a line each.
logging.getLogger("aiohttp_session").setLevel(logging.ERROR)


class CookieStorage(aiohttp_session.AbstractStorage):
    """Keep the session id in an encrypted cookie whose key arrives with the database.

    The cookie has no age of its own: the row has, and a clock set back must not log anybody out.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.base_path or "/"
        super().__init__(cookie_name=NAME, path=self._path)
        self._inner: dict[bool, EncryptedCookieStorage] = {}  # by whether the request came by HTTPS

    def unlock(self, key: bytes) -> None:
        """Begin to read and write cookies with a Fernet key."""
        fernet = Fernet(key)
        for secure in (False, True):
            self._inner[secure] = EncryptedCookieStorage(
                fernet, cookie_name=NAME, path=self._path, secure=secure, httponly=True, samesite="Lax"
            )

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        """Return what the cookie holds; nothing if it is missing, foreign or damaged."""
        cookie = self.load_cookie(request)
        if cookie is None or len(cookie) > _COOKIE_LIMIT or not cookie.isascii():
            return await self.new_session()
        return await self._inner[request.secure].load_session(request)

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: aiohttp_session.Session
    ) -> None:
        """Set the cookie, or delete it with the attributes that it was set with."""
        if session.empty:
            response.del_cookie(NAME, path=self._path, secure=request.secure, httponly=True, samesite="Lax")
        else:
            await self._inner[request.secure].save_session(request, response, session)


def row_id(sid: str) -> str:
    """Return the id of a session's row: a hash, so that nobody logs in with a stolen database."""
    return hashlib.sha256(sid.encode()).hexdigest()


async def current(request: web.Request, cookie: aiohttp_session.Session) -> Session | None:
    """Return the live session that the request's cookie names."""
    sid = cookie.get(_SID)
    if not isinstance(sid, str):
        return None
    settings, accounts = request.app[keys.settings], request.app[keys.store].accounts
    found = await accounts.session(
        row_id(sid), idle_days=settings.session_idle_days or _FOREVER, days=settings.session_days or _FOREVER
    )
    if found is None:
        return None
    session, seen_at = found
    if clock.unix_time() - seen_at > _SEEN_SECONDS:
        with suppress(Busy, Unwritable):  # reading goes on while nothing can be written
            await accounts.touch_session(session.id)
    return session


async def log_in(request: web.Request, user: User) -> None:
    """Open a session for the user under a new id and end the one that the browser had."""
    await _close(request)
    sid = secrets.token_urlsafe(32)
    agent = request.headers.get("User-Agent", "").encode("ascii", "replace").decode()
    await request.app[keys.store].accounts.open_session(row_id(sid), user.id, agent)
    cookie = await aiohttp_session.new_session(request)
    cookie[_SID] = sid
    cookie.max_age = min(request.app[keys.settings].session_days or _COOKIE_DAYS, _COOKIE_DAYS) * _DAY


async def log_out(request: web.Request) -> None:
    """End the request's session, its cookie and its sockets at once."""
    await _close(request)
    (await aiohttp_session.get_session(request)).invalidate()


async def _close(request: web.Request) -> None:
    if session := request[keys.session]:
        await request.app[keys.store].accounts.close_session(session.id)
        request.app[keys.hub].close_session(session.id, CLOSED)


def me(request: web.Request) -> User:
    """Return who asks, where only users may ask."""
    session = request[keys.session]
    assert session is not None, "the handler is not marked as login_required"
    return session.user
