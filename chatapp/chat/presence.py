"""Presence: who is online and who is typing. Nothing of it is stored."""

from __future__ import annotations

from chatapp.delivery.audience import Listener
from chatapp.delivery.envelope import Envelope
from chatapp.delivery.hub import Hub
from chatapp.model.events import Departed, Newcomers, Online, PresenceChanged, Typing
from chatapp.model.people import User
from chatapp.system import clock
from chatapp.system.throttle import Throttle

_PAUSE = 1.0  # seconds between announcements of who came and left
_TYPISTS = 10_000  # people whose last note is remembered; bounds memory
_TYPING = 2.0  # seconds between notes that a person is typing; pages send one every three


class Presence:
    """Announce who comes and leaves, and who is typing in a conversation."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: set[int] = set()  # who was online according to the last announcement
        self._greeting: Envelope | None = None  # of those
        self._typed: dict[tuple[int, str], float] = {}
        self._newcomers: list[User] = []
        self.changed = Throttle(_PAUSE, self._publish)  # somebody may have come, or left
        self._introduce = Throttle(_PAUSE, self._publish_newcomers)

    @property
    def online(self) -> set[int]:
        """Return the ids of everybody online, that is, with a connection."""
        return self._hub.users()

    def greeting(self) -> Envelope:
        """Return the list of people online, as of the last announcement, for a new connection; the next one follows.

        So the list is encoded once even if a thousand people connect at the same time.
        """
        if self._greeting is None:
            self._greeting = self._hub.envelope(Online(sorted(self._shown)))
        return self._greeting

    def registered(self, user: User) -> None:
        """Announce somebody who has just registered: open pages do not list them yet."""
        self._newcomers.append(user)
        self._introduce()

    def _publish_newcomers(self) -> None:
        users, self._newcomers = self._newcomers, []
        self._hub.publish_everywhere(Newcomers(users))

    def departed(self, user_id: int) -> None:
        """Announce that somebody deleted their account: open pages still show the name."""
        self._hub.publish_everywhere(Departed(user_id))

    def typing(self, listener: Listener, user: User) -> None:
        """Tell the listener's conversation that its person is typing, at a limited rate."""
        if listener.conversation is None:
            return
        now, key = clock.monotonic(), (user.id, listener.conversation)
        if now - self._typed.get(key, -_TYPING) < _TYPING:
            return
        if len(self._typed) > _TYPISTS:
            self._typed.clear()
        self._typed[key] = now
        self._hub.publish(listener.conversation, Typing(user), droppable=True)

    def _publish(self) -> None:
        online = self.online
        came, left = sorted(online - self._shown), sorted(self._shown - online)
        if came or left:
            self._shown, self._greeting = online, None
            # Not droppable: a page that missed one would show somebody as online, or offline, until they come or leave.
            self._hub.publish_everywhere(PresenceChanged(came, left))
