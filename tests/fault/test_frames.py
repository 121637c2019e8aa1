"""Frames that are wrong, one by one and by the thousand, while others chat."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from fault import fuzz
from fault.figures import amount
from fault.wire import Wire, upgraded
from rawsocket import BINARY, CLOSE, FIN, PING, RSV1, TEXT, masked

FRAMES = amount("FRAMES", 1000)
HOSTILE = 20  # people: each is shut out for a minute after as many bad frames
GIB = 2**30
WRONG = {
    "a reserved bit": (masked(FIN | RSV1 | TEXT, b"{}"), {1002}),
    "an opcode that does not exist": (masked(FIN | 0x3, b"{}"), {1002}),
    "a continuation of nothing": (masked(FIN | 0x0, b"{}"), {1002}),
    "a long ping": (masked(FIN | PING, b"x" * 126), {1002}),
    "a ping in pieces": (masked(PING, b"x"), {1002}),
    "a close code that must not be sent": (masked(FIN | CLOSE, (1005).to_bytes(2, "big")), {1002}),
    "half a close code": (masked(FIN | CLOSE, b"\x03"), {1002}),
    "not a frame": (b"GET / HTTP/1.1\r\n\r\n", {1002}),
    "text that is not UTF-8": (masked(FIN | TEXT, b"\xff\xfe"), {1007}),
    "too much text": (masked(FIN | TEXT, b"x" * 70_000), {1009}),
    "too much text in pieces of a byte": (masked(TEXT, b"x") + masked(0x0, b"x") * 70_000, {1009}),
    "the promise of a gigabyte": (masked(FIN | TEXT, b"x", claimed=GIB), {1009}),
    "the promise of more than there is": (masked(FIN | TEXT, b"x", claimed=2**63 - 1), {1009}),
    "bytes instead of text": (masked(FIN | BINARY, b"{}"), {1003}),
}


def throw(wire: Wire, texts: Iterator[str]) -> int:
    """Send frames, each when the one before was dealt with, until the server has had enough. Return its close code."""
    frames = wire.frames()
    try:
        for text in texts:
            wire.send(masked(FIN | TEXT, text.encode(errors="surrogatepass")) + masked(FIN | TEXT, b'{"type":"beat"}'))
            for opcode, payload in frames:
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big")
                if payload == b'{"type":"beat"}':
                    break
    except ConnectionError:
        return 1006
    return 1000


@pytest.mark.timeout(60 + FRAMES // 10)
async def test_hostile_frames_disturb_nobody(start, gather, figures):
    server = await start()
    people, hostile = await gather(server, 5), itertools.cycle((await gather(server, HOSTILE, "game")).pages)
    resident, codes = server.resident, Counter[int]()
    frames = itertools.islice(fuzz.frames(seed=20261122), FRAMES)
    async with people.chatting(rate=5):
        while 1000 not in codes:
            with upgraded(server, next(hostile), room="tech") as wire:
                codes[await asyncio.to_thread(throw, wire, frames)] += 1
        await people.wait(lambda: people.total("invoke") > 50)
    verdict = await people.verdict()
    figures(frames=FRAMES, connections=codes.total(), codes=dict(codes), memory_grown_mb=server.resident - resident)
    figures(p99_ms=people.latency(0.99), messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert set(codes) <= {1000, 1007, 1008, 1009}


@pytest.mark.parametrize("name", WRONG)
async def test_a_connection_that_breaks_the_protocol_is_closed_with_the_reason(start, gather, name):
    server = await start()
    people = await gather(server, 1)
    data, codes = WRONG[name]
    with upgraded(server, people.pages[0]) as wire:
        wire.send(data)
        assert await asyncio.to_thread(wire.close_code) in codes
    await people.say()
    assert (await people.verdict()).clean


@pytest.mark.parametrize("key", [r'"\ud800"', '"é"', '"' + "k" * 3000 + '"', "[1]", "1e400", "null"])
async def test_a_frame_with_an_impossible_key_is_refused_on_a_connection_that_stays(start, gather, key):
    server = await start()
    [page] = (await gather(server, 1)).pages
    text = f'{{"type":"message","content":"x","key":{key}}}'
    with upgraded(server, page, room="tech") as wire:
        assert await asyncio.to_thread(throw, wire, iter([text, text])) == 1000
