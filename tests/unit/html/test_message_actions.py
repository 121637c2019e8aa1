"""The registry of message actions: what it names exists, and no script has a list of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest

from chatapp.html.message_actions import ACTIONS, Needs, Who
from chatapp.model import removal
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.system import resources
from chatapp.web import routes

SCRIPTS = resources.folder("static") / "js" / "message"
PLAIN = Message(
    id=7,
    rev=7,
    conversation=Conversation("general"),
    author_id=1,
    author="An",
    content="hello",
    created_at="2026-11-20T12:00:00.000Z",
)
EDITED = replace(PLAIN, rev=8, edited_at="2026-11-20T12:01:00.000Z")
REMOVED = replace(PLAIN, rev=9, removed=True)


def keys(script: str, table: str) -> set[str]:
    """Return the keys of an object of a script, which stand at the beginning of its lines or in one line."""
    text = (SCRIPTS / script).read_text("utf-8")
    found = re.search(rf"^const {table} = \{{(.*?)\}};$", text, re.MULTILINE | re.DOTALL)
    assert found
    return set(re.findall(r"(?:^\s*|[{,] ?)(\w+)(?=[,:]|$)", found[1], re.MULTILINE)) - {""}


def test_the_scripts_know_who_may_and_what_a_message_must_have() -> None:
    assert keys("actions.js", "WHO") == set(get_args(Who))
    assert keys("actions.js", "NEEDS") == set(get_args(Needs))


def test_the_scripts_do_everything_that_is_offered_and_nothing_else() -> None:
    offered = {action.name for action in ACTIONS.values() if action.group or action.toolbar or action.key}
    assert keys("acting.js", "DO") == offered


def test_every_icon_is_drawn() -> None:
    icons = (resources.folder("templates") / "partials" / "icons.html").read_text("utf-8")
    for action in ACTIONS.values():
        assert bool(action.icon) == bool(action.group or action.toolbar), action
        assert not action.icon or f"name == '{action.icon}'" in icons, action


def test_every_form_has_a_route() -> None:
    paths = [route.path for route in routes.table("")]
    for action in ACTIONS.values():
        assert not action.form or any(path.endswith(f"/messages/{{id}}/{action.form}") for path in paths), action


def test_a_key_does_one_thing() -> None:
    found = [action.key for action in ACTIONS.values() if action.key]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("message", "own", "others"),
    [
        (PLAIN, {"copy", "link", "edit", "remove"}, {"copy", "link"}),
        (EDITED, {"copy", "link", "edit", "versions", "remove"}, {"copy", "link", "versions"}),
        (REMOVED, {"link", "restore"}, {"link"}),
    ],
)
def test_what_may_be_done_depends_on_who_reads_and_on_what_is_left(
    message: Message, own: set[str], others: set[str]
) -> None:
    for mine, expected in ((True, own), (False, others)):
        assert {name for name, action in ACTIONS.items() if action.may(message, own=mine)} == expected


def test_an_undo_is_offered_for_less_time_than_it_is_accepted_and_its_words_outlive_both() -> None:
    assert ACTIONS["restore"].offered == removal.UNDO_OFFERED < removal.UNDO_ACCEPTED < removal.ERASED_AFTER
