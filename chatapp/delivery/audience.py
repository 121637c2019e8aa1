"""A connection as the hub knows it, and the connections that show one conversation."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """What the hub needs of an asyncio transport."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...
    def close(self) -> None: ...


class Listener:
    """One connection: who is at its end, what it shows, and what it must be told before the next room frames."""

    __slots__ = (
        "_gathered",
        "_told",
        "address",
        "audience",
        "catching_up",
        "closed",
        "conversation",
        "session_id",
        "transport",
        "user_id",
    )

    def __init__(self, transport: Transport, user_id: int, session_id: str = "", address: str = "") -> None:
        self.transport = transport
        self.address = address
        self.user_id = user_id
        self.session_id = session_id
        self.conversation: str | None = None
        self.audience: Audience | None = None
        self.catching_up = False
        self.closed = False  # by us: the close frame was written
        self._told: bytearray | None = None  # None takes no room, and most have nothing most of the time
        self._gathered: bytearray | None = None

    def tell(self, data: bytes) -> None:
        """Let this connection alone be told something at the end of the tick."""
        if self._told is None:
            self._told = bytearray()
        self._told += data  # in place: what is told costs no more when much was told before it

    def gather(self, data: bytes) -> None:
        """Keep live frames back while older ones are being caught up with."""
        if self._gathered is None:
            self._gathered = bytearray()
        self._gathered += data

    @property
    def gathered_size(self) -> int:
        """Return how many bytes are kept back."""
        return len(self._gathered or b"")

    def take_told(self) -> bytes:
        """Return what was told to this connection alone, and forget it."""
        told, self._told = bytes(self._told or b""), None
        return told

    def take_gathered(self) -> bytes:
        """Return what was kept back, and forget it."""
        gathered, self._gathered = bytes(self._gathered or b""), None
        return gathered


class Audience:
    """The connections that show one conversation, and the frames they get at the end of this tick."""

    __slots__ = ("catching_up", "fleeting", "frames", "key", "listeners")

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.listeners: set[Listener] = set()
        self.catching_up: set[Listener] = set()
        self.frames: list[bytes] = []
        self.fleeting: list[bytes] = []
