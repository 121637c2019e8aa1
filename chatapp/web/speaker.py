"""What a person writes over a socket: messages, pictures, and changes of them."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from chatapp.delivery.audience import Listener
from chatapp.delivery.entries import Entry
from chatapp.delivery.envelope import Envelope
from chatapp.delivery.hub import Hub
from chatapp.model.acts import Change, Post
from chatapp.model.events import Event, Saved, Sent
from chatapp.model.messages import Draft
from chatapp.model.people import User
from chatapp.web import acts, keys
from chatapp.web.legacy.acts import Shot
from chatapp.web.places import Place
from chatapp.wire.fragments import LargeTexts
from chatapp.wire.websocket import WebSocket


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
        large: LargeTexts | None = None,
    ) -> None:
        super().__init__(transport, app[keys.settings].frame_bytes, large)
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

    def _tell(self, event: Event | Envelope) -> None:
        self._hub.tell([self._listener], event)

    async def _post(self, act: Post) -> None:
        if self.closed:
            return  # its session ended while its picture was prepared
        entry, again = await self.app[keys.posting].post(self._me, act)
        if again:
            self._settle(act.draft.key, entry)

    async def _post_picture(self, shot: Shot) -> None:
        """Post a picture that came in a frame."""
        place = acts.somewhere(self._place)
        picture = await self.app[keys.pictures].keep(self._me, place.conversation, shot.data, "picture")
        await self._post(acts.post(Draft.parse("", shot.key, (picture,)), place))

    async def _change(self, act: Change) -> None:
        entry, settled = await self.app[keys.posting].change(self._me, act)
        if settled:
            self._settle(str(act.key), entry)

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
