"""How much of what clients sent is kept until it can be dealt with: by person, by address, and in all.

Accounts cost nothing, so a bound by person alone would bound nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import NamedTuple

from chatapp.model.pictures import PICTURE_BYTES

# A picture as base64 in a text: the original program's client sends it so, and nothing else may be that large.
LARGE = PICTURE_BYTES * 4 // 3 + 1024
PERSON_BYTES = 16 * 2**20  # one such text, and what twenty tabs may have under way besides
ADDRESS_BYTES = 48 * 2**20  # three such texts: of a class behind one address the others wait their turn
ALL_BYTES = 128 * 2**20


class Bounds(NamedTuple):
    """How many bytes are kept at most."""

    person: int
    address: int
    all: int


SOCKETS = Bounds(PERSON_BYTES, ADDRESS_BYTES, ALL_BYTES)
# Strangers at one address count as one person: 256 of them may be in the middle of a form, and leave room for members.
FORMS = Bounds(4 * 2**20, 16 * 2**20, 64 * 2**20)
WAIT_SECONDS = 60.0  # for room; who waits longer comes back later


class Buffers:
    """Count the bytes that are kept of everybody. Not thread-safe."""

    def __init__(self, bounds: Bounds = SOCKETS) -> None:
        self._bounds = bounds
        self._kept: Counter[Hashable] = Counter()
        self._all = 0
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def total(self) -> int:
        """Return how many bytes are kept in all."""
        return self._all

    def keep(self, person: Hashable, address: str, more: int) -> bool:
        """Note that so many more bytes (or fewer) are kept. Tell whether that is still within the bounds."""
        self._all += more
        for key in (person, address):
            self._kept[key] += more
            if not self._kept[key]:
                del self._kept[key]
        if more < 0:
            for each in self._waiting:
                if not each.done():
                    each.set_result(None)
        return more <= 0 or self._fits(person, address, 0)

    async def room(self, person: Hashable, address: str, more: int) -> bool:
        """Wait until there is room for so many more bytes, and keep it. Return False when that took too long."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self._fits(person, address, more):
                    await self._change()
        except TimeoutError:
            return False
        return self.keep(person, address, more)

    async def _change(self) -> None:
        """Wait until less is kept."""
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(change)
        try:
            await change
        finally:
            self._waiting.discard(change)

    def _fits(self, person: Hashable, address: str, more: int) -> bool:
        kept, bounds = self._kept, self._bounds
        within = kept[person] + more <= bounds.person and kept[address] + more <= bounds.address
        return within and self._all + more <= bounds.all
