"""A WebSocket connection after its handshake: handles texts in order, answers pings, detects silence.

aiohttp answers the handshake and then gives the connection away: what it holds per connection, mostly about a request
that was answered long ago, would be four fifths of the memory of a person who only listens.

Back-pressure: a peer that sends more than can be handled, or more than it may, is not read for a while. Neither one
read that brings thousands of frames nor a flood of them delays anybody else: after a few the others have their turn.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from abc import abstractmethod
from collections.abc import Coroutine

from aiohttp import web

from chatapp.model.refusals import Close
from chatapp.system import clock
from chatapp.wire import rfc6455
from chatapp.wire.fragments import LargeTexts
from chatapp.wire.handshake import taken_over
from chatapp.wire.inbox import Inbox, Received
from chatapp.wire.outgoing import Outgoing
from chatapp.wire.rfc6455 import TRY_AGAIN, Violation

log = logging.getLogger("chatapp.web")

ABUSE = Close.ABUSE
_IDLE_BEATS = 1.4  # beats of silence; as the reaper takes its time, a dead peer is gone within one and a half
# Time for a whole text to arrive, plus more at this rate: a photo over a bad mobile line. Half a text holds memory.
_ARRIVAL_SECONDS, _ARRIVAL_RATE = 30.0, 16 * 1024  # seconds, bytes a second
_FREE_BYTES = 4096  # that every connection may buffer uncounted
_NAP = 1.0  # seconds between two checks whether a peer that has to wait is still there


class WebSocket(Outgoing):
    """Read texts from a connection and handle them in order."""

    __slots__ = (
        "_context",
        "_heard",
        "_inbox",
        "_kept",
        "_owed",
        "_paused",
        "_pinged",
        "_reserved",
        "_task",
    )

    def __init__(self, transport: asyncio.Transport, limit: int, large: LargeTexts | None = None) -> None:
        """Read from a transport. Texts have at most ``limit`` bytes, except the ``large`` ones."""
        super().__init__(transport)
        self._heard = clock.monotonic()
        self._pinged = False  # since it was last heard
        self._inbox = Inbox(limit, large)
        self._kept = 0  # bytes counted as buffered
        self._reserved = 0  # of those, for a large text
        self._owed = 0.0  # seconds that the peer has to wait for what it sent
        self._paused = 0.0  # when reading was paused; 0 while it is not
        self._task: asyncio.Task[None] | None = None
        self._context = contextvars.copy_context()  # language and id of the request that opened it

    # --- for subclasses ---------------------------------------------------------------------------------------------

    async def opened(self) -> None:
        """Set up the connection, before any text is handled."""

    @abstractmethod
    async def received(self, text: str | bytearray) -> None:
        """Handle a text; a bytearray is a large one."""

    @abstractmethod
    def shut(self, code: int, reason: str) -> None:
        """Send a close frame: the peer broke the protocol, or a text could not be handled."""

    @abstractmethod
    def disconnected(self) -> None:
        """Clean up: the connection has ended, and everything received is handled. May be called twice."""

    def charge(self, count: int) -> float:
        """Charge the peer for ``count`` frames. Return the seconds for which it is not read."""
        return 0.0

    def count_buffered(self, more: int) -> bool:
        """Count bytes of the peer that are buffered, or released if negative. Return False if that is too much."""
        return True

    async def reserve(self, size: int) -> bool:
        """Wait for memory for a large text, and count it. Return False when there is none."""
        return True

    # --- opening and closing ----------------------------------------------------------------------------------------

    def begin(self, request: web.Request) -> None:
        """Take the connection over from aiohttp, with what has arrived on it already."""
        self._handle(self.opened())
        early = taken_over(request, self)
        if early:  # only now: giving the connection away makes aiohttp resume reading, whatever we have paused
            self.data_received(early)

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up as soon as everything received is handled."""
        self.resume_writing()
        if self._task is None:
            self._clean_up()

    def _clean_up(self) -> None:
        self._discard()
        self.disconnected()

    def check_idle(self, now: float, beat: float) -> None:
        """Ping a peer that was silent for ``beat`` seconds; abort if it stays silent for half as long again.

        Never drop a peer because we stalled: after the process was held up, or while we do not read because we are
        busy ourselves. Close when the rest of a text takes too long to arrive.
        """
        silent = now - self._heard
        if silent > beat and not (self._pinged or self.transport.is_closing()):
            self._pinged = True
            self.transport.write(rfc6455.ping)
        elif silent > beat * _IDLE_BEATS and (self._resumed is not None or not self._paused):
            self.transport.abort()
        elif not (self._paused or self.closed) and self._is_late(now):
            self._discard()
            self.shut(ABUSE, "a message took too long to come")

    def _is_late(self, now: float) -> bool:
        started, size = self._inbox.started, self._inbox.size
        return started is not None and now - started > _ARRIVAL_SECONDS + size / _ARRIVAL_RATE

    # --- receiving --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Decode some of what arrived, to be handled in order; answer pings at once."""
        self._heard, self._pinged = clock.monotonic(), False
        if self._inbox.ended:
            self._pause()  # it is ignored anyway, and even discarding a flood costs time
            return
        self._inbox.add(data)
        if not self._paused:
            self._decode()
            if self._inbox or self._inbox.paused or self._owed:
                self._handle()

    def _decode(self) -> None:
        inbox = self._inbox
        count, pongs = inbox.decode()
        if pongs and self._resumed is None and not (self.closed or self.transport.is_closing()):
            self.transport.write(pongs)  # none for a peer that does not read
        if count:
            self._owed = self.charge(count)
        self._count()

    def _count(self) -> None:
        """Count the bytes that are buffered."""
        kept = self._inbox.size + self._inbox.kept
        kept = max(self._reserved, kept if kept > _FREE_BYTES else 0)
        more, self._kept = kept - self._kept, kept
        if more and not self.count_buffered(more):
            self._discard()
            self.shut(TRY_AGAIN, "too much at once")

    def _discard(self) -> None:
        """Discard everything received that is not handled yet."""
        self._inbox.clear()
        self._reserved = 0
        self._count()

    def _handle(self, first: Coroutine[None, None, None] | None = None) -> None:
        """Start handling what came in; read no more until then if there is much of it."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(first), context=self._context)
        if self._inbox.paused or self._owed:
            self._pause()

    def _pause(self) -> None:
        if not (self._paused or self.transport.is_closing()):
            self._paused = clock.monotonic()
            self.transport.pause_reading()

    async def _run(self, first: Coroutine[None, None, None] | None) -> None:
        inbox = self._inbox
        try:
            if first is not None:
                await first
            await self._handle_waiting()
            while inbox.paused or self._owed:
                await self._decode_more()
                await self._handle_waiting()
            self._read_on()
        except ConnectionError:
            self.transport.abort()  # lost while something was written; the page will resume
        except Exception:
            log.exception("a socket failed")
            self.shut(rfc6455.FAILED, "")
        finally:
            self._task = None
            if self.transport.is_closing():
                self._clean_up()

    async def _handle_waiting(self) -> None:
        inbox = self._inbox
        while inbox:
            await self._take(inbox.pop())
            if inbox:
                await asyncio.sleep(0)

    async def _decode_more(self) -> None:
        """Decode more of what has arrived, once the peer has waited as long as it must."""
        inbox = self._inbox
        owed, self._owed = self._owed, 0.0
        if not await self.rest(owed):
            self._discard()
        elif inbox.needs_memory:
            await self._admit(inbox.large)
        self._decode()

    async def _admit(self, size: int) -> None:
        """Let a large text arrive as soon as there is memory for it."""
        if await self.reserve(size - self._kept):
            self._reserved = self._kept = size
            self._inbox.memory_reserved = True
        else:
            self.shut(TRY_AGAIN, "too many large texts at once")
            self._discard()

    async def rest(self, seconds: float) -> bool:
        """Let the peer wait while the others have their turn. Return False if it disconnects meanwhile."""
        until = clock.monotonic() + seconds
        await asyncio.sleep(0)
        while (left := until - clock.monotonic()) > 0:
            if self.closed or self.transport.is_closing():
                return False
            await asyncio.sleep(min(left, _NAP))
        return True

    def _read_on(self) -> None:
        if self._paused and not (self._inbox.ended or self.transport.is_closing()):
            self._inbox.extend(clock.monotonic() - self._paused)
            self._paused = 0.0
            self.transport.resume_reading()

    async def _take(self, received: Received) -> None:
        try:
            if isinstance(received, Violation):
                raise received
            if isinstance(received, bytes):
                self.complete_close(rfc6455.close_code(received))
            else:
                await self.received(received)
        except Violation as violation:
            self.shut(violation.code, str(violation))
        if self._kept:
            self._reserved = 0 if isinstance(received, bytearray) else self._reserved
            self._count()
