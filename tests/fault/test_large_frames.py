"""The original program's client sends pictures in texts. Whatever else is as large, or never comes to its end."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from fault.flooder import LARGE
from fault.page import Page
from fault.server import Server
from fault.test_floods import LATE, SECONDS, SLOW, TRIES, flood, late, tries
from fault.wire import Wire, upgraded
from rawsocket import CLOSE, FIN, TEXT

SOCKETS = 19
GROWTH = 80.0  # MB by which the server may grow; 19 sockets with as many texts of 13 MB would be 247
KINDS = [f"{how} {what}" for how in ("half", "whole") for what in LARGE]


async def watched(server: Server, page: Page, kind: str) -> tuple[float, dict[str, Any]]:
    """Return the most memory the server held during a flood, in MB, and what the flood did."""
    flooding, most = asyncio.ensure_future(flood(server, page, kind, SOCKETS)), 0.0
    while not flooding.done():
        await asyncio.wait([flooding], timeout=0.02)
        most = max(most, server.resident)
    return most, await flooding


@pytest.mark.timeout(60 + TRIES * len(KINDS) * (SECONDS + 10))
async def test_large_texts_hold_little_memory_and_keep_nobody_waiting(start, gather, figures):
    server = await start()
    people = await gather(server, 5)
    usual, _ = await late(people, asyncio.sleep(SECONDS))
    waits, grown, ends = {}, {}, {}
    for kind in KINDS:
        async for page in tries(gather, server):
            before = server.resident
            waits[kind], (most, did) = await late(people, watched(server, page, kind))
            grown[kind], ends[kind] = max(most - before, grown.get(kind, 0.0)), did["ends"]
            figures(**{kind: f"p99 {waits[kind]:.0f} ms, grown {grown[kind]:.0f} MB, {did}"})
            if waits[kind] <= max(LATE, SLOW * usual):
                break
            usual = max(usual, (await late(people, asyncio.sleep(SECONDS)))[0])  # the machine has other work by now
    verdict = await people.verdict()
    figures(usual_p99_ms=usual, verdict=verdict.counts)
    assert {kind: wait for kind, wait in waits.items() if wait > max(LATE, SLOW * usual)} == {}
    assert {kind: size for kind, size in grown.items() if size > GROWTH} == {}
    assert set(ends["half digits"]) == set(ends["whole digits"]) == {"1009"}
    assert verdict.clean, str(verdict)


def large_png() -> bytes:
    out = BytesIO()
    Image.frombytes("RGB", (2000, 1000), os.urandom(6_000_000)).save(out, "PNG", compress_level=0)
    return out.getvalue()


def answered(wire: Wire) -> bytes:
    """Return the beginning of what is said about a frame."""
    for opcode, payload in wire.frames():
        if opcode == CLOSE or payload.startswith((b'{"type":"sent"', b'{"type":"refused"')):
            return payload[:14]
    return b""


async def test_a_picture_in_a_large_text_is_posted(start, gather):
    server = await start()
    [page] = (await gather(server, 1)).pages
    url = "data:image/png;base64," + base64.b64encode(await asyncio.to_thread(large_png)).decode()
    text = json.dumps({"type": "image", "content": url}).encode()
    assert len(text) > 7_000_000
    with upgraded(server, page, query="") as wire:
        await asyncio.to_thread(wire.send, bytes([FIN | TEXT, 0xFF]) + len(text).to_bytes(8, "big") + bytes(4) + text)
        assert await asyncio.to_thread(answered, wire) == b'{"type":"sent"'
