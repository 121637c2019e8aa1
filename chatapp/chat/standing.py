"""What stands now: what is on the disk, plus what is pending, minus what was given up.

Nobody else puts the three together.
"""

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
    """What changed in a conversation after a cursor."""

    generation: int  # of the journal when it was asked for: everything accepted by then is here
    saved: list[Message] | None  # in id order; None: more than the limit
    pending: list[Message]  # the rest of what was accepted by then: it may have been on its way to the disk


class Standing:
    """Answer what stands now."""

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
        """Return a message as it stands now, when it may have changed since it was looked up."""
        return self._journal.current(message.identity) or message

    def entry(self, message: Message) -> Entry:
        """Return what becomes of a revision that stands: its pending entry, or one that is saved."""
        return self._journal.entry(message) or Entry.settled(message)

    def stored_entry(self, message: Message) -> Entry | None:
        """Return the entry of a message that was found on the disk; None if it was given up."""
        return None if self._journal.corrected(message) is None else self.entry(message)

    # --- a conversation ---------------------------------------------------------------------------------------------

    async def read(self, conversation: Conversation, page: Awaitable[Page | None]) -> Page | None:
        """Return a page that is being read, as it stands. Nothing on it is above its watermark but what is saved."""
        settled = self._journal.issue_watermark(conversation.key)  # before it is read: all below is on it
        found = await page
        if found is None:
            return None
        return replace(found, messages=self._corrected(found.messages), watermark=max(found.watermark, settled))

    async def changes(self, conversation: Conversation, since: int | None, limit: int) -> Changes:
        """Return what changed after a cursor; without one, what is pending."""
        generation, pending = self.generation, self._journal.pending(conversation)
        saved = [] if since is None else await self._saved_changes(conversation, since, limit)
        # A message may be saved between the copy of the pending ones and the query, or after it: what is in neither
        # the rows nor the frames that a connection holds back is in the copy.
        seen = {message.id: message.rev for message in saved or ()}
        return Changes(generation, saved, [message for message in pending if message.rev > seen.get(message.id, 0)])

    async def _saved_changes(self, conversation: Conversation, since: int, limit: int) -> list[Message] | None:
        # What stands again has its new number in the table only when the next commit succeeds, perhaps just now.
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
        """Return a number that goes up with everything that is accepted or given up."""
        return self._journal.generation

    # --- a person ---------------------------------------------------------------------------------------------------

    async def counts(self, user_id: int) -> Counts:
        """Return what a person has not read, messages included that are not on the disk yet."""
        counts = self._access.counted(user_id, await self._store.marks.counts(user_id))
        unread = dict(counts.unread)
        for message in self._journal.recent(counts.watermark):
            if message.is_change:  # of a message that counts once
                continue
            key = message.conversation.key
            counted = message.author_id != user_id and self._access.admits(user_id, message.conversation)
            if counted and message.id > counts.reads.get(key, 0):
                unread[key] = unread.get(key, 0) + 1
        return replace(counts, unread=unread)

    def has_pending(self, author_id: int) -> bool:
        """Tell whether anything of an author's is not saved yet."""
        return any(message.author_id == author_id for message in self._journal.pending())
