"""News of messages for those who may read them and show another conversation."""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.chat.presence import Presence
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.hub import Hub
from chatapp.model.conversations import Conversation, Kind
from chatapp.model.events import News
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.system.throttle import Throttle

_PAUSE = 0.25  # seconds between two pieces of news: of all rooms, or of one direct conversation


class Newsroom(Subscriber):
    """Gather what was posted, and tell it now and then."""

    def __init__(self, hub: Hub, presence: Presence) -> None:
        self._hub = hub
        self._presence = presence
        self._news: dict[Conversation, list[Message]] = {}
        self._announce = Throttle(_PAUSE, self._publish)
        # The two people of each direct conversation that had news, to show one the other in their list.
        self._names: dict[int, User] = {}

    def introduce(self, *people: User) -> None:
        """Know the people of a direct conversation that is about to have news."""
        for person in people:
            self._names[person.id] = person

    def accepted(self, entry: Entry) -> None:
        """Announce a new message."""
        message = entry.message
        if message.is_change:
            return
        self._news.setdefault(message.conversation, []).append(message)
        # The news of all rooms go out together. Those of two people keep a time of their own, so that nobody sees from
        # how long the others take that somebody talks in private.
        self._announce(None if message.conversation.kind is Kind.ROOM else message.conversation)

    def _publish(self, direct: Conversation | None) -> None:
        ripe = [place for place in self._news if (place.kind is Kind.ROOM if direct is None else place == direct)]
        for conversation in ripe:
            self._tell_those_elsewhere(conversation, self._news.pop(conversation))

    def _tell_those_elsewhere(self, conversation: Conversation, news: Sequence[Message]) -> None:
        key = conversation.key
        if conversation.kind is Kind.ROOM:
            self._hub.publish_elsewhere(key, News(key, news))
            return
        for person in set(conversation.members):
            elsewhere = [listener for listener in self._hub.of_user(person) if listener.conversation != key]
            if elsewhere:
                other = self._names.get(conversation.other(person))
                online = other is not None and other.id in self._presence.online
                self._hub.tell(elsewhere, News(key, news, other, online))
