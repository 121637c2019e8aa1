"""One person sends as many cheap frames as fit through the line, from one socket and from fifteen; others chat."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fault.figures import amount
from fault.flooder import KINDS
from fault.page import Page
from fault.people import People
from fault.server import Server

SECONDS = amount("FLOOD_SECONDS", 2)
LATE = amount("FLOOD_LATE_MS", 300)  # 100 is the aim, and without any bound it is thousands
SLOW = 3.0  # times as late as without a flood: on a machine that has other things to do, where that is more
TRIES = 4
TESTS = Path(__file__).parents[1]


async def tries(gather: Any, server: Server) -> AsyncIterator[Page]:
    """Give a new person a few times: what else a machine does only ever adds to a delay, so the shortest counts."""
    for _ in range(TRIES):
        [page] = (await gather(server, 1, "game")).pages
        yield page


async def flood(server: Server, page: Page, kind: str, sockets: int) -> dict[str, Any]:
    """Let another process flood the server with the cookie of a person. Return what it did."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fault.flooder"),
        *(str(server.port), page.cookie, kind, str(sockets), str(SECONDS)),
        cwd=TESTS,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    assert process.returncode == 0
    return dict(json.loads(answer))


async def late(people: People, during: Any) -> tuple[float, Any]:
    """Let people chat while something happens. Return the 99th percentile of their delays, in ms, and what it gave."""
    marks = [len(page.latencies) for page in people.pages]
    async with people.chatting(rate=10):
        result = await during
    await people.calm()  # what is still on its way counts too
    delays = sorted(each for page, mark in zip(people.pages, marks, strict=True) for each in page.latencies[mark:])
    assert len(delays) > 100
    return 1000 * delays[int(0.99 * len(delays))], result


@pytest.mark.timeout(60 + 20 * len(KINDS) + TRIES * SECONDS * len(KINDS))
@pytest.mark.parametrize("sockets", [1, 15])
async def test_a_flood_of_cheap_frames_does_not_keep_others_waiting(start, gather, figures, sockets):
    server = await start(environment={"CHATAPP_SOCKETS_PER_PERSON": "20"})
    people = await gather(server, 5)
    usual, _ = await late(people, asyncio.sleep(SECONDS))
    resident, waits = server.resident, {}
    for kind in KINDS:
        async for page in tries(gather, server):
            waits[kind], did = await late(people, flood(server, page, kind, sockets))
            figures(**{kind: f"p99 {waits[kind]:.0f} ms, {did['bytes'] >> 10} KB taken, ends {did['ends']}"})
            if waits[kind] <= max(LATE, SLOW * usual):
                break
            usual = max(usual, (await late(people, asyncio.sleep(SECONDS)))[0])  # the machine has other work by now
    verdict = await people.verdict()
    figures(usual_p99_ms=usual, memory_grown_mb=server.resident - resident, verdict=verdict.counts)
    assert {kind: wait for kind, wait in waits.items() if wait > max(LATE, SLOW * usual)} == {}
    assert verdict.clean, str(verdict)
