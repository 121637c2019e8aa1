"""Records to HTML: the templates' environment, and one function per frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextvars import copy_context
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

from chatapp import __version__, clock, language, markup, names
from chatapp.records import Message, User
from chatapp.views import Link

_BETWEEN_TAGS = re.compile(r"(?<=[>}])\n\s*(?=[<{])")
_COMPACT = ("partials/", "frames/")


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
        avatar=names,
        native_names=language.NATIVE_NAMES,
        base_path=base_path,
    )
    env.filters.update(
        html=markup.to_html,
        when=when,
        day_name=lambda day: language.day_name(day, language.local(now()).date()),
        iso_date=date.isoformat,
    )


def when(moment: str) -> str:
    """Return the time of day of an ISO 8601 moment in the current zone."""
    return f"{language.local(moment):%H:%M}" if moment else ""


class Render:
    """Render frames: one function each, the same bytes for everybody who gets it."""

    def __init__(self, env: Environment) -> None:
        """Fetch the templates once."""
        self._messages = env.get_template("frames/messages.html")
        self._removed = env.get_template("frames/removed.html")
        self._unread = env.get_template("frames/unread.html")
        self._presence = env.get_template("frames/presence.html")
        self._typing = env.get_template("frames/typing.html")

    def messages(self, messages: Sequence[Message]) -> str:
        """Render messages to put into their places; times in UTC, for a frame has no reader of its own."""
        return _NOBODY.run(self._messages.render, messages=messages)

    def removed(self, ids: Sequence[int]) -> str:
        """Render the removal of messages."""
        return self._removed.render(ids=ids)

    def unread(self, conversation: str, pairs: Sequence[tuple[int, int]], link: Link | None = None) -> str:
        """Render news of messages, pairs of id and author's id, in a conversation that is perhaps not shown.

        ``link`` is the receiver's link to a direct conversation that may be missing in their list.
        """
        return self._unread.render(conversation=conversation, pairs=pairs, link=link)

    def presence(self, online: Sequence[int] | None = None, came: Sequence[int] = (), left: Sequence[int] = ()) -> str:
        """Render who is here: everybody, or who came and left since."""
        return self._presence.render(online=online, came=came, left=left)

    def typing(self, user: User) -> str:
        """Render that somebody is typing."""
        return self._typing.render(user=user)
