"""A connection once it is a WebSocket: texts in, one after the other; pings answered; silence noticed.

The framework answers the handshake. Then its connection is let go of: what it keeps for each one, most of it about a
request that is long answered, would be four fifths of the memory of a person who only listens.

Whoever sends more than can be dealt with, or than they may, is not read for a while. So neither one read that brings
thousands of frames nor a flood of them keeps anybody else waiting: after a few the others have their turn.
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
from chatapp.wire.decoder import Larger
from chatapp.wire.handshake import taken_over
from chatapp.wire.inbox import Inbox, Message
from chatapp.wire.outgoing import Outgoing
from chatapp.wire.rfc6455 import TRY_AGAIN, Violation

log = logging.getLogger("chatapp.web")

ABUSE = Close.ABUSE
_PATIENCE = 1.4  # beats of silence: with what a look around takes, a peer is gone within one and a half
# A message may take so long to come, and longer at this rate: a photo over a bad mobile line. Half of one is memory.
_COMING_SECONDS, _COMING_RATE = 30.0, 16 * 1024  # seconds, bytes a second
_LITTLE = 4096  # bytes that every socket may keep without being counted
_NAP = 1.0  # seconds between two looks whether somebody who has to wait is still there


class WebSocket(Outgoing):
    """Read texts from a connection and hand them on in their order."""

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

    def __init__(self, transport: asyncio.Transport, limit: int, larger: Larger | None = None) -> None:
        """Read from a transport; no text may be longer than ``limit`` bytes, but some that may be ``larger``."""
        super().__init__(transport)
        self._heard = clock.monotonic()
        self._pinged = False  # since then
        self._inbox = Inbox(limit, larger)
        self._kept = 0  # bytes that were counted as kept
        self._reserved = 0  # of those, for a large text
        self._owed = 0.0  # seconds that the peer has to wait for what it took
        self._paused = 0.0  # since when nothing is read: there is enough to deal with; 0 while all is read
        self._task: asyncio.Task[None] | None = None
        self._context = contextvars.copy_context()  # the language and the number of the request that opened it

    # --- what it means is for a subclass to say ---------------------------------------------------------------------

    @abstractmethod
    async def opened(self) -> None:
        """Begin, before any text is received."""

    @abstractmethod
    async def received(self, text: str | bytearray) -> None:
        """Act on a text; a bytearray is one that is larger than others may be."""

    @abstractmethod
    def shut(self, code: int, reason: str) -> None:
        """Send a close frame: the peer broke the protocol, or a text could not be dealt with."""

    @abstractmethod
    def left(self) -> None:
        """Forget the connection: it ends, and all that came over it was dealt with. May be called twice."""

    def took(self, count: int) -> float:
        """Return for how many seconds the peer has to wait after so many frames."""
        return 0.0

    def keep(self, more: int) -> bool:
        """Note that so many more bytes of the peer (or fewer) are kept. Return False if that is too much."""
        return True

    async def room(self, size: int) -> bool:
        """Wait for room for a large text, and count it as kept. Return False when there is none."""
        return True

    # --- beginning and end ------------------------------------------------------------------------------------------

    def begin(self, request: web.Request) -> None:
        """Take the connection from the framework, with what has arrived on it already."""
        self._attend(self.opened())
        early = taken_over(request, self)
        if early:  # not before: the framework reads on once it is rid of it, whatever we say
            self.data_received(early)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let what has arrived be dealt with, then go."""
        self.resume_writing()
        if self._task is None:
            self._leave()

    def _leave(self) -> None:
        self._forget()
        self.left()

    def look(self, now: float, beat: float) -> None:
        """Ping a peer that was silent for ``beat`` seconds; cut one that did not answer half as long again.

        Nobody is cut for a silence that is ours: after the server was held, or while it does not read because of its
        own work; it may also wait for the peer to read. Who keeps us waiting for the rest of a message is told to go.
        """
        silent = now - self._heard
        if silent > beat and not (self._pinged or self.transport.is_closing()):
            self._pinged = True
            self.transport.write(rfc6455.ping)
        elif silent > beat * _PATIENCE and (self._resumed is not None or not self._paused):
            self.transport.abort()
        elif not (self._paused or self.closed) and self._is_late(now):
            self._forget()
            self.shut(ABUSE, "a message took too long to come")

    def _is_late(self, now: float) -> bool:
        since, size = self._inbox.since, self._inbox.size
        return since is not None and now - since > _COMING_SECONDS + size / _COMING_RATE

    # --- what comes in ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes; cut some into messages, to be dealt with in their order; answer pings at once."""
        self._heard, self._pinged = clock.monotonic(), False
        if self._inbox.ended:
            self._pause()  # nothing that comes now means anything; to throw a flood away is work, too
            return
        self._inbox.add(data)
        if not self._paused:
            self._cut()
            if self._inbox or self._inbox.more or self._owed:
                self._attend()

    def _cut(self) -> None:
        inbox = self._inbox
        count, pongs = inbox.cut()
        if pongs and self._resumed is None and not (self.closed or self.transport.is_closing()):
            self.transport.write(pongs)  # who does not read gets none
        if count:
            self._owed = self.took(count)
        self._count()

    def _count(self) -> None:
        """Count what is kept of the peer's."""
        kept = self._inbox.size + self._inbox.kept
        kept = max(self._reserved, kept if kept > _LITTLE else 0)
        more, self._kept = kept - self._kept, kept
        if more and not self.keep(more):
            self._forget()
            self.shut(TRY_AGAIN, "too much at once")

    def _forget(self) -> None:
        """Keep nothing of the peer's any more."""
        self._inbox.clear()
        self._reserved = 0
        self._count()

    def _attend(self, first: Coroutine[None, None, None] | None = None) -> None:
        """See to it that what came in is dealt with, before more comes."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._deal(first), context=self._context)
        if self._inbox.more or self._owed:
            self._pause()

    def _pause(self) -> None:
        if not (self._paused or self.transport.is_closing()):
            self._paused = clock.monotonic()
            self.transport.pause_reading()

    async def _deal(self, first: Coroutine[None, None, None] | None) -> None:
        inbox = self._inbox
        try:
            if first is not None:
                await first
            await self._deal_with_all()
            while inbox.more or self._owed:
                await self._go_on()
                await self._deal_with_all()
            self._read_on()
        except ConnectionError:
            self.transport.abort()  # it went while something was written; it will resume
        except Exception:
            log.exception("a socket failed")
            self.shut(rfc6455.FAILED, "")
        finally:
            self._task = None
            if self.transport.is_closing():
                self._leave()

    async def _deal_with_all(self) -> None:
        inbox = self._inbox
        while inbox:
            await self._take(inbox.pop())
            if inbox:
                await asyncio.sleep(0)

    async def _go_on(self) -> None:
        """Cut more out of what has come, when it is the peer's turn again."""
        inbox = self._inbox
        owed, self._owed = self._owed, 0.0
        if not await self.rest(owed):
            self._forget()
        elif inbox.asks:
            await self._admit(inbox.larger)
        self._cut()

    async def _admit(self, size: int) -> None:
        """Let a large text come as soon as there is room for it."""
        if await self.room(size - self._kept):
            self._reserved = self._kept = size
            self._inbox.admits = True
        else:
            self.shut(TRY_AGAIN, "too many large texts at once")
            self._forget()

    async def rest(self, seconds: float) -> bool:
        """Let the peer wait, and everybody else have their turn. Return False if the peer is gone meanwhile."""
        until = clock.monotonic() + seconds
        await asyncio.sleep(0)
        while (left := until - clock.monotonic()) > 0:
            if self.closed or self.transport.is_closing():
                return False
            await asyncio.sleep(min(left, _NAP))
        return True

    def _read_on(self) -> None:
        if self._paused and not (self._inbox.ended or self.transport.is_closing()):
            self._inbox.excuse(clock.monotonic() - self._paused)
            self._paused = 0.0
            self.transport.resume_reading()

    async def _take(self, message: Message) -> None:
        try:
            if isinstance(message, Violation):
                raise message
            if isinstance(message, bytes):
                self.part(rfc6455.close_code(message))
            else:
                await self.received(message)
        except Violation as violation:
            self.shut(violation.code, str(violation))
        if self._kept:
            self._reserved = 0 if isinstance(message, bytearray) else self._reserved
            self._count()
