"""Posting: a message is checked, then numbered, shown and queued for the disk in one step."""

from __future__ import annotations

import asyncio

from chatapp.chat.access import Access, Right
from chatapp.chat.news import Newsroom
from chatapp.chat.retries import Retries
from chatapp.delivery.entries import Entry
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft
from chatapp.model.people import User
from chatapp.model.refusals import Rejected


class Messaging:
    """Accept messages and hand them to the journal."""

    def __init__(self, journal: Journal, retries: Retries, news: Newsroom, access: Access) -> None:
        self._journal = journal
        self._retries = retries
        self._news = news
        self._access = access
        self.closing = False

    async def post(
        self, author: User, conversation: Conversation, draft: Draft, other: User | None = None
    ) -> tuple[Entry, bool]:
        """Accept a draft: it is shown at once and saved right after. Return its entry, and whether it is a retry.

        ``other`` is the receiver in a direct conversation. Raise Rejected before anybody has seen anything.
        """
        entry = await self._retries.find(author.id, draft.key)
        if entry is not None:
            if not entry.message.same_as(draft) or entry.message.conversation != conversation:
                raise Rejected("key_conflict")
            return entry, True
        if not all(picture.id for picture in draft.pictures):  # they were not uploaded because this looked like a retry
            raise Rejected("gone")
        # Again, and from here on without an await: the right may have gone while the database was asked for the key.
        self._access.check(author.id, Right.POST, conversation)
        self.refuse_when_unable()
        if other is not None:
            self._news.remember_people(author, other)
        return self._journal.accept(author, conversation, draft), False

    def refuse_when_unable(self) -> None:
        """Raise Rejected while nothing can be accepted."""
        if self.closing:
            raise Rejected("restarting")
        if not self._journal.healthy:
            raise Rejected("storage.unable")
        if self._journal.full:
            raise Rejected("busy")

    async def knows(self, author_id: int, key: str) -> bool:
        """Tell whether an author has posted under a key, so that another post under it is a retry."""
        return await self._retries.find(author_id, key) is not None

    async def close(self, patience: float) -> None:
        """Stop accepting and flush; after ``patience`` seconds retract what is not saved."""
        self.closing = True
        try:
            async with asyncio.timeout(patience):
                await self._journal.flush()
        except TimeoutError:
            self._journal.give_up()
