"""Fragments of HTML for open pages: one function each, the same bytes for everybody who gets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from chatapp.html.views import Link, Person
from chatapp.model.messages import Message
from chatapp.model.people import User


class Fragments:
    """Render fragments, each with the macro in its file in templates/frames.

    The macros are prepared once: rendering a whole template would gather all globals of the environment for each one.
    They run in a context of their own, so neither the language nor the time zone of an author reaches a reader.
    """

    def __init__(self, env: Environment) -> None:
        """Prepare the macros."""
        nobody = Context()

        def frame(name: str) -> Callable[..., str]:
            macros: Any = env.get_template(f"frames/{name}.html").module
            macro: Callable[..., Markup] = macros.frame
            return lambda *values, **named: str(nobody.run(macro, *values, **named))

        self._messages = frame("messages")
        self._removed = frame("removed")
        self._unread = frame("unread")
        self._presence = frame("presence")
        self._newcomers = frame("newcomers")
        self._departed = frame("departed")
        self._typing = frame("typing")

    def messages(self, messages: Sequence[Message]) -> str:
        """Render messages to put into their places, with times in UTC."""
        return self._messages(messages)

    def removed(self, ids: Sequence[int]) -> str:
        """Render the removal of messages."""
        return self._removed(ids)

    def unread(self, conversation: str, pairs: Sequence[tuple[int, int]], link: Link | None = None) -> str:
        """Render news of messages, pairs of id and author's id, in a conversation that may not be shown.

        ``link`` is the receiver's link to a direct conversation, which may be missing in their list.
        """
        return self._unread(conversation, pairs, link)

    def presence(self, online: Sequence[int] | None = None, came: Sequence[int] = (), left: Sequence[int] = ()) -> str:
        """Render who is here: everybody, or who came and left since."""
        return self._presence(online, came, left)

    def newcomers(self, users: Sequence[User]) -> str:
        """Render rows of people who have just registered, for lists that were drawn before they did."""
        return self._newcomers([Person(user, online=True) for user in users])

    def departed(self, user_id: int) -> str:
        """Render that somebody deleted their account, for lists that still show their name."""
        return self._departed(user_id)

    def typing(self, user: User) -> str:
        """Render that somebody is typing."""
        return self._typing(user)
