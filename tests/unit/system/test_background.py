"""Background tasks."""

from __future__ import annotations

import asyncio
import gc

from chatapp.system.background import Background


async def test_a_task_that_nobody_waits_for_is_done_even_if_garbage_is_collected_meanwhile() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
        done.set()

    background = Background()
    background.run(work())
    async with asyncio.timeout(10):
        await done.wait()
