"""A page's socket once it is open: its frames in, one after the other, and what they lead to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from chatapp.chat import allowance
from chatapp.chat.allowance import FLOOD_SECONDS, Allowance
from chatapp.chat.presence import Presence
from chatapp.chat.unread import Unread
from chatapp.delivery.audience import Listener
from chatapp.model import events
from chatapp.model.acts import Act, Beat, Edit, Join, Post, Read, Remove, Restore, Typing
from chatapp.model.people import User
from chatapp.model.refusals import Close, NotFound, Rejected
from chatapp.store import Busy, Unwritable
from chatapp.web import acts, admission, keys, places, sessions
from chatapp.web.acts import Frame
from chatapp.web.legacy import acts as legacy
from chatapp.web.legacy.acts import Shot
from chatapp.web.places import Place
from chatapp.web.speaker import Speaker
from chatapp.wire import jsonframes
from chatapp.wire.fragments import LargeTexts

log = logging.getLogger("chatapp.web")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a connection comes in."""

    place: Place | None  # what it shows first
    since: int | None  # the cursor to catch up from
    epoch: str | None  # of the database that the cursor belongs to
    is_foreign: bool  # its page was rendered for somebody else
    revoked: int  # how many ends of sessions there were before its own was looked up


class Connection(Speaker):
    """One person's socket: their frames in, one after the other, and what they lead to."""

    __slots__ = ("_arrival",)

    def __init__(  # noqa: PLR0913 - whose it is and where
        self,
        app: web.Application,
        transport: asyncio.Transport,
        listener: Listener,
        me: User,
        arrival: Arrival,
        large: LargeTexts | None,
    ) -> None:
        super().__init__(app, transport, listener, me, arrival.place, large)
        self._arrival: Arrival | None = arrival

    @property
    def _presence(self) -> Presence:
        return self.app[keys.presence]

    @property
    def _unread(self) -> Unread:
        return self.app[keys.unread]

    async def opened(self) -> None:
        """Catch up and go on live, unless there is a reason to close it at once."""
        arrival, self._arrival = self._arrival, None
        assert arrival is not None, "a connection is opened once"
        self.app[keys.sockets].add(self)
        if code := Close.SIGNED_OUT if arrival.is_foreign else admission.refusal(self.app, self._listener):
            self.shut(code)
            return
        with self._or_later():
            # It joins before it waits: a limit is never passed by two at once.
            await self._catch_up(arrival.since, arrival.epoch)
            if await self._was_revoked(arrival.revoked):
                self.shut(Close.SIGNED_OUT)
        self._presence.changed()

    async def _was_revoked(self, before: int) -> bool:
        """Tell whether its session ended while it was opened: only once it has joined, revocations find it."""
        ended = self.app[keys.revocations].count != before
        return ended and not await sessions.is_open(self, self._listener.session_id)

    @contextmanager
    def _or_later(self) -> Iterator[None]:
        """Close with TRY_AGAIN if the page cannot be caught up: it would wait for a ``ready`` forever."""
        try:
            yield
        except (Busy, Unwritable) as error:
            log.warning("the database did not do what a connection needs: %s", error)
            self.shut(Close.TRY_AGAIN)

    def shut(self, code: int, reason: str = "") -> None:
        """Say goodbye, with a code, once."""
        if not self.closed:
            self._hub.close(self._listener, code, reason)

    def disconnected(self) -> None:
        """Forget this connection."""
        self._hub.leave(self._listener)
        self._presence.changed()
        self.app[keys.sockets].discard(self)

    # --- how much a person may ask for ------------------------------------------------------------------------------

    def charge(self, count: int) -> float:
        """Charge this person for ``count`` frames. Return the seconds for which they are not read."""
        return self._spend(self.app[keys.limits].frames, count)

    def count_buffered(self, more: int) -> bool:
        """Count bytes of this person that are buffered, or released. Return False if that is too much."""
        return self.app[keys.limits].buffers.count(self._me.id, self._listener.address, more)

    async def reserve(self, size: int) -> bool:
        """Wait for memory for a large text, and count it. Return False when there is none."""
        return await self.app[keys.limits].buffers.reserve(self._me.id, self._listener.address, size)

    def _spend(self, account: Allowance, amount: float) -> float:
        """Take from what all sockets of this person have together; close them all when it has been too much for long.

        The page takes that code for abuse and comes back some seconds later.
        """
        wait = account.take(self._me.id, amount)
        if wait and account.tired(self._me.id) > FLOOD_SECONDS:
            for listener in self._hub.of_user(self._me.id):
                self._hub.close(listener, Close.ABUSE, "too many frames")
        return wait

    async def _afford(self, price: float) -> bool:
        """Wait until this person may ask for more, at a price. Return False if they have gone meanwhile."""
        wait = self._spend(self.app[keys.limits].acts, price)
        return not wait or await self.rest(wait)

    def _price(self, kind: str) -> float:
        kind = legacy.KINDS.get(kind, kind)
        is_free = kind in acts.WRITING and not self.app[keys.settings].messages_per_second  # it has its own limit
        return 0 if is_free else allowance.price(kind)

    # --- what comes in ----------------------------------------------------------------------------------------------

    async def received(self, text: str | bytearray) -> None:
        """Do what a frame asks for, or say why not."""
        if self.closed:
            return  # it was told to go
        price = allowance.length_price(text)
        if price and not await self._afford(price):
            return
        frame = jsonframes.parse(text) if isinstance(text, str) else None
        key = frame.get("key") if frame else None
        try:
            if isinstance(text, bytearray):
                await self._post_picture(await legacy.of_large_text(text))
            else:
                await self._obey(frame)
        except Rejected as refusal:
            self._refuse(key, refusal)
        except (Busy, Unwritable) as error:
            log.warning("the database did not do what a frame needs: %s", error)
            self._refuse(key, Rejected("storage"))
        except NotFound:
            self._refuse(key, Rejected("not_found"))

    async def _obey(self, frame: Frame | None) -> None:
        """Do what a frame asks for, when it is its person's turn."""
        price = self._price(str(frame.get("type")) if frame else "")
        if price and not await self._afford(price):
            return
        if frame is None:
            raise Rejected("not_json")
        act = await legacy.of_frame(frame, self._place, self._me, self.app[keys.access])
        await self._do(act or acts.of_frame(frame, self._place))

    async def _do(self, act: Act | Shot) -> None:
        match act:
            case Post():
                await self._post(act)
            case Shot():
                await self._post_picture(act)
            case Edit() | Remove() | Restore():
                await self._change(act)
            case Join():
                await self._join(act)
            case Read():
                self._read(act)
            case Typing():
                self._presence.typing(self._listener, self._me)
            case Beat():
                self._tell(events.Beat())

    def _refuse(self, key: object, refusal: Rejected) -> None:
        nonsense = not (refusal.retry or refusal.row.expected)
        if nonsense and self.app[keys.limits].nonsense.take(self._me.id):
            self.shut(Close.ABUSE, "too many bad frames")
            return
        # Half a character cannot be sent back.
        self._tell(events.Refused(key if isinstance(key, str) and key.isascii() else None, refusal))

    async def _join(self, act: Join) -> None:
        """Move to another conversation on the same socket, and catch up there."""
        with self._or_later():
            found = (
                None if act.is_nowhere else await self.app[keys.access].find(self._me, room=act.room, direct=act.direct)
            )
            self._place = places.of(found) if found else None
            await self._catch_up(act.since, act.epoch)

    def _read(self, act: Read) -> None:
        """Note how far the person has read in the conversation that they see."""
        if self._place is not None and act.message_id is not None:
            self.app[keys.reading].mark(self._me, self._place.conversation, act.message_id)

    async def _catch_up(self, since: int | None, epoch: str | None) -> None:
        if self.closed:
            return  # it was told to go while its place was looked for
        await self.app[keys.resume].bring(
            [self._listener],
            self._place.conversation if self._place else None,
            since,
            epoch,
            self.send,
        )
        self._tell(self._presence.greeting())
        await self._unread.greet(self._listener)
