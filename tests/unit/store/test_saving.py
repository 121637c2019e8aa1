"""Batches that are saved whole or not at all, whatever happens to their callers: what every store promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from chatapp.model.conversations import Conversation
from chatapp.model.people import User
from chatapp.store import Store, Unwritable
from unit.store.talk import FIRST, GAME, TECH, Prepared, cannot_save, join, keyed, save, say, shown, unkeyed


async def test_of_a_batch_with_a_bad_row_nothing_is_saved(store: Store, an: User, binh: User) -> None:
    talk = Conversation.direct(an.id, binh.id)
    await save(store, say(FIRST, an))
    facts = await store.meta.facts()
    for bad in (say(FIRST, an, content="other"), say(FIRST + 9, an, content="half \ud800")):
        batch = [say(FIRST + 1, an), say(FIRST + 2, binh, talk), bad]
        await cannot_save(store, *batch)
    assert await shown(store) == unkeyed(say(FIRST, an))
    assert await shown(store, talk) == []
    assert (await store.marks.counts(an.id)).directs == []
    assert await keyed(store, an.id, say(FIRST + 1, an).key) is None
    assert await store.meta.facts() == facts


async def test_what_has_to_be_undone_is_gone_before_the_batch_is_written(store: Store, an: User, binh: User) -> None:
    talk = Conversation.direct(an.id, binh.id)
    doubtful = [say(FIRST, an), say(FIRST + 1, binh, talk), say(FIRST + 2, an, GAME)]
    await save(store, *doubtful)
    again = [replace(message, id=message.id + 10, rev=message.id + 10) for message in doubtful]
    await save(store, *again[:2], undo=[message.id for message in doubtful])
    assert await shown(store) == unkeyed(again[0])
    assert await shown(store, talk) == unkeyed(again[1])
    assert await shown(store, GAME) == []
    assert await keyed(store, an.id, doubtful[0].key) == again[0]
    assert await keyed(store, an.id, doubtful[2].key) is None


async def test_undoing_what_never_came_to_be_does_nothing(store: Store, an: User) -> None:
    await save(store, say(FIRST, an), undo=[FIRST - 1, FIRST + 1])
    await save(store, undo=[FIRST + 5])
    assert await shown(store) == unkeyed(say(FIRST, an))


async def test_watermark_and_ceiling_never_go_back(store: Store, an: User) -> None:
    await store.messages.save([say(FIRST, an)], watermark=FIRST, ceiling=5_000)
    await store.messages.save([say(FIRST + 1, an)], watermark=7, ceiling=9)
    await store.meta.reserve(4_000)
    facts = await store.meta.facts()
    assert (facts.watermark, facts.ceiling) == (FIRST, 5_000)
    assert (await store.messages.page(GAME)).watermark == FIRST
    await store.meta.reserve(6_000)
    assert (await store.meta.facts()).ceiling == 6_000


async def test_a_page_never_misses_a_message_below_its_watermark(store: Store, an: User) -> None:
    async def write() -> None:
        for number in range(FIRST, FIRST + 60):
            await save(store, say(number, an))

    writing = asyncio.create_task(write())
    while not writing.done():
        page = await store.messages.page(TECH, limit=100)
        assert [message.id for message in page.messages] == list(range(FIRST, page.watermark + 1))
    await writing


@pytest.mark.parametrize("ticks", [*range(12), 20, 40])
async def test_a_caller_that_goes_away_leaves_the_store_usable(store: Store, an: User, ticks: int) -> None:
    picture = await store.pictures.add(an.id, TECH, Prepared())
    for number in range(FIRST, FIRST + 30, 3):
        calls = [
            save(store, say(number, an), say(number + 1, an, GAME)),
            store.messages.page(TECH),
            store.marks.counts(an.id),
            store.accounts.set_theme(an.id, "dark"),
            store.pictures.read(picture.id, thumbnail=True),
        ]
        tasks = [asyncio.create_task(call) for call in calls]
        for _ in range(ticks):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        kept = say(number + 2, an)
        await save(store, kept)
        assert (await shown(store))[-1] == unkeyed(kept)[0]
    rooms = [{message.id for message in await shown(store, where)} for where in (TECH, GAME)]
    for number in range(FIRST, FIRST + 30, 3):
        assert (number in rooms[0]) == (number + 1 in rooms[1]), "a batch is saved whole or not at all"


async def test_closing_waits_for_what_is_under_way_and_refuses_what_comes_after(
    opener: Callable[[], Awaitable[Store]],
) -> None:
    store = await opener()
    an = await join(store, "An")
    saving = [asyncio.create_task(save(store, say(FIRST + n, an))) for n in range(3)]
    reading = asyncio.create_task(store.messages.page(TECH))
    await asyncio.sleep(0)
    await store.close()
    results = await asyncio.gather(*saving, return_exceptions=True)
    await reading
    with pytest.raises(Unwritable):
        await store.probe()
    store = await opener()
    try:
        saved = [FIRST + n for n, result in enumerate(results) if result is None]
        assert [message.id for message in await shown(store)] == saved
    finally:
        await store.close()
