"""What the tests of the contract share: people who join, what they say, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chatapp.model import names
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.store import Busy, Store, Unwritable

TECH, GAME = Conversation("tech"), Conversation("game")
TIME = "2026-11-22T10:00:00.000Z"
DAY = 86_400
FIRST = 1_000  # the first message id of these tests
IDS = [FIRST + 10 * n for n in range(7)]  # of the conversation of seven messages


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


async def join(store: Store, name: str, **options: int) -> User:
    return await store.accounts.create(name, names.key(name), "hash of " + name, **options)


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


async def live(store: Store, session_id: str, idle_days: float = 30, days: float = 90) -> User | None:
    found = await store.accounts.session(session_id, idle_days=idle_days, days=days)
    return found[0].user if found else None
