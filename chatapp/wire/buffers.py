"""Memory bounds for what clients have sent and the server has not handled yet: per person, per address, in total.

Accounts are free, so a bound per person alone would bound nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import NamedTuple

from chatapp.model.pictures import PICTURE_BYTES

# A picture as base64 in a text frame, as the original program's client sends it; nothing else may be that large.
LARGE = PICTURE_BYTES * 4 // 3 + 1024
PERSON_BYTES = 16 * 2**20  # one such text, plus what twenty tabs may be sending
ADDRESS_BYTES = 48 * 2**20  # three such texts: behind a shared address, the others wait for their turn
ALL_BYTES = 128 * 2**20


class Bounds(NamedTuple):
    """How many bytes may be buffered."""

    person: int
    address: int
    all: int


SOCKETS = Bounds(PERSON_BYTES, ADDRESS_BYTES, ALL_BYTES)
# Strangers at one address count as one person: 256 of them may be sending a form, which leaves space for members.
FORMS = Bounds(4 * 2**20, 16 * 2**20, 64 * 2**20)
WAIT_SECONDS = 60.0  # for memory; after that the client is told to come back later


class Buffers:
    """Count buffered bytes. Not thread-safe."""

    def __init__(self, bounds: Bounds = SOCKETS) -> None:
        self._bounds = bounds
        self._kept: Counter[Hashable] = Counter()
        self._all = 0
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def total(self) -> int:
        """Return the number of buffered bytes."""
        return self._all

    def count(self, person: Hashable, address: str, more: int) -> bool:
        """Count ``more`` buffered bytes, or released ones if negative. Tell whether that is within the bounds."""
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

    async def reserve(self, person: Hashable, address: str, more: int) -> bool:
        """Wait until ``more`` bytes are within the bounds, and count them. Return False when that takes too long."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self._fits(person, address, more):
                    await self._released()
        except TimeoutError:
            return False
        return self.count(person, address, more)

    async def _released(self) -> None:
        """Wait until some bytes are released."""
        released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(released)
        try:
            await released
        finally:
            self._waiting.discard(released)

    def _fits(self, person: Hashable, address: str, more: int) -> bool:
        kept, bounds = self._kept, self._bounds
        within = kept[person] + more <= bounds.person and kept[address] + more <= bounds.address
        return within and self._all + more <= bounds.all
