"""History: pages of the messages of a conversation."""

from __future__ import annotations

from chatapp.chat.standing import Standing
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Page
from chatapp.store import Store

UNREAD_LIMIT = 200  # unread messages per page: more than most people find after a night, and 25 KB on the wire
_READ_BEFORE = 10  # read messages above the first unread one, for context


class History:
    """Return messages as they stand, one page at a time."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    async def page(self, conversation: Conversation, *, before: int | None = None, after: int | None = None) -> Page:
        """Return a page of saved messages: the newest, or those before or after an id."""
        messages = self._store.messages
        found = await self._standing.read(conversation, messages.page(conversation, before=before, after=after))
        assert found is not None, "an empty conversation is an empty page"
        return found

    async def opening(self, conversation: Conversation, newest: Page, reader_id: int, read: int) -> Page:
        """Return the page on which a reader continues: around the first message above ``read``, or the newest page.

        It has at most ``UNREAD_LIMIT`` unread messages.
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
        """Return the page around a saved message; None if the message is not in the conversation."""
        return await self._standing.read(conversation, self._store.messages.around(conversation, message_id))
