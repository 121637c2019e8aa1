"""Password change."""

from __future__ import annotations

import logging

from aiohttp import web

from chatapp.html import language, paths
from chatapp.html.language import gettext
from chatapp.model.refusals import Rejected
from chatapp.web import keys, pages, parts, redirects, refusals, sessions
from chatapp.web.account import proof
from chatapp.workers import passwords

log = logging.getLogger("chatapp.accounts")


async def show(request: web.Request) -> web.StreamResponse:
    """Show the form, and whether the password was just changed."""
    return _form(request, {}, changed="changed" in request.query)


async def change(request: web.Request) -> web.StreamResponse:
    """Change the password and sign out everywhere else at once."""
    fields = await parts.fields(request)
    current, new = fields.get("current", ""), fields.get("new", "")
    if errors := _errors(current, new, fields.get("again", "")):
        return _form(request, errors, 422)
    try:
        before = await proof.of_password(request, current)
        stored = await request.app[keys.passwords].hash(new)
        if not await sessions.change_password(request, stored, before=before):
            raise proof.overtaken()
    except Rejected as refusal:
        where = "current" if refusal.code == "password_wrong" else "form"
        return refusals.with_retry_after(_form(request, {where: language.explain(refusal)}, refusal.status), refusal)
    log.info("password changed", extra={"user": sessions.me(request).id, "address": request.remote})
    return redirects.to(request, paths.PASSWORD_CHANGED)


def _errors(current: str, new: str, again: str) -> dict[str, str]:
    errors = {}
    if not current:
        errors["current"] = gettext("Please enter your current password.")
    try:
        passwords.check_new(new)
    except Rejected as refusal:
        errors["new"] = language.explain(refusal)
    if new != again and "new" not in errors:
        errors["again"] = gettext("The two new passwords are not the same.")
    return errors


def _form(request: web.Request, errors: dict[str, str], status: int = 200, *, changed: bool = False) -> web.Response:
    return pages.page(request, "accounts/password.html", {"errors": errors, "changed": changed}, status)
