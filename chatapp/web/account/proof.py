"""Proof that whoever asks for something grave knows the account's password: tries are counted like log-ins."""

from __future__ import annotations

import logging

from aiohttp import web

from chatapp.model import names
from chatapp.model.refusals import N_, Rejected
from chatapp.web import keys, pages, sessions
from chatapp.wire.addresses import address_key
from chatapp.workers import passwords

log = logging.getLogger("chatapp.accounts")

WAIT = N_("Too many attempts. Please wait {wait} and try again.")
_WRONG = N_("This is not your password.")
_OVERTAKEN = N_("Your account was changed at the same time. Please try again.")


async def of_password(request: web.Request, password: str) -> str:
    """Return what is stored of the password of who asks, if this is it. Raise Rejected, ``password_wrong`` if not."""
    if passwords.is_too_long(password):
        raise Rejected("password_wrong", passwords.TOO_LONG)
    me, tries = sessions.me(request), request.app[keys.limits]
    name_key, address = names.key(me.username), address_key(request.remote)
    if wait := tries.log_in(name_key, address):
        log.warning("password check held off", extra={"user": me.id, "address": request.remote})
        raise Rejected("rate_limited", WAIT, retry=True, retry_after=wait, wait=pages.wait_in_words(wait))
    stored = await request.app[keys.store].accounts.password(me.id)
    if not await request.app[keys.passwords].verify(password, stored) or stored is None:
        log.warning("password check failed", extra={"user": me.id, "address": request.remote})
        raise Rejected("password_wrong", _WRONG)
    tries.logged_in(name_key, address)
    return stored


def overtaken() -> Rejected:
    """Return the refusal of what another request has made pointless: the stored password is another one now."""
    return Rejected("overtaken", _OVERTAKEN)
