"""Reading: pages of a conversation, single messages, counts, and how far somebody has read; each asks for access."""

from __future__ import annotations

from chatapp.chat.access import Access, Right
from chatapp.chat.history import History
from chatapp.chat.standing import Standing
from chatapp.chat.unread import Unread
from chatapp.model.conversations import Conversation
from chatapp.model.marks import Counts
from chatapp.model.messages import Message, Page
from chatapp.model.people import User
from chatapp.store import Store


class Reading:
    """Give people what they may read. Every method raises NotFound to those who may not."""

    def __init__(self, store: Store, access: Access, history: History, standing: Standing, unread: Unread) -> None:
        self._store = store
        self._access = access
        self._history = history
        self._standing = standing
        self._unread = unread

    async def page(
        self, reader: User, conversation: Conversation, *, before: int | None = None, after: int | None = None
    ) -> Page:
        """Return the newest messages, or those before or after an id."""
        self._access.check(reader.id, Right.READ, conversation)
        return await self._history.page(conversation, before=before, after=after)

    async def opening(self, reader: User, conversation: Conversation, newest: Page, read: int) -> Page:
        """Return where a reader goes on, above their read mark, when ``newest`` is the newest page."""
        self._access.check(reader.id, Right.READ, conversation)
        return await self._history.opening(conversation, newest, reader.id, read)

    async def around(self, reader: User, conversation: Conversation, message_id: int) -> Page | None:
        """Return a message with those around it; None if it is not in the conversation."""
        self._access.check(reader.id, Right.READ, conversation)
        return await self._history.around(conversation, message_id)

    async def message(self, reader: User, conversation: Conversation, message_id: int) -> Message:
        """Return the newest revision of a message, saved or not."""
        self._access.check(reader.id, Right.READ, conversation)
        return await self._standing.current(conversation, message_id)

    async def versions(self, reader: User, message: Message) -> list[tuple[str, str]]:
        """Return what a message said before and since when (ISO 8601), oldest first; nothing of a removed one."""
        self._access.check(reader.id, Right.READ, message.conversation)
        return [] if message.removed else await self._store.messages.versions(message)

    async def counts(self, reader: User) -> Counts:
        """Return what a person has not read, and where they talk."""
        await self._unread.settle(reader.id)
        return self._access.counted(reader.id, await self._store.marks.counts(reader.id))

    async def people(self) -> list[User]:
        """Return everybody with an account, by name: they are found by everybody."""
        return await self._store.accounts.people()

    def mark(self, reader: User, conversation: Conversation, message_id: int) -> None:
        """Note how far a person has read; stored within a second."""
        self._access.check(reader.id, Right.READ, conversation)
        self._unread.mark(reader.id, conversation.key, message_id)
