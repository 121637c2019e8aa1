"""What a person writes over a socket: messages, pictures, and changes of them."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import Any

from aiohttp import web

from chatapp.chat.messaging import Messaging
from chatapp.chat.revisions import Target
from chatapp.delivery.audience import Listener
from chatapp.delivery.backlog import Entry
from chatapp.delivery.envelope import Envelope
from chatapp.delivery.hub import Hub
from chatapp.model.events import Event, Saved, Sent
from chatapp.model.messages import Draft
from chatapp.model.numbers import number
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.web import keys, legacy, places
from chatapp.web.places import Place
from chatapp.web.rooms import posting
from chatapp.wire.fragments import LargeTexts
from chatapp.wire.websocket import WebSocket

Frame = dict[str, Any]


class Speaker(WebSocket):
    """A socket of somebody who has something to say. Its acts raise Rejected, NotFound, Busy or Unwritable."""

    __slots__ = ("_listener", "_me", "_place", "app")

    def __init__(  # noqa: PLR0913 - whose it is and where
        self,
        app: web.Application,
        transport: asyncio.Transport,
        listener: Listener,
        me: User,
        place: Place | None,
        limit: int,
        large: LargeTexts | None = None,
    ) -> None:
        super().__init__(transport, limit, large)
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

    def _tell(self, event: Event | Envelope) -> None:
        self._hub.tell([self._listener], event)

    async def message(self, frame: Frame) -> None:
        """Post a text."""
        # The original program's client sends no key: its messages are posted at most once, and not retried.
        key = frame["key"] if "key" in frame else secrets.token_urlsafe(16)
        await self._post(Draft.parse(legacy.words(frame), key), self._here())

    async def private_message(self, frame: Frame) -> None:
        """Post a text to a person, whichever conversation is shown, as relatives of the original program do."""
        place = await places.find(self, self._me, {"direct": frame.get("to")})
        key = frame["key"] if "key" in frame else secrets.token_urlsafe(16)
        await self._post(Draft.parse(legacy.words(frame), key), place)

    async def image(self, frame: Frame) -> None:
        """Post a picture as the original program's client sends it."""
        await self.picture(frame, posting.decoded(legacy.words(frame)))

    async def picture(self, frame: Frame, data: bytes) -> None:
        """Post a picture whose bytes came in a frame."""
        place = self._here()
        picture = await posting.keep_picture(self, self._me, place, data, "picture")
        await self._post(Draft.parse("", frame.get("key", secrets.token_urlsafe(16)), (picture,)), place)

    async def revise(self, frame: Frame) -> None:
        """Edit or remove a message of one's own, or undo its removal."""
        message_id, rev, key = number(frame.get("id")), number(frame.get("rev")), frame.get("key")
        if message_id is None or rev is None:
            raise Rejected("not_found.message")
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
            raise Rejected("nowhere")
        return self._place

    async def _post(self, draft: Draft, place: Place) -> None:
        if self.closed:
            return  # its session ended while its picture was prepared
        posting.check_reader(place)
        posting.take_turn(self, self._me)
        entry, again = await self._messaging.post(self._me, place.conversation, draft, place.person)
        if again:
            self._settle(draft.key, entry)

    def _settle(self, key: str, entry: Entry) -> None:
        """Answer a retry, or the same change under another key, with what became of the first try."""
        message = entry.message
        self._tell(Sent(key, message.id, message.rev if message.is_change else None))
        if entry.saved.done():
            self._mark_saved(key, entry.saved)
        elif key != message.key:  # the journal tells of its own key only
            entry.saved.add_done_callback(partial(self._mark_saved, key))

    def _mark_saved(self, key: str, saved: asyncio.Future[bool]) -> None:
        if saved.result() and not self.closed:
            self._tell(Saved([key]))
