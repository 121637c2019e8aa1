"""The Jinja environment: loader, globals and filters of all templates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from chatapp import __version__
from chatapp.html import language, markup
from chatapp.html.macro_cache import MacroCache
from chatapp.html.message_actions import ACTIONS
from chatapp.model import emoji, names
from chatapp.system import clock

_BETWEEN_TAGS = re.compile(r"(?<=[>}])\n\s*(?=[<{])")
_COMPACT = ("partials/", "frames/")
# Cached macros, by their file in partials. Templates call them cached.icon and so on. The first are used by the others.
_CACHED = {
    "icons": ("icon", "logo"),
    "message": ("message",),
    "room_link": ("room_link",),
    "person": ("person",),
    "lightbox": ("lightbox",),
    "preview": ("preview",),
    "registry": ("registry",),
    "sheet": ("sheet",),
    "toolbar": ("toolbar",),
    "words": ("words",),
}


_CODE, _UNTRANSLATED_CODE = Markup("<code>"), Markup('<code translate="no">')


class Compact(Extension):
    """Strip line breaks between the tags of partials and frames: they are sent thousands of times a second."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source to compile."""
        return _BETWEEN_TAGS.sub("", source.rstrip()) if (name or "").startswith(_COMPACT) else source


def options(templates: Path) -> dict[str, Any]:
    """Return the arguments of the environment for the templates in a folder."""
    return {
        "loader": FileSystemLoader(templates),
        "undefined": StrictUndefined,
        "autoescape": True,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "auto_reload": False,  # would stat the file on every use of a template
        "extensions": ["jinja2.ext.i18n", Compact],
    }


def environment(templates: Path) -> Environment:
    """Return an environment for the templates in a folder. Call ``configure`` next."""
    return Environment(**options(templates))  # noqa: S701 - autoescape is among the options


def configure(
    env: Environment,
    *,
    base_path: str,
    server_name: str,
    static: Callable[[str], str],
    now: Callable[[], str] = clock.timestamp,
) -> None:
    """Set the globals and filters that every template may use. ``now`` returns the current time as ISO 8601."""
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        url=lambda path: base_path + path,
        static=static,
        server_name=server_name,
        app_version=__version__,
        native_names=language.NATIVE_NAMES,
        message_actions=ACTIONS,
        base_path=base_path,
        gettext=say,
        _=say,
    )
    env.filters.update(
        html=_html,
        only_emoji=emoji.only,
        hue=names.hue,
        initials=lru_cache(maxsize=4096)(names.initials),
        when=when,
        since=lambda moment: since(moment, now()),
        day_name=lambda day: language.day_name(day, language.local(now()).date()),
        iso_date=date.isoformat,
    )
    cache, cached = MacroCache(), SimpleNamespace()
    env.globals["cached"] = cached
    for template, macros in _CACHED.items():
        for name in macros:
            setattr(cached, name, cache.caching(getattr(env.get_template(f"partials/{template}.html").module, name)))


def say(text: str, **values: object) -> Markup:
    """Translate an English sentence of a template into the current language. Values are escaped."""
    return Markup(language.gettext(text)) % values if values else _said(text, language.current.get())  # noqa: S704


@lru_cache(maxsize=2048)  # more than all templates have; a page has about a hundred
def _said(text: str, spoken: str) -> Markup:
    with language.spoken(spoken):
        return Markup(language.gettext(text)) % {}  # noqa: S704 - the operator's catalogue, which may hold "%%"


def _html(text: str) -> Markup:
    """Return the HTML of a message's text. Browsers must not translate code."""
    return markup.to_html(text).replace(_CODE, _UNTRANSLATED_CODE)


def when(moment: str) -> str:
    """Return the time of day of an ISO 8601 moment in the current zone."""
    if not moment:
        return ""
    local = language.local(moment)
    return f"{local.hour:02}:{local.minute:02}"


def since(moment: str, now: str) -> str:
    """Return the time of an ISO 8601 moment before ``now``, with its day unless that is today."""
    day, today = language.local(moment).date(), language.local(now).date()
    if day >= today:
        return when(moment)
    named = language.gettext("yesterday") if (today - day).days == 1 else language.day_name(day, today)
    return f"{when(moment)}, {named}"
