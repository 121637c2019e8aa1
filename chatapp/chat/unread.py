"""News for those who are elsewhere: exact counts on request, and every message that adds to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence

from chatapp.delivery.audience import Listener
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation, Kind
from chatapp.model.events import News
from chatapp.model.events import Unread as Counted
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.store import Busy, Store, Unwritable
from chatapp.system.throttle import Throttle

_PACE = 0.25  # seconds between two pieces of news: of all rooms, or of one direct conversation
_STORE_PACE = 0.5  # seconds between two transactions that store read marks

log = logging.getLogger("chatapp.unread")


class Unread:
    """Keep the counts in everybody's list right."""

    def __init__(self, store: Store, journal: Journal, hub: Hub) -> None:
        self._store = store
        self._journal = journal
        self._hub = hub
        self._news: dict[Conversation, list[Message]] = {}
        self._announce = Throttle(_PACE, self._publish)
        self._read: dict[int, dict[str, int]] = {}  # marks that moved and are not stored yet, by person
        self._turn = asyncio.Lock()  # to store them
        self._store_reads = Throttle(_STORE_PACE, self._begin_storing)
        self._chores: set[asyncio.Task[None]] = set()  # kept, or they could be collected while they run
        # The two people of each direct conversation that had news, to show one the other in their list.
        self._names: dict[int, User] = {}

    def note(self, message: Message, people: tuple[User, ...] = ()) -> None:
        """Announce a message to those who may read it and do not show its conversation."""
        for person in people:
            self._names[person.id] = person
        self._news.setdefault(message.conversation, []).append(message)
        # The news of all rooms go out together. Those of two people keep a time of their own, so that nobody sees from
        # how long the others take that somebody talks in private.
        self._announce(None if message.conversation.kind is Kind.ROOM else message.conversation)

    def _publish(self, direct: Conversation | None) -> None:
        ripe = [place for place in self._news if (place.kind is Kind.ROOM if direct is None else place == direct)]
        for conversation in ripe:
            self._tell_those_elsewhere(conversation, self._news.pop(conversation))

    def _tell_those_elsewhere(self, conversation: Conversation, news: Sequence[Message]) -> None:
        if conversation.kind is Kind.ROOM:
            self._hub.publish_elsewhere(conversation.key, News(conversation.key, news))
            return
        for person in set(conversation.members):
            elsewhere = [
                listener for listener in self._hub.of_user(person) if listener.conversation != conversation.key
            ]
            if elsewhere:
                other = self._names.get(conversation.other(person))
                online = other is not None and other.id in self._hub.users()
                self._hub.tell(elsewhere, News(conversation.key, news, other, online))

    def read(self, listener: Listener, message_id: int) -> None:
        """Note that a listener's person has seen its conversation up to a message; stored within a second."""
        if listener.conversation is not None:
            self.mark(listener.user_id, listener.conversation, message_id)

    def mark(self, user_id: int, conversation: str, message_id: int) -> None:
        """Note that a person has read a conversation, by its key, up to a message; stored within a second."""
        marks = self._read.setdefault(user_id, {})
        if message_id > marks.get(conversation, 0):
            marks[conversation] = message_id
            self._store_reads()

    def _begin_storing(self) -> None:
        self._do(self._store_marks())

    async def _store_marks(self) -> None:
        """Write the marks that moved; tell those people's other connections, which did not see it happen."""
        async with self._turn:
            read, self._read = self._read, {}
            if not read:
                return
            try:
                await self._store.marks.move(
                    (user_id, key, mark) for user_id, marks in read.items() for key, mark in marks.items()
                )
            except (Busy, Unwritable) as error:
                log.warning("read marks were not stored: %s", error)  # the pages send them again with the next message
                return
        # Whoever waits for their own mark waits for nobody else to be told.
        self._do(self._tell_each([user_id for user_id in read if len(self._hub.of_user(user_id)) > 1]))

    async def _tell_each(self, people: Iterable[int]) -> None:
        try:
            for user_id in people:
                await self.tell(user_id)
        except (Busy, Unwritable) as error:
            log.warning("people were not told what is unread: %s", error)  # they ask when they come back

    def _do(self, chore: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def settle(self, user_id: int) -> None:
        """Store what a person has read, if it is not stored yet: they want to know what is unread."""
        if user_id in self._read or self._turn.locked():  # it may be theirs that is being stored
            await self._store_marks()

    async def counts(self, user_id: int) -> Counted:
        """Return a person's exact counts, messages included that are not on disk yet."""
        await self.settle(user_id)
        counts = await self._store.marks.counts(user_id)
        unread = dict(counts.unread)
        for entry in self._journal.backlog.recent(counts.watermark):
            message, key = entry.message, entry.message.conversation.key
            if message.is_change:  # of a message that counts once
                continue
            counted = message.author_id != user_id and message.conversation.admits(user_id)
            if counted and message.id > counts.reads.get(key, 0):
                unread[key] = unread.get(key, 0) + 1
        return Counted(unread, counts.reads, self._journal.passed())

    async def tell(self, user_id: int) -> None:
        """Send a person's exact counts to all of their connections."""
        self._hub.tell(self._hub.of_user(user_id), await self.counts(user_id))

    async def tell_everybody(self) -> None:
        """Send everybody their exact counts: after messages that had been announced were given up."""
        await self._tell_each(self._hub.users())

    async def greet(self, listener: Listener) -> None:
        """Send a new connection its person's exact counts."""
        self._hub.tell([listener], await self.counts(listener.user_id))
