"""Who listens where. Publishing never waits: one write per connection and tick, or the connection goes.

A tick is what arrives in one turn of the event loop. What the kernel asks for a write is most of what a delivery
costs, so after a tick that took long the next one waits as long as that took: what arrives meanwhile shares its writes.
Where little is said a tick takes no time, and nothing waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from chatapp.delivery.audience import Audience, Listener
from chatapp.model.refusals import Close
from chatapp.system import clock
from chatapp.wire import rfc6455
from chatapp.wire.rfc6455 import CLOSE_GRACE, RESTART

_SHORT_TICK = 0.001  # seconds: after a tick shorter than this the next one comes at once
_LONGEST_REST = 0.02  # seconds

SIGNED_OUT, TOO_MANY = Close.SIGNED_OUT, Close.TOO_MANY


class Hub:
    """Keep the audiences. Not thread-safe; every method returns at once."""

    def __init__(self, *, buffer_limit: int = 256 * 1024) -> None:
        self._buffer_limit = buffer_limit
        self._audiences: dict[str | None, Audience] = {}
        self._users: dict[int, set[Listener]] = {}
        self._addresses: Counter[str] = Counter()
        self._busy: set[Audience] = set()  # audiences with frames to send at the end of this tick
        self._told: set[Listener] = set()  # listeners that were told something of their own
        self.endings = 0  # how many times sessions were ended: whoever was recognised before may have lost theirs
        self._scheduled: asyncio.Handle | None = None
        self._rested = 0.0  # monotonic seconds: before this no tick ends by itself

    # --- coming and going -------------------------------------------------------------------------------------------

    def join(self, listener: Listener, conversation: str | None) -> None:
        """Move a listener to a conversation (None: none) where it gathers until ``go_live``."""
        if listener.audience is not None:
            self._flush_audience(listener.audience)  # frames of this tick are for those who were there before it
        self._leave_audience(listener)
        if conversation in self._audiences:
            self._flush_audience(self._audiences[conversation])  # it may be gone after that: its last listener was cut
        audience = self._audiences.setdefault(conversation, Audience(conversation))
        listener.conversation, listener.audience, listener.catching_up = conversation, audience, True
        audience.catching_up.add(listener)
        mine = self._users.setdefault(listener.user_id, set())
        if listener not in mine:
            mine.add(listener)
            self._addresses[listener.address] += 1

    def go_live(self, listener: Listener, first: bytes, last: bytes) -> None:
        """Write ``first``, what was gathered, then ``last``; from now on live frames are written as they come."""
        audience = listener.audience
        if audience is None:
            return  # it left, or was cut, while it was catching up
        self._flush_audience(audience)  # so that what is queued in this tick is gathered too
        if listener.audience is None:
            return  # that was more than it may gather
        audience.catching_up.discard(listener)
        audience.listeners.add(listener)
        listener.catching_up = False
        self._write(listener, first + listener.take_gathered() + last)

    def leave(self, listener: Listener) -> None:
        """Forget a listener; harmless when it is gone already."""
        self._leave_audience(listener)
        self._told.discard(listener)
        mine = self._users.get(listener.user_id, set())
        if listener in mine:
            mine.remove(listener)
            self._addresses[listener.address] -= 1
            if not self._addresses[listener.address]:
                del self._addresses[listener.address]
            if not mine:
                del self._users[listener.user_id]

    def _leave_audience(self, listener: Listener) -> None:
        audience, listener.audience = listener.audience, None
        if audience is None:
            return
        audience.listeners.discard(listener)
        audience.catching_up.discard(listener)
        listener.take_gathered()
        if not (audience.listeners or audience.catching_up):
            self._audiences.pop(audience.key, None)
            self._busy.discard(audience)

    # --- looking ----------------------------------------------------------------------------------------------------

    def of_user(self, user_id: int) -> frozenset[Listener]:
        """Return a person's connections."""
        return frozenset(self._users.get(user_id, ()))

    def users(self) -> set[int]:
        """Return the ids of everybody who has a connection."""
        return set(self._users)

    def everybody(self) -> list[Listener]:
        """Return every connection."""
        return [listener for mine in self._users.values() for listener in mine]

    def count(self, address: str | None = None) -> int:
        """Return how many connections there are, in all or from an address."""
        return self._addresses.total() if address is None else self._addresses[address]

    # --- speaking ---------------------------------------------------------------------------------------------------

    def publish(self, conversation: str | None, data: bytes, *, fleeting: bool = False) -> None:
        """Send a frame to all who show a conversation; a fleeting one may be dropped for a slow connection."""
        audience = self._audiences.get(conversation)
        if audience is not None:
            (audience.fleeting if fleeting else audience.frames).append(data)
            self._busy.add(audience)
            self._schedule()

    def publish_elsewhere(self, conversation: str | None, data: bytes, *, fleeting: bool = False) -> None:
        """Send a frame to everybody who does not show a conversation."""
        for key in list(self._audiences):
            if key != conversation:
                self.publish(key, data, fleeting=fleeting)

    def publish_everywhere(self, data: bytes, *, fleeting: bool = False) -> None:
        """Send a frame to everybody."""
        for key in list(self._audiences):
            self.publish(key, data, fleeting=fleeting)

    def tell(self, listeners: Iterable[Listener], data: bytes) -> None:
        """Send a frame to some connections, ahead of the room frames of this tick."""
        for listener in listeners:
            if listener.catching_up:
                listener.gather(data)
                if listener.gathered_size > self._buffer_limit:
                    self.cut(listener)
            elif listener.audience is not None:
                listener.tell(data)
                self._told.add(listener)
        self._schedule()

    def _schedule(self) -> None:
        if self._scheduled is None:
            loop, rest = asyncio.get_running_loop(), self._rested - clock.monotonic()
            self._scheduled = loop.call_later(rest, self._flush) if rest > 0 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        """End the tick: write everything, once per connection; its own frames first, then its room's."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        began = clock.monotonic()
        busy, self._busy = self._busy, set()
        for audience in busy:
            self._flush_audience(audience)
        told, self._told = self._told, set()
        for listener in told:
            data = listener.take_told()
            if data and listener.audience is not None:
                self._write(listener, data)
        ended = clock.monotonic()
        if ended - began > _SHORT_TICK:
            self._rested = ended + min(ended - began, _LONGEST_REST)

    def _flush_audience(self, audience: Audience) -> None:
        if not (audience.frames or audience.fleeting):
            return
        frames, audience.frames = b"".join(audience.frames), []
        fleeting, audience.fleeting = b"".join(audience.fleeting), []
        both, limit = frames + fleeting, self._buffer_limit
        for listener in audience.catching_up:
            listener.gather(frames)
        cut: list[Listener] = []
        for listener in audience.listeners:
            transport = listener.transport
            data = both
            if fleeting and transport.get_write_buffer_size() > limit // 2:
                data = frames
            if listener._told:  # noqa: SLF001 - the two classes are one mechanism
                data = listener.take_told() + data
            if data and not transport.is_closing():
                transport.write(data)
                if transport.get_write_buffer_size() > limit:
                    cut.append(listener)
        for listener in cut + [late for late in audience.catching_up if late.gathered_size > limit]:
            self.cut(listener)

    def _write(self, listener: Listener, data: bytes) -> None:
        if listener.transport.is_closing():
            return  # it broke in this tick; uvloop's transports refuse to be written to then
        listener.transport.write(data)
        if listener.transport.get_write_buffer_size() > self._buffer_limit:
            self.cut(listener)

    # --- ending -----------------------------------------------------------------------------------------------------

    def cut(self, listener: Listener) -> None:
        """Drop a connection that does not read; its page will resume."""
        self.leave(listener)
        listener.transport.abort()

    def close(self, listener: Listener, code: int, reason: str = "") -> None:
        """Say nothing more to a connection and close it with a code."""
        told = listener.take_told()
        self.leave(listener)
        listener.closed = True
        if not listener.transport.is_closing():
            listener.transport.write(told + rfc6455.closing(code, reason))
        asyncio.get_running_loop().call_later(CLOSE_GRACE, listener.transport.abort)

    def close_session(self, session_id: str, code: int = SIGNED_OUT) -> None:
        """Close every connection of a session at once."""
        self.endings += 1
        for listener in self.everybody():
            if listener.session_id == session_id:
                self.close(listener, code)

    def close_user(self, user_id: int, *, besides: str = "", code: int = SIGNED_OUT) -> None:
        """Close every connection of a person at once, but those of one session."""
        self.endings += 1
        for listener in self.of_user(user_id):
            if listener.session_id != besides:
                self.close(listener, code)

    def renew_session(self, session_id: str, renewed: str) -> None:
        """Let a session's connections go on under its new id."""
        for listener in self.everybody():
            if listener.session_id == session_id:
                listener.session_id = renewed

    def close_all(self, code: int = RESTART) -> None:
        """Send what is queued, then close every connection."""
        self._flush()
        for listener in self.everybody():
            self.close(listener, code)
