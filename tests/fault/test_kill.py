"""The process dies, is stopped or is frozen while ten people write."""

from __future__ import annotations

import asyncio
import random
import signal
import statistics

import pytest

from fault.conftest import amount

KILLS = amount("CYCLES", 30)
STOPS = amount("STOPS", 10)
FROZEN = amount("FROZEN_SECONDS", 5)


@pytest.mark.timeout(60 + 5 * KILLS)
async def test_nothing_is_lost_when_the_server_is_killed_again_and_again(start, gather, figures):
    server = await start()
    people = await gather(server)
    starts = []
    async with people.chatting(rate=8):
        for cycle in range(KILLS):
            await people.wait(lambda: sum(page.screen.phase == "live" for page in people.pages) > 5)
            await asyncio.sleep(random.uniform(0.3, 1.0))
            await server.kill()
            starts.append(await server.start())
            figures.progress(cycle + 1, KILLS, "kill")
    verdict = await people.verdict()
    figures(kills=KILLS, messages=verdict.messages, ready_median_s=statistics.median(starts), verdict=verdict.counts)
    assert verdict.clean, str(verdict)
