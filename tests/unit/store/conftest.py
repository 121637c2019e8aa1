"""Every store there is: what a test here asks, it asks each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from chatapp.model.conversations import Conversation
from chatapp.model.people import User
from chatapp.store import Store
from unit.store.talk import IDS, TECH, Prepared, join, save, say

PLACES = {"sqlite": lambda folder: folder / "chat.db"}  # where each store keeps its database


async def no_pictures(data: bytes, name: str) -> Prepared:
    raise AssertionError("a new store has no pictures to convert")


@pytest.fixture(params=sorted(PLACES))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Awaitable[Store]]:
    """Open the store of this test, also a second time after it was closed."""
    return lambda: Store.open(PLACES[request.param](tmp_path), no_pictures)


@pytest.fixture
async def store(opener: Callable[[], Awaitable[Store]]) -> AsyncIterator[Store]:
    """An empty store."""
    store = await opener()
    yield store
    await store.close()


@pytest.fixture
async def an(store: Store) -> User:
    return await join(store, "An")


@pytest.fixture
async def binh(store: Store) -> User:
    return await join(store, "Bình")


@pytest.fixture(params=["room", "direct"])
async def seven(request: pytest.FixtureRequest, store: Store, an: User, binh: User) -> Conversation:
    """A conversation of seven messages, among others."""
    here, other = TECH, Conversation.direct(an.id, binh.id)
    if request.param == "direct":
        here, other = other, here
    await save(store, *(say(number + off, an, (here, other)[off]) for number in IDS for off in (0, 1)))
    return here
