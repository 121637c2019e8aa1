"""Deduplication: a message posted again under the same key is the same message, however late the retry comes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from chatapp.chat.standing import Standing
from chatapp.delivery.entries import Entry, Subscriber
from chatapp.model.conversations import Conversation
from chatapp.store import Store

_REMEMBERED = 10_000  # saved messages whose keys are kept in memory

Key = tuple[int, str]  # the author's id, and the key of the post
_Places = dict[Key, tuple[Conversation, int]]


class Retries(Subscriber):
    """Remember the keys of recent messages, and look up older ones in the database."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing
        self._known: OrderedDict[Key, Entry] = OrderedDict()
        self._asked: list[Key] = []
        self._answer: asyncio.Future[_Places] | None = None

    async def find(self, author_id: int, key: str) -> Entry | None:
        """Return the message that an author posted under a key. Raise Busy or Unwritable."""
        wanted = author_id, key
        return (
            self._known.get(wanted) or await self._stored(wanted) or self._known.get(wanted)
        )  # it may have come in meanwhile

    async def _stored(self, key: Key) -> Entry | None:
        place = (await self._look_up(key)).get(key)
        message = await self._store.messages.message(*place) if place else None
        return self._standing.stored_entry(replace(message, key=key[1])) if message else None

    async def _look_up(self, key: Key) -> _Places:
        """Look up a key, in one query with all others of the same tick."""
        self._asked.append(key)
        if self._answer is None:
            self._answer = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._answer)

    async def _ask(self) -> _Places:
        await asyncio.sleep(0)
        asked, self._asked, self._answer = self._asked, [], None
        return await self._store.messages.posted(asked)

    # --- what the journal tells -------------------------------------------------------------------------------------

    def accepted(self, entry: Entry) -> None:
        """Remember the key of a new message."""
        if not entry.message.is_change:
            self._known[_key(entry)] = entry

    def saved(self, entries: Sequence[Entry]) -> None:
        """Keep recently saved keys; evict the oldest."""
        for entry in entries:
            if not entry.message.is_change:
                self._known.move_to_end(_key(entry))
        while len(self._known) > _REMEMBERED and next(iter(self._known.values())).saved.done():
            self._known.popitem(last=False)

    def lost(self, entries: Sequence[Entry]) -> None:
        """Forget lost messages: what comes under their keys is new."""
        for entry in entries:
            if not entry.message.is_change:
                self._known.pop(_key(entry), None)


def _key(entry: Entry) -> Key:
    return entry.message.author_id, entry.message.key
