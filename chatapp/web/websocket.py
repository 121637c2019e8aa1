"""A connection once it is a WebSocket: texts in, one after the other; pings answered; silence noticed.

The framework answers the handshake. Then its connection is let go of: what it keeps for each one, most of it about a
request that is long answered, would be four fifths of the memory of a person who only listens.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextvars
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, cast

from aiohttp import web

from chatapp import clock, frames
from chatapp.frames import BINARY, CLOSE, PING, PONG, Decoder, Violation
from chatapp.hub import PARTING

log = logging.getLogger("chatapp.web")

_INBOX = 32  # messages that wait their turn before no more is read
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_KEY_BYTES = 16
_AHEAD = 64 * 1024  # bytes that wait for a peer before we do; TLS would let 512 KiB, past what the hub cuts a peer for
_PATIENCE = 1.4  # beats of silence: with what a look around takes, a peer is gone within one and a half


class Upgrade(web.StreamResponse):
    """The answer to a handshake, and all that the framework sends on the connection."""

    def __init__(self, request: web.Request) -> None:
        """Accept a handshake. Raise HTTPBadRequest if it is none."""
        accept = {"Upgrade": "websocket", "Connection": "upgrade", "Sec-WebSocket-Accept": _answer(request)}
        super().__init__(status=101, headers=accept)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the connection belongs to somebody else."""


def _answer(request: web.Request) -> str:
    key = request.headers.get("Sec-WebSocket-Key", "")
    named = request.headers.get("Upgrade", "").lower() == "websocket"  # else it did not pass the checks of a handshake
    upgrades = named and "upgrade" in request.headers.get("Connection", "").lower()
    try:
        if upgrades and request.headers.get("Sec-WebSocket-Version") == "13" and len(_decoded(key)) == _KEY_BYTES:
            return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324 - as the RFC has it
    except (binascii.Error, ValueError):
        pass
    raise web.HTTPBadRequest


def _decoded(key: str) -> bytes:
    return base64.b64decode(key, validate=True)


class WebSocket(asyncio.Protocol, ABC):
    """Read texts from a connection and hand them on in their order. Writing goes straight to ``transport``."""

    __slots__ = ("_context", "_decoder", "_heard", "_inbox", "_paused", "_pinged", "_resumed", "_task", "transport")

    def __init__(self, transport: asyncio.Transport, limit: int) -> None:
        """Read from a transport; no text may be longer than ``limit`` bytes."""
        self.transport = transport
        self._heard = clock.monotonic()
        self._pinged = False  # since then
        self._decoder: Decoder | None = Decoder(limit)
        self._inbox: list[tuple[int, bytes] | Violation] = []
        self._paused = False  # nothing is read: there is enough to deal with
        self._resumed: asyncio.Future[None] | None = None  # the peer does not read fast enough; done when it does
        self._task: asyncio.Task[None] | None = None
        self._context = contextvars.copy_context()  # the language and the number of the request that opened it

    # --- what it means is for a subclass to say ---------------------------------------------------------------------

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Tell whether a close frame was sent."""

    @abstractmethod
    async def received(self, text: str) -> None:
        """Act on a text."""

    @abstractmethod
    def shut(self, code: int, reason: str) -> None:
        """Send a close frame: the peer broke the protocol, or a text could not be dealt with."""

    @abstractmethod
    def left(self) -> None:
        """Forget the connection: it ends, and all that came over it was dealt with. May be called twice."""

    # --- beginning and end ------------------------------------------------------------------------------------------

    def begin(self, request: web.Request, first: Coroutine[None, None, None]) -> None:
        """Take the connection from the framework, with what has arrived on it already; do something before all else."""
        self.transport.set_write_buffer_limits(_AHEAD)
        self._attend(first)
        connection, early = request.protocol, _Early()
        connection.set_parser(cast(Any, early))  # it wants no more than this of a parser
        self.transport.set_protocol(self)
        connection.transport = None  # or it would close it
        connection.connection_lost(None)
        if early.data:  # not before: the framework reads on once it is rid of it, whatever we say
            self.data_received(early.data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let what has arrived be dealt with, then go."""
        self.resume_writing()
        if self._task is None:
            self.left()

    def look(self, now: float, beat: float) -> None:
        """Ping a peer that was silent for ``beat`` seconds; cut one that did not answer half as long again.

        Nobody is cut for a silence that is ours: after the server was held, or while it does not read because of its
        own work; it may also wait for the peer to read.
        """
        silent = now - self._heard
        if silent > beat and not (self._pinged or self.transport.is_closing()):
            self._pinged = True
            self.transport.write(frames.ping)
        elif silent > beat * _PATIENCE and (self._resumed is not None or not self._paused):
            self.transport.abort()

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def send(self, frame: bytes) -> None:
        """Send a frame and wait until the peer takes it. Raise ConnectionResetError when it is gone.

        Nothing follows a close frame (RFC 6455, 5.5.1).
        """
        if not (self.closed or self.transport.is_closing()):
            self.transport.write(frame)
            if self._resumed is not None:
                await self._resumed
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is gone")

    def pause_writing(self) -> None:
        """Note that the peer does not read fast enough."""
        self._resumed = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let those go on who wait for the peer to read."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    # --- what comes in ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Cut bytes into messages, to be dealt with in their order; answer pings at once."""
        self._heard, self._pinged = clock.monotonic(), False
        if self._decoder is None:
            return  # nothing that comes now can be understood
        try:
            for opcode, payload in self._decoder.feed(data):
                if opcode == PING:
                    self._answer(payload)
                elif opcode != PONG:
                    self._inbox.append((opcode, payload))
        except Violation as violation:
            self._decoder = None
            self._inbox.append(violation)
        if self._inbox:
            self._attend()

    def _answer(self, payload: bytes) -> None:
        if self._resumed is None and not (self.closed or self.transport.is_closing()):
            self.transport.write(frames.pong(payload))  # who does not read gets none

    def _attend(self, first: Coroutine[None, None, None] | None = None) -> None:
        """See to it that what came in is dealt with."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._deal(first), context=self._context)
        elif len(self._inbox) > _INBOX and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    async def _deal(self, first: Coroutine[None, None, None] | None) -> None:
        try:
            if first is not None:
                await first
            while self._inbox:
                inbox, self._inbox = self._inbox, []
                for each in inbox:
                    await self._take(each)
                if self._paused and not self.transport.is_closing():
                    self._paused = False
                    self.transport.resume_reading()
        except ConnectionError:
            self.transport.abort()  # it went while something was written; it will resume
        except Exception:
            log.exception("a socket failed")
            self.shut(frames.FAILED, "")
        finally:
            self._task = None
            if self.transport.is_closing():
                self.left()

    async def _take(self, each: tuple[int, bytes] | Violation) -> None:
        try:
            if isinstance(each, Violation):
                raise each
            opcode, payload = each
            if opcode == CLOSE:
                self._part(frames.close_code(payload))
            elif opcode == BINARY:
                raise Violation(frames.UNSUPPORTED, "text only")
            else:
                await self.received(frames.decoded(payload))
        except Violation as violation:
            self.shut(violation.code, str(violation))

    def _part(self, code: int | None) -> None:
        """Answer a close, or take the answer to ours, and end the connection."""
        if not (self.closed or self.transport.is_closing()):
            self.transport.write(frames.closing(code))
        self.transport.close()
        asyncio.get_running_loop().call_later(PARTING, self.transport.abort)  # should it never read what is left


class _Early:
    """Stands in for a parser of the framework while a connection changes hands: it is given what came early."""

    data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data = data
        return False, b""

    def feed_eof(self) -> None:
        """Do nothing: the connection goes on without the framework."""
