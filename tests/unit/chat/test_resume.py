"""Pages that come back together: one answer for all who missed the same, and never a stale one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipeline import GENERAL, Page
from wire import Wire


@pytest.fixture
def questions(chat) -> list[Any]:
    """What the database was asked for, as it is asked."""
    asked: list[Any] = []
    original = chat.store.messages.changes

    async def changes(*query: Any) -> Any:
        asked.append(query)
        return await original(*query)

    chat.store.messages.changes = changes
    return asked


async def say(chat, author, *texts: str) -> list[Any]:
    entries = [await chat.say(author, text) for text in texts]
    await chat.journal.flush()
    return entries


def shown(page: Page, entries: list[Any]) -> list[int]:
    """Return how many times a page was sent each message."""
    text = "".join(page.fragments)
    return [text.count(f'id="m-{entry.message.id}"') for entry in entries]


async def test_pages_that_missed_the_same_share_one_question(chat, an, binh, questions) -> None:
    [seen] = await say(chat, an, "seen")
    cursor = chat.journal.issue_watermark()  # above the message, as pages have it that heard something since
    missed = await say(chat, an, *(f"missed {number}" for number in range(20)))
    pages = await asyncio.gather(*(chat.page(binh, since=since) for since in [seen.message.id, cursor] * 20))
    assert len(questions) == 1
    assert [shown(page, [seen, *missed]) for page in pages] == [[0] + [1] * 20] * 40
    assert all(page.said("hello")[0]["recovered"] for page in pages)


async def test_a_page_that_missed_less_is_sent_less(chat, an, binh, questions) -> None:
    entries = await say(chat, an, "one", "two", "three")
    pages = [await chat.page(binh, since=since) for since in (0, entries[0].message.id, entries[1].message.id)]
    assert [shown(page, entries) for page in pages] == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    assert len(questions) == 3


async def test_an_answer_serves_nobody_who_comes_after_something_new(chat, an, binh) -> None:
    entries = await say(chat, an, "one")
    await chat.page(binh, since=0)
    entries += await say(chat, an, "two")
    assert shown(await chat.page(binh, since=0), entries) == [1, 1]


async def test_an_answer_brings_what_was_pending_when_it_was_asked_for_although_it_is_saved_since(
    chat, an, binh, questions
) -> None:
    chat.gate.clear()
    entry = await chat.say(an, "on its way")
    await chat.page(binh, since=0)
    chat.gate.set()
    await entry.saved
    assert shown(await chat.page(binh, since=0), [entry]) == [1]
    assert len(questions) == 1


async def test_an_answer_with_a_message_that_was_lost_since_serves_nobody(chat, an, binh) -> None:
    chat.gate.clear()
    entry = await chat.say(an, "will be lost")
    await chat.page(binh, since=0)
    chat.broken = True
    chat.gate.set()
    assert not await entry.saved
    chat.broken = False
    assert shown(await chat.page(binh, since=0), [entry]) == [0]


async def test_what_is_too_much_for_one_is_so_for_those_who_missed_more(chat, an, binh, questions) -> None:
    entries = await say(chat, an, *(f"message {number}" for number in range(502)))
    pages = [await chat.page(binh, since=since) for since in (entries[0].message.id, 0, entries[1].message.id)]
    assert [page.said("hello")[0]["recovered"] for page in pages] == [False, False, True]
    assert len(questions) == 2


async def test_an_answer_is_not_kept_for_long(chat, an, binh, monkeypatch) -> None:
    monkeypatch.setattr("chatapp.chat.resume._KEPT_SECONDS", 0)
    await say(chat, an, "one")
    await chat.page(binh, since=0)
    await asyncio.sleep(0)
    assert not chat.resume._answers


async def test_an_answer_about_one_room_is_none_about_another(chat, an, binh) -> None:
    entries = await say(chat, an, "one")
    await chat.page(binh, since=0)
    other = await chat.page(binh, since=0, room=type(GENERAL)("tech"))
    assert shown(other, entries) == [0]


async def test_who_comes_while_much_waits_for_the_disk_is_waited_for_and_not_cut(chat, an, binh) -> None:
    class Slow(Wire):
        """A line on which nothing goes out but what ``send`` waits for."""

        def get_write_buffer_size(self) -> int:
            return sum(map(len, self.writes))

    chat.gate.clear()
    entries = [await chat.say(an, f"{number} " + "x" * 3000) for number in range(150)]
    page, taken = Page(chat, binh), list[bytes]()
    page.wire = page.listener.transport = wire = Slow()

    async def send(frame: bytes) -> None:
        taken.append(frame)

    page.send = send
    await page.catch_up(GENERAL, 0, None)
    assert not wire.aborted
    wire.writes[:0] = taken
    assert shown(page, entries) == [1] * len(entries)
    chat.gate.set()


async def test_one_catch_up_brings_several_listeners_and_keeps_what_each_alone_was_told(
    chat, an, binh, questions
) -> None:
    entries = await say(chat, an, "one", "two")
    pages = [Page(chat, person) for person in (an, binh)]
    original = chat.store.messages.changes

    async def changes_while_talking(*query: Any) -> Any:
        rows = await original(*query)
        entries.append(await chat.say(an, "live", key="the-key-of-a-live-one"))
        return rows

    async def send(frame: bytes) -> None:
        for page in pages:
            await page.send(frame)

    chat.store.messages.changes = changes_while_talking
    await chat.resume.bring([page.listener for page in pages], GENERAL, 0, chat.resume.epoch, send)
    await chat.journal.flush()
    assert len(questions) == 1
    assert [shown(page, entries) for page in pages] == [[1, 1, 1]] * 2
    assert [[note["key"] for note in page.said("sent")] for page in pages] == [["the-key-of-a-live-one"], []]
    assert [page.controls[0]["type"] for page in pages] == ["hello"] * 2
    assert [page.said("ready")[0]["conversation"] for page in pages] == ["general"] * 2
