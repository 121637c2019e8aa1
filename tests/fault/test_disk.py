"""The disk is full, fails, or is locked by somebody else while ten people write."""

from __future__ import annotations

import asyncio

import pytest

from fault import strace
from fault.disk import locked
from fault.figures import amount

LOCKED = amount("LOCKED_SECONDS", 10)
FULL = amount("FULL_SECONDS", 10)
HELD = amount("HELD_SECONDS", 2)
FAILING = amount("FAILING_SECONDS", 5)
ROUNDS = amount("FAILING_ROUNDS", 2)


async def saves_again(people) -> float:
    """Wait until something is saved that was not before. Return the seconds it took."""
    before = people.total("saved")
    return await people.wait(lambda: people.total("saved") > before, patience=20)


@pytest.mark.timeout(120 + LOCKED)
async def test_nothing_is_taken_back_while_another_program_holds_the_lock(start, gather, figures):
    server = await start()
    people = await gather(server)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 20)
        marks = [len(page.latencies) for page in people.pages]
        with locked(server.database):
            await asyncio.sleep(LOCKED)
            late = sorted(s for page, mark in zip(people.pages, marks, strict=True) for s in page.latencies[mark:])
        again = await saves_again(people)
    verdict = await people.verdict()
    p99 = 1000 * late[int(0.99 * len(late))]
    taken_back = people.total("removed")
    figures(locked_s=LOCKED, messages=verdict.messages, longest_unsaved_s=verdict.longest, saved_again_after_s=again)
    figures(live_p99_ms=p99, taken_back=taken_back, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert taken_back == 0
    assert again < 2


@pytest.mark.timeout(120 + 2 * HELD)
async def test_messages_that_wait_too_long_for_a_lock_are_taken_back_and_sent_again(start, gather, figures):
    server = await start(environment={"CHATAPP_HOLD_SECONDS": str(HELD)})
    people = await gather(server)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 20)
        with locked(server.database):
            await asyncio.sleep(1.5 * HELD)
        again = await saves_again(people)
    verdict = await people.verdict()
    taken_back = people.total("removed")
    figures(locked_s=1.5 * HELD, messages=verdict.messages, taken_back=taken_back, saved_again_after_s=again)
    figures(longest_unsaved_s=verdict.longest, verdict=verdict.counts)
    assert taken_back
    assert verdict.clean, str(verdict)


@pytest.mark.timeout(120 + FULL)
async def test_a_full_disk_takes_nothing_with_it(disk, start, gather, figures):
    server = await start(database=disk.folder / "chat.db")
    people = await gather(server)
    async with people.chatting(rate=5, size=500):
        await people.wait(lambda: people.total("saved") > 20)
        disk.fill()
        await asyncio.sleep(FULL)
        assert await people.pages[0].history(), "reading goes on while the disk is full"
        disk.free()
        again = await saves_again(people)
    verdict = await people.verdict()
    taken_back = people.total("removed") // len(people.pages)
    figures(full_s=FULL, messages=verdict.messages, taken_back=taken_back, saved_again_after_s=again)
    figures(verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert again < 5


@strace.needed
@pytest.mark.parametrize(("calls", "error"), [(strace.SYNC, "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO")])
async def test_a_disk_that_fails_takes_nothing_with_it(start, gather, figures, calls, error):
    server = await start()
    people = await gather(server)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 20)
        async with strace.attached(server.pid, *strace.failing(calls, error)):
            await asyncio.sleep(FAILING)
        again = await saves_again(people)
    verdict = await people.verdict()
    taken_back = people.total("removed") // len(people.pages)
    figures(failing_s=FAILING, messages=verdict.messages, taken_back=taken_back, saved_again_after_s=again)
    figures(verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert again < 5


@strace.needed
@pytest.mark.timeout(60 + 20 * ROUNDS)
async def test_a_disk_that_fails_until_the_server_is_killed_takes_nothing_with_it(start, gather, figures):
    server = await start()
    people = await gather(server)
    async with people.chatting(rate=5):
        for _ in range(ROUNDS):
            await saves_again(people)
            async with strace.attached(server.pid, *strace.failing(strace.SYNC, "EIO")):
                await people.wait(lambda: "cannot be written" in server.log)
                await people.reconnect(5)  # they learn what the server now thinks is settled
                await server.kill()
            await server.start()
    verdict = await people.verdict()
    figures(kills=ROUNDS, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
