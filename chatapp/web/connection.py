"""A page's socket once it is open: its frames in, one after the other, and what they lead to."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from chatapp.chat import allowance
from chatapp.chat.allowance import FLOOD_SECONDS, Allowance
from chatapp.chat.presence import Presence
from chatapp.chat.unread import Unread
from chatapp.model.events import Beat, Refused
from chatapp.model.numbers import cursor, number
from chatapp.model.refusals import NotFound, Rejected
from chatapp.store import Busy, Unwritable
from chatapp.web import keys, legacy, places, sessions
from chatapp.web.speaker import Frame, Speaker
from chatapp.wire import jsonframes
from chatapp.wire.rfc6455 import TRY_AGAIN
from chatapp.wire.websocket import ABUSE

log = logging.getLogger("chatapp.web")


class Connection(Speaker):
    """One person's socket: their frames in, one after the other, and what they lead to."""

    __slots__ = ()

    @property
    def _presence(self) -> Presence:
        return self.app[keys.presence]

    @property
    def _unread(self) -> Unread:
        return self.app[keys.unread]

    async def enter(
        self, refusal: Callable[[], int | None], since: int | None, epoch: str | None, *, endings: int
    ) -> None:
        """Catch up and go on live, unless there is a close code as a refusal.

        ``endings`` is the hub's count of ended sessions from before this one was looked up.
        """
        self.app[keys.sockets].add(self)
        if code := refusal():
            self.shut(code)
            return
        with self._or_later():
            await self._catch_up(since, epoch)  # it joins before it waits: a limit is never passed by two at once
            # Only now would it be found by whoever ends its session; that may have happened while it was opened.
            if self._hub.endings != endings and not await sessions.is_open(self, self._listener.session_id):
                self.shut(sessions.CLOSED)
        self._presence.changed()

    @contextmanager
    def _or_later(self) -> Iterator[None]:
        """Tell a page to come back that cannot be brought up to date: it would wait for a ``ready`` for ever."""
        try:
            yield
        except (Busy, Unwritable) as error:
            log.warning("the database did not do what a connection needs: %s", error)
            self.shut(TRY_AGAIN)

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
                self._hub.close(listener, ABUSE, "too many frames")
        return wait

    async def _afford(self, price: float) -> bool:
        """Wait until this person may ask for more, at a price. Return False if they have gone meanwhile."""
        wait = self._spend(self.app[keys.limits].acts, price)
        return not wait or await self.rest(wait)

    def _price(self, kind: str) -> float:
        is_free = kind in _WRITING and not self.app[keys.settings].messages_per_second  # it has a limit of its own
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
                await self._received_picture(text)
            else:
                await self._do(frame)
        except Rejected as refusal:
            self._refuse(key, refusal)
        except (Busy, Unwritable) as error:
            log.warning("the database did not do what a frame needs: %s", error)
            self._refuse(key, Rejected("storage"))
        except NotFound:
            self._refuse(key, Rejected("not_found"))

    async def _do(self, frame: Frame | None) -> None:
        """Do what a frame asks for, when it is its person's turn."""
        kind = str(frame.get("type")) if frame else ""
        price = self._price(kind)
        if price and not await self._afford(price):
            return
        if frame is None:
            raise Rejected("not_json")
        action = _ACTIONS.get(kind)
        if action is None:
            raise Rejected("unknown_type")
        await action(self, frame)

    async def _received_picture(self, text: bytearray) -> None:
        """Post a picture that came in a text as large as only pictures are."""
        frame, data = await legacy.picture(text)
        if frame.get("type") != "image":
            raise Rejected("unknown_type")
        await self.picture(frame, data)

    def _refuse(self, key: object, refusal: Rejected) -> None:
        nonsense = not (refusal.retry or refusal.row.expected)
        if nonsense and self.app[keys.limits].nonsense.take(self._me.id):
            self.shut(ABUSE, "too many bad frames")
            return
        # Half a character cannot be sent back.
        self._tell(Refused(key if isinstance(key, str) and key.isascii() else None, refusal))

    async def join(self, frame: Frame) -> None:
        """Move to another conversation on the same socket, and catch up there."""
        nowhere = frame.get("room") is None and frame.get("direct") is None
        with self._or_later():
            self._place = None if nowhere else await places.find(self, self._me, frame)
            await self._catch_up(cursor(frame), frame.get("epoch"))

    async def switch_room(self, frame: Frame) -> None:
        """Move to a room, which relatives of the original program may call by its name."""
        rooms = await self.app[keys.store].messages.rooms()
        await self.join(frame | {"room": legacy.room(frame.get("room"), rooms) or "", "direct": None})

    async def _catch_up(self, since: int | None, epoch: object) -> None:
        if self.closed:
            return  # it was told to go while its place was looked for
        await self._messaging.resume.bring(
            [self._listener],
            self._place.conversation if self._place else None,
            since,
            epoch if isinstance(epoch, str) else None,
            self.send,
        )
        self._tell(self._presence.greeting())
        await self._unread.greet(self._listener)

    async def read(self, frame: Frame) -> None:
        """Note how far the person has read."""
        message_id = number(frame.get("id"))
        if message_id is not None:
            self._unread.read(self._listener, min(message_id, self._messaging.newest))

    async def typing(self, frame: Frame) -> None:
        """Tell the others that the person is typing."""
        self._presence.typing(self._listener, self._me)

    async def beat(self, frame: Frame) -> None:
        """Answer a sign of life."""
        self._tell(Beat())


_ACTIONS: dict[str, Callable[[Connection, Frame], Awaitable[None]]] = {
    "message": Connection.message,
    "image": Connection.image,
    "edit": Connection.revise,
    "remove": Connection.revise,
    "restore": Connection.revise,
    "join": Connection.join,
    "read": Connection.read,
    "typing": Connection.typing,
    "beat": Connection.beat,
    "private_message": Connection.private_message,
    "switch_room": Connection.switch_room,
}
_WRITING = {"message", "private_message", "image", "edit", "remove", "restore"}  # these have a limit of their own
