"""Edits, removals and their undoing: the path of a message, with a real store, hub and journal."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from chatapp.chat.revisions import Revisions, Target
from chatapp.model import removal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft
from chatapp.model.refusals import NotFound, Rejected
from chatapp.store import Unwritable
from chatapp.system import clock
from pipeline import GENERAL, Chat

KEY = "a-key-for-a-change"


@pytest.fixture
def revisions(chat: Chat) -> Revisions:
    return chat.revisions


def target(message, conversation: Conversation = GENERAL) -> Target:
    return Target(conversation, message.id, message.rev)


async def test_an_edit_is_shown_at_once_under_the_same_id_and_then_saved(chat, an, binh, revisions) -> None:
    first = await chat.say(an, "helo")
    reader = await chat.page(binh)
    entry, settled = await revisions.edit(an, target(first.message), "hello", KEY)
    await asyncio.sleep(0)
    assert not settled
    assert any(f'id="m-{first.message.id}"' in text and "hello" in text for text in reader.fragments)
    assert await entry.saved
    [stored] = (await chat.history.page(GENERAL)).messages
    assert (stored.id, stored.content, stored.rev) == (first.message.id, "hello", entry.message.rev)
    assert stored.edited_at
    assert [text for text, _ in await chat.store.messages.versions(stored)] == ["helo"]


async def test_a_page_that_comes_back_learns_of_an_edit(chat, an, binh, revisions) -> None:
    first = await chat.say(an, "helo")
    await first.saved
    since = chat.journal.issue_watermark()
    entry, _ = await revisions.edit(an, target(first.message), "hello", KEY)
    await entry.saved
    page = await chat.page(binh, since=since)
    assert any("hello" in text for text in page.fragments)
    assert page.said("ready")[0]["upto"] >= entry.message.rev


async def test_a_removal_leaves_a_tombstone_without_the_words(chat, an, binh, revisions) -> None:
    first = await chat.say(an, "a secret slip")
    reader = await chat.page(binh)
    entry, _ = await revisions.remove(an, target(first.message), KEY)
    await asyncio.sleep(0)
    assert "secret" not in reader.fragments[-1]
    assert "gone" in reader.fragments[-1]
    assert await entry.saved
    late = await chat.page(binh, since=0)
    assert "secret" not in "".join(late.fragments)
    restored, _ = await revisions.restore(an, target(entry.message), KEY + "2")
    assert await restored.saved
    [stored] = (await chat.history.page(GENERAL)).messages
    assert (stored.content, stored.removed) == ("a secret slip", False)


async def test_undoing_a_removal_is_possible_only_for_a_short_while(chat, an, revisions, monkeypatch) -> None:
    first = await chat.say(an, "x")
    entry, _ = await revisions.remove(an, target(first.message), KEY)
    monkeypatch.setattr("chatapp.model.removal.UNDO_ACCEPTED", 0.0)
    with pytest.raises(Rejected) as refusal:
        await revisions.restore(an, target(entry.message), KEY)
    assert refusal.value.code == "too_late"


async def test_what_was_removed_is_erased_for_good(chat, an, revisions, monkeypatch) -> None:
    first = await chat.say(an, "a secret slip")
    edited, _ = await revisions.edit(an, target(first.message), "a secret slap", KEY)
    entry, _ = await revisions.remove(an, target(edited.message), KEY + "2")
    await entry.saved
    monkeypatch.setattr("chatapp.model.removal.ERASED_AFTER", -1)
    await chat.store.messages.erase_removed()
    [stored] = (await chat.history.page(GENERAL)).messages
    assert (stored.removed, stored.content) == (True, "")
    assert await chat.store.messages.versions(stored) == []


async def test_what_was_erased_is_in_no_file_once_nobody_reads_an_older_state(
    chat, an, revisions, monkeypatch, tmp_path
) -> None:
    def written() -> list[str]:
        return [file.name for file in tmp_path.iterdir() if b"a secret slip" in file.read_bytes()]

    monkeypatch.setattr("chatapp.model.removal.ERASED_AFTER", -1)
    first = await chat.say(an, "a secret slip")
    entry, _ = await revisions.remove(an, target(first.message), KEY)
    await entry.saved
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as backup:
        backup.execute("BEGIN")
        backup.execute("SELECT * FROM messages").fetchall()
        await chat.store.messages.erase_removed()
        assert written()
    await chat.store.messages.erase_removed()
    assert written() == []


async def test_only_the_author_may_change_a_message(chat, an, binh, revisions) -> None:
    first = await chat.say(an, "mine")
    for attempt in (
        revisions.edit(binh, target(first.message), "yours", KEY),
        revisions.remove(binh, target(first.message), KEY),
    ):
        with pytest.raises(Rejected) as refusal:
            await attempt
        assert refusal.value.code == "not_yours"


async def test_an_edit_of_something_older_than_what_stands_is_refused(chat, an, revisions) -> None:
    first = await chat.say(an, "one")
    await revisions.edit(an, target(first.message), "two", KEY)
    with pytest.raises(Rejected) as refusal:
        await revisions.edit(an, target(first.message), "three", KEY)
    assert refusal.value.code == "changed"


async def test_the_retry_of_an_edit_changes_nothing(chat, an, binh, revisions) -> None:
    first = await chat.say(an, "one")
    entry, _ = await revisions.edit(an, target(first.message), "two", KEY)
    await entry.saved
    reader = await chat.page(binh)
    again, settled = await revisions.edit(an, target(first.message), "two", KEY)
    await asyncio.sleep(0)
    assert settled
    assert again.saved.result()
    assert again.message.rev == entry.message.rev
    assert reader.fragments == []


async def test_a_change_that_cannot_be_saved_is_taken_back_to_what_stood_before(chat, an, binh, revisions) -> None:
    first = await chat.say(an, "before")
    await first.saved
    author, reader = await chat.page(an), await chat.page(binh)
    chat.broken = True
    entry, _ = await revisions.edit(an, target(first.message), "after", KEY)
    assert not await entry.saved
    await asyncio.sleep(0)
    assert "before" in reader.fragments[-1]
    assert [note["change"] for note in author.said("failed")] == [True]
    assert not any("removed:#messages" in text for text in reader.fragments)
    [shown] = (await chat.history.page(GENERAL)).messages
    assert shown.content == "before"


async def test_an_edit_of_a_message_that_is_not_saved_yet_is_lost_with_it_or_saved_with_it(chat, an, revisions) -> None:
    chat.gate.clear()
    first = await chat.say(an, "one")
    entry, _ = await revisions.edit(an, target(first.message), "two", KEY)
    chat.gate.set()
    assert await entry.saved
    [stored] = (await chat.history.page(GENERAL)).messages
    assert (stored.id, stored.content) == (first.message.id, "two")


async def test_after_the_loss_of_a_message_and_its_edit_the_next_save_leaves_no_trace(
    chat, an, revisions, monkeypatch
) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.01)
    chat.gate.clear()
    first = await chat.say(an, "one")
    await revisions.edit(an, target(first.message), "two", KEY)
    chat.broken = True
    chat.gate.set()
    assert not await first.saved
    chat.broken = False
    while not chat.journal.healthy:
        await asyncio.sleep(0.01)
    assert await (await chat.say(an, "three")).saved
    assert [message.content for message in (await chat.history.page(GENERAL)).messages] == ["three"]


async def test_a_private_message_can_be_changed_like_any_other(chat, an, binh, revisions) -> None:
    pair = Conversation.direct(an.id, binh.id)
    first = await chat.say(an, "one", conversation=pair)
    entry, _ = await revisions.edit(an, target(first.message, pair), "two", KEY)
    assert await entry.saved
    removed, _ = await revisions.remove(an, target(entry.message, pair), KEY + "2")
    assert await removed.saved
    [stored] = (await chat.history.page(pair)).messages
    assert stored.removed


async def test_a_message_of_another_conversation_is_not_found(chat, an, revisions) -> None:
    first = await chat.say(an, "one")
    with pytest.raises(NotFound):
        await revisions.edit(an, Target(Conversation("tech"), first.message.id, first.message.rev), "two", KEY)


async def test_of_several_changes_that_are_lost_together_what_stood_before_the_first_stands_again(
    chat, an, binh, revisions, monkeypatch
) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.01)
    first = await chat.say(an, "one")
    await first.saved
    reader = await chat.page(binh)
    chat.gate.clear()
    second, _ = await revisions.edit(an, target(first.message), "two", KEY)
    third, _ = await revisions.edit(an, target(second.message), "three", KEY + "2")
    chat.broken = True
    chat.gate.set()
    assert not await second.saved
    assert not await third.saved
    await asyncio.sleep(0)
    assert "one" in reader.fragments[-1]
    chat.broken = False
    while not chat.journal.healthy:
        await asyncio.sleep(0.01)
    [stored] = (await chat.history.page(GENERAL)).messages
    assert stored.content == "one"
    assert f'data-rev="{stored.rev}"' in reader.fragments[-1]
    assert (await chat.standing.current(GENERAL, stored.id)).rev == stored.rev


async def test_a_change_of_a_message_that_is_lost_goes_with_it(chat, an, revisions) -> None:
    chat.gate.clear()
    first = await chat.say(an, "one")
    entry, _ = await revisions.edit(an, target(first.message), "two", KEY)
    chat.broken = True
    chat.gate.set()
    assert not await entry.saved
    with pytest.raises(NotFound):
        await chat.standing.current(GENERAL, first.message.id)


async def test_a_page_that_comes_back_learns_what_stands_again_before_that_is_on_the_disk(
    chat, an, binh, revisions
) -> None:
    first = await chat.say(an, "before")
    await first.saved
    since = chat.journal.issue_watermark()
    chat.broken = True
    entry, _ = await revisions.edit(an, target(first.message), "after", KEY)
    assert not await entry.saved
    page = await chat.page(binh, since=since)
    assert "before" in "".join(page.fragments)


async def test_a_change_that_was_saved_against_its_refusal_leaves_no_version_behind(
    chat, an, revisions, monkeypatch
) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.01)
    first = await chat.say(an, "one")
    await first.saved
    save = chat.store.messages.save

    async def fail_after_all(batch, **options) -> None:
        await save(batch, **options)
        monkeypatch.setattr(chat.store.messages, "save", save)
        raise Unwritable("the answer of the disk was lost")

    monkeypatch.setattr(chat.store.messages, "save", fail_after_all)
    entry, _ = await revisions.edit(an, target(first.message), "two", KEY)
    assert not await entry.saved
    while not chat.journal.healthy:
        await asyncio.sleep(0.01)
    [stored] = (await chat.history.page(GENERAL)).messages
    assert stored.content == "one"
    assert await chat.store.messages.versions(stored) == []
    again, _ = await revisions.edit(an, target(stored), "two", KEY)
    assert await again.saved
    assert [text for text, _ in await chat.store.messages.versions(stored)] == ["one"]


async def test_a_message_that_was_saved_against_its_refusal_takes_its_versions_with_it(
    chat, an, revisions, monkeypatch
) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.01)
    save = chat.store.messages.save

    async def fail_after_all(batch, **options) -> None:
        await save(batch, **options)
        if len(batch) == 2:
            monkeypatch.setattr(chat.store.messages, "save", save)
            raise Unwritable("the answer of the disk was lost")

    monkeypatch.setattr(chat.store.messages, "save", fail_after_all)
    chat.gate.clear()
    await chat.say(an, "a message whose writing lets the others wait for each other")
    first = await chat.say(an, "one")
    entry, _ = await revisions.edit(an, target(first.message), "two", KEY)
    chat.gate.set()
    assert not await entry.saved
    while not chat.journal.healthy:
        await asyncio.sleep(0.01)
    assert len((await chat.history.page(GENERAL)).messages) == 1
    assert await chat.store.messages.versions(first.message) == []


async def test_asking_twice_for_a_removal_leaves_no_more_time_to_undo_it(chat, an, revisions, monkeypatch) -> None:
    first = await chat.say(an, "x")
    entry, _ = await revisions.remove(an, target(first.message), KEY)
    now = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: now + removal.UNDO_ACCEPTED + 1)
    await revisions.remove(an, target(entry.message), KEY)
    with pytest.raises(Rejected) as refusal:
        await revisions.restore(an, target(entry.message), KEY + "2")
    assert refusal.value.code == "too_late"


@pytest.mark.parametrize("removed", [False, True])
async def test_a_retry_of_a_message_that_was_changed_since_is_still_one(
    chat, an, revisions, monkeypatch, removed
) -> None:
    first = await chat.say(an, "one", key=KEY)
    if removed:
        entry, _ = await revisions.remove(an, target(first.message), KEY + "2")
    else:
        entry, _ = await revisions.edit(an, target(first.message), "two", KEY + "2")
    await entry.saved
    monkeypatch.setattr("chatapp.model.removal.ERASED_AFTER", -1)
    await chat.store.messages.erase_removed()
    chat.retries._known.clear()  # as after a restart
    again, is_retry = await chat.messaging.post(an, GENERAL, Draft.parse("one", KEY))
    assert is_retry
    assert again.message.id == first.message.id


async def test_pages_learn_that_what_stands_again_is_on_the_disk(chat, an, binh, revisions, monkeypatch) -> None:
    monkeypatch.setattr("chatapp.delivery.commits._PROBE_PAUSE", 0.01)
    first = await chat.say(an, "before")
    await first.saved
    reader = await chat.page(binh)
    chat.broken = True
    entry, _ = await revisions.edit(an, target(first.message), "after", KEY)
    assert not await entry.saved
    chat.broken = False
    while not chat.journal.healthy:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    standing = await chat.standing.current(GENERAL, first.message.id)
    assert standing.rev > entry.message.rev
    assert reader.said("saved")[-1]["upto"] >= standing.rev


async def test_messages_that_the_original_program_gave_one_number_are_changed_apart(chat, an, binh, revisions) -> None:
    public, private = await chat.count_apart(binh, an)
    for author, message in ((binh, public), (an, private)):
        entry, _ = await revisions.edit(author, target(message, message.conversation), "edited", KEY)
        assert await entry.saved
        [stored] = (await chat.history.page(message.conversation)).messages
        assert (stored.author, stored.content) == (author.username, "edited")


async def test_a_private_change_that_is_lost_shows_nothing_in_a_room(chat, an, binh, chi, revisions) -> None:
    public, private = await chat.count_apart(binh, an)
    chat.broken = True
    entry, _ = await revisions.edit(an, target(private, private.conversation), "edited", KEY)
    assert not await entry.saved
    [found] = (await chat.history.page(GENERAL)).messages
    assert found.content == public.content
    page = await chat.page(chi, since=0)
    assert public.content in page.fragments[-1]
    assert private.content not in "".join(page.fragments)


async def test_a_removal_that_is_undone_brings_the_pictures_back_also_when_much_was_said_since(
    chat, an, binh, revisions
) -> None:
    facts = {"name": "cat", "mime": "image/webp", "data": b"x", "width": 4, "height": 3, "digest": "d"}
    thumb = {"thumb_mime": "image/webp", "thumb": b"x", "thumb_width": 4, "thumb_height": 3}
    cat = await chat.store.pictures.add(an.id, GENERAL, SimpleNamespace(**facts, **thumb))
    first, _ = await chat.messaging.post(an, GENERAL, Draft.parse("", KEY, (cat,)))
    reader = await chat.page(binh)
    removed, _ = await revisions.remove(an, target(first.message), KEY + "2")
    assert await removed.saved
    chat.journal._backlog._lately.clear()  # what thousands of other messages do
    restored, _ = await revisions.restore(an, target(removed.message), KEY + "3")
    assert await restored.saved
    assert f"/images/{cat.id}" in reader.fragments[-1]
