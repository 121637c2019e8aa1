"""Everybody comes back at one moment: the server was started anew."""

from __future__ import annotations

import re
import time

import pytest

from fault.figures import amount
from fault.people import People

RETURNING = amount("RETURNING", 150)
AWAY = RETURNING // 3  # who had lost the connection before, and missed what was said
TALKERS, SAID = 20, 5
READY = 10.0  # seconds, for everybody
SETTLED = 15.0  # seconds until what is said arrives as fast as ever
FAST = 0.5  # seconds; all the pages share one process, which takes most of it


def talkers(people: People, count: int = TALKERS) -> People:
    """Return some of the people, none of whom is away."""
    group = People(people.server)
    group.pages = people.pages[-count:]
    return group


async def leave_the_network(people: People, count: int) -> None:
    """Take the network from some, and wait until they notice."""
    for page in people.pages[:count]:
        page.network.clear()
        page.cut()
    await people.wait(lambda: not any(page.live for page in people.pages[:count]))


async def fast_again(people: People) -> float:
    """Let one person speak until everybody hears it fast. Return the seconds that took."""
    began = time.monotonic()
    while True:
        marks = [len(page.latencies) for page in people.pages]
        await talkers(people, 1).say()
        await people.wait(lambda: all(page.quiet for page in people.pages))
        news = [new for page, mark in zip(people.pages, marks, strict=True) for new in page.latencies[mark:]]
        if max(news) < FAST:
            return time.monotonic() - began


@pytest.mark.timeout(120 + RETURNING // 2)
async def test_everybody_is_back_soon_after_a_restart_and_lacks_nothing(start, gather, figures):
    server = await start()
    people = await gather(server, RETURNING)
    await leave_the_network(people, AWAY)
    await talkers(people).say(SAID)
    await people.wait(lambda: all(page.quiet for page in people.pages[AWAY:]))

    for page in people.pages:
        page.network.clear()
    assert (await server.stop())[0] == 0
    await people.wait(lambda: people.live == 0)
    await talkers(people).say()  # into their outboxes
    for page in people.pages:
        page.codes.clear()
    await server.start()
    for page in people.pages:
        page.network.set()
    ready = await people.wait(lambda: people.live == RETURNING)
    settled = await fast_again(people)

    verdict = await people.verdict()
    statuses = [int(status) for status in re.findall(r" status=(\d+)", server.log)]
    figures(returning=RETURNING, ready_after_s=ready, fast_again_after_s=settled)
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert ready <= READY
    assert settled <= SETTLED
    assert max(statuses) < 500
    assert not any(page.codes for page in people.pages), "everybody is let in at the first try"
