"""What is done after somebody has left: their name comes off their messages everywhere, or the messages go."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from chatapp.chat.chores import Chore
from chatapp.chat.messaging import Messaging
from chatapp.chat.standing import Standing
from chatapp.delivery.entries import Entry
from chatapp.delivery.journal import Journal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.people import Deletion
from chatapp.model.refusals import Rejected
from chatapp.store import Busy, Store, Unwritable

log = logging.getLogger("chatapp.leaving")

_BATCH = 50  # messages revised at once: a few milliseconds, so that those who stay notice nothing
_PAUSE = 2.0  # seconds between two passes: longer than a connection lives that was told to go


class Leaving:
    """See off those who have left, one after the other, also across restarts of the server.

    Each of their messages gets a later revision, without a name and perhaps removed, which travels the path of every
    other change: open pages see it, and pages that were away learn of it when they come back.
    """

    def __init__(
        self, store: Store, journal: Journal, standing: Standing, messaging: Messaging, *, pause: float = _PAUSE
    ) -> None:
        self._store = store
        self._journal = journal
        self._standing = standing
        self._messaging = messaging
        self._pause = pause
        self._wake = asyncio.Event()
        self._chore = Chore("account deletion", self._see_off_all)

    def begin(self) -> None:
        """Look for somebody who has just left."""
        self._wake.set()

    async def run(self) -> None:
        """See off whoever has left, for ever."""
        while True:
            self._wake.clear()
            try:
                if await self._chore.turn():
                    await self._chore.do()
            except (Busy, Unwritable, Rejected) as error:  # the disk is full, or the queue: this can wait
                log.info("seeing somebody off has to wait: %s", error)
                await asyncio.sleep(self._pause)
                continue
            await self._wake.wait()

    async def _see_off_all(self) -> None:
        for departure in await self._store.deletions.under_way():
            await self._see_off(departure)

    async def _see_off(self, departure: Deletion) -> None:
        await self._pass(departure)
        found = True
        while found:  # what they were sending when they left may have come in behind a pass
            await asyncio.sleep(self._pause)
            found = await self._pass(departure)
        await self._store.deletions.end(departure.user_id)

    async def _pass(self, departure: Deletion) -> bool:
        """Go through all of somebody's messages once. Return whether something was left to do."""
        found = self._standing.has_pending(departure.user_id)
        for conversation in await self._store.conversations.of_user(departure.user_id):
            await self._store.deletions.anonymise(conversation, departure.user_id)
            found = await self._pass_through(conversation, departure) or found
        return found

    async def _pass_through(self, conversation: Conversation, departure: Deletion) -> bool:
        found, after = False, 0
        while batch := await self._store.messages.authored(conversation, departure.user_id, after=after, limit=_BATCH):
            entries = [entry for message in batch if (entry := self._revise(message, departure)) is not None]
            saved = [entry.message.id for entry in entries if await entry.saved]
            if departure.removing and saved:
                await self._store.deletions.erase(conversation, saved)
            found, after = found or bool(entries), batch[-1].id
        return found

    def _revise(self, message: Message, departure: Deletion) -> Entry | None:
        """Publish a message without its author's name; return None where that has been done."""
        current = self._standing.latest(message)
        # What came in while the account was being locked is younger than the stamp, and open pages show its name.
        if current.rev > departure.stamp and not current.author and (current.removed or not departure.removing):
            return None
        self._messaging.refuse_when_unable()
        # Should it be lost, what stands again has no name either.
        current, removed = replace(current, author=""), current.removed or departure.removing
        return self._journal.revise(current, key="", removed=removed)
