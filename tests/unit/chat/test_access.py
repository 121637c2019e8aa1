"""Who may do what: the decisions, and that everything which reads or writes asks for one."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import chatapp
from chatapp.chat.access import Access, Right
from chatapp.chat.limits import Limits
from chatapp.chat.pictures import Pictures
from chatapp.chat.posting import Posting
from chatapp.chat.reading import Reading
from chatapp.model.acts import Edit, Post, Target
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft
from chatapp.model.people import User
from chatapp.model.refusals import NotFound, Rejected
from chatapp.model.rooms import Room
from chatapp.settings import Settings
from chatapp.store import contract

PACKAGE = Path(chatapp.__file__).parent
KEY = "key-0000000000000001"
GENERAL, TECH = Conversation("general"), Conversation("tech")

# Everything that a store returns of what people said, and which modules ask for it. Those of the chat check access;
# the rest serve nobody's request.
QUERIES = {
    "Messages.page": "chat.history",
    "Messages.around": "chat.history",
    "Messages.first_unread": "chat.history",
    "Messages.changes": "chat.standing",
    "Messages.message": "chat.standing chat.retries",
    "Messages.posted": "chat.retries",  # by its author's id and key
    "Messages.authored": "chat.account_deletion",  # of an account that was deleted
    "Messages.versions": "chat.reading",
    "Pictures.read": "chat.pictures",
    "Marks.counts": "chat.reading chat.standing",
    "Conversations.all_rooms": "chat.access",
    "Conversations.of_user": "chat.access chat.account_deletion",
    "Conversations.of_message": "chat.access",
}
# What only writes, or sweeps.
WRITES = {
    *("Messages.save", "Messages.erase_removed", "Marks.move"),
    *("Pictures.add", "Pictures.discard", "Pictures.sweep"),
}
NOUNS = (contract.Messages, contract.Pictures, contract.Marks, contract.Conversations)


@pytest.fixture
def access(chat) -> Access:
    found: Access = chat.access
    return found


def direct(one: User, other: User) -> Conversation:
    return Conversation.direct(one.id, other.id)


async def test_a_room_is_open_to_everybody_until_it_has_members(access, an, binh) -> None:
    for right in Right:
        assert access.may(an.id, right, TECH)
    assert access.readers(TECH) is None
    access.admit(Room("tech"), [an.id])
    for right in Right:
        assert access.may(an.id, right, TECH)
        assert not access.may(binh.id, right, TECH)
    assert access.readers(TECH) == {an.id}
    assert [room.id for room in access.readable(an.id)] == ["general", "tech", "game"]
    assert [room.id for room in access.readable(binh.id)] == ["general", "game"]
    access.admit(Room("tech"))
    assert access.may(binh.id, Right.READ, TECH)


async def test_nobody_may_anything_in_a_room_that_does_not_exist(access, an) -> None:
    for right in Right:
        assert not access.may(an.id, right, Conversation("nowhere"))
    assert access.readers(Conversation("nowhere")) == ()


async def test_a_direct_conversation_is_for_two(access, an, binh, chi) -> None:
    for right in Right:
        assert access.may(an.id, right, direct(an, binh))
        assert access.may(binh.id, right, direct(an, binh))
        assert not access.may(chi.id, right, direct(an, binh))
    assert access.readers(direct(an, binh)) == {an.id, binh.id}


async def test_nobody_can_write_to_somebody_who_has_left_but_read_and_revise_what_was_said(access, an, binh) -> None:
    access.departed(binh.id)
    assert not access.may(an.id, Right.POST, direct(an, binh))
    assert access.may(an.id, Right.READ, direct(an, binh))
    assert access.may(an.id, Right.REVISE, direct(an, binh))
    with pytest.raises(Rejected) as refusal:
        access.check(an.id, Right.POST, direct(an, binh))
    assert refusal.value.code == "left"


async def test_a_right_that_goes_while_a_key_is_looked_up_is_gone_for_that_message(chat, access, an, binh) -> None:
    access.admit(Room("tech"), [an.id, binh.id])
    posting = asyncio.ensure_future(chat.messaging.post(an, TECH, Draft("too late", KEY)))
    await asyncio.sleep(0)  # it asks the store for its key now
    assert not posting.done()
    access.admit(Room("tech"), [binh.id])
    with pytest.raises(NotFound):
        await posting
    await chat.journal.flush()
    assert (await chat.history.page(TECH)).messages == []


async def test_who_may_not_read_is_told_that_there_is_nothing(access, an, binh, chi) -> None:
    for right in Right:
        with pytest.raises(NotFound):
            access.check(chi.id, right, direct(an, binh))


async def test_counts_leave_out_rooms_that_a_person_may_not_read(chat, access, an) -> None:
    counts = await chat.store.marks.counts(an.id)
    assert access.counted(an.id, counts) is counts
    access.admit(Room("tech"), [])
    shown = access.counted(an.id, counts)
    assert "tech" in counts.unread
    assert "tech" not in shown.unread.keys() | shown.reads.keys()
    assert shown.directs == counts.directs


async def test_a_place_is_found_by_those_who_may_read_it_only(chat, access, an, binh, chi) -> None:
    entry = await chat.say(an, "hello", conversation=direct(an, binh))
    assert await entry.saved
    assert (await access.of_message(binh, entry.message.id)).person == an
    with pytest.raises(NotFound):
        await access.of_message(chi, entry.message.id)
    assert await access.at(chi, direct(an, binh).key) is None
    access.admit(Room("tech"), [an.id])
    for ask in (access.find(binh, room="tech"), access.find(binh, room="nowhere"), access.find(binh, direct="Nobody")):
        with pytest.raises(NotFound):
            await ask
    access.admit(Room("general"), [])
    assert access.first(binh).conversation == Conversation("game")


# --- everything asks ------------------------------------------------------------------------------------------------


def _rules(chat: Any, access: Access, settings: Settings) -> tuple[Reading, Pictures, Posting]:
    limits = Limits(settings)
    pictures = Pictures(settings, access, limits, chat.messaging, None, chat.store, lambda: 2**40)
    return (
        Reading(chat.store, access, chat.history, chat.standing, chat.unread),
        pictures,
        Posting(access, limits, chat.messaging, chat.revisions),
    )


@pytest.fixture
def hidden(chat, access, an, binh) -> list[Conversation]:
    """A direct conversation, and a room with members."""
    access.admit(Room("tech"), [an.id, binh.id])
    return [direct(an, binh), TECH]


async def test_a_stranger_is_given_nothing_by_any_rule_of_the_chat(chat, access, hidden, settings, an, chi) -> None:
    reading, pictures, posting = _rules(chat, access, settings)
    for conversation in hidden:
        said = await chat.say(an, f"in {conversation.key}", conversation=conversation)
        assert await said.saved
        message = said.message
        page = await reading.page(an, conversation)
        target = Target(conversation, message.id, message.rev)
        asked: dict[str, Callable[[], Any]] = {
            "Reading.page": lambda at=conversation: reading.page(chi, at),
            "Reading.opening": lambda at=conversation, page=page: reading.opening(chi, at, page, 0),
            "Reading.around": lambda at=conversation, found=message: reading.around(chi, at, found.id),
            "Reading.message": lambda at=conversation, found=message: reading.message(chi, at, found.id),
            "Reading.versions": lambda found=message: reading.versions(chi, found),
            "Reading.mark": lambda at=conversation: _later(reading.mark, chi, at, 1),
            "Pictures.keep": lambda at=conversation: pictures.keep(chi, at, b"", "x.png"),
            "Posting.post": lambda at=conversation: posting.post(chi, Post(at, Draft("hi", KEY))),
            "Posting.change": lambda target=target: posting.change(chi, Edit(target, KEY, "hi")),
        }
        for name, ask in asked.items():
            assert await _is_refused(ask()), f"{name} let a stranger into {conversation.key}"
    assert conversation.key not in (await reading.counts(chi)).unread
    everything = {
        f"{kind.__name__}.{name}"
        for kind in (Reading, Pictures, Posting)
        for name, member in vars(kind).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    # Everybody's own: what is asked about the one who asks, or about what they were just given.
    apart = {"Reading.counts", "Reading.people", "Pictures.discard", "Pictures.read", "Posting.saved", "Posting.knows"}
    assert everything == set(asked) | apart, "say here what a stranger gets of a new rule"


async def _is_refused(asked: Awaitable[Any]) -> bool:
    try:
        await asked
    except NotFound:
        return True
    return False


async def _later(act: Callable[..., None], *arguments: Any) -> None:
    act(*arguments)


def _asked() -> dict[str, set[str]]:
    """Return which modules above the store name each query."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if module.startswith("store."):
            continue
        source = path.read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute):
                owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
                noun = owner.capitalize()
                if f"{noun}.{node.attr}" in QUERIES.keys() | WRITES and re.search(rf"store\]?\.{owner}\b", source):
                    found.setdefault(f"{noun}.{node.attr}", set()).add(module)
    return found


def test_every_query_of_the_store_is_asked_only_by_those_who_ask_for_access_first() -> None:
    asked = _asked()
    assert {name: modules for name, modules in asked.items() if name in QUERIES} == {
        name: set(modules.split()) for name, modules in QUERIES.items()
    }


def test_every_query_of_the_store_is_listed() -> None:
    methods = {f"{kind.__name__}.{name}" for kind in NOUNS for name in vars(kind) if not name.startswith("_")}
    assert methods == QUERIES.keys() | WRITES
