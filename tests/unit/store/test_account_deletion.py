"""Account deletion: what every store promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatapp.model.conversations import Conversation
from chatapp.model.people import Deletion, User
from chatapp.model.refusals import Rejected
from chatapp.store import Store
from unit.store.talk import FIRST, TECH, Prepared, join, keyed, live, save, say, shown


async def begin(store: Store, user: User, *, removing: bool = False) -> bool:
    return await store.deletions.begin(
        user.id, password=f"hash of {user.username}", stamp=FIRST + 50, removing=removing
    )


async def test_a_deleted_account_is_locked_at_once_and_its_name_stays_taken(store: Store, an: User) -> None:
    await store.accounts.open_session("s1", an.id, "", "hash of An")
    assert await begin(store, an)
    assert await live(store, "s1") is None
    assert await store.accounts.password(an.id) is None
    assert await store.accounts.credentials("An", "an") is None
    assert await store.accounts.people() == []
    assert await store.accounts.deleted() == {an.id}
    left = await store.accounts.user(an.id)
    assert left is not None
    assert (left.left, left.username.startswith(" ")) == (True, True)
    with pytest.raises(Rejected):
        await join(store, "An")


async def test_an_account_is_not_deleted_once_its_password_has_changed(store: Store, an: User) -> None:
    assert await store.accounts.set_password(an.id, "another", before="hash of An")
    assert not await begin(store, an)
    assert await store.deletions.under_way() == []
    assert await store.accounts.people() == [an]


@pytest.mark.parametrize("removing", [False, True])
async def test_a_deletion_is_under_way_until_it_is_ended(store: Store, an: User, *, removing: bool) -> None:
    await begin(store, an, removing=removing)
    assert await store.deletions.under_way() == [Deletion(an.id, removing, FIRST + 50)]
    await store.deletions.end(an.id)
    assert await store.deletions.under_way() == []


@pytest.mark.parametrize("direct", [False, True])
async def test_a_name_comes_off_what_was_written_under_it_in_one_conversation(
    store: Store, an: User, binh: User, *, direct: bool
) -> None:
    talk = Conversation.direct(an.id, binh.id)
    here, elsewhere = (talk, TECH) if direct else (TECH, talk)
    await save(store, *(say(FIRST + n, (an, binh)[n % 2], (here, elsewhere)[n // 4]) for n in range(8)))
    await store.deletions.anonymise(here, an.id)
    assert [message.author for message in await shown(store, here)] == ["", "Bình"] * 2
    assert [message.author for message in await shown(store, elsewhere)] == ["An", "Bình"] * 2


@pytest.mark.parametrize("direct", [False, True])
async def test_only_removed_messages_are_erased_with_what_they_said_before_and_their_pictures(
    store: Store, an: User, binh: User, *, direct: bool
) -> None:
    where = Conversation.direct(an.id, binh.id) if direct else TECH
    picture = await store.pictures.add(an.id, where, Prepared())
    removed, kept = say(FIRST, an, where, pictures=(picture,)), say(FIRST + 1, an, where)
    await save(store, removed, kept)
    edited = replace(removed, rev=FIRST + 2, content="edited", edited_at=removed.created_at)
    await save(store, edited)
    await save(store, replace(edited, rev=FIRST + 3, removed=True))
    await store.deletions.erase(where, [FIRST, FIRST + 1])
    gone, there = await shown(store, where)
    assert (gone.content, gone.pictures, there.content) == ("", (), kept.content)
    assert await store.messages.versions(removed) == []
    assert await store.pictures.read(picture.id, thumbnail=False) is None


async def test_at_the_end_nothing_is_left_that_was_kept_for_the_person_alone(
    store: Store, an: User, binh: User
) -> None:
    talk = Conversation.direct(an.id, binh.id)
    message = say(FIRST, an, talk)
    await save(store, message)
    await store.marks.move([(an.id, TECH.key, FIRST)])
    await begin(store, an)
    await store.deletions.end(an.id)
    assert await keyed(store, an.id, message.key) is None
    assert (await store.marks.counts(an.id)).directs == []
    assert (await store.marks.counts(an.id)).reads[TECH.key] == 0
    assert [key for key, _ in (await store.marks.counts(binh.id)).directs] == [talk.key]
