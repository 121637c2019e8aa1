"""Conversations: what every store promises."""

from __future__ import annotations

from chatapp.model.conversations import Conversation
from chatapp.model.people import User
from chatapp.store import Store
from unit.store.talk import FIRST, GAME, TECH, cannot_save, join, save, say


async def test_a_person_may_have_written_in_every_room_and_in_the_direct_conversations_they_are_in(
    store: Store, an: User, binh: User
) -> None:
    chi = await join(store, "Chi")
    rooms = [Conversation(room.id) for room in await store.conversations.all_rooms()]
    talk = Conversation.direct(an.id, binh.id)
    assert await store.conversations.of_user(an.id) == rooms
    await save(store, say(FIRST, an, talk))
    for user in (an, binh):
        [*first, last] = await store.conversations.of_user(user.id)
        assert (first, last, last.members) == (rooms, talk, (an.id, binh.id))
    assert await store.conversations.of_user(chi.id) == rooms


async def test_a_direct_conversation_begins_with_its_first_message_and_not_before_it_is_saved(
    store: Store, an: User, binh: User
) -> None:
    talk = Conversation.direct(an.id, binh.id)
    await save(store, say(FIRST, an))
    await cannot_save(store, say(FIRST + 1, an, talk), say(FIRST, an))
    assert talk not in await store.conversations.of_user(an.id)
    await save(store, say(FIRST + 1, an, talk), say(FIRST + 2, binh, talk), say(FIRST + 3, an, talk))
    assert (await store.conversations.of_user(binh.id)).count(talk) == 1


async def test_a_message_id_leads_to_its_conversation(store: Store, an: User, binh: User) -> None:
    talk, own = Conversation.direct(an.id, binh.id), Conversation.direct(an.id, an.id)
    for number, where in enumerate((TECH, talk, GAME, own), FIRST):
        await save(store, say(number, an, where))
        assert await store.conversations.of_message(number) == [where]
    for unused in (0, -1, FIRST + 9, 2**80):
        assert await store.conversations.of_message(unused) == []
