"""Re-authentication for sensitive actions: the password is asked for again, and attempts count like log-ins."""

from __future__ import annotations

import logging

from aiohttp import web

from chatapp.model import names
from chatapp.model.refusals import Rejected
from chatapp.web import keys, refusals, sessions
from chatapp.wire.addresses import address_key
from chatapp.workers import passwords

log = logging.getLogger("chatapp.accounts")


async def of_password(request: web.Request, password: str) -> str:
    """Return the stored password hash if the password is right. Raise Rejected: ``password_wrong`` if not."""
    if passwords.is_too_long(password):
        raise Rejected("password_wrong.too_long")
    me, tries = sessions.me(request), request.app[keys.limits]
    name_key, address = names.key(me.username), address_key(request.remote)
    if wait := await tries.log_in(name_key, address):
        log.warning("password check held off", extra={"user": me.id, "address": request.remote})
        raise Rejected("rate_limited.tries", retry_after=wait, wait=refusals.wait_in_words(wait))
    stored = await request.app[keys.store].accounts.password(me.id)
    if not await request.app[keys.passwords].verify(password, stored) or stored is None:
        log.warning("password check failed", extra={"user": me.id, "address": request.remote})
        raise Rejected("password_wrong")
    tries.logged_in(name_key, address)
    return stored


def overtaken() -> Rejected:
    """Return the refusal for a lost race: another request has changed the stored password."""
    return Rejected("overtaken")
