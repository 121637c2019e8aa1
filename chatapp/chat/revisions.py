"""Revisions: editing and removing messages, and undoing a removal. A revision takes the path of a new message."""

from __future__ import annotations

from typing import Any

from chatapp.chat.messaging import Messaging
from chatapp.chat.standing import Standing
from chatapp.delivery.entries import Entry
from chatapp.delivery.journal import Journal
from chatapp.model import removal
from chatapp.model.acts import Target
from chatapp.model.messages import Identity, Message, parse_key
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.model.texts import clean
from chatapp.system import clock


class Revisions:
    """Let authors change their own messages."""

    def __init__(self, journal: Journal, standing: Standing, messaging: Messaging) -> None:
        self._journal = journal
        self._standing = standing
        self._messaging = messaging
        self._removed: dict[Identity, float] = {}  # recently removed messages, and when (monotonic seconds)

    async def edit(self, author: User, target: Target, content: object, key: object) -> tuple[Entry, bool]:
        """Replace the text of a message. Return its entry, and whether it was so already. Raise Rejected."""
        if not isinstance(content, str):
            raise Rejected("content_type")
        current = await self._standing.current(target.conversation, target.message_id)
        text = clean(content, empty_is_fine=bool(current.pictures))
        done = current.content == text and not current.removed
        return self._change(author, target, current, key, done, content=text, edited_at=clock.timestamp())

    async def remove(self, author: User, target: Target, key: object) -> tuple[Entry, bool]:
        """Replace a message by a tombstone; this can be undone for a short time. Raise Rejected."""
        current = await self._standing.current(target.conversation, target.message_id)
        entry, done = self._change(author, target, current, key, current.removed, removed=True)
        if not done:
            self._forget()
            self._removed[current.identity] = clock.monotonic()
        return entry, done

    async def restore(self, author: User, target: Target, key: object) -> tuple[Entry, bool]:
        """Undo a recent removal. Raise Rejected when it is too late."""
        current = await self._standing.current(target.conversation, target.message_id)
        self._forget()
        if current.removed and current.identity not in self._removed:
            raise Rejected("too_late")
        return self._change(author, target, current, key, not current.removed, removed=False)

    def _forget(self) -> None:
        long_ago = clock.monotonic() - removal.UNDO_ACCEPTED
        self._removed = {message: when for message, when in self._removed.items() if when > long_ago}

    def _change(
        self, author: User, target: Target, seen: Message, key: object, done: bool, **values: Any
    ) -> tuple[Entry, bool]:
        """Refuse a change before anybody has seen it, or accept it. There is no await in here."""
        checked = parse_key(key)
        current = self._standing.latest(seen)
        if current.author_id != author.id:
            raise Rejected("not_yours")
        if done:
            return self._standing.entry(current), True
        if current.removed and values.get("removed") is not False:
            raise Rejected("removed")
        if current.rev != target.rev:
            raise Rejected("changed")
        self._messaging.refuse_when_unable()
        return self._journal.revise(current, key=checked, **values), False
