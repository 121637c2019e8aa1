"""Sessions: a random id in an encrypted cookie, and a row in the database that can be revoked."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress

import aiohttp_session
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet

from chatapp.model.people import Session, User
from chatapp.settings import Settings
from chatapp.store import Busy, Unwritable
from chatapp.system import clock
from chatapp.web import keys

log = logging.getLogger("chatapp.accounts")

NAME = "chatapp"  # of the cookie, over HTTPS after a prefix
_SID = "sid"
_COOKIE_LIMIT = 4096  # characters; browsers keep no longer ones (RFC 6265bis, 5.6), ours have about 250
_SEEN_SECONDS = 3600  # a session's last use is written at most this often
_DAY = 86_400
_FOREVER = 36_500  # days, when a limit is switched off
_COOKIE_DAYS = 400  # browsers keep no cookie longer (RFC 6265bis, 5.5)

# It warns of every cookie that it cannot read, and anybody can send one: that is not worth a line each.
logging.getLogger("aiohttp_session").setLevel(logging.ERROR)


def cookie_name(path: str, *, secure: bool) -> str:
    """Return the name of the cookie for a path.

    Over HTTPS its prefix makes browsers refuse it from a plain connection, and below no path from a neighbour host too:
    nobody slips people the session of somebody else.
    """
    if not secure:
        return NAME
    return f"__Host-{NAME}" if path == "/" else f"__Secure-{NAME}"  # the first demands the path /


class CookieStorage(aiohttp_session.AbstractStorage):
    """Keep the session id in an encrypted cookie whose keys arrive with the database.

    The cookie has no age of its own: the row has, and a clock set back must not log anybody out.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.base_path or "/"
        super().__init__(cookie_name=NAME, path=self._path)
        self._age = min(settings.session_days or _COOKIE_DAYS, _COOKIE_DAYS) * _DAY
        # By whether the request came by HTTPS; one for each key, the newest first.
        self._inner: dict[bool, list[EncryptedCookieStorage]] = {}

    def unlock(self, cookie_keys: Sequence[bytes]) -> None:
        """Begin to write cookies with the first of some Fernet keys, and to read them with all."""
        for secure in (False, True):
            name = cookie_name(self._path, secure=secure)
            self._inner[secure] = [
                EncryptedCookieStorage(
                    Fernet(key), cookie_name=name, path=self._path, secure=secure, httponly=True, samesite="Lax"
                )
                for key in cookie_keys
            ]

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        """Return what the cookie holds; nothing if it is missing, foreign or damaged."""
        newest, *older = self._inner[request.secure]
        cookie = newest.load_cookie(request)
        if cookie is None or len(cookie) > _COOKIE_LIMIT or not cookie.isascii():
            return await self.new_session()
        session = await newest.load_session(request)
        for storage in older:
            if not session.new:
                break
            session = await storage.load_session(request)
            if not session.new:  # the answer sets the cookie again, under the newest key
                session.max_age = self._age
                session.changed()
        return session

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: aiohttp_session.Session
    ) -> None:
        """Set the cookie, or delete it with the attributes that it was set with."""
        secure = request.secure
        if session.empty:
            name = cookie_name(self._path, secure=secure)
            response.del_cookie(name, path=self._path, secure=secure, httponly=True, samesite="Lax")
            _clear_site_data(request, response)
        else:
            await self._inner[secure][0].save_session(request, response, session)


def _clear_site_data(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser of a user who signs out to drop the pages and pictures that it cached.

    Not "storage", where others at this computer have their drafts: the page's script removes the leaver's. Not
    "cookies", which would log people out of every site of the domain. Nothing in Chromium, which names itself in
    Sec-CH-UA: there "cache" blocks the next page for 3 to 20 seconds (Chromium issues 41343050, 40233601), and pages
    cached are revalidated in any case. Browsers heed the header over HTTPS only.
    """
    if request.secure and "Sec-CH-UA" not in request.headers:
        response.headers["Clear-Site-Data"] = '"cache"'


def row_id(sid: str) -> str:
    """Return the id of a session's row: a hash, so that nobody logs in with a stolen database."""
    return hashlib.sha256(sid.encode()).hexdigest()


async def current(request: web.Request, cookie: aiohttp_session.Session) -> Session | None:
    """Return the live session that the request's cookie names."""
    sid = cookie.get(_SID)
    if not isinstance(sid, str):
        return None
    accounts = request.app[keys.store].accounts
    found = await accounts.session(row_id(sid), **ages(request))
    if found is None:
        return None
    session, seen_at = found
    if clock.unix_time() - seen_at > _SEEN_SECONDS:
        with suppress(Busy, Unwritable):  # reading goes on while nothing can be written
            await accounts.touch_session(session.id)
    return session


async def is_open(source: keys.HasApp, session_id: str) -> bool:
    """Tell whether a session is live still: it may have been ended elsewhere since the request was recognised."""
    return await source.app[keys.store].accounts.session(session_id, **ages(source)) is not None


def ages(source: keys.HasApp) -> dict[str, float]:
    """Return how old a session may become: the arguments of the store's questions."""
    settings = source.app[keys.settings]
    return {"idle_days": settings.session_idle_days or _FOREVER, "days": settings.session_days or _FOREVER}


async def log_in(request: web.Request, user: User, password: str) -> bool:
    """Open a session for the user under a new id and end the one that the browser had.

    Return False, and change nothing, if the stored password is not the one any more that was verified.
    """
    sid = secrets.token_urlsafe(32)
    agent = request.headers.get("User-Agent", "").encode("ascii", "replace").decode()
    if not await request.app[keys.store].accounts.open_session(row_id(sid), user.id, agent, password):
        return False
    await _close(request)
    await _hand_out(request, sid)
    return True


async def change_password(request: web.Request, password: str, *, before: str) -> bool:
    """Replace a stored password, end all other sessions, and renew the id of the request's own.

    Return False, and change nothing, if the stored password is no longer the one that was verified.
    """
    session, sid = mine(request), secrets.token_urlsafe(32)
    ids = session.id, row_id(sid)
    if not await request.app[keys.revocations].renewed(session.user.id, ids, password, before=before):
        return False
    await _hand_out(request, sid)
    return True


async def _hand_out(request: web.Request, sid: str) -> None:
    cookie = await aiohttp_session.new_session(request)
    cookie[_SID] = sid
    cookie.max_age = min(request.app[keys.settings].session_days or _COOKIE_DAYS, _COOKIE_DAYS) * _DAY


async def log_out(request: web.Request) -> None:
    """End the request's session, its cookie and its sockets at once."""
    await _close(request)
    await forget(request)


async def forget(request: web.Request) -> None:
    """Take back the cookie of a session that has ended."""
    (await aiohttp_session.get_session(request)).invalidate()


async def _close(request: web.Request) -> None:
    if session := request[keys.session]:
        await request.app[keys.revocations].session(session.id)


def mine(request: web.Request) -> Session:
    """Return the session of a request whose handler requires one."""
    session = request[keys.session]
    assert session is not None, "the handler is not marked as login_required"
    return session


def me(request: web.Request) -> User:
    """Return the user of a request whose handler requires a session."""
    return mine(request).user
