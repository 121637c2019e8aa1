"""The path of a message: accepted, stamped, published, written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from chatapp.chat.history import History
from chatapp.chat.resume import Resume
from chatapp.chat.retries import Retries
from chatapp.chat.unread import Unread
from chatapp.delivery.backlog import Entry
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.events import Covered, Failed, Posted, Restored, Revised, Saved, Sent, StorageHealth, Withdrawn
from chatapp.model.messages import Draft, Identity, Message
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.store import Store
from chatapp.system import clock
from chatapp.system.throttle import Throttle

_SAVED_PACE = 0.25  # seconds between two saved marks for those who are not the author


class Messaging:
    """Accept messages and see them through to everybody's page and to the disk."""

    def __init__(  # noqa: PLR0913 - the parts of the path, in its order
        self,
        store: Store,
        stamper: clock.Stamper,
        hub: Hub,
        journal: Journal,
        unread: Unread,
        *,
        epoch: str = "",
    ) -> None:
        self._store = store
        self._stamper = stamper
        self._hub = hub
        self._journal = journal
        self._unread = unread
        self.history = History(store, journal)
        self._retries = Retries(store)
        self._mark_saved = Throttle(_SAVED_PACE, self._publish_saved)
        self._chores: set[asyncio.Task[None]] = set()
        self.resume = Resume(self.history, journal, hub, epoch=epoch)
        self.closing = False
        journal.on_saved, journal.on_lost, journal.on_health = self._saved, self._lost, self._health

    # --- a message comes in -----------------------------------------------------------------------------------------

    async def post(
        self, author: User, conversation: Conversation, draft: Draft, other: User | None = None
    ) -> tuple[Entry, bool]:
        """Accept a draft: publish it at once, save it right after. Return its entry and whether it is a retry.

        ``other`` is the receiver in a direct conversation. Raise Rejected before anybody has seen anything.
        """
        entry = self._retries.known(author.id, draft.key) or await self._find(author.id, draft.key)
        entry = entry or self._retries.known(author.id, draft.key)  # it may have come in while we were looking
        if entry is not None:
            if not entry.message.same_as(draft) or entry.message.conversation != conversation:
                raise Rejected("key_conflict")
            return entry, True
        if not all(picture.id for picture in draft.pictures):  # taken for a retry, but the message is gone
            raise Rejected("gone")
        self.refuse_when_unable()
        return self._accept(author, conversation, draft, other), False

    def _accept(self, author: User, conversation: Conversation, draft: Draft, other: User | None) -> Entry:
        """Stamp, publish, append: without an await, so that all of them see one order."""
        number = self._stamper.next()
        message = Message(
            id=number,
            rev=number,
            conversation=conversation,
            author_id=author.id,
            author=author.username,
            content=draft.content,
            created_at=clock.timestamp(),
            key=draft.key,
            pictures=draft.pictures,
        )
        entry = self.publish(message)
        self._retries.remember(entry)
        self._unread.note(message, (author, other) if other else ())
        return entry

    def publish(self, message: Message, before: Message | None = None) -> Entry:
        """Show a stamped message, or a change of one, to its audience, and queue it to be saved."""
        sent = Sent(message.key, message.id, message.rev if message.is_change else None)
        self._hub.tell(self._hub.of_user(message.author_id), sent)
        self._hub.publish(message.conversation.key, Revised(message) if message.is_change else Posted(message))
        return self._journal.append(message, before)

    def refuse_when_unable(self) -> None:
        """Raise Rejected while nothing can be accepted."""
        if self.closing:
            raise Rejected("restarting")
        if not self._journal.healthy:
            raise Rejected("storage.unable")
        if self._journal.backlog.full:
            raise Rejected("busy")

    @property
    def watermark(self) -> int:
        """Return the number at or below which everything is on disk or retracted."""
        return self._journal.watermark

    @property
    def newest(self) -> int:
        """Return the largest number handed out."""
        return self._journal.newest

    async def knows(self, author_id: int, key: str) -> bool:
        """Tell whether an author has posted under a key: what comes now under it is a retry."""
        return bool(self._retries.known(author_id, key) or await self._find(author_id, key))

    async def _find(self, author_id: int, key: str) -> Entry | None:
        """Return the saved message that an author posted under a key before this server remembers."""
        message = await self._retries.stored(author_id, key)
        if message is None or self._journal.corrected(message) is None:
            return None
        return self.settled(message)

    # --- what became of it ------------------------------------------------------------------------------------------

    def _saved(self, entries: Sequence[Entry]) -> None:
        keys: dict[int, list[str]] = {}
        for entry in entries:
            keys.setdefault(entry.message.author_id, []).append(entry.message.key)
            if not entry.message.is_change:
                self._retries.saved(entry)
        for author_id, mine in keys.items():
            # Without a watermark, which would stand before the frames of this tick that it covers: a page that loses
            # its connection in between would never ask for them. It comes with the room's frames, in their order.
            self._hub.tell(self._hub.of_user(author_id), Saved(mine))
        for conversation in {entry.message.conversation.key for entry in entries}:
            self._mark_saved(conversation)

    def _publish_saved(self, conversation: str) -> None:
        self._hub.publish(conversation, Covered(conversation, self._journal.watermark))

    def _lost(self, entries: Sequence[Entry]) -> None:
        """Take back what everybody has seen and nobody will find on the disk."""
        standing: dict[Identity, Message | None] = {}  # of several revisions, what was before the first one
        gone: dict[str, list[int]] = {}
        for entry in entries:
            message = entry.message
            if message.identity not in standing:
                standing[message.identity] = self._put_back(entry)
                if entry.before is None:
                    gone.setdefault(message.conversation.key, []).append(message.id)
            entry.before = standing[message.identity]
            self._hub.tell(self._hub.of_user(message.author_id), Failed(message))
        for conversation, ids in gone.items():
            self._hub.publish(conversation, Withdrawn(conversation, ids))
        self._do(self._unread.tell_everybody())

    def _put_back(self, entry: Entry) -> Message | None:
        """Show again what stood before a change that is lost, and return it; forget a message that is lost."""
        if entry.before is None:
            self._retries.forget(entry)
            return None
        before = replace(entry.before, rev=self._stamper.next())  # pages must take it for newer than what they show
        self._hub.publish(before.conversation.key, Restored(before))
        return before

    def _health(self, healthy: bool) -> None:
        self._hub.publish_everywhere(StorageHealth(healthy))
        if healthy:  # what was put back is on the disk too
            self._hub.publish_everywhere(Covered(None, self._journal.watermark))

    def _do(self, chore: Awaitable[None]) -> None:
        task = asyncio.ensure_future(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def settled(self, message: Message) -> Entry:
        """Return what becomes of a revision that stands already: its pending entry, or one that is saved."""
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        saved.set_result(True)
        return self._journal.backlog.entry(message) or Entry(message, saved)

    async def close(self, patience: float) -> None:
        """Accept nothing more and flush; after ``patience`` seconds retract what is not saved."""
        self.closing = True
        try:
            async with asyncio.timeout(patience):
                await self._journal.flush()
        except TimeoutError:
            self._journal.give_up()
