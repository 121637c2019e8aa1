"""Which messages were posted already: a retry under the same key is the same message, however late it comes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace

from chatapp.delivery.backlog import Entry
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.store import Store

_REMEMBERED = 10_000  # saved messages whose keys are known without asking the database

Key = tuple[int, str]  # the author's id, and what they posted under
_Places = dict[Key, tuple[Conversation, int]]


class Retries:
    """Know the keys of what was accepted lately, and look up all others."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[Key, Entry] = OrderedDict()
        self._asked: list[Key] = []
        self._answer: asyncio.Future[_Places] | None = None

    def remember(self, entry: Entry) -> None:
        """Know a message by its key from now on."""
        self._known[_key(entry)] = entry

    def saved(self, entry: Entry) -> None:
        """Remember a saved message for longer than those before it, and not all of them for ever."""
        self._known.move_to_end(_key(entry))
        while len(self._known) > _REMEMBERED and next(iter(self._known.values())).saved.done():
            self._known.popitem(last=False)

    def forget(self, entry: Entry) -> None:
        """Forget a message that was lost: what comes under its key is a new one."""
        self._known.pop(_key(entry), None)

    def known(self, author_id: int, key: str) -> Entry | None:
        """Return a message that was accepted lately."""
        return self._known.get((author_id, key))

    async def stored(self, author_id: int, key: str) -> Message | None:
        """Return a message of the database. Raise Busy or Unwritable."""
        place = (await self._look_up((author_id, key))).get((author_id, key))
        message = await self._store.messages.message(*place) if place else None
        return replace(message, key=key) if message else None

    async def _look_up(self, key: Key) -> _Places:
        """Ask for a key together with all that others ask for in the same tick: at a rush it is still one question."""
        self._asked.append(key)
        if self._answer is None:
            self._answer = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._answer)

    async def _ask(self) -> _Places:
        await asyncio.sleep(0)
        asked, self._asked, self._answer = self._asked, [], None
        return await self._store.messages.posted(asked)


def _key(entry: Entry) -> Key:
    return entry.message.author_id, entry.message.key
