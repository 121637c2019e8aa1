"""A throttle: at once when an action is rare, once per interval when it is not."""

from __future__ import annotations

import asyncio

from chatapp.system.throttle import Throttle

INTERVAL = 0.05


async def until(done) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.005)


async def test_the_first_request_is_served_at_once_and_those_within_the_interval_once_after_it() -> None:
    acts: list[float] = []
    now = asyncio.get_running_loop().time
    throttle = Throttle(INTERVAL, lambda: acts.append(now()))
    for _ in range(10):
        throttle()
    assert len(acts) == 1
    await until(lambda: len(acts) == 2)
    assert acts[1] - acts[0] >= INTERVAL * 0.99
    await asyncio.sleep(2 * INTERVAL)
    assert len(acts) == 2


async def test_a_request_after_a_quiet_interval_is_served_at_once() -> None:
    acts: list[str] = []
    throttle = Throttle(INTERVAL, acts.append)
    throttle("one")
    await asyncio.sleep(2 * INTERVAL)
    throttle("one")
    assert acts == ["one", "one"]


async def test_different_arguments_are_throttled_apart() -> None:
    acts: list[str] = []
    throttle = Throttle(INTERVAL, acts.append)
    throttle("one")
    throttle("two")
    throttle("one")
    assert acts == ["one", "two"]
    await until(lambda: acts == ["one", "two", "one"])
