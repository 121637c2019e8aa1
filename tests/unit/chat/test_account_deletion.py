"""What is done for those who have left, with a real store, hub and journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from chatapp.chat.account_deletion import _BATCH, AccountDeletion
from chatapp.model.conversations import Conversation
from pipeline import GENERAL, Chat


@pytest.fixture
async def deletion(chat: Chat) -> AsyncIterator[AccountDeletion]:
    deletion = AccountDeletion(chat.store, chat.journal, chat.standing, chat.messaging, pause=0.02)
    task = asyncio.create_task(deletion.run())
    yield deletion
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def begin(chat: Chat, deletion: AccountDeletion, user_id: int, *, removing: bool) -> None:
    stamp = chat.journal.issue_number()
    assert await chat.store.deletions.begin(user_id, password="x", stamp=stamp, removing=removing)
    deletion.begin()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def deleted(chat: Chat) -> None:
    async with asyncio.timeout(10):
        while await chat.store.deletions.under_way():
            await asyncio.sleep(0.005)


async def everything(chat: Chat, conversation: Conversation = GENERAL):
    return (await chat.store.messages.page(conversation, limit=1_000)).messages


async def test_more_messages_than_one_batch_all_go(chat, an, binh, deletion) -> None:
    count = 2 * _BATCH + 3
    for number in range(count):
        await chat.say(an, f"mine {number}")
        await chat.say(binh, f"yours {number}")
    await begin(chat, deletion, an.id, removing=True)
    await deleted(chat)
    found = await everything(chat)
    assert [message.content for message in found if message.author_id == an.id] == [""] * count
    assert all(message.removed and not message.author for message in found if message.author_id == an.id)
    assert not any(message.removed for message in found if message.author_id == binh.id)
    assert len({message.rev for message in found}) == 2 * count


async def test_what_was_still_waiting_to_be_saved_loses_its_name_too(chat, an, binh, deletion) -> None:
    chat.gate.clear()
    late = await chat.say(an, "my last word")
    await begin(chat, deletion, an.id, removing=False)
    await asyncio.sleep(0.1)  # several passes
    assert await chat.store.deletions.under_way()
    chat.gate.set()
    await deleted(chat)
    assert late.saved.result()
    [found] = await everything(chat)
    assert (found.author, found.content) == ("", "my last word")


@pytest.mark.parametrize("removing", [True, False])
async def test_a_full_disk_only_puts_it_off(chat, an, binh, deletion, removing, monkeypatch) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.05)
    entry = await chat.say(an, "a word")
    await entry.saved
    reader = await chat.page(binh)
    chat.broken = True
    await begin(chat, deletion, an.id, removing=removing)
    await until(lambda: not chat.journal.healthy)
    chat.broken = False
    await deleted(chat)
    [found] = await everything(chat)
    assert (found.author, found.removed, found.content) == ("", removing, "" if removing else "a word")
    shown = [text for text in reader.fragments if f'id="m-{found.id}"' in text]
    assert shown
    assert not any('data-name="An"' in text for text in shown)  # not even in what was put back
    assert ("gone" in shown[-1]) == removing


async def test_two_who_leave_are_both_deleted(chat, an, binh, chi, deletion) -> None:
    for person in (an, binh, chi):
        await chat.say(person, f"I am {person.username}")
    await begin(chat, deletion, an.id, removing=True)
    await begin(chat, deletion, binh.id, removing=False)
    await deleted(chat)
    assert [(message.author, message.content) for message in await everything(chat)] == [
        ("", ""),
        ("", "I am Bình"),
        ("Chi", "I am Chi"),
    ]


async def test_a_message_of_somebody_else_under_the_same_old_number_stays(chat, an, binh, deletion) -> None:
    public, private = await chat.count_apart(binh, an)
    assert await chat.journal.revise(public, content="edited", key="").saved
    await begin(chat, deletion, an.id, removing=True)
    await deleted(chat)
    [theirs], [mine] = await everything(chat), await everything(chat, private.conversation)
    assert (theirs.author, theirs.content, theirs.removed) == ("Bình", "edited", False)
    assert (mine.author, mine.content, mine.removed) == ("", "", True)


@pytest.mark.parametrize("step", ["anonymise", "end"])
async def test_others_save_while_much_is_cleared_for_one_who_left(chat, an, monkeypatch, step) -> None:
    for number in range(8):
        await (await chat.say(an, f"mine {number}")).saved
    monkeypatch.setattr("chatapp.store.sqlite.account_deletion._BATCH", 2)
    deletions, writes = chat.store.deletions, 0
    task = asyncio.create_task(deletions.end(an.id) if step == "end" else deletions.anonymise(GENERAL, an.id))
    while not task.done():
        await chat.store.probe()
        writes += 1
    assert writes >= 4
    if step == "anonymise":
        assert {message.author for message in await everything(chat)} == {""}


async def test_a_password_that_was_changed_meanwhile_deletes_nothing(chat, an) -> None:
    assert not await chat.store.deletions.begin(an.id, password="another", stamp=1, removing=True)
    assert await chat.store.deletions.under_way() == []
    assert (await chat.store.accounts.user(an.id)).username == "An"


async def test_what_was_said_while_the_account_was_being_locked_loses_its_name_on_open_pages_too(
    chat, an, binh, deletion
) -> None:
    reader = await chat.page(binh)
    stamp = chat.journal.issue_number()
    late = await chat.say(an, "on the doorstep")
    assert await chat.store.deletions.begin(an.id, password="x", stamp=stamp, removing=False)
    deletion.begin()
    await deleted(chat)
    shown = [text for text in reader.fragments if f'id="m-{late.message.id}"' in text]
    assert 'data-name="An"' in shown[0]
    assert 'data-name="An"' not in shown[-1]
