"""Somebody guesses passwords as fast as a program can, under changing names and from made-up addresses."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from fault.address import Address
from fault.figures import amount
from fault.page import PASSWORD
from fault.server import Server

GUESSES = amount("GUESSES", 300)
PER_SECOND = 50
ALLOWED, WINDOW = 10, 180  # tries of an address in so many seconds: the defaults
HONEST = "127.0.0.2"
WAIT = 2.0  # seconds for somebody else to log in meanwhile
P99 = 1000.0  # milliseconds; 150 is the aim, and in the table is what was measured
GROWN = 60.0  # MB

Browser = Callable[[Server, str], Awaitable[aiohttp.ClientSession]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Open a browser at some address of this computer."""
    browsers: list[aiohttp.ClientSession] = []

    async def browser(server: Server, source: str) -> aiohttp.ClientSession:
        connector = Address(server, server.url).connector(source)
        jar = aiohttp.CookieJar(unsafe=True)
        headers = {"Origin": server.url}
        browsers.append(aiohttp.ClientSession(server.url, connector=connector, cookie_jar=jar, headers=headers))
        return browsers[-1]

    yield browser
    for one in browsers:
        await one.close()


async def log_in(browser: aiohttp.ClientSession, name: str, password: str, *, forwarded: str = "") -> int:
    """Try to log in. Return the status of the answer, 303 when it was right."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    form = {"username": name, "password": password}
    async with browser.post("/login", data=form, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer.status


@asynccontextmanager
async def guessing(browser: aiohttp.ClientSession, behind: str, figures) -> AsyncIterator[Counter[int]]:
    """Guess at a steady pace, whatever the answers. At the end of the block, wait for the rest of them."""
    statuses: Counter[int] = Counter()

    async def guess(number: int) -> None:
        forged = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        statuses[await log_in(browser, f"name{number}", secrets.token_hex(8), forwarded=forged + behind)] += 1
        figures.progress(statuses.total(), GUESSES, "guess")

    async def storm() -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(GUESSES):
                await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
                group.create_task(guess(number))

    task = asyncio.create_task(storm())
    try:
        yield statuses
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.timeout(60 + 2 * GUESSES // PER_SECOND)
@pytest.mark.parametrize(
    ("trusted", "behind"),
    [("", ""), ("127.0.0.1", ", 203.0.113.7")],
    ids=["who comes directly", "who comes through a trusted proxy"],
)
async def test_few_guesses_reach_the_passwords_and_nobody_else_notices(
    start, gather, browser, figures, trusted, behind
):
    environment = {
        "CHATAPP_PASSWORD_COST": "owasp",
        "CHATAPP_ADDRESS_TRIES": str(ALLOWED),
        "CHATAPP_LOGIN_TRIES": "5",
        "CHATAPP_TRUSTED_PROXY": trusted,
    }
    server = await start(environment=environment)
    people = await gather(server)
    stranger, honest = await browser(server, "127.0.0.1"), await browser(server, HONEST)
    resident, began, honest_waits = server.resident, time.monotonic(), []
    async with people.chatting(rate=3), guessing(stranger, behind, figures) as statuses:
        for share in (0.3, 0.6):
            await people.wait(lambda share=share: statuses.total() >= share * GUESSES, patience=GUESSES)
            asked = time.monotonic()
            assert await log_in(honest, people.pages[0].name, PASSWORD) == 303
            honest_waits.append(time.monotonic() - asked)
    seconds, grown = time.monotonic() - began, server.resident - resident
    failed, held_off = (server.log.count(f"chatapp.accounts: log-in {what}") for what in ("failed", "held off"))
    verdict = await people.verdict()
    figures(guesses=GUESSES, a_second=GUESSES / seconds, reached_the_passwords=failed, held_off=held_off)
    figures(honest_log_in_s=max(honest_waits), p99_ms=people.latency(0.99), memory_grown_mb=grown)
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert failed <= ALLOWED * math.ceil(seconds / WINDOW)
    assert statuses == Counter({422: failed, 429: GUESSES - failed})
    assert held_off == GUESSES - failed
    assert max(honest_waits) <= WAIT
    assert people.latency(0.99) <= P99
    assert grown <= GROWN
