"""Account deletion."""

from __future__ import annotations

import logging

from aiohttp import web

from chatapp.html import language, paths
from chatapp.html.language import gettext
from chatapp.model.refusals import Rejected
from chatapp.web import keys, pages, parts, redirects, refusals, sessions
from chatapp.web.account import proof

log = logging.getLogger("chatapp.accounts")

_STAY, _GO = "stay", "go"


async def show(request: web.Request) -> web.StreamResponse:
    """Show what deleting the account means, and the form for it."""
    return _form(request, _STAY, {})


async def leave(request: web.Request) -> web.StreamResponse:
    """Delete the account and sign out everywhere at once; its messages are dealt with after that."""
    fields = await parts.fields(request)
    messages, password = fields.get("messages", ""), fields.get("current", "")
    if messages not in (_STAY, _GO):
        raise Rejected("choice")
    if not password:
        return _form(request, messages, {"current": gettext("Please enter your current password.")}, 422)
    try:
        stored = await proof.of_password(request, password)
        revocations, me = request.app[keys.revocations], sessions.me(request)
        if not await revocations.account(me.id, stored, removing=messages == _GO):
            raise proof.overtaken()
    except Rejected as refusal:
        where = "current" if refusal.code == "password_wrong" else "form"
        errors = {where: language.explain(refusal)}
        return refusals.with_retry_after(_form(request, messages, errors, refusal.status), refusal)
    log.info("account deleted", extra={"user": sessions.me(request).id, "address": request.remote})
    await sessions.forget(request)
    return redirects.to(request, paths.GOODBYE)


async def goodbye(request: web.Request) -> web.StreamResponse:
    """Show that the account was deleted."""
    return pages.page(request, "accounts/goodbye.html", {})


def _form(request: web.Request, messages: str, errors: dict[str, str], status: int = 200) -> web.Response:
    return pages.page(request, "accounts/leaving.html", {"messages": messages, "errors": errors}, status)
