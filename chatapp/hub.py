"""Who listens where. Publishing never waits: one write per connection and loop tick, or the connection goes."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

_TEXT, _CLOSE = 0x81, 0x88  # FIN and the opcode, RFC 6455 section 5.2
_SHORT, _MEDIUM = 126, 65_536  # lengths from which the header grows
_PARTING = 1.0  # seconds that a closed connection has to say goodbye before it is cut

RESTART, TRY_AGAIN, SIGNED_OUT, TOO_MANY = 1012, 1013, 4401, 4408


def frame(text: str) -> bytes:
    """Return a whole unmasked WebSocket text frame."""
    return _frame(_TEXT, text.encode())


def note(kind: str, **fields: Any) -> str:
    """Return the text of a control frame, which a page's scripts read."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def control(kind: str, **fields: Any) -> bytes:
    """Return a whole control frame."""
    return frame(note(kind, **fields))


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < _SHORT:
        return struct.pack("!BB", first, length) + payload
    if length < _MEDIUM:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


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
        self._told: tuple[bytes, ...] = ()  # tuples: an empty one takes no room, and most are empty most of the time
        self._gathered: tuple[bytes, ...] = ()

    def gather(self, data: bytes) -> None:
        """Keep live frames back while older ones are being caught up with."""
        self._gathered = (*self._gathered, data)

    @property
    def gathered_size(self) -> int:
        """Return how many bytes are kept back."""
        return sum(map(len, self._gathered))

    def take_told(self) -> bytes:
        """Return what was told to this connection alone, and forget it."""
        told, self._told = b"".join(self._told), ()
        return told

    def take_gathered(self) -> bytes:
        """Return what was kept back, and forget it."""
        gathered, self._gathered = b"".join(self._gathered), ()
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


class Hub:
    """Keep the audiences. Not thread-safe; every method returns at once."""

    def __init__(self, *, buffer_limit: int = 256 * 1024) -> None:
        self._buffer_limit = buffer_limit
        self._audiences: dict[str | None, Audience] = {}
        self._users: dict[int, set[Listener]] = {}
        self._addresses: Counter[str] = Counter()
        self._busy: set[Audience] = set()  # audiences with frames to send at the end of this tick
        self._told: set[Listener] = set()  # listeners that were told something of their own
        self._scheduled = False

    # --- coming and going -------------------------------------------------------------------------------------------

    def join(self, listener: Listener, conversation: str | None) -> None:
        """Move a listener to a conversation (None: none) where it gathers until ``go_live``."""
        if self._scheduled:
            self._flush()  # frames of this tick are for those who were here before it
        self._leave_audience(listener)
        audience = self._audiences.setdefault(conversation, Audience(conversation))
        listener.conversation, listener.audience, listener.catching_up = conversation, audience, True
        audience.catching_up.add(listener)
        mine = self._users.setdefault(listener.user_id, set())
        if listener not in mine:
            mine.add(listener)
            self._addresses[listener.address] += 1

    def go_live(self, listener: Listener, first: bytes, last: bytes) -> None:
        """Write ``first``, what was gathered, then ``last``; from now on live frames are written as they come."""
        self._flush()  # so that what is queued in this tick is gathered too
        audience = listener.audience
        if audience is None:
            return  # it left, or was cut, while it was catching up
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
            elif listener.audience is not None:
                listener._told = (*listener._told, data)  # noqa: SLF001 - the two classes are one mechanism
                self._told.add(listener)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Write everything of this tick, once per connection: its own frames first, then its room's."""
        self._scheduled = False
        busy, self._busy = self._busy, set()
        for audience in busy:
            self._flush_audience(audience)
        told, self._told = self._told, set()
        for listener in told:
            data = listener.take_told()
            if data and listener.audience is not None:
                self._write(listener, data)

    def _flush_audience(self, audience: Audience) -> None:
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
            listener.transport.write(told + _frame(_CLOSE, struct.pack("!H", code) + reason.encode()[:123]))
        asyncio.get_running_loop().call_later(_PARTING, listener.transport.abort)

    def close_session(self, session_id: str, code: int = SIGNED_OUT) -> None:
        """Close every connection of a session at once."""
        for listener in self.everybody():
            if listener.session_id == session_id:
                self.close(listener, code)

    def close_user(self, user_id: int, *, besides: str = "", code: int = SIGNED_OUT) -> None:
        """Close every connection of a person at once, but those of one session."""
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
