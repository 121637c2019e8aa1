"""Where a person is logged in, and logging out remotely."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from chatapp.html import devices, language, paths
from chatapp.html.language import gettext
from chatapp.html.render import when
from chatapp.model.people import LogIn
from chatapp.system import clock
from chatapp.web import keys, pages, parts, redirects, sessions

log = logging.getLogger("chatapp.accounts")

_HANDLE = 32  # hexadecimal digits: nobody else's handle is looked at, these only have to differ


@dataclass(frozen=True, slots=True)
class Device:
    """A log-in as its owner sees it."""

    handle: str  # names it in forms; its id stays in the database
    name: str
    here: bool
    active: bool
    seen: str
    since: str


async def show(request: web.Request) -> web.StreamResponse:
    """Show where the person is logged in."""
    here = sessions.mine(request)
    connected = {listener.session_id for listener in request.app[keys.hub].of_user(here.user.id)}
    shown = [
        Device(
            _handle(log_in),
            devices.name(log_in.user_agent),
            log_in.session_id == here.id,
            log_in.session_id == here.id or log_in.session_id in connected,
            _moment(log_in.seen_at),
            _moment(log_in.created_at),
        )
        for log_in in await _log_ins(request)
    ]
    shown.sort(key=lambda device: (not device.here, not device.active))  # stable: then the one seen last
    return pages.page(request, "accounts/devices.html", {"devices": shown, "ended": "ended" in request.query})


async def end(request: web.Request) -> web.StreamResponse:
    """Log the person out on one of their devices; only their own are searched."""
    wanted = (await parts.fields(request)).get("device", "")
    for log_in in await _log_ins(request):
        if _handle(log_in) == wanted:
            if log_in.session_id == sessions.mine(request).id:
                await sessions.log_out(request)
                return redirects.to(request, paths.HOME)
            await request.app[keys.revocations].session(log_in.session_id)
            log.info("logged out remotely", extra={"user": sessions.me(request).id, "address": request.remote})
            return redirects.to(request, paths.DEVICE_ENDED)
    return redirects.to(request, paths.DEVICES)  # it has ended already


async def end_others(request: web.Request) -> web.StreamResponse:
    """Log the person out everywhere but here."""
    here = sessions.mine(request)
    await request.app[keys.revocations].user(here.user.id, besides=here.id)
    log.info("logged out everywhere else", extra={"user": sessions.me(request).id, "address": request.remote})
    return redirects.to(request, paths.DEVICE_ENDED)


async def _log_ins(request: web.Request) -> list[LogIn]:
    return await request.app[keys.store].accounts.log_ins(sessions.me(request).id, **sessions.ages(request))


def _handle(log_in: LogIn) -> str:
    return hashlib.sha256(f"device {log_in.session_id}".encode()).hexdigest()[:_HANDLE]


def _moment(seconds: int) -> str:
    moment, today = clock.timestamp(datetime.fromtimestamp(seconds, UTC)), clock.timestamp()
    day = language.day_name(language.local(moment).date(), language.local(today).date())
    return gettext("{day}, {time}").format(day=day, time=when(moment))
