"""Every connection, by person and by address."""

from __future__ import annotations

from collections import Counter

from chatapp.delivery.audience import Listener


class Roster:
    """Know who is connected."""

    def __init__(self) -> None:
        self._users: dict[int, set[Listener]] = {}
        self._addresses: Counter[str] = Counter()

    def _enter(self, listener: Listener) -> None:
        mine = self._users.setdefault(listener.user_id, set())
        if listener not in mine:
            mine.add(listener)
            self._addresses[listener.address] += 1

    def _exit(self, listener: Listener) -> None:
        mine = self._users.get(listener.user_id, set())
        if listener in mine:
            mine.remove(listener)
            self._addresses[listener.address] -= 1
            if not self._addresses[listener.address]:
                del self._addresses[listener.address]
            if not mine:
                del self._users[listener.user_id]

    def of_user(self, user_id: int) -> frozenset[Listener]:
        """Return a person's connections."""
        return frozenset(self._users.get(user_id, ()))

    def users(self) -> set[int]:
        """Return the ids of all people who have a connection. Ask ``Presence.online`` who is here."""
        return set(self._users)

    def everybody(self) -> list[Listener]:
        """Return every connection."""
        return [listener for mine in self._users.values() for listener in mine]

    def count(self, address: str | None = None) -> int:
        """Return the number of connections, in total or from one address."""
        return self._addresses.total() if address is None else self._addresses[address]

    def renew_session(self, session_id: str, renewed: str) -> None:
        """Let the connections of a session go on under its new id."""
        for listener in self.everybody():
            if listener.session_id == session_id:
                listener.session_id = renewed
