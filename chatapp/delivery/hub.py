"""Who listens where. Publishing never waits: one write per connection and tick, or the connection is dropped.

A tick is what arrives in one turn of the event loop. The system call of a write is most of what a delivery costs, so
after a tick with long writes the next one waits as long as those took: what arrives meanwhile shares its writes. Where
little is said a tick takes no time, and nothing waits.

The hub is handed events. An event is encoded at the end of its tick, once for each format, and only if there is a
listener of that format.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from chatapp.delivery.audience import Audience, Listener
from chatapp.delivery.envelope import Encoders, Envelope, Format
from chatapp.model.events import Event
from chatapp.model.refusals import Close
from chatapp.system import clock
from chatapp.wire import rfc6455
from chatapp.wire.rfc6455 import CLOSE_GRACE, RESTART

_SHORT_TICK = 0.001  # seconds: after a tick shorter than this the next one comes at once
_LONGEST_REST = 0.02  # seconds

SIGNED_OUT, TOO_MANY = Close.SIGNED_OUT, Close.TOO_MANY


class Hub:
    """Keep the audiences. Not thread-safe; every method returns at once."""

    def __init__(self, encoders: Encoders, *, buffer_limit: int = 256 * 1024) -> None:
        self._encoders = encoders
        self._buffer_limit = buffer_limit
        self._audiences: dict[tuple[str | None, Format], Audience] = {}
        self._users: dict[int, set[Listener]] = {}
        self._addresses: Counter[str] = Counter()
        self._busy: set[Audience] = set()  # audiences with events to send at the end of this tick
        self._told: set[Listener] = set()  # listeners with frames of their own
        self.revocations = 0  # how many times sessions were ended: whoever was recognised before may have lost theirs
        self._scheduled: asyncio.Handle | None = None
        self._rested = 0.0  # monotonic seconds: before this no tick ends by itself

    # --- coming and going -------------------------------------------------------------------------------------------

    def join(self, listener: Listener, conversation: str | None) -> None:
        """Move a listener to a conversation (None: none); its frames are held back until ``go_live``."""
        self._catch_up_with_tick(listener)
        self._leave_audience(listener)
        key = conversation, listener.format
        if key in self._audiences:
            self._flush_audience(self._audiences[key])  # it may be gone after that: its last listener was cut
        audience = self._audiences.setdefault(key, Audience(*key))
        listener.conversation, listener.audience, listener.catching_up = conversation, audience, True
        audience.catching_up.add(listener)
        mine = self._users.setdefault(listener.user_id, set())
        if listener not in mine:
            mine.add(listener)
            self._addresses[listener.address] += 1

    def _catch_up_with_tick(self, listener: Listener) -> None:
        """Write what this tick holds for a listener already: frames of where it is are not for where it goes."""
        if listener.audience is not None:
            self._flush_audience(listener.audience)
        if listener.own_frames and not listener.catching_up:
            self._told.discard(listener)
            self._write(listener, listener.take_own_frames())

    def go_live(self, listener: Listener, first: Sequence[Envelope] = (), last: Sequence[Envelope] = ()) -> None:
        """Write ``first``, what was held back, then ``last``; from now on live frames are written as they come."""
        audience = listener.audience
        if audience is None:
            return  # it left, or was cut, while it was catching up
        self._flush_audience(audience)  # so that what is queued in this tick is held back too
        if listener.audience is None:
            return  # that was more than may be held back
        audience.catching_up.discard(listener)
        audience.listeners.add(listener)
        listener.catching_up = False
        live = listener.take_own_frames() + listener.take_held_back()
        self._write(listener, self.encoded(listener, *first) + live + self.encoded(listener, *last))

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
        listener.take_held_back()
        if not (audience.listeners or audience.catching_up):
            self._audiences.pop((audience.conversation, audience.format), None)
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

    def conversations(self) -> set[str | None]:
        """Return the keys of the conversations that somebody shows; None among them where a page shows none."""
        return {conversation for conversation, _ in self._audiences}

    # --- speaking ---------------------------------------------------------------------------------------------------

    def envelope(self, event: Event) -> Envelope:
        """Return an event that is told more than once, and encoded only once."""
        return Envelope(event, self._encoders)

    def encoded(self, listener: Listener, *envelopes: Envelope) -> bytes:
        """Return events as a listener reads them."""
        return b"".join([envelope.frame(listener.format, listener.language) for envelope in envelopes])

    def publish(self, conversation: str | None, event: Event, *, droppable: bool = False) -> None:
        """Tell all who show a conversation; a droppable event may be left out for a slow connection."""
        self._publish([(conversation, format_) for format_ in self._encoders], event, droppable)

    def publish_elsewhere(self, conversation: str | None, event: Event) -> None:
        """Tell everybody who does not show a conversation."""
        self._publish([key for key in self._audiences if key[0] != conversation], event)

    def publish_everywhere(self, event: Event) -> None:
        """Tell everybody."""
        self._publish(list(self._audiences), event)

    def _publish(self, keys: Iterable[tuple[str | None, Format]], event: Event, droppable: bool = False) -> None:
        envelope = Envelope(event, self._encoders)
        for key in keys:
            audience = self._audiences.get(key)
            if audience is not None:
                audience.add(envelope, droppable=droppable)
                self._busy.add(audience)
                self._schedule()

    def tell(self, listeners: Iterable[Listener], event: Event | Envelope) -> None:
        """Tell some connections, ahead of the room frames of this tick."""
        envelope = event if isinstance(event, Envelope) else Envelope(event, self._encoders)
        for listener in listeners:
            if listener.audience is None:
                continue  # it left
            listener.tell(envelope.frame(listener.format, listener.language))
            if not listener.catching_up:
                self._told.add(listener)
                self._schedule()
            elif listener.waiting > self._buffer_limit:
                self.cut(listener)

    def _schedule(self) -> None:
        if self._scheduled is None:
            loop, rest = asyncio.get_running_loop(), self._rested - clock.monotonic()
            self._scheduled = loop.call_later(rest, self._flush) if rest > 0 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        """End the tick: write everything, once per connection; its own frames first, then its room's."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        busy, self._busy = self._busy, set()
        frames = [(audience, *audience.take()) for audience in busy]
        began = clock.monotonic()
        for audience, durable, droppable in frames:
            self._deliver(audience, durable, droppable)
        told, self._told = self._told, set()
        for listener in told:
            data = listener.take_own_frames()
            if data and listener.audience is not None:
                self._write(listener, data)
        ended = clock.monotonic()
        if ended - began > _SHORT_TICK:
            self._rested = ended + min(ended - began, _LONGEST_REST)

    def _flush_audience(self, audience: Audience) -> None:
        if audience in self._busy:
            self._busy.discard(audience)
            self._deliver(audience, *audience.take())

    def _deliver(self, audience: Audience, durable: bytes, droppable: bytes) -> None:
        for listener in audience.deliver(durable, droppable, self._buffer_limit):
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
        own = b"" if listener.catching_up else listener.take_own_frames()
        self.leave(listener)
        listener.closed = True
        if not listener.transport.is_closing():
            listener.transport.write(own + rfc6455.closing(code, reason))
        asyncio.get_running_loop().call_later(CLOSE_GRACE, listener.transport.abort)

    def close_session(self, session_id: str, code: int = SIGNED_OUT) -> None:
        """Close every connection of a session at once."""
        self.revocations += 1
        for listener in self.everybody():
            if listener.session_id == session_id:
                self.close(listener, code)

    def close_user(self, user_id: int, *, besides: str = "", code: int = SIGNED_OUT) -> None:
        """Close every connection of a person at once, but those of one session."""
        self.revocations += 1
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
