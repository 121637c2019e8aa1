"""A server without its web, for tests of the path of a message."""

from __future__ import annotations

import asyncio
import json

from chatapp.chat.access import Access
from chatapp.chat.broadcast import Broadcast
from chatapp.chat.history import History
from chatapp.chat.messaging import Messaging
from chatapp.chat.news import Newsroom
from chatapp.chat.presence import Presence
from chatapp.chat.resume import Resume
from chatapp.chat.retries import Retries
from chatapp.chat.revisions import Revisions
from chatapp.chat.standing import Standing
from chatapp.chat.unread import Unread
from chatapp.delivery.audience import Listener
from chatapp.delivery.envelope import Format
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.html import render
from chatapp.html.frames import Frames
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft, Message
from chatapp.model.people import User
from chatapp.store import Store, Unwritable
from chatapp.system import resources
from wire import Wire

GENERAL = Conversation("general")


class Chat:
    """A server without its web: the parts of the path, put together as the application does."""

    def __init__(self, store: Store, epoch: str, floor: int) -> None:
        env = render.environment(resources.folder("templates"))
        render.configure(env, base_path="", server_name="test", static=lambda path: path)
        self.store = store
        self.hub = Hub({Format.HTML: Frames(env)})
        self.gate = asyncio.Event()  # closed: nothing is saved
        self.gate.set()
        self.broken = False
        self.journal = Journal(self._save, floor=floor)
        self.access = Access(store)
        self.standing = Standing(store, self.journal, self.access)
        self.history = History(store, self.standing)
        self.resume = Resume(self.standing, self.journal, self.hub, epoch=epoch)
        self.presence = Presence(self.hub)
        self.retries, news = Retries(store, self.standing), Newsroom(self.hub, self.presence, self.access)
        self.unread = Unread(store, self.journal, self.standing, self.hub, self.presence)
        self.journal.subscribe(self.retries, Broadcast(self.hub, self.journal), news, self.unread)
        self.messaging = Messaging(self.journal, self.retries, news, self.access)
        self.revisions = Revisions(self.journal, self.standing, self.messaging)

    async def _save(self, batch, **options) -> None:
        await self.gate.wait()
        if self.broken:
            raise Unwritable("no space left")
        await self.store.messages.save(batch, **options)

    async def say(self, author: User, text: str, key: str = "", conversation: Conversation = GENERAL):
        draft = Draft.parse(text, key or f"key-{author.id}-{hash(text) & 0xFFFFFFFF:016}")
        return (await self.messaging.post(author, conversation, draft))[0]

    async def count_apart(self, public: User, private: User) -> tuple[Message, Message]:
        """Return one's message in a room and another's to them, both number 1, as the original program counted."""
        pair, moment = Conversation.direct(public.id, private.id), "2024-03-01T01:00:00.000Z"
        old = (
            Message(1, 1, GENERAL, public.id, public.username, "in the room", moment, "key-in-the-room-0"),
            Message(1, 1, pair, private.id, private.username, "in private", moment, "key-in-private-00"),
        )
        assert self.journal.issue_number() == 1
        await self.store.messages.save(old, watermark=1, ceiling=1)
        return old

    async def page(self, user: User, since: int | None = None, epoch: str | None = None, room=GENERAL) -> Page:
        page = Page(self, user)
        await page.catch_up(room, since, epoch)
        return page


class Page:
    """A page at the other end: what it was sent, in order."""

    def __init__(self, chat: Chat, user: User) -> None:
        self.chat = chat
        self.wire = Wire()
        self.listener = Listener(self.wire, user.id)

    async def send(self, frame: bytes) -> None:
        self.wire.write(frame)
        await asyncio.sleep(0)

    async def catch_up(self, room: Conversation | None, since: int | None, epoch: str | None) -> None:
        await self.chat.resume.bring(
            [self.listener], room, since, self.chat.resume.epoch if epoch is None else epoch, self.send
        )

    @property
    def controls(self) -> list[dict]:
        return [json.loads(text) for text in self.wire.texts if text.startswith("{")]

    def said(self, kind: str) -> list[dict]:
        return [note for note in self.controls if note["type"] == kind]

    @property
    def fragments(self) -> list[str]:
        return [text for text in self.wire.texts if text.startswith("<")]

    def shows(self, message: Message) -> bool:
        return any(f'id="m-{message.id}"' in text for text in self.fragments)
