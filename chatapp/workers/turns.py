"""Fair turns at something scarce: whoever asks for much waits behind whoever asks for little."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

Hand = TypeVar("Hand")


class Full(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say that a line takes nobody more."""


class Turns(Generic[Hand]):
    """Lend hands to persons in turn, never two at a time to the same person.

    ``each`` turns of one person may be taken or waited for, ``most`` of all. None as a person is the server itself,
    which is bound by ``most`` alone.
    """

    def __init__(self, hands: list[Hand], each: int, most: int) -> None:
        self._free = hands[::-1]  # the one that was used last goes out first: it is warm
        self._each = each
        self._most = most
        self._lines: dict[Hashable, deque[asyncio.Future[Hand]]] = {}  # in the order of their next turn
        self._served: set[Hashable] = set()
        self._count: dict[Hashable, int] = {}

    @asynccontextmanager
    async def take(self, person: Hashable = None) -> AsyncIterator[Hand]:
        """Wait for a turn; hold a hand until the block ends. Raise Full when too many wait."""
        mine = self._count.get(person, 0)
        if sum(self._count.values()) >= self._most or (person is not None and mine >= self._each):
            raise Full
        self._count[person] = mine + 1
        turn: asyncio.Future[Hand] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(person, deque()).append(turn)
        self._lend()
        try:
            yield await turn
        finally:
            self._leave(person, turn)

    def _leave(self, person: Hashable, turn: asyncio.Future[Hand]) -> None:
        self._count[person] -= 1
        if not self._count[person]:
            del self._count[person]
        if turn.done() and not turn.cancelled():  # also when its owner was cancelled before they knew of their turn
            self._served.discard(person)
            self._free.append(turn.result())
            if person in self._lines:
                self._lines[person] = self._lines.pop(person)  # behind those who came meanwhile
        self._lend()

    def _lend(self) -> None:
        for person in list(self._lines):
            line = self._lines[person]
            while line and line[0].done():  # cancelled
                line.popleft()
            if not line:
                del self._lines[person]
            elif self._free and person not in self._served:
                self._served.add(person)
                line.popleft().set_result(self._free.pop())
