"""A new store, and one that is opened again: what every store promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chatapp.store import Store
from unit.store.talk import FIRST, TECH, Prepared, join, keyed, live, save, say, shown, unkeyed


async def test_a_new_store_has_three_rooms_and_secrets_of_its_own(store: Store) -> None:
    assert [(room.id, room.name) for room in await store.conversations.all_rooms()] == [
        ("general", None),
        ("tech", None),
        ("game", None),
    ]
    facts = await store.meta.facts()
    assert (facts.watermark, facts.ceiling) == (0, 0)
    assert [len(key) for key in facts.cookie_keys] == [44]
    assert facts.epoch


async def test_everything_is_still_there_after_a_restart(opener: Callable[[], Awaitable[Store]]) -> None:
    store = await opener()
    an = await join(store, "An")
    await store.accounts.open_session("s1", an.id, "", "hash of An")
    picture = await store.pictures.add(an.id, TECH, Prepared())
    message = say(FIRST, an, pictures=(picture,))
    await save(store, message)
    await store.marks.move([(an.id, "tech", FIRST)])
    facts = await store.meta.facts()
    await store.close()
    store = await opener()
    try:
        assert await store.meta.facts() == facts
        assert await live(store, "s1") == an
        assert await shown(store) == unkeyed(message)
        assert await keyed(store, an.id, message.key) == message
        assert await store.pictures.read(picture.id, thumbnail=False) is not None
        assert (await store.marks.counts(an.id)).reads[TECH.key] == FIRST
    finally:
        await store.close()


async def test_a_healthy_store_passes_the_probe(store: Store) -> None:
    await store.probe()
    await store.probe()
