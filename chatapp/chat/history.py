"""Pages of a conversation: the newest, those around a message, where a reader goes on."""

from __future__ import annotations

from chatapp.chat.standing import Standing
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Page
from chatapp.store import Store

UNREAD_LIMIT = 200  # unread messages on one page: more than most find after a night, and 25 KB on the wire
_READ_BEFORE = 10  # messages above the first unread one: enough to recognise what was talked about


class History:
    """Read messages as they stand, a page at a time."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    async def page(self, conversation: Conversation, *, before: int | None = None, after: int | None = None) -> Page:
        """Return a page of what is saved: the newest messages, or those before or after an id."""
        messages = self._store.messages
        found = await self._standing.read(conversation, messages.page(conversation, before=before, after=after))
        assert found is not None, "an empty conversation is an empty page"
        return found

    async def opening(self, conversation: Conversation, newest: Page, reader_id: int, read: int) -> Page:
        """Return where a reader goes on: at the first message above their mark ``read``, else at the newest page.

        As much as ``UNREAD_LIMIT`` of what is unread is on that page.
        """
        if not newest.older or not newest.messages or newest.messages[0].id <= read:
            return newest
        messages = self._store.messages
        first = await messages.first_unread(conversation, reader_id, read)
        if first is None or first > newest.messages[0].id:
            return newest
        around = messages.around(conversation, first, before=_READ_BEFORE, limit=UNREAD_LIMIT - 1)
        return await self._standing.read(conversation, around) or newest

    async def around(self, conversation: Conversation, message_id: int) -> Page | None:
        """Return a saved message with those around it; None if it is not in the conversation."""
        return await self._standing.read(conversation, self._store.messages.around(conversation, message_id))
