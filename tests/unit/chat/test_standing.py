"""What stands now: the database, plus what is pending, minus what was lost."""

from __future__ import annotations

import asyncio

import pytest

from chatapp.model.conversations import Conversation
from chatapp.model.refusals import NotFound
from pipeline import GENERAL


async def lose(chat, entry) -> None:
    """Let the disk fail while an entry is pending."""
    chat.broken = True
    chat.gate.set()
    assert not await entry.saved
    chat.broken = False


async def test_a_message_stands_before_it_is_saved_and_not_after_it_was_lost(chat, an) -> None:
    chat.gate.clear()
    entry = await chat.say(an, "on its way")
    assert await chat.standing.current(GENERAL, entry.message.id) == entry.message
    assert chat.standing.entry(entry.message) is entry
    assert chat.standing.has_pending(an.id)
    await lose(chat, entry)
    with pytest.raises(NotFound):
        await chat.standing.current(GENERAL, entry.message.id)
    assert chat.standing.stored_entry(entry.message) is None
    assert not chat.standing.has_pending(an.id)


async def test_a_page_carries_a_watermark_from_before_it_was_read(chat, an) -> None:
    await (await chat.say(an, "before")).saved
    late = []

    async def slowly():
        found = await chat.store.messages.page(GENERAL)
        late.append(await chat.say(an, "while it was read"))
        await late[0].saved
        return found

    page = await chat.standing.read(GENERAL, slowly())
    assert [message.content for message in page.messages] == ["before"]
    assert page.messages[0].id <= page.watermark < late[0].message.id


async def test_changes_are_what_is_saved_after_a_cursor_and_whatever_is_pending(chat, an, binh) -> None:
    first, second = await chat.say(an, "one"), await chat.say(an, "two")
    await second.saved
    chat.gate.clear()
    await asyncio.sleep(0)
    third = await chat.say(binh, "three")
    await chat.say(binh, "elsewhere", conversation=Conversation("tech"))
    found = await chat.standing.changes(GENERAL, first.message.id, 10)
    assert ([each.id for each in found.saved], found.pending) == ([second.message.id], [third.message])
    assert found.generation == chat.standing.generation
    only = await chat.standing.changes(GENERAL, None, 10)
    assert (only.saved, only.pending) == ([], [third.message])
    assert (await chat.standing.changes(GENERAL, 0, 1)).saved is None


async def test_a_lost_message_counts_no_more(chat, an, binh) -> None:
    chat.gate.clear()
    entry = await chat.say(an, "announced")
    assert (await chat.standing.counts(binh.id)).unread["general"] == 1
    assert (await chat.standing.counts(an.id)).unread["general"] == 0
    await lose(chat, entry)
    assert (await chat.standing.counts(binh.id)).unread["general"] == 0
