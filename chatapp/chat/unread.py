"""Unread counts and read marks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from chatapp.chat.presence import Presence
from chatapp.chat.standing import Standing
from chatapp.delivery.audience import Listener
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.model import events
from chatapp.store import Busy, Store, Unwritable
from chatapp.system.background import Background
from chatapp.system.throttle import Throttle

_STORE_PAUSE = 0.5  # seconds between transactions that store read marks

log = logging.getLogger("chatapp.unread")


class Unread(Subscriber):
    """Keep the unread counts of every open page right."""

    def __init__(self, store: Store, journal: Journal, standing: Standing, hub: Hub, presence: Presence) -> None:
        self._store = store
        self._journal = journal
        self._standing = standing
        self._hub = hub
        self._presence = presence
        self._read: dict[int, dict[str, int]] = {}  # marks that are not stored yet, by user id
        self._turn = asyncio.Lock()  # held while marks are stored
        self._store_reads = Throttle(_STORE_PAUSE, self._begin_storing)
        self._background = Background()

    # --- read marks -------------------------------------------------------------------------------------------------

    def read(self, listener: Listener, message_id: int) -> None:
        """Note how far a listener's person has read its conversation; stored within a second."""
        if listener.conversation is not None:
            self.mark(listener.user_id, listener.conversation, message_id)

    def mark(self, user_id: int, conversation: str, message_id: int) -> None:
        """Note how far a person has read a conversation, given by its key; stored within a second."""
        marks, message_id = self._read.setdefault(user_id, {}), min(message_id, self._journal.newest(conversation))
        if message_id > marks.get(conversation, 0):
            marks[conversation] = message_id
            self._store_reads()

    def _begin_storing(self) -> None:
        self._background.run(self._store_marks())

    async def _store_marks(self) -> None:
        """Store the marks; tell the other connections of those people, which do not know them yet."""
        async with self._turn:
            read, self._read = self._read, {}
            if not read:
                return
            try:
                await self._store.marks.move(
                    (user_id, key, mark) for user_id, marks in read.items() for key, mark in marks.items()
                )
            except (Busy, Unwritable) as error:
                log.warning("read marks were not stored: %s", error)  # the pages send them again with the next message
                return
        # In the background, so that a caller waiting for its own mark to be stored does not wait for this.
        self._background.run(self._tell_each([user_id for user_id in read if len(self._hub.of_user(user_id)) > 1]))

    async def settle(self, user_id: int) -> None:
        """Store a person's read marks now, before their unread messages are counted."""
        if user_id in self._read or self._turn.locked():  # it may be theirs that are being stored
            await self._store_marks()

    # --- counts -----------------------------------------------------------------------------------------------------

    async def _counts(self, user_id: int) -> events.Unread:
        await self.settle(user_id)
        counts = await self._standing.counts(user_id)
        number = self._journal.issue_number()  # above everything counted
        return events.Unread(counts.unread, counts.reads, dict.fromkeys([*counts.unread, *counts.reads], number))

    async def greet(self, listener: Listener) -> None:
        """Send a new connection its person's unread counts."""
        self._hub.tell([listener], await self._counts(listener.user_id))

    async def _tell_each(self, people: Iterable[int]) -> None:
        """Send people their unread counts, on all of their connections."""
        try:
            for user_id in people:
                counts = await self._counts(user_id)
                self._hub.tell(self._hub.of_user(user_id), counts)
        except (Busy, Unwritable) as error:
            log.warning("people were not told what is unread: %s", error)  # they get them when they reconnect

    def lost(self, entries: Sequence[Entry]) -> None:
        """Send everybody their unread counts: messages that were announced are gone."""
        self._background.run(self._tell_each(self._presence.online))
