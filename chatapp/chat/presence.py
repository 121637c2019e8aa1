"""Who is here and who is typing: nothing of it is kept."""

from __future__ import annotations

from chatapp.delivery.audience import Listener
from chatapp.delivery.envelope import Envelope
from chatapp.delivery.hub import Hub
from chatapp.model.events import Departed, Newcomers, Online, PresenceChanged, Typing
from chatapp.model.people import User
from chatapp.system import clock
from chatapp.system.throttle import Throttle

_PAUSE = 1.0  # seconds between two lists of comings and goings
_TYPISTS = 10_000  # people whose last note is remembered: a bound on memory, not a rule
_TYPING = 2.0  # seconds between two notes that one person is typing; pages send one every three


class Presence:
    """Tell everybody who came and left, and a conversation who is typing."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: set[int] = set()  # who everybody was last told is here
        self._greeting: Envelope | None = None  # of them
        self._typed: dict[tuple[int, str], float] = {}
        self._newcomers: list[User] = []
        self.changed = Throttle(_PAUSE, self._publish)  # somebody may have come, or left
        self._introduce = Throttle(_PAUSE, self._publish_newcomers)

    @property
    def online(self) -> set[int]:
        """Return the ids of everybody who has a connection."""
        return self._hub.users()

    def greeting(self) -> Envelope:
        """Return what tells a new connection who is here, but for the last comings and goings.

        Those follow for everybody. So the list is encoded once for a thousand people who come at the same moment.
        """
        if self._greeting is None:
            self._greeting = self._hub.envelope(Online(sorted(self._shown)))
        return self._greeting

    def registered(self, user: User) -> None:
        """Tell everybody that there is somebody new: their lists of people were drawn before."""
        self._newcomers.append(user)
        self._introduce()

    def _publish_newcomers(self) -> None:
        users, self._newcomers = self._newcomers, []
        self._hub.publish_everywhere(Newcomers(users))

    def departed(self, user_id: int) -> None:
        """Tell everybody that somebody has left for good: their lists still show the name."""
        self._hub.publish_everywhere(Departed(user_id))

    def typing(self, listener: Listener, user: User) -> None:
        """Tell the listener's conversation that its person is typing, now and then."""
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
            # Not droppable: who missed one would take somebody for present, or absent, for as long as they stay.
            self._hub.publish_everywhere(PresenceChanged(came, left))
