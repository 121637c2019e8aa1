"""A connection as the hub knows it, and the connections that show one conversation."""

from __future__ import annotations

from typing import Protocol

from chatapp.delivery.envelope import Envelope, Format


class Transport(Protocol):
    """What the hub needs of an asyncio transport."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...
    def close(self) -> None: ...


class Listener:
    """One connection: whose it is, what it shows, what it reads, and what waits to be written to it."""

    __slots__ = (
        "_held_back",
        "address",
        "audience",
        "catching_up",
        "closed",
        "conversation",
        "format",
        "language",
        "own_frames",
        "session_id",
        "transport",
        "user_id",
    )

    def __init__(  # noqa: PLR0913 - whose it is, and what they read
        self,
        transport: Transport,
        user_id: int,
        session_id: str = "",
        address: str = "",
        *,
        language: str = "en",
        format_: Format = Format.HTML,
    ) -> None:
        self.transport = transport
        self.address = address
        self.user_id = user_id
        self.session_id = session_id
        self.language = language
        self.format = format_
        self.conversation: str | None = None
        self.audience: Audience | None = None
        self.catching_up = False
        self.closed = False  # by us: the close frame was written
        self.own_frames: bytearray | None = None  # None takes no room, and most have nothing most of the time
        self._held_back: bytearray | None = None

    def tell(self, data: bytes) -> None:
        """Keep frames for this connection alone until it is written to; they go ahead of its room's."""
        if self.own_frames is None:
            self.own_frames = bytearray()
        self.own_frames += data  # in place: what is told costs no more when much was told before it

    def hold_back(self, data: bytes) -> None:
        """Keep live frames of the room back while older ones are being caught up with."""
        if self._held_back is None:
            self._held_back = bytearray()
        self._held_back += data

    @property
    def waiting(self) -> int:
        """Return how many bytes are kept for this connection."""
        return len(self.own_frames or b"") + len(self._held_back or b"")

    def take_own_frames(self) -> bytes:
        """Return the frames for this connection alone, and forget them."""
        own, self.own_frames = bytes(self.own_frames or b""), None
        return own

    def take_held_back(self) -> bytes:
        """Return what was held back, and forget it."""
        held_back, self._held_back = bytes(self._held_back or b""), None
        return held_back


class Audience:
    """The connections of one format that show one conversation, and the events they get at the end of this tick."""

    __slots__ = ("catching_up", "conversation", "droppable", "events", "format", "listeners")

    def __init__(self, conversation: str | None, format_: Format) -> None:
        self.conversation = conversation
        self.format = format_
        self.listeners: set[Listener] = set()
        self.catching_up: set[Listener] = set()
        self.events: list[Envelope] = []
        self.droppable: list[Envelope] = []

    def add(self, envelope: Envelope, *, droppable: bool) -> None:
        """Let an event go out at the end of this tick; a droppable one not to a slow connection."""
        (self.droppable if droppable else self.events).append(envelope)

    def take(self) -> tuple[bytes, bytes]:
        """Return the frames of this tick, and those that may be dropped; forget them."""
        events, self.events = self.events, []
        droppable, self.droppable = self.droppable, []
        return self._encoded(events), self._encoded(droppable)

    def deliver(self, durable: bytes, droppable: bytes, limit: int) -> list[Listener]:
        """Write frames to each connection once, its own first. Return those for which too many bytes wait.

        What may be dropped is dropped for a connection whose buffer is half full.
        """
        both, slow = durable + droppable, []
        for listener in self.listeners:
            transport = listener.transport
            data = both
            if droppable and transport.get_write_buffer_size() > limit // 2:
                data = durable
            if listener.own_frames:
                data = listener.take_own_frames() + data
            if data and not transport.is_closing():
                transport.write(data)
                if transport.get_write_buffer_size() > limit:
                    slow.append(listener)
        for listener in self.catching_up:
            listener.hold_back(durable)
            if listener.waiting > limit:
                slow.append(listener)
        return slow

    def _encoded(self, envelopes: list[Envelope]) -> bytes:
        return b"".join([envelope.frame(self.format) for envelope in envelopes])
