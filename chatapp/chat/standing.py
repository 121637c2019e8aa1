"""The current state of messages: the database, plus pending writes, minus retracted ones. Merged only here."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace

from chatapp.chat.access import Access
from chatapp.delivery.entries import Entry
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.marks import Counts
from chatapp.model.messages import Message, Page
from chatapp.model.refusals import NotFound
from chatapp.store import Store


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of a conversation after a cursor."""

    generation: int  # of the journal when the query began: everything accepted before is included
    saved: list[Message] | None  # in id order; None: more than the limit
    pending: list[Message]  # accepted before, and not in ``saved``


class Standing:
    """Read messages in their current state."""

    def __init__(self, store: Store, journal: Journal, access: Access) -> None:
        self._store = store
        self._journal = journal
        self._access = access

    # --- one message ------------------------------------------------------------------------------------------------

    async def current(self, conversation: Conversation, message_id: int) -> Message:
        """Return the newest revision of a message, saved or not. Raise NotFound."""
        stored = await self._store.messages.message(conversation, message_id)
        found = self._journal.current((conversation, message_id))
        found = found or (stored and self._journal.corrected(stored))
        if found is None:
            raise NotFound
        return found

    def latest(self, message: Message) -> Message:
        """Return a message as it stands now; it may have changed since it was looked up."""
        return self._journal.current(message.identity) or message

    def entry(self, message: Message) -> Entry:
        """Return the entry of a current revision: its pending one, or a new one that counts as saved."""
        return self._journal.entry(message) or Entry.settled(message)

    def stored_entry(self, message: Message) -> Entry | None:
        """Return the entry of a message from the database; None if it was retracted."""
        return None if self._journal.corrected(message) is None else self.entry(message)

    # --- a conversation ---------------------------------------------------------------------------------------------

    async def read(self, conversation: Conversation, page: Awaitable[Page | None]) -> Page | None:
        """Await a page from the database. Return it corrected, with the highest watermark that it covers."""
        # Issued before the page is read, so the page has everything below it.
        settled = self._journal.issue_watermark(conversation.key)
        found = await page
        if found is None:
            return None
        return replace(found, messages=self._corrected(found.messages), watermark=max(found.watermark, settled))

    async def changes(self, conversation: Conversation, since: int | None, limit: int) -> Changes:
        """Return what changed after a cursor; without a cursor, only what is pending."""
        generation, pending = self.generation, self._journal.pending(conversation)
        saved = [] if since is None else await self._saved_changes(conversation, since, limit)
        # A message may be saved before or after the query runs. If it is neither in the rows nor in the frames held
        # back for the listener, it is in the copy of the pending ones.
        seen = {message.id: message.rev for message in saved or ()}
        return Changes(generation, saved, [message for message in pending if message.rev > seen.get(message.id, 0)])

    async def _saved_changes(self, conversation: Conversation, since: int, limit: int) -> list[Message] | None:
        # The next commit, which may happen during the query, writes the new numbers of restored revisions: look twice.
        restored = self._journal.restored
        rows = await self._store.messages.changes(conversation, since, limit)
        if len(rows) > limit:
            return None
        found = [*restored, *rows, *self._journal.restored]
        here = [message for message in found if message.conversation == conversation and message.rev > since]
        newest = {message.id: message for message in here}
        return sorted(self._corrected(newest.values()), key=lambda message: message.id)

    def _corrected(self, messages: Iterable[Message]) -> list[Message]:
        corrected = (self._journal.corrected(message) for message in messages)
        return [message for message in corrected if message is not None]

    @property
    def generation(self) -> int:
        """Return a counter that grows with everything accepted or retracted."""
        return self._journal.generation

    # --- a person ---------------------------------------------------------------------------------------------------

    async def counts(self, user_id: int) -> Counts:
        """Return what a person has not read, including messages that are not saved yet."""
        counts = self._access.counted(user_id, await self._store.marks.counts(user_id))
        unread = dict(counts.unread)
        for message in self._journal.recent(counts.watermark):
            if message.is_change:  # an edit is not another unread message
                continue
            key = message.conversation.key
            counted = message.author_id != user_id and self._access.admits(user_id, message.conversation)
            if counted and message.id > counts.reads.get(key, 0):
                unread[key] = unread.get(key, 0) + 1
        return replace(counts, unread=unread)

    def has_pending(self, author_id: int) -> bool:
        """Tell whether anything by an author is not saved yet."""
        return any(message.author_id == author_id for message in self._journal.pending())
