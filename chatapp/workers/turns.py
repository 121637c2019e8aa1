"""Fair queue for scarce workers: round robin between people, so that heavy users wait behind light ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

Worker = TypeVar("Worker")


class Full(Exception):  # noqa: N818 - an answer to a person, not a bug
    """The queue is full."""


class Turns(Generic[Worker]):
    """Lend workers to people in turn, never two at a time to the same person.

    At most ``each`` requests of one person may run or wait, and ``most`` in total. The person None is the server
    itself, limited by ``most`` alone.
    """

    def __init__(self, workers: list[Worker], each: int, most: int) -> None:
        self._free = workers[::-1]  # last in, first out: the one used last is warm
        self._each = each
        self._most = most
        self._lines: dict[Hashable, deque[asyncio.Future[Worker]]] = {}  # in the order of their next turn
        self._served: set[Hashable] = set()
        self._count: dict[Hashable, int] = {}

    @asynccontextmanager
    async def take(self, person: Hashable = None) -> AsyncIterator[Worker]:
        """Wait for a turn; hold a worker until the block ends. Raise Full when too many wait."""
        mine = self._count.get(person, 0)
        if sum(self._count.values()) >= self._most or (person is not None and mine >= self._each):
            raise Full
        self._count[person] = mine + 1
        turn: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(person, deque()).append(turn)
        self._lend()
        try:
            yield await turn
        finally:
            self._leave(person, turn)

    def _leave(self, person: Hashable, turn: asyncio.Future[Worker]) -> None:
        self._count[person] -= 1
        if not self._count[person]:
            del self._count[person]
        if turn.done() and not turn.cancelled():  # also if its owner was cancelled before it woke up
            self._served.discard(person)
            self._free.append(turn.result())
            if person in self._lines:
                self._lines[person] = self._lines.pop(person)  # to the end of the queue
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
