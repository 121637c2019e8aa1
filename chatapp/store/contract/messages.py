"""Messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from chatapp.model.conversations import Conversation
from chatapp.model.messages import Identity, Message, Page, Undo


class Messages(Protocol):
    """Keep messages, what they said before an edit, and the keys they were posted under."""

    async def save(self, batch: Sequence[Message], *, watermark: int, ceiling: int, undo: Sequence[Undo] = ()) -> None:
        """Commit a batch in order, all or nothing, after undoing what an earlier commit may have left behind.

        On return it is on disk. A direct conversation is created with its first message. Raise Busy, Unwritable, or
        the database's own error when a row itself cannot be written.
        """
        ...

    async def page(
        self, conversation: Conversation, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> Page:
        """Return the newest messages, or those before or after an id."""
        ...

    async def around(
        self, conversation: Conversation, message_id: int, *, before: int | None = None, limit: int = 20
    ) -> Page | None:
        """Return a message with up to ``before`` (if None, ``limit``) earlier ones and up to ``limit`` later ones.

        Return None if it is not in the conversation.
        """
        ...

    async def first_unread(self, conversation: Conversation, reader_id: int, read: int) -> int | None:
        """Return the id of the first message above a read mark that the reader did not write."""
        ...

    async def changes(self, conversation: Conversation, since: int, limit: int) -> list[Message]:
        """Return the messages that are new or changed after a cursor, in id order.

        Return ``limit`` + 1 of them when there are more than ``limit``.
        """
        ...

    async def posted(self, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Identity]:
        """Return which messages were posted under keys (author id, key). Keys that were not used are left out."""
        ...

    async def message(self, conversation: Conversation, message_id: int) -> Message | None:
        """Return one message of a conversation."""
        ...

    async def authored(
        self, conversation: Conversation, author_id: int, *, after: int = 0, limit: int = 50
    ) -> list[Message]:
        """Return an author's next messages after an id."""
        ...

    async def versions(self, message: Message) -> list[tuple[str, str]]:
        """Return a message's earlier texts, each with its time (ISO 8601), oldest first."""
        ...

    async def erase_removed(self) -> None:
        """Erase the content of messages whose removal can no longer be undone."""
        ...
