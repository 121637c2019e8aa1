"""Listeners, and the audience of a conversation: all listeners that show it."""

from __future__ import annotations

from typing import Protocol

from chatapp.delivery.envelope import Envelope, Format


class Transport(Protocol):
    """The part of an asyncio transport that the hub uses."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...
    def close(self) -> None: ...


class OwnFrames:
    """Frames for one connection alone: those before what its conversation is told in this tick, and those after it."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before = bytearray()
        self.after = bytearray()


class Listener:
    """One connection: its person, the conversation it shows, its format, and the frames that wait for it."""

    __slots__ = (
        "_held_back",
        "_held_bytes",
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

    def __init__(  # noqa: PLR0913 - the person, and what they read
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
        self.closed = False  # a close frame was written to it
        self.own_frames: OwnFrames | None = None  # None: most listeners have none, and empty ones take memory
        self._held_back: list[tuple[bool, bytes]] | None = None  # while catching up; True: for this one alone
        self._held_bytes = 0

    def tell(self, data: bytes, *, after: bool = False) -> None:
        """Queue frames for this connection alone, before those of its conversation or ``after`` them.

        While it is catching up they keep their place among those: a message is shown before it is called saved.
        """
        if self.catching_up:
            self._hold_back(data, own=True)
            return
        if self.own_frames is None:
            self.own_frames = OwnFrames()
        queue = self.own_frames.after if after else self.own_frames.before
        queue += data  # in place, so the cost does not grow with what is queued

    def hold_back(self, data: bytes) -> None:
        """Queue live frames of the conversation until the listener has caught up."""
        self._hold_back(data, own=False)

    def _hold_back(self, data: bytes, *, own: bool) -> None:
        if self._held_back is None:
            self._held_back = []
        self._held_back.append((own, data))
        self._held_bytes += len(data)

    @property
    def waiting(self) -> int:
        """Return the number of bytes that are held back."""
        return self._held_bytes

    def take_own_frames(self, among: bytes = b"") -> bytes:
        """Remove the frames for this connection alone. Return them around those of its conversation."""
        own, self.own_frames = self.own_frames, None
        return among if own is None else b"".join((own.before, among, own.after))

    def take_held_back(self) -> bytes:
        """Remove and return the frames that were held back, in their order."""
        held_back, self._held_back, self._held_bytes = self._held_back or [], None, 0
        return b"".join([data for _, data in held_back])

    def drop_held_back(self) -> None:
        """Drop the frames of a conversation that is left while catching up, but none for this connection alone."""
        self._held_back = [(own, data) for own, data in self._held_back or () if own] or None
        self._held_bytes = sum(len(data) for _, data in self._held_back or ())


class Audience:
    """The listeners of one format that show one conversation, and the events of the current tick."""

    __slots__ = ("catching_up", "conversation", "droppable", "events", "format", "listeners")

    def __init__(self, conversation: str | None, format_: Format) -> None:
        self.conversation = conversation
        self.format = format_
        self.listeners: set[Listener] = set()
        self.catching_up: set[Listener] = set()
        self.events: list[Envelope] = []
        self.droppable: list[Envelope] = []

    def add(self, envelope: Envelope, *, droppable: bool) -> None:
        """Queue an event for the end of this tick."""
        (self.droppable if droppable else self.events).append(envelope)

    def take(self) -> tuple[bytes, bytes]:
        """Remove and return the frames of this tick: the durable ones, and those that may be dropped."""
        events, self.events = self.events, []
        droppable, self.droppable = self.droppable, []
        return self._encoded(events), self._encoded(droppable)

    def deliver(self, durable: bytes, droppable: bytes, limit: int) -> list[Listener]:
        """Write to each connection once, with its own frames. Return the listeners over ``limit`` queued bytes.

        A connection whose write buffer is half full does not get the droppable frames.
        """
        both, slow = durable + droppable, []
        for listener in self.listeners:
            transport = listener.transport
            data = both
            if droppable and transport.get_write_buffer_size() > limit // 2:
                data = durable
            if listener.own_frames:
                data = listener.take_own_frames(data)
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
