"""The environment of the templates: what each of them may use."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Hashable
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
from chatapp.html.message_actions import ACTIONS
from chatapp.model import emoji, names
from chatapp.system import clock

_BETWEEN_TAGS = re.compile(r"(?<=[>}])\n\s*(?=[<{])")
_COMPACT = ("partials/", "frames/")
_KEPT_BYTES = 8 * 2**20  # of HTML that was drawn lately: some thousand messages
# Macros by their file in partials; in templates they are kept.icon and so on. The first are used by the others.
_KEPT = {
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


_CODE, _KEPT_CODE = Markup("<code>"), Markup('<code translate="no">')


class Compact(Extension):
    """Drop line breaks between the tags of partials and frames: they cross the wire thousands of times a second."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source of a template as it is compiled."""
        return _BETWEEN_TAGS.sub("", source.rstrip()) if (name or "").startswith(_COMPACT) else source


def options(templates: Path) -> dict[str, Any]:
    """Return the arguments that the environment of the templates in a folder is made with."""
    return {
        "loader": FileSystemLoader(templates),
        "undefined": StrictUndefined,
        "autoescape": True,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "auto_reload": False,  # else every use of a template asks the disk
        "extensions": ["jinja2.ext.i18n", Compact],
    }


def environment(templates: Path) -> Environment:
    """Return a bare environment for the templates in a folder; ``configure`` it next."""
    return Environment(**options(templates))  # noqa: S701 - autoescape is among the options


def configure(
    env: Environment,
    *,
    base_path: str,
    server_name: str,
    static: Callable[[str], str],
    now: Callable[[], str] = clock.timestamp,
) -> None:
    """Give an environment what every template may use. ``now`` returns the moment as ISO 8601."""
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
    kept, drawn = Kept(), SimpleNamespace()
    env.globals["kept"] = drawn
    for template, macros in _KEPT.items():
        for name in macros:
            setattr(drawn, name, kept.keeping(getattr(env.get_template(f"partials/{template}.html").module, name)))


def say(text: str, **values: object) -> Markup:
    """Return an English sentence of a template in the current language, with values, which are escaped."""
    return Markup(language.gettext(text)) % values if values else _said(text, language.current.get())  # noqa: S704


@lru_cache(maxsize=2048)  # more than the sentences of all templates: a page has a hundred of them
def _said(text: str, spoken: str) -> Markup:
    with language.spoken(spoken):
        return Markup(language.gettext(text)) % {}  # noqa: S704 - the operator's catalogue, which may hold "%%"


def _html(text: str) -> Markup:
    """Return the HTML of a message's text. Code is the same in every language: no browser shall translate it."""
    return markup.to_html(text).replace(_CODE, _KEPT_CODE)


def when(moment: str) -> str:
    """Return the time of day of an ISO 8601 moment in the current zone."""
    if not moment:
        return ""
    local = language.local(moment)
    return f"{local.hour:02}:{local.minute:02}"


def since(moment: str, now: str) -> str:
    """Return the time of an ISO 8601 moment that is not after ``now``, with its day if that is another one."""
    day, today = language.local(moment).date(), language.local(now).date()
    if day >= today:
        return when(moment)
    named = language.gettext("yesterday") if (today - day).days == 1 else language.day_name(day, today)
    return f"{when(moment)}, {named}"


class Kept:
    """Draw with macros, and keep for a while what they drew: the same messages are on the pages of many people.

    Nothing of one reader gets onto the page of another one, and nothing is ever out of date: a macro sees no more than
    its arguments, the language and the time zone, and what it drew is found again by all of these together. So
    arguments are whole records; a message with a new revision is another one.
    """

    def __init__(self, limit: int = _KEPT_BYTES) -> None:
        """Keep about ``limit`` bytes."""
        self._half = limit // 2
        # Two generations, which cost less than an order of use. What nobody asks for while the young one grows is gone.
        self._young: dict[Hashable, Markup] = {}
        self._old: dict[Hashable, Markup] = {}
        self._size = 0  # of the young one

    def keeping(self, macro: Callable[..., Markup]) -> Callable[..., Markup]:
        """Return a macro that draws the same, for hashable arguments."""

        def draw(*what: Hashable) -> Markup:
            key = (macro, what, language.current.get(), language.zone.get())
            found = self._young.get(key)
            return self._keep(key, self._old.get(key) or macro(*what)) if found is None else found

        return draw

    def _keep(self, key: Hashable, html: Markup) -> Markup:
        self._size += 2 * sys.getsizeof(html)  # the text stands in the key too
        if self._size > self._half:
            self._young, self._old, self._size = {}, self._young, 2 * sys.getsizeof(html)
        self._young[key] = html
        return html
