"""Unread notifications: tell connections about new messages in conversations that they are not showing."""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.chat.access import Access
from chatapp.chat.presence import Presence
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.hub import Hub
from chatapp.model.conversations import Conversation
from chatapp.model.events import News
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.system.throttle import Throttle

_PAUSE = 0.25  # seconds between announcements: one interval for all rooms together, one for each direct conversation


class Newsroom(Subscriber):
    """Collect new messages and announce them at a limited rate."""

    def __init__(self, hub: Hub, presence: Presence, access: Access) -> None:
        self._hub = hub
        self._presence = presence
        self._access = access
        self._news: dict[Conversation, list[Message]] = {}
        self._announce = Throttle(_PAUSE, self._publish)
        # The two people of each direct conversation posted in since the start, to name each to the other.
        self._names: dict[int, User] = {}

    def remember_people(self, *people: User) -> None:
        """Remember the two people of a direct conversation, so that each can be named to the other."""
        for person in people:
            self._names[person.id] = person

    def accepted(self, entry: Entry) -> None:
        """Announce a new message."""
        message = entry.message
        if message.is_change:
            return
        self._news.setdefault(message.conversation, []).append(message)
        self._announce(self._group(message.conversation))

    def _group(self, conversation: Conversation) -> Conversation | None:
        """Return what shares a throttle with a conversation: None for all that are open to everybody.

        Each other one has its own, so that the timing of notifications does not reveal that somebody talks in private.
        """
        return None if self._access.readers(conversation) is None else conversation

    def _publish(self, group: Conversation | None) -> None:
        for conversation in [each for each in self._news if self._group(each) == group]:
            self._notify_elsewhere(conversation, self._news.pop(conversation))

    def _notify_elsewhere(self, conversation: Conversation, news: Sequence[Message]) -> None:
        key = conversation.key
        readers = self._access.readers(conversation)
        if readers is None:
            self._hub.publish_elsewhere(key, News(key, news))
            return
        for person in readers:
            elsewhere = [listener for listener in self._hub.of_user(person) if listener.conversation != key]
            if elsewhere:
                other = self._names.get(self._access.partner(person, conversation) or 0)
                online = other is not None and other.id in self._presence.online
                self._hub.tell(elsewhere, News(key, news, other, online))
