"""A page's socket once it is open: its frames in, one after the other, and what they lead to."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiohttp import web

from chatapp import frames, language
from chatapp.audience import Listener
from chatapp.backlog import Entry
from chatapp.hub import TRY_AGAIN, Hub
from chatapp.messaging import Messaging
from chatapp.presence import Presence
from chatapp.records import Draft, NotFound, Rejected, User, cursor, number, sentence
from chatapp.revisions import Target
from chatapp.store import Busy, Unwritable
from chatapp.unread import Unread
from chatapp.web import keys, places, posting, sessions
from chatapp.web.places import Place
from chatapp.web.websocket import WebSocket

log = logging.getLogger("chatapp.web")

_ABUSE = 1008
_HONEST = {"changed", "removed", "too_late", "left"}  # refusals that a well-meaning page runs into when it is late

Frame = dict[str, Any]


class Connection(WebSocket):
    """One person's socket: their frames in, one after the other, and what they lead to."""

    __slots__ = ("_listener", "_me", "_place", "app")

    def __init__(  # noqa: PLR0913 - whose it is and where
        self,
        app: web.Application,
        transport: asyncio.Transport,
        listener: Listener,
        me: User,
        place: Place | None,
        limit: int,
    ) -> None:
        super().__init__(transport, limit)
        self.app = app
        self._listener = listener
        self._me = me
        self._place = place

    @property
    def closed(self) -> bool:
        """Tell whether a close frame was sent: nothing more is said, and nothing more is listened to."""
        return self._listener.closed

    @property
    def _hub(self) -> Hub:
        return self.app[keys.hub]

    @property
    def _messaging(self) -> Messaging:
        return self.app[keys.messaging]

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

    def left(self) -> None:
        """Forget this connection."""
        self._hub.leave(self._listener)
        self._presence.changed()
        self.app[keys.sockets].discard(self)

    async def received(self, text: str) -> None:
        """Do what a frame asks for, or say why not."""
        if self.closed:
            return  # it was told to go
        key: object = None
        try:
            frame = frames.parsed(text)
            if frame is None:
                raise Rejected("not_json", sentence("The server did not understand this frame."))
            key = frame.get("key")
            action = _ACTIONS.get(str(frame.get("type")))
            if action is None:
                raise Rejected("unknown_type", sentence("The server does not know this type of frame."))
            await action(self, frame)
        except Rejected as refusal:
            self._refuse(key, refusal)
        except (Busy, Unwritable) as error:
            log.warning("the database did not do what a frame needs: %s", error)
            reason = sentence("The message could not be saved.")
            self._refuse(key, Rejected("storage", reason, retry=True, retry_after=2))
        except NotFound:
            self._refuse(key, Rejected("not_found", sentence("There is no such room or person.")))

    def _refuse(self, key: object, refusal: Rejected) -> None:
        nonsense = not refusal.retry and refusal.code not in _HONEST
        if nonsense and self.app[keys.limits].nonsense.take(self._me.id):
            self.shut(_ABUSE, "too many bad frames")
            return
        self._tell(
            frames.control(
                "refused",
                key=key if isinstance(key, str) and key.isascii() else None,  # half a character cannot be sent back
                code=refusal.code,
                reason=language.explain(refusal),
                retry=refusal.retry,
                retry_after=refusal.retry_after,
            )
        )

    def _tell(self, data: bytes) -> None:
        self._hub.tell([self._listener], data)

    async def message(self, frame: Frame) -> None:
        """Post a text."""
        # The original program's client sends no key: its messages are posted at most once, and not retried.
        key = frame["key"] if "key" in frame else secrets.token_urlsafe(16)
        await self._post(Draft.parse(frame.get("content"), key))

    async def image(self, frame: Frame) -> None:
        """Post a picture as the original program's client sends it."""
        data = posting.decoded(frame.get("content"))
        picture = await posting.keep_picture(self, self._me, self._here(), data, "picture")
        await self._post(Draft.parse("", frame.get("key", secrets.token_urlsafe(16)), (picture,)))

    async def revise(self, frame: Frame) -> None:
        """Edit or remove a message of one's own, or undo its removal."""
        message_id, rev, key = number(frame.get("id")), number(frame.get("rev")), frame.get("key")
        if message_id is None or rev is None:
            raise Rejected("not_found", sentence("There is no such message."))
        revisions, target = self.app[keys.revisions], Target(self._here().conversation, message_id, rev)
        posting.take_turn(self, self._me)
        match frame["type"]:
            case "edit":
                entry, settled = await revisions.edit(self._me, target, frame.get("content"), key)
            case "remove":
                entry, settled = await revisions.remove(self._me, target, key)
            case _:
                entry, settled = await revisions.restore(self._me, target, key)
        if settled:
            self._settle(str(key), entry)

    def _here(self) -> Place:
        if self._place is None:
            raise Rejected("nowhere", sentence("Join a room first."))
        return self._place

    async def _post(self, draft: Draft) -> None:
        if self.closed:
            return  # its session ended while its picture was prepared
        place = self._here()
        posting.check_reader(place)
        posting.take_turn(self, self._me)
        entry, again = await self._messaging.post(self._me, place.conversation, draft, place.person)
        if again:
            self._settle(draft.key, entry)

    def _settle(self, key: str, entry: Entry) -> None:
        """Answer a retry, or the same change under another key, with what became of the first try."""
        facts = {"rev": entry.message.rev} if entry.message.is_change else {}
        self._tell(frames.control("sent", key=key, id=entry.message.id, **facts))
        if entry.saved.done():
            self._mark_saved(key, entry.saved)
        elif key != entry.message.key:  # the journal tells of its own key only
            entry.saved.add_done_callback(partial(self._mark_saved, key))

    def _mark_saved(self, key: str, saved: asyncio.Future[bool]) -> None:
        if saved.result() and not self.closed:
            self._tell(frames.control("saved", keys=[key]))

    async def join(self, frame: Frame) -> None:
        """Move to another conversation on the same socket, and catch up there."""
        nowhere = frame.get("room") is None and frame.get("direct") is None
        with self._or_later():
            self._place = None if nowhere else await places.find(self, self._me, frame)
            await self._catch_up(cursor(frame), frame.get("epoch"))

    async def _catch_up(self, since: int | None, epoch: object) -> None:
        if self.closed:
            return  # it was told to go while its place was looked for
        await self._messaging.resume.catch_up(
            self._listener,
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
        self._tell(frames.control("beat"))


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
}
