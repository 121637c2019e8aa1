"""The page that the faults are seen with: it must not be what hangs."""

from __future__ import annotations

import asyncio
import time

import pytest


@pytest.mark.parametrize("turns", range(4))
async def test_pages_close_in_whatever_moment_something_comes(start, gather, turns):
    people = await gather(await start(), 3)
    people.pages[0].write(f"x {time.monotonic()} 1")
    while not people.pages[0].outbox._flight:
        await asyncio.sleep(0)
    time.sleep(0.2)  # it comes to all of them in one turn of the loop
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await people.leave()
