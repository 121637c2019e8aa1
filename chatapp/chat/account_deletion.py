"""Account deletion: the name comes off a person's messages everywhere, or the messages are removed."""

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

log = logging.getLogger("chatapp.accounts")

_BATCH = 50  # messages revised at once: a few milliseconds, so that nobody else notices
_PAUSE = 2.0  # seconds between two passes: longer than a connection lives after it was closed


class AccountDeletion:
    """Carry out deletions one after the other, also across restarts of the server.

    Each message of the account gets a later revision, without a name and perhaps removed, on the path of every other
    change: open pages see it, and pages that were away learn of it when they come back.
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
        self._chore = Chore("account deletion", self._finish_all)

    def begin(self) -> None:
        """Look for an account that was just deleted."""
        self._wake.set()

    async def run(self) -> None:
        """Carry out deletions, forever."""
        while True:
            self._wake.clear()
            try:
                if await self._chore.turn():
                    await self._chore.do()
            except (Busy, Unwritable, Rejected) as error:  # the disk is full, or the queue: this can wait
                log.info("deleting an account has to wait: %s", error)
                await asyncio.sleep(self._pause)
                continue
            await self._wake.wait()

    async def _finish_all(self) -> None:
        for deletion in await self._store.deletions.under_way():
            await self._finish(deletion)

    async def _finish(self, deletion: Deletion) -> None:
        await self._pass(deletion)
        found = True
        while found:  # what was on its way when the account was deleted may have come in behind a pass
            await asyncio.sleep(self._pause)
            found = await self._pass(deletion)
        await self._store.deletions.end(deletion.user_id)

    async def _pass(self, deletion: Deletion) -> bool:
        """Go through all messages of an account once. Return whether something was left to do."""
        found = self._standing.has_pending(deletion.user_id)
        for conversation in await self._store.conversations.of_user(deletion.user_id):
            await self._store.deletions.anonymise(conversation, deletion.user_id)
            found = await self._pass_through(conversation, deletion) or found
        return found

    async def _pass_through(self, conversation: Conversation, deletion: Deletion) -> bool:
        found, after = False, 0
        while batch := await self._store.messages.authored(conversation, deletion.user_id, after=after, limit=_BATCH):
            entries = [entry for message in batch if (entry := self._revise(message, deletion)) is not None]
            saved = [entry.message.id for entry in entries if await entry.saved]
            if deletion.removing and saved:
                await self._store.deletions.erase(conversation, saved)
            found, after = found or bool(entries), batch[-1].id
        return found

    def _revise(self, message: Message, deletion: Deletion) -> Entry | None:
        """Take the author's name off a message; return None where that has been done."""
        current = self._standing.latest(message)
        # What came in while the account was being locked is younger than the stamp, and open pages show its name.
        if current.rev > deletion.stamp and not current.author and (current.removed or not deletion.removing):
            return None
        self._messaging.refuse_when_unable()
        # Should this revision be lost, what stands again has no name either.
        current, removed = replace(current, author=""), current.removed or deletion.removing
        return self._journal.revise(current, key="", removed=removed)
