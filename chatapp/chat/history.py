"""What was said, as it stands: what is on disk, and what the journal knows better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message, Page
from chatapp.model.refusals import NotFound
from chatapp.store import Store

UNREAD_LIMIT = 200  # unread messages on one page: more than most find after a night, and 25 KB on the wire
_READ_BEFORE = 10  # messages above the first unread one: enough to know again what was talked about


class History:
    """Read messages, with what was given up taken out of them."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    async def page(self, conversation: Conversation, *, before: int | None = None, after: int | None = None) -> Page:
        """Return a page of what is saved: the newest messages, or those before or after an id."""
        settled = self._journal.watermark
        return self._standing(await self._store.messages.page(conversation, before=before, after=after), settled)

    async def opening(self, conversation: Conversation, newest: Page, reader_id: int, read: int) -> Page:
        """Return where a reader goes on: at the first message above their mark ``read``, else at the newest page.

        As much as ``UNREAD_LIMIT`` of what is unread is on that page.
        """
        if not newest.older or not newest.messages or newest.messages[0].id <= read:
            return newest
        first = await self._store.messages.first_unread(conversation, reader_id, read)
        if first is None or first > newest.messages[0].id:
            return newest
        settled = self._journal.watermark
        page = await self._store.messages.around(conversation, first, before=_READ_BEFORE, limit=UNREAD_LIMIT - 1)
        return self._standing(page, settled) if page else newest

    async def around(self, conversation: Conversation, message_id: int) -> Page | None:
        """Return a saved message with those around it; None if it is not in the conversation."""
        settled = self._journal.watermark
        page = await self._store.messages.around(conversation, message_id)
        return self._standing(page, settled) if page else None

    async def missed(self, conversation: Conversation, since: int, limit: int) -> list[Message] | None:
        """Return what changed after a cursor, in id order; None if that is more than ``limit``."""
        # What was put back has its new number in the table only when the next commit succeeds, perhaps just now.
        back = self._journal.put_back
        rows = await self._store.messages.changes(conversation, since, limit)
        if len(rows) > limit:
            return None
        found = [*back, *rows, *self._journal.put_back]
        here = [message for message in found if message.conversation == conversation and message.rev > since]
        missed = {message.id: message for message in here}
        return sorted(self._corrected(missed.values()), key=lambda message: message.id)

    async def current(self, conversation: Conversation, message_id: int) -> Message:
        """Return the newest revision of a message, saved or not. Raise NotFound."""
        stored = await self._store.messages.message(conversation, message_id)
        found = self._journal.backlog.current((conversation, message_id))
        found = found or (stored and self._journal.corrected(stored))
        if found is None:
            raise NotFound
        return found

    def latest(self, message: Message) -> Message:
        """Return a message as it stands now, when it may have changed since it was looked up."""
        return self._journal.backlog.current(message.identity) or message

    def _standing(self, page: Page, settled: int) -> Page:
        """Return a page as it stands. ``settled`` was the watermark before it was read: all below is on it."""
        return replace(page, messages=self._corrected(page.messages), watermark=max(page.watermark, settled))

    def _corrected(self, messages: Iterable[Message]) -> list[Message]:
        corrected = (self._journal.corrected(message) for message in messages)
        return [message for message in corrected if message is not None]
