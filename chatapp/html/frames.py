"""Events as frames for our pages: HTML fragments for an audience, and JSON control frames for one connection.

This is the only encoder that knows HTML, and the only place where a frame gets a language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from jinja2 import Environment

from chatapp.html import language, paths
from chatapp.html.fragments import Fragments
from chatapp.html.views import Link
from chatapp.model import events
from chatapp.model.pictures import PICTURE_BYTES, PICTURES_LIMIT
from chatapp.model.refusals import N_
from chatapp.model.texts import CONTENT_LIMIT
from chatapp.wire import jsonframes, rfc6455

_GIVEN_UP = N_("This message could not be saved and was withdrawn. It will be sent again.")
_LIMITS: Final = {"content": CONTENT_LIMIT, "pictures": PICTURES_LIMIT, "picture_bytes": PICTURE_BYTES}


class Frames:
    """Encode events for pages: the encoder of ``Format.HTML``."""

    def __init__(self, env: Environment) -> None:
        html = Fragments(env)
        fragments: dict[type[Any], Callable[[Any], str]] = {
            events.Posted: lambda event: html.messages([event.message]),
            events.Revised: lambda event: html.messages([event.message]),
            events.Restored: lambda event: html.messages([event.message]),
            events.Missed: lambda event: html.messages(event.messages),
            events.Withdrawn: lambda event: html.removed(event.message_ids),
            events.News: lambda event: html.unread(event.conversation, _pairs(event), _link(event)),
            events.Online: lambda event: html.presence(online=event.user_ids),
            events.PresenceChanged: lambda event: html.presence(came=event.came, left=event.left),
            events.Newcomers: lambda event: html.newcomers(event.users),
            events.Departed: lambda event: html.departed(event.user_id),
            events.Typing: lambda event: html.typing(event.user),
        }
        self._encoders: dict[type[Any], Callable[[Any], str]] = fragments | _CONTROLS

    def __call__(self, event: events.Event, spoken: str) -> bytes:
        """Return the bytes of an event's WebSocket frame, its sentence in a language."""
        encode = self._encoders[type(event)]
        if not isinstance(event, events.WORDED):
            return rfc6455.frame(encode(event))
        with language.spoken(spoken):
            return rfc6455.frame(encode(event))


def _pairs(news: events.News) -> list[tuple[int, int]]:
    return [(message.id, message.author_id) for message in news.messages]


def _link(news: events.News) -> Link | None:
    """Return the receiver's link to a direct conversation."""
    person = news.person
    if person is None:
        return None
    return Link(news.conversation, paths.direct(person.username), person.username, user=person, online=news.online)


def _hello(event: events.Hello) -> str:
    facts = {"conversation": event.conversation, "recovered": event.recovered, "healthy": event.healthy}
    return jsonframes.text("hello", **facts, epoch=event.epoch, boot=event.boot, limits=_LIMITS)


def _sent(event: events.Sent) -> str:
    change = {} if event.rev is None else {"rev": event.rev}
    return jsonframes.text("sent", key=event.key, id=event.message_id, **change)


def _failed(event: events.Failed) -> str:
    message, reason = event.message, language.gettext(_GIVEN_UP)
    facts = {"key": message.key, "id": message.id, "change": message.is_change}
    return jsonframes.text("failed", conversation=message.conversation.key, **facts, reason=reason, retry=True)


def _refused(event: events.Refused) -> str:
    refusal = event.refusal
    facts = {"key": event.key, "code": refusal.code, "reason": language.explain(refusal)}
    return jsonframes.text("refused", **facts, retry=refusal.retry, retry_after=refusal.retry_after)


def _unread(event: events.Unread) -> str:
    # Pages of the release before this one know a single number for all conversations.
    upto = min(event.upto.values(), default=0)
    return jsonframes.text("unread", counts=event.counts, reads=event.reads, upto=upto, covers=event.upto)


_CONTROLS: Final[dict[type[Any], Callable[[Any], str]]] = {
    events.Hello: _hello,
    events.Ready: lambda event: jsonframes.text("ready", conversation=event.conversation, upto=event.upto),
    events.Sent: _sent,
    events.Saved: lambda event: jsonframes.text("saved", keys=event.keys),
    events.Covered: lambda event: jsonframes.text("saved", upto=event.upto, conversation=event.conversation),
    events.Failed: _failed,
    events.Refused: _refused,
    events.Unread: _unread,
    events.StorageHealth: lambda event: jsonframes.text("storage", healthy=event.healthy),
    events.Beat: lambda event: jsonframes.text("beat"),
}
