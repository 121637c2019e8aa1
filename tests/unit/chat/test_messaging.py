"""The path of a message, with a real store, a real hub and a real journal."""

from __future__ import annotations

import asyncio
import re

import pytest

from chatapp.html.frames import Frames
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft
from chatapp.model.refusals import Rejected
from chatapp.system import clock
from pipeline import GENERAL, Page


async def test_everybody_sees_a_message_before_it_is_saved_and_its_author_learns_both(chat, an, binh) -> None:
    author, reader = await chat.page(an), await chat.page(binh)
    chat.gate.clear()
    entry = await chat.say(an, "Xin chào", key="the-key-of-this-one")
    await asyncio.sleep(0)
    assert reader.shows(entry.message)
    assert not entry.saved.done()
    assert author.said("sent") == [{"type": "sent", "key": "the-key-of-this-one", "id": entry.message.id}]
    assert author.said("saved") == []
    chat.gate.set()
    assert await entry.saved
    await asyncio.sleep(0)
    [everybodys, mine] = author.said("saved")  # its own one after all that its conversation is told
    assert mine["keys"] == ["the-key-of-this-one"]
    assert everybodys["upto"] >= entry.message.id
    assert "the-key-of-this-one" not in str(reader.wire.texts)


async def test_sent_stands_before_the_fragment(chat, an) -> None:
    author = await chat.page(an)
    entry = await chat.say(an, "x")
    await asyncio.sleep(0)
    order = [n for n, text in enumerate(author.wire.texts) if '"sent"' in text or f"m-{entry.message.id}" in text]
    assert len(order) == 2
    assert '"sent"' in author.wire.texts[order[0]]


async def test_a_watermark_covers_nothing_that_comes_after_it_on_the_same_connection(chat, an, binh) -> None:
    page = await chat.page(an)
    chat.hub._rested = clock.monotonic() + 60  # a tick took long: what comes now waits, and is saved meanwhile
    entries = [await chat.say(binh, "theirs"), await chat.say(an, "mine")]
    assert [await entry.saved for entry in entries] == [True, True]
    chat.hub._flush()
    covered = 0
    for text in page.wire.texts:
        found = re.search(r'data-mid="(\d+)"', text)
        assert not found or int(found[1]) > covered
        covered = max([covered, *map(int, re.findall(r'"upto":(\d+)', text))])
    assert all(page.shows(entry.message) for entry in entries)


async def test_a_retry_is_answered_with_the_first_id_and_shown_to_nobody(chat, an, binh) -> None:
    reader = await chat.page(binh)
    first = await chat.say(an, "once", key="0123456789abcdef")
    again, is_retry = await chat.messaging.post(an, GENERAL, Draft.parse("once", "0123456789abcdef"))
    assert is_retry
    assert again is first
    await first.saved
    await asyncio.sleep(0)
    assert len([text for text in reader.fragments if "once" in text]) == 1


async def test_a_retry_after_a_restart_is_found_in_the_database(chat, an) -> None:
    first = await chat.say(an, "once", key="0123456789abcdef")
    await first.saved
    chat.retries._known.clear()  # what a restart forgets
    again, is_retry = await chat.messaging.post(an, GENERAL, Draft.parse("once", "0123456789abcdef"))
    assert is_retry
    assert again.message.id == first.message.id
    assert again.saved.result()


async def test_two_retries_at_the_same_moment_post_once(chat, an) -> None:
    drafts = [Draft.parse("once", "0123456789abcdef") for _ in range(5)]
    results = await asyncio.gather(*(chat.messaging.post(an, GENERAL, draft) for draft in drafts))
    assert len({entry.message.id for entry, _ in results}) == 1
    assert [again for _, again in results].count(False) == 1


async def test_another_text_or_another_room_under_the_same_key_is_refused(chat, an) -> None:
    await chat.say(an, "once", key="0123456789abcdef")
    for room, text in ((GENERAL, "twice"), (Conversation("tech"), "once")):
        with pytest.raises(Rejected) as refusal:
            await chat.messaging.post(an, room, Draft.parse(text, "0123456789abcdef"))
        assert refusal.value.code == "key_conflict"


async def test_another_member_may_use_the_same_key_for_a_message_of_their_own(chat, an, binh) -> None:
    one = await chat.say(an, "mine", key="0123456789abcdef")
    other = await chat.say(binh, "mine too", key="0123456789abcdef")
    assert await one.saved
    assert await other.saved
    assert one.message.id != other.message.id


async def test_what_cannot_be_saved_is_taken_back_everywhere(chat, an, binh) -> None:
    author, reader = await chat.page(an), await chat.page(binh)
    chat.gate.clear()
    entry = await chat.say(an, "ghost", key="0123456789abcdef")
    await asyncio.sleep(0)
    chat.broken = True
    chat.gate.set()
    assert not await entry.saved
    await asyncio.sleep(0)
    assert any("removed:#messages" in text and str(entry.message.id) in text for text in reader.fragments)
    assert [(note["key"], note["id"], note["retry"]) for note in author.said("failed")] == [
        ("0123456789abcdef", entry.message.id, True)
    ]
    assert reader.said("failed") == []
    with pytest.raises(Rejected) as refusal:
        await chat.say(an, "while the disk is full")
    assert (refusal.value.code, refusal.value.retry) == ("storage", True)


async def test_a_message_whose_save_failed_can_be_sent_again_under_its_key(chat, an, monkeypatch) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.01)
    chat.broken = True
    assert not await (await chat.say(an, "x", key="0123456789abcdef")).saved
    chat.broken = False
    while not chat.journal.healthy:
        await asyncio.sleep(0.01)
    assert await (await chat.say(an, "x", key="0123456789abcdef")).saved
    page = await chat.history.page(GENERAL)
    assert [message.content for message in page.messages] == ["x"]


async def test_a_page_that_comes_back_gets_what_it_missed_once_and_in_order(chat, an, binh) -> None:
    first = await chat.say(an, "seen")
    await first.saved
    entries = [await chat.say(an, f"missed {n}") for n in range(250)]
    await chat.journal.flush()
    page = await chat.page(binh, since=first.message.id)
    text = "".join(page.fragments)
    positions = [text.index(f'id="m-{entry.message.id}"') for entry in entries]
    assert positions == sorted(positions)
    assert not page.shows(first.message)
    assert page.controls[0]["type"] == "hello"
    assert page.controls[0]["recovered"] is True
    ready = page.controls[-1]
    assert (ready["type"], ready["conversation"]) == ("ready", "general")
    assert ready["upto"] >= entries[-1].message.id


async def test_a_message_pending_while_a_page_joins_reaches_it_even_if_it_is_saved_meanwhile(chat, an, binh) -> None:
    chat.gate.clear()
    entry = await chat.say(an, "in between")
    await asyncio.sleep(0)
    page = Page(chat, binh)

    original = chat.store.messages.changes

    async def changes_then_save(*args):
        rows = await original(*args)  # reads the old state ...
        chat.gate.set()
        await entry.saved  # ... and by the time it is used, the message is saved
        return rows

    chat.store.messages.changes = changes_then_save
    await page.catch_up(GENERAL, 0, None)
    assert page.shows(entry.message)
    assert page.said("ready")[0]["upto"] >= entry.message.id


async def test_messages_posted_while_a_page_catches_up_come_after_what_it_missed(chat, an, binh) -> None:
    old = await chat.say(an, "old")
    await old.saved
    page = Page(chat, binh)
    original = chat.store.messages.changes
    posted = []

    async def changes_while_talking(*args):
        rows = await original(*args)
        posted.append(await chat.say(an, "live"))
        return rows

    chat.store.messages.changes = changes_while_talking
    await page.catch_up(GENERAL, 0, None)
    await asyncio.sleep(0)
    text = "".join(page.fragments)
    assert text.index(f'id="m-{old.message.id}"') < text.index(f'id="m-{posted[0].message.id}"')
    assert text.count(f'id="m-{posted[0].message.id}"') == 1
    assert page.wire.texts[-1].startswith('{"type":"ready"')


@pytest.mark.parametrize("case", ["another epoch", "a cursor from the future", "too much missed"])
async def test_a_page_that_cannot_be_brought_up_to_date_is_told_so_and_gets_no_part(chat, an, binh, case) -> None:
    since, epoch = 0, None
    if case == "another epoch":
        epoch = "of a restored database"
    elif case == "a cursor from the future":
        since = 2**52
    for n in range(501 if case == "too much missed" else 1):
        await chat.say(an, f"message {n}")
    await chat.journal.flush()
    page = await chat.page(binh, since=since, epoch=epoch)
    assert page.said("hello")[0]["recovered"] is False
    assert page.fragments == []


async def test_private_messages_reach_nobody_else(chat, an, binh, chi) -> None:
    pair = Conversation.direct(an.id, binh.id)
    mine, theirs, others = (
        await chat.page(an, room=pair),
        await chat.page(binh),
        await chat.page(chi),
    )
    others.wire.writes.clear()
    entry, _ = await chat.messaging.post(an, pair, Draft.parse("secret", "0123456789abcdef"), binh)
    await entry.saved
    await asyncio.sleep(0)
    assert mine.shows(entry.message)
    assert any("unread:#side" in text and pair.key in text for text in theirs.fragments)
    assert "secret" not in str(theirs.wire.texts)
    assert others.wire.writes == []


async def test_ids_rise_in_the_order_of_posting_and_of_the_database(chat, an, binh) -> None:
    entries = await asyncio.gather(*(chat.say(who, f"{who.id} {n}") for n in range(50) for who in (an, binh)))
    await chat.journal.flush()
    page = await chat.store.messages.page(GENERAL, limit=200)
    assert [message.id for message in page.messages] == sorted(entry.message.id for entry in entries)


async def test_at_the_stop_new_messages_are_refused_and_old_ones_saved(chat, an) -> None:
    entry = await chat.say(an, "just in time")
    await chat.messaging.close(patience=5)
    assert entry.saved.result()
    with pytest.raises(Rejected) as refusal:
        await chat.say(an, "too late")
    assert (refusal.value.code, refusal.value.retry) == ("restarting", True)


async def test_counts_include_what_is_not_saved_yet(chat, an, binh) -> None:
    page = await chat.page(binh, room=Conversation("tech"))
    await (await chat.say(an, "saved")).saved
    chat.gate.clear()
    await chat.say(an, "pending")
    await chat.unread.greet(page.listener)
    await asyncio.sleep(0)
    assert page.said("unread")[-1]["counts"]["general"] == 2


async def test_a_message_that_is_being_changed_counts_once(chat, an, binh) -> None:
    page = await chat.page(binh, room=Conversation("tech"))
    entry = await chat.say(an, "one")
    await entry.saved
    chat.gate.clear()
    for text in ("two", "three"):
        chat.journal.revise(chat.standing.latest(entry.message), content=text)
    await chat.unread.greet(page.listener)
    await asyncio.sleep(0)
    assert page.said("unread")[-1]["counts"]["general"] == 1


async def test_reading_on_one_device_is_known_on_the_others(chat, an, binh) -> None:
    entry = await chat.say(an, "x")
    await entry.saved
    reading, other = await chat.page(binh), await chat.page(binh, room=Conversation("tech"))
    chat.unread.read(reading.listener, entry.message.id)
    while not other.said("unread"):
        await asyncio.sleep(0.01)
    assert other.said("unread")[-1]["counts"]["general"] == 0
    assert other.said("unread")[-1]["reads"]["general"] == entry.message.id


async def test_who_asks_what_is_unread_waits_for_nobody_else_to_be_told(chat, an, binh) -> None:
    entry = await chat.say(an, "x")
    await entry.saved
    reading, _ = await chat.page(an), await chat.page(an, room=Conversation("tech"))
    unread, counts, free = chat.unread, chat.store.marks.counts, asyncio.Event()

    async def held(user_id: int) -> object:
        await free.wait()
        return await counts(user_id)

    chat.store.marks.counts = held
    unread._store_reads = lambda: None
    unread.read(reading.listener, entry.message.id)
    unread._read[binh.id] = {"general": entry.message.id}
    async with asyncio.timeout(10):
        await unread.settle(binh.id)
    assert (await counts(binh.id)).unread["general"] == 0
    free.set()


async def test_news_of_several_rooms_reach_those_elsewhere_in_one_write(chat, an, binh) -> None:
    tech, game = Conversation("tech"), Conversation("game")
    page = await chat.page(binh)
    for room in (tech, tech, game, tech):
        await chat.say(an, f"in {room.key} {len(chat.journal.pending())}", conversation=room)
    async with asyncio.timeout(10):
        while not any('data-conversation="game"' in text for text in page.fragments):
            await asyncio.sleep(0.01)
    told = [write for write in page.wire.writes if b"unread:#side" in write]
    assert [(write.count(b'data-conversation="tech"'), write.count(b'data-conversation="game"')) for write in told] == [
        (1, 0),  # the first one at once
        (1, 1),
    ]


async def test_keys_that_come_in_the_same_moment_are_looked_up_together(chat, an, binh) -> None:
    [old] = [await chat.say(an, "old", key="0123456789abcdef")]
    await chat.journal.flush()
    chat.retries._known.clear()  # what a restart forgets
    original, asked = chat.store.messages.posted, []

    async def posted(keys):
        asked.append(list(keys))
        return await original(asked[-1])

    chat.store.messages.posted = posted
    drafts = [(an, "0123456789abcdef"), *((binh, f"fedcba987654321{number}") for number in range(8))]
    answers = await asyncio.gather(
        *(chat.messaging.post(author, GENERAL, Draft.parse("old", key)) for author, key in drafts)
    )
    assert [again for _, again in answers] == [True] + [False] * 8
    assert answers[0][0].message.id == old.message.id
    assert asked == [[(author.id, key) for author, key in drafts]]


async def test_what_is_posted_where_nobody_listens_is_not_rendered(chat, an, monkeypatch) -> None:
    encoded = []
    monkeypatch.setattr(Frames, "__call__", lambda self, event, language: encoded.append(event) or b"")
    for number in range(5):
        assert await (await chat.say(an, f"message {number}")).saved
    await asyncio.sleep(0)
    assert encoded == []
