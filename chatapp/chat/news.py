"""News: tells readers of a conversation about new messages while they show another one."""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.chat.access import Access
from chatapp.chat.presence import Presence
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.hub import Hub
from chatapp.model.conversations import Conversation, Kind
from chatapp.model.events import News
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.system.throttle import Throttle

_PAUSE = 0.25  # seconds between announcements: of all rooms together, or of one direct conversation


class Newsroom(Subscriber):
    """Collect new messages and announce them at a limited rate."""

    def __init__(self, hub: Hub, presence: Presence, access: Access) -> None:
        self._hub = hub
        self._presence = presence
        self._access = access
        self._news: dict[Conversation, list[Message]] = {}
        self._announce = Throttle(_PAUSE, self._publish)
        # The people of direct conversations with news: each is shown in the other's list.
        self._names: dict[int, User] = {}

    def introduce(self, *people: User) -> None:
        """Remember the people of a direct conversation, to name one to the other."""
        for person in people:
            self._names[person.id] = person

    def accepted(self, entry: Entry) -> None:
        """Announce a new message."""
        message = entry.message
        if message.is_change:
            return
        self._news.setdefault(message.conversation, []).append(message)
        # News of all rooms go out together. Each direct conversation has a throttle of its own, so that nobody can tell
        # from the timing of other news that somebody talks in private.
        self._announce(None if message.conversation.kind is Kind.ROOM else message.conversation)

    def _publish(self, direct: Conversation | None) -> None:
        ripe = [place for place in self._news if (place.kind is Kind.ROOM if direct is None else place == direct)]
        for conversation in ripe:
            self._tell_those_elsewhere(conversation, self._news.pop(conversation))

    def _tell_those_elsewhere(self, conversation: Conversation, news: Sequence[Message]) -> None:
        key = conversation.key
        readers = self._access.readers(conversation)
        if readers is None:
            self._hub.publish_elsewhere(key, News(key, news))
            return
        for person in readers:
            elsewhere = [listener for listener in self._hub.of_user(person) if listener.conversation != key]
            if elsewhere:
                is_direct = conversation.kind is Kind.DIRECT
                other = self._names.get(conversation.other(person)) if is_direct else None
                online = other is not None and other.id in self._presence.online
                self._hub.tell(elsewhere, News(key, news, other, online))
