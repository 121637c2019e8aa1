"""Language and theme."""

from __future__ import annotations

from aiohttp import web

from chatapp.html import paths
from chatapp.html.language import LANGUAGES
from chatapp.model.refusals import Rejected
from chatapp.web import keys, pages, parts, redirects
from chatapp.web.sessions import me

_AUTO = "auto"
_THEMES = ("light", "dark")
_YEAR = 365 * 86_400  # seconds


async def show(request: web.Request) -> web.StreamResponse:
    """Show the settings, and whether they were just saved."""
    return pages.page(request, "accounts/settings.html", {"saved": "saved" in request.query})


async def save(request: web.Request) -> web.StreamResponse:
    """Save the settings of a person, for all of their devices."""
    fields = await parts.fields(request)
    language, theme = _choice(fields, "language", LANGUAGES), _choice(fields, "theme", _THEMES)
    accounts = request.app[keys.store].accounts
    await accounts.set_language(me(request).id, language)
    await accounts.set_theme(me(request).id, theme)
    return redirects.to(request, paths.SETTINGS_SAVED)


async def switch_language(request: web.Request) -> web.StreamResponse:
    """Switch the language of this browser, and of a user's account."""
    fields = await parts.fields(request)
    language = _choice(fields, "language", LANGUAGES)
    if session := request[keys.session]:
        await request.app[keys.store].accounts.set_language(session.user.id, language)
    base = request.app[keys.settings].base_path
    wanted = redirects.safe(fields.get("next"), base)
    response = redirects.to_address(request, wanted) if wanted else redirects.back(request, paths.HOME)
    if language is None:
        response.del_cookie("language", path=base or "/", secure=request.secure, httponly=True, samesite="Lax")
    else:
        response.set_cookie(
            "language", language, max_age=_YEAR, path=base or "/", secure=request.secure, httponly=True, samesite="Lax"
        )
    return response


def _choice(fields: dict[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    value = fields.get(name, _AUTO)
    if value not in (_AUTO, *allowed):
        raise Rejected("choice")
    return None if value == _AUTO else value
