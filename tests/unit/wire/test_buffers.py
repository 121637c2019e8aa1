"""What is kept of clients is bounded by person, by address, and in all; for a large text one waits."""

from __future__ import annotations

import asyncio

import pytest

from chatapp.wire import buffers
from chatapp.wire.buffers import ADDRESS_BYTES, ALL_BYTES, LARGE, PERSON_BYTES, Buffers


def test_a_person_an_address_and_all_together_have_their_bounds() -> None:
    kept = Buffers()
    assert kept.count(1, "a", PERSON_BYTES)
    assert not kept.count(1, "b", 1)
    kept.count(1, "b", -1)
    people = 2
    while kept.count(people, "a", PERSON_BYTES):
        people += 1
    assert people == ADDRESS_BYTES // PERSON_BYTES + 1
    kept.count(people, "a", -PERSON_BYTES)
    while kept.count(people, str(people), PERSON_BYTES):
        people += 1
    assert kept.total == ALL_BYTES + PERSON_BYTES


def test_who_gives_everything_back_leaves_nothing_behind() -> None:
    kept = Buffers()
    for number in range(100):
        kept.count(number, f"{number}", 1000)
        kept.count(number, f"{number}", -1000)
    assert (kept.total, len(kept._kept)) == (0, 0)


async def test_a_second_large_text_of_a_person_waits_for_the_first_and_nobody_else_does() -> None:
    kept = Buffers()
    assert await kept.reserve(1, "a", LARGE)
    second = asyncio.ensure_future(kept.reserve(1, "a", LARGE))
    assert await kept.reserve(2, "a", LARGE)
    await asyncio.sleep(0)
    assert not second.done()
    kept.count(2, "a", -LARGE)
    await asyncio.sleep(0)
    assert not second.done()
    kept.count(1, "a", -LARGE)
    assert await second
    assert kept.total == LARGE


async def test_who_waits_too_long_is_told_and_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "WAIT_SECONDS", 0.01)
    kept = Buffers()
    assert await kept.reserve(1, "a", LARGE)
    assert not await kept.reserve(1, "a", LARGE)
    assert kept.total == LARGE


def test_the_half_sent_frames_of_all_tabs_of_a_person_fit_beside_a_picture() -> None:
    assert LARGE + 20 * 64 * 1024 < PERSON_BYTES
