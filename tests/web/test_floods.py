"""Who sends more than a person does is read more slowly; past all bounds they are told to go, and may come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import WSMsgType

from chatapp.chat import limits
from chatapp.chat.allowance import Allowance
from chatapp.system import clock
from chatapp.web import connection, keys
from chatapp.wire.buffers import LARGE, PERSON_BYTES, Buffers
from ear import Ear
from people import Person
from rawsocket import FIN, PING, TEXT, masked

OURS = "/ws?room=general&epoch=x"
BEAT = '{"type":"beat"}'


async def close_code(socket: Any) -> int | None:
    async with asyncio.timeout(10):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(person: Person, client: Any, url: str = OURS) -> AsyncIterator[tuple[Ear, Any]]:
    """Open a socket. Give what it hears and what the server keeps of it."""
    before = set(client.app[keys.sockets]._open)
    async with person.socket(url) as socket:
        ear = Ear(socket)
        await ear.control("ready")
        [kept] = set(client.app[keys.sockets]._open) - before
        yield ear, kept


def raw(ear: Ear, data: bytes) -> None:
    """Put bytes on the wire as they are."""
    ear.socket._response.connection.transport.write(data)


async def test_a_page_that_comes_back_with_a_full_outbox_in_every_tab_is_not_cut(start) -> None:
    client = await start(messages_per_second=2, message_burst=10, sockets_per_person=20)
    async with Person(client.server, "An") as an, AsyncExitStack() as stack:
        await an.register()
        tabs = [await stack.enter_async_context(opened(an, client)) for _ in range(20)]
        for number, (ear, _) in enumerate(tabs):
            await ear.say("join", room="tech", since=0, epoch="x")
            for place in range(3):
                await ear.say("message", content="x", key=f"key-{number:08}-{place:08}")
                await ear.say("read", id=1)
                await ear.say("typing")
        for ear, _ in tabs:
            async with asyncio.timeout(30):
                await ear.told()
            refused = [json.loads(frame) for frame in ear.ever if frame.startswith('{"type":"refused"')]
            assert {each["code"] for each in refused} <= {"rate_limited"}
            assert not ear.socket.closed


async def test_a_flood_is_read_more_slowly_and_nothing_of_it_is_lost(meet, client) -> None:
    client.app[keys.limits].acts = Allowance(1000, 10)
    an = await meet("An")
    async with opened(an, client) as (ear, kept):
        raw(ear, masked(FIN | TEXT, BEAT.encode()) * 500)
        await until(lambda: kept._paused)
        for _ in range(500):
            await ear.until(lambda frame: frame == BEAT)
            ear.heard.remove(BEAT)
        await until(lambda: not kept._paused)


async def test_fifteen_sockets_of_a_person_share_one_allowance_and_others_have_their_own(meet, client) -> None:
    client.app[keys.limits].acts = Allowance(0.001, 30)
    an, binh = await meet("An"), await meet("Bình")
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened(an, client)) for _ in range(15)]
        for ear, _ in sockets:
            for _ in range(4):
                await ear.say("beat")
        other, _ = await stack.enter_async_context(opened(binh, client))
        for _ in range(20):
            await other.told()
        await until(lambda: client.app[keys.limits].acts._accounts[1].level < -14)
        for ear, _ in sockets:
            with suppress(TimeoutError):
                await ear.until(lambda _: False, 0.01)
        assert sum(ear.heard.count(BEAT) for ear, _ in sockets) == 30
        client.app[keys.limits].acts = Allowance(1000, 1000)  # for the goodbyes


@pytest.mark.parametrize("frame", [masked(FIN | PING), masked(FIN | 0xA), masked(0x0)], ids=["ping", "pong", "piece"])
async def test_frames_that_ask_for_nothing_are_counted_too(meet, client, frame: bytes) -> None:
    client.app[keys.limits].frames = Allowance(0.001, 100)
    an = await meet("An")
    async with opened(an, client) as (ear, kept):
        raw(ear, masked(TEXT) * (frame == masked(0x0)) + frame * 500)
        await until(lambda: kept._paused)
        assert client.app[keys.limits].frames._accounts[1].level > -33  # no more than one go past what there is
        kept.transport.abort()  # or its goodbye would have to wait


async def test_who_floods_without_a_breath_is_closed_everywhere_and_may_come_back_after_one(
    meet, client, monkeypatch
) -> None:
    for module in (connection, limits):
        monkeypatch.setattr(module, "FLOOD_SECONDS", 0.2)
    client.app[keys.limits].acts = Allowance(100, 10)
    an, binh = await meet("An"), await meet("Bình")
    async with opened(an, client) as (ear, _), opened(an, client) as (tab, _), opened(binh, client) as (other, _):
        raw(ear, masked(FIN | TEXT, BEAT.encode()) * 1000)
        assert await close_code(ear.socket) == 1008
        assert await close_code(tab.socket) == 1008
        async with an.socket(OURS) as early:
            assert await close_code(early) == 1008
        await other.told()
        await until(lambda: not client.app[keys.limits].floods(1))
        async with opened(an, client) as (again, _):
            await again.told()


async def test_half_a_message_is_waited_for_and_not_for_ever(meet, client, monkeypatch) -> None:
    an = await meet("An")
    async with opened(an, client) as (ear, kept):
        raw(ear, masked(FIN | TEXT, b"{" * 1000)[:500])
        await until(lambda: kept._inbox.size)
        now = clock.monotonic()
        kept._heard = now + 29  # pings and pieces are signs of life
        kept.check_idle(now + 29, 20)
        assert not kept.closed
        kept._heard = now + 31
        kept.check_idle(now + 31, 20)
        assert await close_code(ear.socket) == 1008


async def test_a_message_that_comes_slowly_but_comes_is_taken(meet, client, monkeypatch) -> None:
    an = await meet("An")
    async with opened(an, client) as (ear, kept):
        text = json.dumps({"type": "message", "content": "x" * 4000, "key": "key-0000000000001"}).encode()
        frame = masked(FIN | TEXT, text.ljust(60_000))
        raw(ear, frame[:-1])
        await until(lambda: kept._inbox.size > 59_000)
        kept._heard = clock.monotonic() + 33
        kept.check_idle(kept._heard, 20)  # at sixteen kilobytes a second it may take 33.6 s
        raw(ear, frame[-1:])
        await ear.control("sent")


async def test_nothing_is_counted_as_kept_once_everybody_has_gone(meet, client) -> None:
    kept, an = client.app[keys.limits].buffers, await meet("An")
    async with AsyncExitStack() as stack:
        for _ in range(5):
            ear, _ = await stack.enter_async_context(opened(an, client))
            raw(ear, masked(FIN | TEXT, b"x" * 60_000)[:50_000])
        await until(lambda: kept.total > 240_000)
    await until(lambda: not client.app[keys.sockets]._open)
    assert (kept.total, dict(kept._kept)) == (0, {})


async def test_who_keeps_too_much_waiting_comes_back_later(meet, client) -> None:
    kept, an = client.app[keys.limits].buffers, await meet("An")
    kept.count(1, "elsewhere", PERSON_BYTES - 10_000)
    async with opened(an, client) as (ear, _):
        raw(ear, masked(FIN | TEXT, b"x" * 60_000)[:50_000])
        assert await close_code(ear.socket) == 1013
    await until(lambda: kept.total == PERSON_BYTES - 10_000)


PICTURE = b'{"type":"image","content":"data:image/png;base64,'


async def test_a_second_large_text_of_a_person_is_not_read_before_the_first_is_dealt_with(meet, client) -> None:
    kept, an = client.app[keys.limits].buffers, await meet("An")
    frame = masked(FIN | TEXT, PICTURE, claimed=LARGE) + b"A" * 100_000
    async with opened(an, client, "/ws") as (ear, first), opened(an, client, "/ws") as (other, second):
        raw(ear, frame)
        await until(lambda: first._reserved)
        raw(other, frame)
        await until(lambda: second._inbox.needs_memory)
        assert second._paused
        assert kept.total == LARGE + second._kept
        await ear.socket.close()
        await until(lambda: second._reserved)
    await until(lambda: not kept.total)


async def test_who_waits_too_long_for_room_comes_back_later(meet, client, monkeypatch) -> None:
    async def none(*_: Any) -> bool:
        return False

    monkeypatch.setattr(Buffers, "reserve", none)
    an = await meet("An")
    async with opened(an, client, "/ws") as (ear, _):
        raw(ear, masked(FIN | TEXT, PICTURE, claimed=LARGE) + b"A" * 10_000)
        assert await close_code(ear.socket) == 1013


@pytest.mark.parametrize(
    "start",
    [b'{"type":"beat","x":[' + b"1," * 600, b'{"type":"message","content":"' + b"x" * 1200, b" " * 1200],
    ids=["digits", "words", "blanks"],
)
async def test_a_large_text_that_is_no_picture_is_told_so_after_its_first_kilobyte(meet, client, start: bytes) -> None:
    an = await meet("An")
    async with opened(an, client, "/ws") as (ear, _):
        raw(ear, masked(FIN | TEXT, start, claimed=13 * 2**20))
        assert await close_code(ear.socket) == 1009


async def test_a_page_of_ours_sends_no_large_text_at_all(meet, client) -> None:
    an = await meet("An")
    async with opened(an, client) as (ear, _):
        raw(ear, masked(FIN | TEXT, PICTURE, claimed=2**20)[:10])
        assert await close_code(ear.socket) == 1009


async def test_a_large_text_in_pieces_may_be_a_picture_too(meet, client) -> None:
    an = await meet("An")
    async with opened(an, client, "/ws") as (ear, _):
        letters = b"A" * 200_000
        data = masked(TEXT, PICTURE + letters[:50_000]) + masked(FIN | PING)
        raw(ear, data + masked(0x0, letters[50_000:]) + masked(FIN | 0x0, b'"}'))
        refused = await ear.control("refused")
        assert refused["reason"]  # it was looked at, and it is no PNG
        await ear.told()


async def test_one_read_with_thousands_of_frames_lets_others_have_their_turn(meet, client) -> None:
    """The loop goes round at least once for every few frames."""
    client.app[keys.limits].acts = client.app[keys.limits].frames = Allowance(10**9, 10**9)
    an = await meet("An")
    async with opened(an, client) as (ear, kept):
        turns = []

        async def others() -> None:
            while True:
                turns.append(len(kept._inbox._waiting))
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        raw(ear, masked(FIN | TEXT, BEAT.encode()) * 5000)
        await ear.until(lambda frame: frame == BEAT)
        for _ in range(4999):
            ear.heard.remove(BEAT)
            await ear.until(lambda frame: frame == BEAT)
        task.cancel()
        assert max(turns) <= 32
        assert len(turns) >= 5000
