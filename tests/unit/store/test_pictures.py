"""Pictures: what every store promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatapp.model.conversations import Conversation
from chatapp.model.people import User
from chatapp.model.pictures import Picture
from chatapp.store import Store
from chatapp.system import clock
from unit.store.talk import FIRST, TECH, Prepared, cannot_save, keyed, save, say, shown, unkeyed


async def test_a_picture_is_stored_in_two_sizes_for_its_conversation(store: Store, an: User) -> None:
    picture = await store.pictures.add(an.id, TECH, Prepared())
    assert picture == Picture(picture.id, "cat.png", 400, 300, 40, 30, "d1")
    for thumbnail, data in ((False, b"full"), (True, b"thumb")):
        stored = await store.pictures.read(picture.id, thumbnail=thumbnail)
        assert stored is not None
        assert (stored.conversation, stored.name, stored.mime, stored.data) == (TECH, "cat.png", "image/webp", data)
    assert await store.pictures.read(picture.id + "x", thumbnail=False) is None


async def test_ids_of_pictures_cannot_be_guessed(store: Store, an: User) -> None:
    ids = [(await store.pictures.add(an.id, TECH, Prepared())).id for _ in range(20)]
    assert len(set(ids)) == 20
    assert min(map(len, ids)) >= 22


@pytest.mark.parametrize("direct", [False, True])
async def test_pictures_are_shown_in_the_order_of_their_message(
    store: Store, an: User, binh: User, *, direct: bool
) -> None:
    where = Conversation.direct(an.id, binh.id) if direct else TECH
    pictures = [await store.pictures.add(an.id, where, Prepared(digest=str(n))) for n in range(5)]
    first = say(FIRST, an, where, pictures=(pictures[3], pictures[1]))
    second = say(FIRST + 1, an, where, pictures=(pictures[4], pictures[0], pictures[2]))
    await save(store, first, second)
    assert await shown(store, where) == unkeyed(first, second)
    assert await keyed(store, an.id, first.key) == first


async def test_only_old_pictures_without_a_message_are_swept(
    store: Store, an: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = clock.unix_time()
    old = await store.pictures.add(an.id, TECH, Prepared())
    kept = await store.pictures.add(an.id, TECH, Prepared())
    await save(store, say(FIRST, an, pictures=(kept,)))
    monkeypatch.setattr(clock, "unix_time", lambda: start + 2 * 3600)
    new = await store.pictures.add(an.id, TECH, Prepared())
    await store.pictures.sweep()
    found = [await store.pictures.read(picture.id, thumbnail=True) for picture in (old, kept, new)]
    assert [stored is not None for stored in found] == [False, True, True]


async def test_a_message_whose_picture_was_swept_is_not_saved(
    store: Store, an: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = await store.pictures.add(an.id, TECH, Prepared())
    monkeypatch.setattr(clock, "unix_time", lambda: 2**32)  # the clock jumps
    await store.pictures.sweep()
    await cannot_save(store, say(FIRST, an, pictures=(picture,)))
    assert await shown(store) == []


async def test_a_picture_cannot_be_taken_from_its_message_by_another(store: Store, an: User, binh: User) -> None:
    picture = await store.pictures.add(an.id, TECH, Prepared())
    first = say(FIRST, an, pictures=(picture,))
    await save(store, first)
    await cannot_save(store, say(FIRST + 1, binh, pictures=(picture,)))
    assert await shown(store) == unkeyed(first)


async def test_pictures_of_an_undone_message_can_be_shown_by_its_retry(store: Store, an: User) -> None:
    picture = await store.pictures.add(an.id, TECH, Prepared())
    doubtful = say(FIRST, an, pictures=(picture,))
    await save(store, doubtful)
    again = replace(doubtful, id=FIRST + 1, rev=FIRST + 1)
    await save(store, again, undo=[FIRST])
    assert await shown(store) == unkeyed(again)
