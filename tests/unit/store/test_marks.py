"""Read marks and counts: what every store promises."""

from __future__ import annotations

import asyncio

from chatapp.model.conversations import Conversation
from chatapp.model.marks import COUNT_LIMIT
from chatapp.model.people import User
from chatapp.store import Store
from unit.store.talk import FIRST, GAME, TECH, join, save, say


async def test_a_read_mark_only_moves_forward(store: Store, an: User, binh: User) -> None:
    assert (await store.marks.counts(an.id)).reads[TECH.key] == 0
    for mark in (5, 9, 7):
        await store.marks.move([(an.id, "tech", mark), (an.id, "game", 1)])
    assert (await store.marks.counts(an.id)).reads[TECH.key] == 9
    assert (await store.marks.counts(binh.id)).reads[TECH.key] == 0


async def test_marks_are_taken_when_they_are_given(store: Store, an: User) -> None:
    marks = {"tech": 5}
    moving = asyncio.create_task(store.marks.move((an.id, key, mark) for key, mark in marks.items()))
    await asyncio.sleep(0)
    await moving
    assert (await store.marks.counts(an.id)).reads[TECH.key] == 5


async def test_counts_are_of_what_others_wrote_after_the_mark(store: Store, an: User, binh: User) -> None:
    talk = Conversation.direct(an.id, binh.id)
    await save(store, *(say(FIRST + n, (an, binh)[n % 2], (TECH, talk)[n // 4]) for n in range(8)))
    await store.marks.move([(an.id, "tech", FIRST + 1)])
    counts = await store.marks.counts(an.id)
    assert counts.unread == {"general": 0, "tech": 1, "game": 0, talk.key: 2}
    assert counts.reads == {"general": 0, "tech": FIRST + 1, "game": 0, talk.key: 0}
    assert counts.watermark == FIRST + 7
    assert (await store.marks.counts(binh.id)).unread == {"general": 0, "tech": 2, "game": 0, talk.key: 2}


async def test_nobody_counts_conversations_of_others(store: Store, an: User, binh: User) -> None:
    talk = Conversation.direct(an.id, binh.id)
    await save(store, say(FIRST, an, talk))
    chi = await join(store, "Chi")
    assert talk.key not in (await store.marks.counts(chi.id)).unread
    assert (await store.marks.counts(chi.id)).directs == []


async def test_who_joins_later_has_read_what_was_said_before(store: Store, an: User) -> None:
    await save(store, say(FIRST, an), say(FIRST + 1, an, GAME))
    chi = await join(store, "Chi", read_up_to=FIRST + 1)
    await save(store, say(FIRST + 2, an, GAME))
    assert (await store.marks.counts(chi.id)).unread == {"general": 0, "tech": 0, "game": 1}


async def test_counts_are_exact_up_to_their_limit(store: Store, an: User, binh: User) -> None:
    await save(store, *(say(FIRST + n, an) for n in range(COUNT_LIMIT - 1)))
    assert (await store.marks.counts(binh.id)).unread["tech"] == 999
    await save(store, *(say(5_000 + n, an) for n in range(5)))
    assert (await store.marks.counts(binh.id)).unread["tech"] == COUNT_LIMIT


async def test_direct_conversations_are_listed_by_their_latest_message(store: Store, an: User, binh: User) -> None:
    chi = await join(store, "Chi")
    one, other, own = (Conversation.direct(an.id, user.id) for user in (binh, chi, an))
    await save(store, say(FIRST, an, one), say(FIRST + 1, chi, other), say(FIRST + 2, an, own))
    await save(store, say(FIRST + 3, binh, one))
    assert (await store.marks.counts(an.id)).directs == [(one.key, binh), (own.key, an), (other.key, chi)]
    assert (await store.marks.counts(binh.id)).directs == [(one.key, an)]


async def test_counts_tell_where_a_person_was_last(store: Store, an: User, binh: User) -> None:
    assert (await store.marks.counts(an.id)).last is None
    await store.accounts.set_last_conversation(an.id, "tech")
    assert (await store.marks.counts(an.id)).last == "tech"
    assert (await store.marks.counts(binh.id)).last is None
