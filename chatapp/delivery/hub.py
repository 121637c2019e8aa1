"""Fan-out: which connection shows which conversation, and one write per connection and tick.

Publishing never waits: a connection that does not keep up is dropped, and its page resumes. A tick is what arrives in
one turn of the event loop. Most of the cost of a delivery is the system call of its write, so after a tick with long
writes the next tick is delayed by as long as those took, and what arrives meanwhile shares its writes. A quiet server
delays nothing.

The hub is handed events. An event is encoded at the end of its tick, once for each format, and only if there is a
listener of that format.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from chatapp.delivery.audience import Audience, Listener
from chatapp.delivery.envelope import Encoders, Envelope, Format
from chatapp.delivery.roster import Roster
from chatapp.model.events import Event
from chatapp.model.refusals import Close
from chatapp.system import clock
from chatapp.wire import rfc6455
from chatapp.wire.rfc6455 import CLOSE_GRACE

_SHORT_TICK = 0.001  # seconds: a tick shorter than this does not delay the next one
_LONGEST_REST = 0.02  # seconds that a tick is delayed at most


class Hub(Roster):
    """Deliver events to the connections. Not thread-safe; every method returns at once."""

    def __init__(self, encoders: Encoders, *, buffer_limit: int = 256 * 1024) -> None:
        super().__init__()
        self._encoders = encoders
        self._buffer_limit = buffer_limit
        self._audiences: dict[tuple[str | None, Format], Audience] = {}
        self._busy: set[Audience] = set()  # audiences with events to send at the end of this tick
        self._told: set[Listener] = set()  # listeners with frames of their own
        self.revocations = 0  # times that sessions were ended: one that was looked up before may be over
        self._scheduled: asyncio.Handle | None = None
        self._rested = 0.0  # monotonic seconds until which the next tick is delayed

    # --- coming and going -------------------------------------------------------------------------------------------

    def join(self, listener: Listener, conversation: str | None) -> None:
        """Move a listener to a conversation (None: none). Its live frames are held back until ``go_live``."""
        self._finish_tick(listener)
        self._leave_audience(listener)
        key = conversation, listener.format
        if key in self._audiences:
            self._flush_audience(self._audiences[key])  # this may drop its last listener, and the audience with it
        audience = self._audiences.setdefault(key, Audience(*key))
        listener.conversation, listener.audience, listener.catching_up = conversation, audience, True
        audience.catching_up.add(listener)
        self._enter(listener)

    def _finish_tick(self, listener: Listener) -> None:
        """Write what this tick has for a listener so far: it belongs before whatever the next conversation sends."""
        if listener.audience is not None:
            self._flush_audience(listener.audience)
        if listener.own_frames:
            self._told.discard(listener)
            self._write(listener, listener.take_own_frames())

    def go_live(self, listener: Listener, first: Sequence[Envelope] = (), last: Sequence[Envelope] = ()) -> None:
        """Write ``first``, what was held back, then ``last``; from now on live frames are written as they come."""
        audience = listener.audience
        if audience is None:
            return  # it left, or was dropped, while it was catching up
        self._flush_audience(audience)  # so that what is queued in this tick is held back too
        if listener.audience is None:
            return  # more was held back than is allowed
        audience.catching_up.discard(listener)
        audience.listeners.add(listener)
        listener.catching_up = False
        live = listener.take_held_back()
        self._write(listener, self.encoded(listener, *first) + live + self.encoded(listener, *last))

    def leave(self, listener: Listener) -> None:
        """Forget a listener. Does nothing if it left already."""
        self._leave_audience(listener)
        self._told.discard(listener)
        self._exit(listener)

    def _leave_audience(self, listener: Listener) -> None:
        audience, listener.audience = listener.audience, None
        if audience is None:
            return
        audience.listeners.discard(listener)
        audience.catching_up.discard(listener)
        listener.drop_held_back()
        if not (audience.listeners or audience.catching_up):
            self._audiences.pop((audience.conversation, audience.format), None)
            self._busy.discard(audience)

    def conversations(self) -> set[str | None]:
        """Return the keys of all conversations that are shown; None stands for pages that show none."""
        return {conversation for conversation, _ in self._audiences}

    # --- speaking ---------------------------------------------------------------------------------------------------

    def envelope(self, event: Event) -> Envelope:
        """Wrap an event that is told several times, so that it is encoded once."""
        return Envelope(event, self._encoders)

    def encoded(self, listener: Listener, *envelopes: Envelope) -> bytes:
        """Return the frames of events, in the format and language of a listener."""
        return b"".join([envelope.frame(listener.format, listener.language) for envelope in envelopes])

    def publish(self, conversation: str | None, event: Event, *, droppable: bool = False) -> None:
        """Tell every listener that shows a conversation. Slow connections do not get ``droppable`` events."""
        self._publish([(conversation, format_) for format_ in self._encoders], event, droppable)

    def publish_elsewhere(self, conversation: str | None, event: Event) -> None:
        """Tell every listener that does not show a conversation."""
        self._publish([key for key in self._audiences if key[0] != conversation], event)

    def publish_everywhere(self, event: Event) -> None:
        """Tell every listener."""
        self._publish(list(self._audiences), event)

    def _publish(self, keys: Iterable[tuple[str | None, Format]], event: Event, droppable: bool = False) -> None:
        envelope = Envelope(event, self._encoders)
        for key in keys:
            audience = self._audiences.get(key)
            if audience is not None:
                audience.add(envelope, droppable=droppable)
                self._busy.add(audience)
                self._schedule()

    def tell(self, listeners: Iterable[Listener], event: Event | Envelope, *, after: bool = False) -> None:
        """Tell some listeners, before what their conversation is told in this tick or ``after`` it."""
        envelope = event if isinstance(event, Envelope) else Envelope(event, self._encoders)
        for listener in listeners:
            if listener.audience is None:
                continue  # it left
            listener.tell(envelope.frame(listener.format, listener.language), after=after)
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
        """End the tick: write to each connection once, its own frames around those of its conversation."""
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
            return  # it broke in this tick, and uvloop raises if a closing transport is written to
        listener.transport.write(data)
        if listener.transport.get_write_buffer_size() > self._buffer_limit:
            self.cut(listener)

    # --- ending -----------------------------------------------------------------------------------------------------

    def cut(self, listener: Listener) -> None:
        """Drop a connection that does not read; its page will resume."""
        self.leave(listener)
        listener.transport.abort()

    def close(self, listener: Listener, code: int, reason: str = "") -> None:
        """Close a connection with a code; abort it if it has not closed after a grace period."""
        own = listener.take_own_frames()
        self.leave(listener)
        listener.closed = True
        if not listener.transport.is_closing():
            listener.transport.write(own + rfc6455.closing(code, reason))
        asyncio.get_running_loop().call_later(CLOSE_GRACE, listener.transport.abort)

    def close_session(self, session_id: str, code: int = Close.SIGNED_OUT) -> None:
        """Close all connections of a session at once."""
        self.revocations += 1
        for listener in self.everybody():
            if listener.session_id == session_id:
                self.close(listener, code)

    def close_user(self, user_id: int, *, besides: str = "", code: int = Close.SIGNED_OUT) -> None:
        """Close all connections of a person at once, except those of the session ``besides``."""
        self.revocations += 1
        for listener in self.of_user(user_id):
            if listener.session_id != besides:
                self.close(listener, code)

    def close_all(self, code: int = Close.RESTART) -> None:
        """Write what is queued, then close all connections."""
        self._flush()
        for listener in self.everybody():
            self.close(listener, code)
