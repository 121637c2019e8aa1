"""People and their sessions: what every store promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chatapp.model import names
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.store import Store
from chatapp.system import clock
from unit.store.talk import DAY, join, live


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
