"""The process dies, is stopped or is frozen while ten people write."""

from __future__ import annotations

import asyncio
import random
import signal
import statistics

import pytest

from fault.figures import amount

KILLS = amount("CYCLES", 15)
STOPS = amount("STOPS", 5)
FROZEN = amount("FROZEN_SECONDS", 5)


@pytest.mark.timeout(60 + 5 * KILLS)
async def test_nothing_is_lost_when_the_server_is_killed_again_and_again(start, gather, figures):
    server = await start()
    people = await gather(server)
    starts = []
    async with people.chatting(rate=8):
        for cycle in range(KILLS):
            await people.wait(lambda: people.live > 2)
            await asyncio.sleep(random.uniform(0.1, 1.0))
            await server.kill()
            starts.append(await server.start())
            figures.progress(cycle + 1, KILLS, "kill")
    verdict = await people.verdict()
    figures(kills=KILLS, messages=verdict.messages, ready_median_s=statistics.median(starts), verdict=verdict.counts)
    assert verdict.clean, str(verdict)


async def test_the_server_ends_in_good_order_when_it_is_told_to_while_people_write(start, gather, figures):
    server = await start()
    people = await gather(server)
    ends = []
    async with people.chatting(rate=5):
        for _ in range(STOPS):
            await people.wait(lambda: people.live == len(people.pages))
            await asyncio.sleep(random.uniform(0.1, 0.4))
            for page in people.pages:
                page.codes.clear()
            status, seconds = await server.stop()
            ends.append(seconds)
            assert status == 0
            assert seconds < 5
            await server.start()
            assert [page.codes[:1] for page in people.pages] == [[1012]] * len(people.pages)
    verdict = await people.verdict()
    removed = people.total("removed")
    figures(stops=STOPS, messages=verdict.messages, slowest_end_s=max(ends), retracted=removed, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert removed == 0


@pytest.mark.timeout(120 + FROZEN)
async def test_people_go_on_when_a_frozen_server_thaws(start, gather, figures):
    server = await start()
    people = await gather(server)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("invoke") > 50)
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN)
        server.signal(signal.SIGCONT)
        seconds = await people.wait(lambda: people.live == len(people.pages), patience=45)
    verdict = await people.verdict()
    figures(frozen_s=FROZEN, back_after_s=seconds, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
