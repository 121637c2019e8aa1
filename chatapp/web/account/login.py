"""Landing page, registration, log-in and sign-out."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping

from aiohttp import web

from chatapp.html import language, paths
from chatapp.html.language import gettext
from chatapp.model import names
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.web import keys, pages, parts, places, redirects, refusals, sessions
from chatapp.wire.addresses import address_key
from chatapp.workers import inherited, passwords, wellknown

log = logging.getLogger("chatapp.accounts")


async def home(request: web.Request) -> web.StreamResponse:
    """Show strangers the landing page; send users to the conversation they were in last."""
    if session := request[keys.session]:
        return redirects.to(request, await _last_path(request, session.user))
    return pages.page(request, "accounts/landing.html", {"logged_out": "logged-out" in request.query})


async def _last_path(request: web.Request, user: User) -> str:
    access, key = request.app[keys.access], await request.app[keys.store].accounts.last_conversation(user.id)
    found = await access.at(user, key) if key else None
    return places.of(found or access.first(user)).path


async def register_form(request: web.Request) -> web.StreamResponse:
    """Show the registration form."""
    return _go_on(request, request.query) if request[keys.session] else _form(request, "register", request.query)


async def register(request: web.Request) -> web.StreamResponse:
    """Create an account and log its owner in."""
    fields = await parts.fields(request)
    username, password = fields.get("username", "").strip(), fields.get("password", "")  # as at the log-in
    errors: dict[str, str] = {}
    try:
        username = names.check(username)
    except Rejected as refusal:
        errors["username"] = language.explain(refusal)
    try:
        passwords.check_new(password)
    except Rejected as refusal:
        errors["password"] = language.explain(refusal)
    if errors:
        return _form(request, "register", fields, errors)
    if wait := request.app[keys.limits].registrations.take(address_key(request.remote)):
        return _later(request, "register", fields, wait)
    try:
        user, stored = await _create(request, username, password)
    except Rejected as refusal:
        if refusal.code.startswith("name_"):
            return _form(request, "register", fields, {"username": language.explain(refusal)})
        return _refused(request, "register", fields, refusal)
    log.info("registered", extra={"user": user.id, "address": request.remote})
    request.app[keys.presence].registered(user)
    await sessions.log_in(request, user, stored)
    return _go_on(request, fields)


async def _create(request: web.Request, username: str, password: str) -> tuple[User, str]:
    stored = await request.app[keys.passwords].hash(password)
    newest = request.app[keys.journal].newest()  # messages from before they registered are not unread
    accounts = request.app[keys.store].accounts
    return await accounts.create(username, names.key(username), stored, read_up_to=newest), stored


async def login_form(request: web.Request) -> web.StreamResponse:
    """Show the form to log in."""
    return _go_on(request, request.query) if request[keys.session] else _form(request, "login", request.query)


async def login(request: web.Request) -> web.StreamResponse:
    """Log in with name and password; a wrong name and a wrong password get the same answer in the same time."""
    fields = await parts.fields(request)
    username, password = fields.get("username", ""), fields.get("password", "")
    if errors := _unusable(username, password):
        return _form(request, "login", fields, errors)
    username = username[: names.LOOKUP_LIMIT + 1]  # nobody has a longer name, and all unknown names are treated alike
    name_key, address = names.key(username.strip()), address_key(request.remote)
    if wait := await request.app[keys.limits].log_in(name_key, address):
        log.warning("log-in held off", extra={"address": request.remote})
        return _later(request, "login", fields, wait)
    try:
        found = await _verified(request, username, password)
    except Rejected as refusal:
        return _refused(request, "login", fields, refusal)
    if found is None or not await sessions.log_in(request, *found):
        log.warning("log-in failed", extra={"address": request.remote})
        return _form(request, "login", fields, {"form": _wrong()})
    request.app[keys.limits].logged_in(name_key, address)
    log.info("logged in", extra={"user": found[0].id, "address": request.remote})
    return _go_on(request, fields)


def _unusable(username: str, password: str) -> dict[str, str]:
    errors = {}
    if not username.strip():
        errors["username"] = gettext("Please enter your name.")
    if not password:
        errors["password"] = gettext("Please enter your password.")
    elif passwords.is_too_long(password):
        errors |= {"form": _wrong(), "password": language.explain(Rejected("password_wrong.too_long"))}
    return errors


async def _verified(request: web.Request, username: str, password: str) -> tuple[User, str] | None:
    """Return the user with this name and password, and their stored password hash.

    Raise Rejected when they are right, but another program let the user have a password that anyone would try.
    """
    accounts, hasher = request.app[keys.store].accounts, request.app[keys.passwords]
    possible = names.may_exist(username)
    found = await accounts.credentials(username, names.key(username.strip())) if possible else None
    user, stored = found or (None, None)
    if not await hasher.verify(password, stored and inherited.unmarked(stored)) or user is None or stored is None:
        return None
    if hasher.inherits(stored) and (inherited.is_marked(stored) or wellknown.opens(user.username, password)):
        log.warning("log-in refused: the password is a well-known one", extra={"user": user.id})
        raise Rejected("password_well_known", name=shlex.quote(user.username))
    if hasher.needs_rehash(stored):
        try:
            anew = await hasher.hash(password)
        except Rejected:
            log.info("password kept as it was, too many are waiting", extra={"user": user.id})
        else:  # if it was changed meanwhile, the log-in fails
            await accounts.set_password(user.id, anew, before=stored)
            stored = anew
    return user, stored


async def logout(request: web.Request) -> web.StreamResponse:
    """End the session and go to the landing page; scripts are told whose it was, which no proxy would answer."""
    user = session.user.id if (session := request[keys.session]) else None
    if user is not None:
        log.info("logged out", extra={"user": user, "address": request.remote})
    await sessions.log_out(request)
    if pages.wants_json(request):
        return web.json_response({"user": user})
    return redirects.to(request, paths.LOGGED_OUT)


def _go_on(request: web.Request, fields: Mapping[str, str]) -> web.Response:
    """Redirect to the address that was asked for before the log-in."""
    wanted = redirects.safe(fields.get("next"), request.app[keys.settings].base_path)
    return redirects.to_address(request, wanted) if wanted else redirects.to(request, paths.HOME)


def _form(
    request: web.Request, name: str, fields: Mapping[str, str], errors: dict[str, str] | None = None, status: int = 422
) -> web.Response:
    wanted = redirects.safe(fields.get("next"), request.app[keys.settings].base_path)
    context = {"form": {"username": fields.get("username", "")}, "errors": errors or {}, "next": wanted or ""}
    return pages.page(request, f"accounts/{name}.html", context, status if errors else 200)


def _later(request: web.Request, name: str, fields: Mapping[str, str], wait: float) -> web.Response:
    refusal = Rejected("rate_limited.tries", retry_after=wait, wait=refusals.wait_in_words(wait))
    return _refused(request, name, fields, refusal)


def _wrong() -> str:
    return language.explain(Rejected("password_wrong.log_in"))


def _refused(request: web.Request, name: str, fields: Mapping[str, str], refusal: Rejected) -> web.Response:
    """Show a refusal above the form."""
    errors = {"form": language.explain(refusal)}
    return refusals.with_retry_after(_form(request, name, fields, errors, refusal.status), refusal)
