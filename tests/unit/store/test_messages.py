"""Messages, pages of them, and keys: what every store promises."""

from __future__ import annotations

import pytest

from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.store import Store
from unit.store.talk import FIRST, GAME, IDS, TECH, cannot_save, keyed, save, say, shown, unkeyed

PLACES = [1, *range(IDS[0] - 5, IDS[-1] + 10, 5), 2**53 - 1]


@pytest.mark.parametrize("direct", [False, True])
async def test_a_saved_message_is_read_as_it_was_written(store: Store, an: User, binh: User, *, direct: bool) -> None:
    where = Conversation.direct(an.id, binh.id) if direct else TECH
    content = "Chào <b>bạn</b>\n👋🏽 '; DROP TABLE messages;-- \u202e\x00"
    message = say(FIRST, an, where, content)
    await save(store, message)
    assert await shown(store, where) == unkeyed(message)
    assert await store.messages.message(where, FIRST) == unkeyed(message)[0]
    assert await keyed(store, an.id, message.key) == message
    assert await store.conversations.of_message(FIRST) == [where]


async def test_messages_stand_in_the_order_of_their_ids_in_their_own_conversations(
    store: Store, an: User, binh: User
) -> None:
    talk = Conversation.direct(an.id, binh.id)
    batch = [say(FIRST + n, (an, binh)[n % 2], (TECH, talk, GAME)[n % 3]) for n in range(12)]
    await save(store, *batch)
    for number, where in enumerate((TECH, talk, GAME)):
        assert await shown(store, where) == unkeyed(*batch[number::3])
    assert await shown(store, Conversation.direct(an.id, an.id)) == []
    assert await shown(store, Conversation("nowhere")) == []


async def test_a_message_is_not_found_in_another_conversation(store: Store, an: User, binh: User) -> None:
    talk = Conversation.direct(an.id, binh.id)
    await save(store, say(FIRST, an), say(FIRST + 1, an, talk))
    for where, number in ((GAME, FIRST), (talk, FIRST), (TECH, FIRST + 1), (Conversation.direct(1, 99), FIRST + 1)):
        assert await store.messages.message(where, number) is None
        assert await store.messages.around(where, number) is None
    assert await store.conversations.of_message(FIRST + 2) == []


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8])
async def test_a_page_before_an_id_says_exactly_whether_there_is_more_on_either_side(
    store: Store, seven: Conversation, limit: int
) -> None:
    for before in (None, *PLACES):
        page = await store.messages.page(seven, before=before, limit=limit)
        earlier = [number for number in IDS if before is None or number < before]
        assert [message.id for message in page.messages] == earlier[-limit:]
        assert page.older == (len(earlier) > limit)
        assert page.newer == (len(earlier) < len(IDS))


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8])
async def test_a_page_after_an_id_says_exactly_whether_there_is_more_on_either_side(
    store: Store, seven: Conversation, limit: int
) -> None:
    for after in (0, *PLACES):
        page = await store.messages.page(seven, after=after, limit=limit)
        later = [number for number in IDS if number > after]
        assert [message.id for message in page.messages] == later[:limit]
        assert page.newer == (len(later) > limit)
        assert page.older == (len(later) < len(IDS))


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
async def test_a_message_is_shown_among_those_around_it(store: Store, seven: Conversation, limit: int) -> None:
    for place, number in enumerate(IDS):
        page = await store.messages.around(seven, number, limit=limit)
        assert page is not None
        assert [message.id for message in page.messages] == IDS[max(0, place - limit) : place + limit + 1]
        assert page.older == (place > limit)
        assert page.newer == (place + limit + 1 < len(IDS))
    for number in PLACES:
        if number not in IDS:
            assert await store.messages.around(seven, number) is None


async def test_paging_back_and_forth_meets_every_message_once(store: Store, seven: Conversation) -> None:
    page = await store.messages.page(seven, limit=2)
    back = page.messages
    while page.older:
        page = await store.messages.page(seven, before=page.messages[0].id, limit=2)
        back = page.messages + back
    forth: list[Message] = []
    while page.newer:
        page = await store.messages.page(seven, after=forth[-1].id if forth else 0, limit=2)
        forth += page.messages
    assert [message.id for message in back] == [message.id for message in forth] == IDS


async def test_an_empty_conversation_has_nothing_on_either_side(store: Store, an: User) -> None:
    for where in ({}, {"before": 5}, {"after": 0}, {"after": 5}):
        page = await store.messages.page(TECH, **where)
        assert (page.messages, page.older, page.newer) == ([], False, False)


async def test_changes_after_a_cursor_include_new_and_changed_messages_in_id_order(store: Store, an: User) -> None:
    await save(store, *(say(FIRST + n, an) for n in range(4)), say(FIRST + 10, an, GAME))
    await save(store, say(FIRST, an, rev=FIRST + 50))

    async def changes(since: int, limit: int = 10) -> list[int]:
        return [message.id - FIRST for message in await store.messages.changes(TECH, since, limit)]

    assert await changes(0) == [0, 1, 2, 3]
    assert await changes(FIRST + 1) == [0, 2, 3]
    assert await changes(FIRST + 3) == [0]
    assert await changes(FIRST + 50) == []


async def test_more_changes_than_the_limit_show_as_one_more(store: Store, seven: Conversation) -> None:
    assert len(await store.messages.changes(seven, 0, 6)) == 7
    assert len(await store.messages.changes(seven, 0, 5)) == 6
    assert len(await store.messages.changes(seven, 0, 7)) == 7
    assert len(await store.messages.changes(seven, IDS[0], 6)) == 6


async def test_a_key_finds_the_message_of_its_author_only(store: Store, an: User, binh: User) -> None:
    talk = Conversation.direct(an.id, binh.id)
    mine, theirs, ours = say(FIRST, an, key="k" * 16), say(FIRST + 1, binh, key="k" * 16), say(FIRST + 2, an, talk)
    await save(store, mine, theirs, ours)
    assert await keyed(store, an.id, "k" * 16) == mine
    assert await keyed(store, binh.id, "k" * 16) == theirs
    assert await keyed(store, an.id, ours.key) == ours
    assert await keyed(store, binh.id, ours.key) is None


@pytest.mark.parametrize("first", ["room", "direct"])
async def test_an_author_cannot_use_a_key_twice_not_even_elsewhere(
    store: Store, an: User, binh: User, first: str
) -> None:
    places = [TECH, Conversation.direct(an.id, binh.id)]
    one, other = places if first == "room" else places[::-1]
    kept = say(FIRST, an, one)
    await save(store, kept)
    await cannot_save(store, say(FIRST + 1, binh, one), say(FIRST + 2, an, other, key=kept.key))
    assert await shown(store, one) == unkeyed(kept)
    assert await shown(store, other) == []
    assert await keyed(store, an.id, kept.key) == kept
