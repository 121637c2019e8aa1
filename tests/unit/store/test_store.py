"""What the store promises to the rest of the house, whatever keeps it: a contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chatapp.model import names
from chatapp.model.conversations import Conversation
from chatapp.model.marks import COUNT_LIMIT
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.model.pictures import Picture
from chatapp.model.refusals import Rejected
from chatapp.store import Busy, Store, Unwritable
from chatapp.system import clock

TECH, GAME = Conversation("tech"), Conversation("game")
TIME = "2026-11-22T10:00:00.000Z"
DAY = 86_400
FIRST = 1_000  # the first message id of these tests


@dataclass(frozen=True)
class Prepared:
    """A picture as it comes from the workshop."""

    name: str = "cat.png"
    mime: str = "image/webp"
    data: bytes = b"full"
    width: int = 400
    height: int = 300
    thumb_mime: str = "image/webp"
    thumb: bytes = b"thumb"
    thumb_width: int = 40
    thumb_height: int = 30
    digest: str = "d1"


async def no_pictures(data: bytes, name: str) -> Prepared:
    raise AssertionError("a new store has no pictures to convert")


@pytest.fixture
def opener(tmp_path: Path) -> Callable[[], Awaitable[Store]]:
    """Open the store of this test, also a second time after it was closed."""
    return lambda: Store.open(tmp_path / "chat.db", no_pictures)


@pytest.fixture
async def store(opener: Callable[[], Awaitable[Store]]) -> AsyncIterator[Store]:
    """An empty store."""
    store = await opener()
    yield store
    await store.close()


async def join(store: Store, name: str, **options: int) -> User:
    return await store.accounts.create(name, names.key(name), "hash of " + name, **options)


@pytest.fixture
async def an(store: Store) -> User:
    return await join(store, "An")


@pytest.fixture
async def binh(store: Store) -> User:
    return await join(store, "Bình")


def say(
    number: int,
    author: User,
    where: Conversation = TECH,
    content: str = "",
    **more: Any,
) -> Message:
    """Return a message whose id, key and words follow from a number."""
    content = content or f"message {number}"
    message = Message(number, number, where, author.id, author.username, content, TIME, f"key-{number:012d}")
    return replace(message, **more)


async def save(store: Store, *batch: Message, undo: Sequence[int] = ()) -> None:
    newest = max([message.rev for message in batch], default=0)
    back = [(message_id, None) for message_id in undo]
    await store.messages.save(batch, watermark=newest, ceiling=newest + 1_000, undo=back)


async def cannot_save(store: Store, *batch: Message) -> None:
    """Try to save what can never be saved: the fault is in the rows, so trying again would not help."""
    try:
        await save(store, *batch)
    except (Busy, Unwritable):
        raise
    except Exception:
        return
    pytest.fail("this was saved")


async def keyed(store: Store, author_id: int, key: str) -> Message | None:
    found = await store.messages.posted([(author_id, key)])
    message = await store.messages.message(*found[author_id, key]) if found else None
    return replace(message, key=key) if message else None


def unkeyed(*messages: Message) -> list[Message]:
    """Return messages as pages show them: a key is its author's business."""
    return [replace(message, key="") for message in messages]


async def shown(store: Store, where: Conversation = TECH) -> list[Message]:
    return (await store.messages.page(where)).messages


# People


async def test_somebody_who_joins_can_be_found_by_every_spelling(store: Store, an: User) -> None:
    for spelling in ("An", "an", "AN", "Ａn"):
        assert await store.accounts.named(spelling, names.key(spelling)) == an
        assert await store.accounts.credentials(spelling, names.key(spelling)) == (an, "hash of An")
    assert await store.accounts.user(an.id) == an


async def test_nobody_is_found_under_a_name_that_nobody_has(store: Store, an: User) -> None:
    for name in ("Anh", "", "%", "\x00", "\ud800"):
        assert await store.accounts.named(name, name) is None
        assert await store.accounts.credentials(name, name) is None
    for user_id in (0, -1, an.id + 1, 2**80):
        assert await store.accounts.user(user_id) is None


@pytest.mark.parametrize("taken", ["An", "AN", "ａｎ"])
async def test_a_name_is_taken_in_every_spelling(store: Store, an: User, taken: str) -> None:
    with pytest.raises(Rejected) as no:
        await join(store, taken)
    assert no.value.code == "name_taken"
    assert await store.accounts.people() == [an]


async def test_a_name_that_looks_like_another_one_is_refused(store: Store) -> None:
    for name, twin in (("admin", "\u0430dmin"), ("Ian", "lan"), ("\u0412\u041e\u0412", "Bob")):
        await join(store, name)
        with pytest.raises(Rejected) as no:
            await join(store, twin)
        assert no.value.code == "name_alike"


async def test_of_many_who_want_one_name_at_once_one_gets_it(store: Store) -> None:
    results = await asyncio.gather(*(join(store, "An") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, User) for result in results) == 1
    assert sum(isinstance(result, Rejected) for result in results) == 19


async def test_people_are_listed_by_name(store: Store) -> None:
    for name in ("Bình", "an", "Chi"):
        await join(store, name)
    assert [user.username for user in await store.accounts.people()] == ["an", "Bình", "Chi"]


async def test_what_a_person_chose_is_remembered_for_them_only(store: Store, an: User, binh: User) -> None:
    await store.accounts.set_language(an.id, "vi")
    await store.accounts.set_theme(an.id, "dark")
    assert await store.accounts.set_password(an.id, "new hash", before="hash of An")
    await store.accounts.set_last_conversation(an.id, "tech")
    assert await store.accounts.user(an.id) == replace(an, language="vi", theme="dark")
    assert await store.accounts.credentials("An", "an") == (replace(an, language="vi", theme="dark"), "new hash")
    assert await store.accounts.last_conversation(an.id) == "tech"
    assert await store.accounts.user(binh.id) == binh
    assert await store.accounts.last_conversation(binh.id) is None
    await store.accounts.set_language(an.id, None)
    assert await store.accounts.user(an.id) == replace(an, theme="dark")


# Sessions


async def live(store: Store, session_id: str, idle_days: float = 30, days: float = 90) -> User | None:
    found = await store.accounts.session(session_id, idle_days=idle_days, days=days)
    return found[0].user if found else None


async def test_a_session_lives_until_it_is_closed(store: Store, an: User, binh: User) -> None:
    await store.accounts.open_session("s1", an.id, "Firefox " * 100, "hash of An")
    await store.accounts.open_session("s2", an.id, "", "hash of An")
    await store.accounts.open_session("s3", binh.id, "curl", "hash of Bình")
    assert [await live(store, name) for name in ("s1", "s2", "s3", "s4")] == [an, an, binh, None]
    await store.accounts.close_session("s1")
    assert [await live(store, name) for name in ("s1", "s2", "s3")] == [None, an, binh]


async def test_a_session_ends_when_it_is_idle_or_old(store: Store, an: User, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clock.unix_time()
    await store.accounts.open_session("used", an.id, "", "hash of An")
    await store.accounts.open_session("idle", an.id, "", "hash of An")
    monkeypatch.setattr(clock, "unix_time", lambda: start + 20 * DAY)
    await store.accounts.touch_session("used")
    monkeypatch.setattr(clock, "unix_time", lambda: start + 40 * DAY)
    assert [await live(store, name) for name in ("used", "idle")] == [an, None]
    await store.accounts.sweep_sessions(idle_days=30, days=90)
    assert [await live(store, name, idle_days=99) for name in ("used", "idle")] == [an, None]
    assert await live(store, "used", idle_days=99, days=39) is None
    await store.accounts.sweep_sessions(idle_days=99, days=39)
    assert await live(store, "used", idle_days=99) is None


# Messages


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


IDS = [FIRST + 10 * n for n in range(7)]
PLACES = [1, *range(IDS[0] - 5, IDS[-1] + 10, 5), 2**53 - 1]


@pytest.fixture(params=["room", "direct"])
async def seven(request: pytest.FixtureRequest, store: Store, an: User, binh: User) -> Conversation:
    """A conversation of seven messages, among others."""
    here, other = TECH, Conversation.direct(an.id, binh.id)
    if request.param == "direct":
        here, other = other, here
    await save(store, *(say(number + off, an, (here, other)[off]) for number in IDS for off in (0, 1)))
    return here


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


# Keys


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


# Batches


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


async def test_a_healthy_store_passes_the_probe(store: Store) -> None:
    await store.probe()
    await store.probe()


# Pictures


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


# Read marks and counts


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


# Callers that go away


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
