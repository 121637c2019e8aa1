"""Posting and changing messages: who may, how often; the only way to do either."""

from __future__ import annotations

from chatapp.chat.access import Access, Right
from chatapp.chat.limits import Limits
from chatapp.chat.messaging import Messaging
from chatapp.chat.revisions import Revisions
from chatapp.delivery.entries import Entry
from chatapp.model.acts import Change, Edit, Post, Remove
from chatapp.model.people import User
from chatapp.model.refusals import Rejected

_RATE_MARGIN = 0.05  # seconds added to a wait, so that the next attempt is not a moment early


class Posting:
    """Let people post messages and change their own."""

    def __init__(self, access: Access, limits: Limits, messaging: Messaging, revisions: Revisions) -> None:
        self._access = access
        self._limits = limits
        self._messaging = messaging
        self._revisions = revisions

    async def post(self, author: User, act: Post) -> tuple[Entry, bool]:
        """Accept a message. Return its entry and whether it is a retry. Raise Rejected before anybody has seen it."""
        self._access.check(author.id, Right.POST, act.conversation)
        self._take_turn(author)
        return await self._messaging.post(author, act.conversation, act.draft, act.person)

    async def change(self, author: User, act: Change) -> tuple[Entry, bool]:
        """Accept a change. Return its entry and whether nothing was left to do. Raise Rejected or NotFound."""
        self._access.check(author.id, Right.REVISE, act.target.conversation)
        self._take_turn(author)
        if isinstance(act, Edit):
            return await self._revisions.edit(author, act.target, act.content, act.key)
        if isinstance(act, Remove):
            return await self._revisions.remove(author, act.target, act.key)
        return await self._revisions.restore(author, act.target, act.key)

    async def saved(self, entry: Entry) -> None:
        """Wait until what was accepted is on the disk. Raise Rejected when it was given up."""
        if not await entry.saved:
            raise Rejected("storage")

    async def knows(self, author: User, key: str) -> bool:
        """Tell whether an author has posted under a key: what comes now under it is a retry."""
        return await self._messaging.knows(author.id, key)

    def _take_turn(self, author: User) -> None:
        """Count one message of a person. Raise Rejected when there were too many."""
        wait = self._limits.messages.take(author.id)
        if wait:
            raise Rejected("rate_limited", retry_after=round(wait + _RATE_MARGIN, 2))
