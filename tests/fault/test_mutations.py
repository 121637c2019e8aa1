"""The judge goes red where it must, or its silence proves nothing."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from fault import strace
from fault.figures import amount
from fault.mutant import PENDING_DROPPED

NAIVE = (str(Path(__file__).with_name("naive.py")),)
KILLS = amount("NAIVE_CYCLES", 5)
RECONNECTS = amount("MUTANT_RECONNECTS", 100)


@strace.needed
@pytest.mark.timeout(180)
async def test_a_flow_that_says_saved_when_it_broadcasts_loses_messages(start, gather, figures):
    # Each sync takes as long as on a disk that turns, so that writing falls behind.
    server = await start(command=NAIVE, prefix=["strace", "-f", *strace.slow(strace.SYNC, 15)])
    people = await gather(server)
    async with people.chatting(rate=20):
        for _ in range(KILLS):
            await people.wait(lambda: people.live == len(people.pages))
            await asyncio.sleep(random.uniform(0.3, 1.0))
            await server.kill()
            await server.start()
    verdict = await people.verdict(patience=10)
    figures(kills=KILLS, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.lost, str(verdict)


@strace.needed
@pytest.mark.timeout(180)
async def test_a_catch_up_without_what_is_pending_leaves_gaps(start, gather, figures):
    server = await start(command=PENDING_DROPPED)
    people = await gather(server)
    done = 0
    async with people.chatting(rate=10), strace.attached(server.pid, *strace.slow(strace.SYNC, 15)):
        while done < RECONNECTS:
            page = random.choice(people.pages)
            await people.wait(lambda page=page: page.live)
            page.cut()
            done += 1
            await asyncio.sleep(random.uniform(0, 0.1))
    verdict = await people.verdict(patience=10)
    figures(reconnects=done, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.gap, str(verdict)
