"""Connections that break, and readers that do not read."""

from __future__ import annotations

import asyncio
import random
from contextlib import ExitStack

import pytest

from fault import strace
from fault.figures import amount
from fault.wire import upgraded

CUTS = amount("CUTS", 200)
PAGES = 10
MISSED = 1000  # twice what a page catches up with
READERS, STALLED = 30, 10
BASELINE = amount("BASELINE_SECONDS", 4)


async def cut(people, count: int, figures) -> None:
    """Reset connections, those included that are catching up, one after the other."""
    done = 0
    while done < count:
        for page in random.sample(people.pages, PAGES // 2):
            if page.screen.phase in {"catching", "live"}:
                page.cut()
                done += 1
        figures.progress(min(done, count), count, "cut")
        await asyncio.sleep(random.uniform(0.05, 0.3))


@pytest.mark.timeout(60 + CUTS)
async def test_nothing_is_lost_when_connections_are_reset(start, gather, figures):
    server = await start()
    people = await gather(server, PAGES)
    descriptors, resident = server.descriptors, server.resident
    async with people.chatting(rate=5):
        await cut(people, CUTS, figures)
    verdict = await people.verdict()
    await people.wait(lambda: server.descriptors <= descriptors + 2, patience=35)
    grown = server.resident - resident
    figures(resets=CUTS, messages=verdict.messages, memory_grown_mb=grown, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert grown < 25


@strace.needed
@pytest.mark.timeout(60 + CUTS)
async def test_nothing_is_lost_when_connections_are_reset_while_the_disk_is_slow(start, gather, figures):
    server = await start()
    people = await gather(server, PAGES)
    async with people.chatting(rate=10), strace.attached(server.pid, *strace.slow(strace.SYNC, 15)):
        await cut(people, CUTS // 3, figures)
    verdict = await people.verdict()
    figures(resets=CUTS // 3, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)


async def test_a_page_that_missed_too_much_takes_its_list_anew_and_lacks_nothing(start, gather, figures):
    server = await start()
    people = await gather(server, 5)
    away = people.pages[0]
    away.network.clear()
    away.cut()
    await people.wait(lambda: not away.live)
    await people.say(MISSED // len(people.pages))
    await people.wait(lambda: all(page.quiet for page in people.pages[1:]))
    away.network.set()
    verdict = await people.verdict()
    figures(missed=MISSED, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert away.log.counts["fetched"] == 2


@pytest.mark.timeout(180)
async def test_readers_who_do_not_read_are_cut_and_hold_nobody_up(start, gather, figures):
    server = await start()
    people = await gather(server, READERS)
    async with people.chatting(rate=150 / READERS, size=4000):
        await asyncio.sleep(BASELINE)
        usual, marks = people.latency(0.99), [len(page.latencies) for page in people.pages]
        descriptors, resident = server.descriptors, server.resident
        with ExitStack() as stack:
            for page in people.pages[:STALLED]:
                await asyncio.to_thread(stack.enter_context, upgraded(server, page, window=4096))
            seconds = await people.wait(lambda: server.descriptors <= descriptors, patience=90)
            grown = server.resident - resident
            late = people.latency(0.99, since=min(marks))
    verdict = await people.verdict()
    figures(readers=READERS, stalled=STALLED, p99_before_ms=usual, p99_ms=late, cut_after_s=seconds)
    figures(memory_grown_mb=grown, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert not any(page.codes for page in people.pages)
