"""How many sockets there may be: of a person, from an address, in all."""

from __future__ import annotations

from aiohttp import web

from chatapp.delivery.audience import Listener
from chatapp.model.refusals import Close
from chatapp.web import keys


def refusal(app: web.Application, listener: Listener) -> Close | None:
    """Return the close code for a connection that is one too many, or comes at the wrong moment."""
    settings, everybody = app[keys.settings], app[keys.hub]
    if app[keys.messaging].closing:
        return Close.RESTART
    if app[keys.limits].floods(listener.user_id):
        return Close.ABUSE
    if len(everybody.of_user(listener.user_id)) >= settings.sockets_per_person > 0:
        return Close.TOO_MANY
    if everybody.count(listener.address) >= settings.sockets_per_address > 0:
        return Close.TOO_MANY
    if everybody.count() >= settings.sockets > 0:
        return Close.TRY_AGAIN
    return None
