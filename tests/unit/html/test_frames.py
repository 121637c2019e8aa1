"""Events as frames for pages: each has its form, and only sentences have a language."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from chatapp.html import language, render
from chatapp.html.frames import Frames
from chatapp.model import events
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.model.refusals import Rejected
from chatapp.system import resources
from wire import frames

AN = User(2, "An Nguyễn")
MESSAGE = Message(5, 5, Conversation("general"), 2, "An", "Hello", "2026-11-24T10:00:00.000Z", "a-key-of-a-message")
EVENTS = [
    events.Posted(MESSAGE),
    events.Revised(MESSAGE),
    events.Restored(MESSAGE),
    events.Withdrawn("general", [5]),
    events.Covered("general", 5),
    events.News("@1-2", [MESSAGE], AN, online=True),
    events.Sent("a-key-of-a-message", 5),
    events.Saved(["a-key-of-a-message"]),
    events.Failed(MESSAGE),
    events.Refused(None, Rejected("empty")),
    events.Hello("general", recovered=True, healthy=True, epoch="e", boot="b"),
    events.Missed([MESSAGE]),
    events.Ready("general", 5),
    events.Online([1, 2]),
    events.PresenceChanged([1], [2]),
    events.Typing(AN),
    events.Newcomers([AN]),
    events.Departed(2),
    events.Unread({"general": 1}, {"general": 4}, {"general": 5}),
    events.StorageHealth(healthy=False),
    events.Beat(),
]


@pytest.fixture(scope="module")
def encode() -> Any:
    env = render.environment(resources.folder("templates"))
    render.configure(env, base_path="", server_name="test", static=lambda path: path)
    encoder = Frames(env)

    def encoded(event: Any, spoken: str = "en") -> str:
        [(opcode, payload)] = frames(encoder(event, spoken))
        assert opcode == 1
        return payload.decode()

    return encoded


def test_every_event_has_a_frame(encode) -> None:
    assert {type(event) for event in EVENTS} == set(get_args(events.Event))
    for event in EVENTS:
        text = encode(event)
        assert text.startswith("<") or json.loads(text)["type"]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_only_a_sentence_depends_on_a_language_and_only_on_the_listeners(encode, event) -> None:
    spoken = [encode(event, each) for each in language.LANGUAGES]
    assert (spoken[0] != spoken[1]) == isinstance(event, events.WORDED)
    for each, text in zip(language.LANGUAGES, spoken, strict=True):
        with language.spoken("vi"):
            assert encode(event, each) == text


def test_a_failure_is_told_with_the_key_of_the_author_and_a_sentence(encode) -> None:
    told = json.loads(encode(events.Failed(MESSAGE), "vi"))
    assert (told["key"], told["id"], told["change"], told["retry"]) == ("a-key-of-a-message", 5, False, True)
    assert told["reason"] != json.loads(encode(events.Failed(MESSAGE), "en"))["reason"]


def test_a_frame_with_a_number_names_its_conversation(encode) -> None:
    numbered = [events.Covered("general", 5), events.Ready("general", 5), events.Failed(MESSAGE)]
    assert [json.loads(encode(event))["conversation"] for event in numbered] == ["general"] * 3
    unread = json.loads(encode(events.Unread({"general": 1, "tech": 0}, {"general": 4}, {"general": 7, "tech": 6})))
    assert unread["covers"] == {"general": 7, "tech": 6}
    assert unread["upto"] == 6  # of all conversations, for a page of the release before
