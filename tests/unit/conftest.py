"""What the unit tests of the path of a message share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatapp.model.people import User
from chatapp.store import Store
from pipeline import Chat


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async def no_pictures(data: bytes, name: str):
        raise AssertionError("there are no old pictures in a new database")

    store = await Store.open(tmp_path / "chat.db", no_pictures)
    facts = await store.meta.facts()
    chat = Chat(store, facts.epoch, facts.ceiling)
    await chat.access.load()
    task = asyncio.create_task(chat.journal.run())
    yield chat
    chat.gate.set()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await store.close()


@pytest.fixture
async def an(chat: Chat) -> User:
    return await chat.store.accounts.create("An", "an", "x")


@pytest.fixture
async def binh(chat: Chat) -> User:
    return await chat.store.accounts.create("Bình", "bình", "x")


@pytest.fixture
async def chi(chat: Chat) -> User:
    return await chat.store.accounts.create("Chi", "chi", "x")
