"""A stranger tries every address and every kind of frame on a direct conversation of others and on a room with members.

Nothing of either is readable, and nothing is writable. An address or a frame that is new fails here until it is listed.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import FormData, WSServerHandshakeError

import entrances
from chatapp.chat.limits import Tries
from chatapp.model.rooms import Room
from chatapp.web import acts, keys
from chatapp.web.legacy import acts as legacy
from ear import Ear
from people import Person
from pictures import picture

SECRET, HIDDEN = "the old bridge", "game"  # what is said there, and the room that is not open to everybody
JSON = {"Accept": "application/json"}
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
KEY = "key-000000000000"

# All that anybody can write into a conversation.
STATE = (
    *("SELECT * FROM messages", "SELECT * FROM private_messages", "SELECT * FROM message_versions"),
    *("SELECT * FROM message_keys", "SELECT * FROM pictures"),
    "SELECT * FROM read_marks WHERE user_id = 3 AND conversation IN ('game', '@1-2') AND message_id > 0",
)

# Addresses without a conversation, a message or a picture in them; the test asks those that show something.
GENERAL = {
    *("/", "/register", "/login", "/logout", "/settings", "/goodbye", "/language", "/rooms", "/people", "/ws"),
    *("/settings/devices", "/settings/devices/end", "/settings/devices/end-others", "/settings/password"),
    *("/settings/account", "/healthz", "/readyz", "/favicon.ico", "/static/{version}/{path}"),
}
LISTS = ("}", "/messages")  # how an address ends that shows several messages
SHOWING = ("/", "/rooms", "/people", "/settings", "/settings/devices", "/settings/account")


@dataclass(frozen=True)
class Secrets:
    """What the stranger must not get: where it was said, and under which numbers."""

    messages: dict[str, tuple[int, int]]  # id and rev, by the path of the conversation
    pictures: list[str]
    bytes_of_pictures: bytes
    database: Path

    def state(self) -> list[Any]:
        """Return all that anybody has written."""
        with closing(sqlite3.connect(self.database)) as database:
            return [database.execute(question).fetchall() for question in STATE]


def shot(content: str, key: str) -> FormData:
    form = FormData({"content": content, "key": key})
    form.add_field("pictures", BytesIO(picture()), filename="bridge.png")
    return form


@pytest.fixture
async def crowd(client, settings, meet) -> tuple[Person, Person, Person, Secrets]:
    """An and Bình, who talk in private and in a room of their own; Chi, who is a stranger to both."""
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    client.app[keys.access].admit(Room(HIDDEN), [1, 2])
    client.app[keys.limits].nonsense = Tries(0, 60)  # a stranger who tries everything is thrown out long before
    messages, pictures = {}, []
    for n, path in enumerate((f"/rooms/{HIDDEN}", f"/direct/{quote('Bình')}")):
        answer = await an.post(f"{path}/messages", shot(SECRET, f"{KEY}{n}"), headers=JSON)
        message_id = (await answer.json())["id"]
        edit = {"content": f"{SECRET} at noon", "rev": message_id, "key": f"{KEY}edit{n}"}
        changed = await an.post(f"{path}/messages/{message_id}/edit", edit, headers=JSON)
        messages[path] = message_id, (await changed.json())["rev"]
        page = await (await an.get(path)).text()
        assert SECRET in page
        pictures += re.findall(r'href="/images/([\w-]+)"', page)
    assert len(pictures) == 2
    data = await (await binh.get(f"/images/{pictures[0]}")).read()
    return an, binh, chi, Secrets(messages, pictures, data, settings.database)


def addresses(secrets: Secrets, path: str) -> Iterator[str]:
    """Fill an address with everything that could lead to what is hidden."""
    message_ids = [str(message_id) for message_id, _ in secrets.messages.values()]
    ids = secrets.pictures if path.startswith("/images") else message_ids
    values = {
        "room": [HIDDEN, "@1-2"],
        "direct": [quote(name) for name in ("An", "Bình", "@1-2", HIDDEN)],
        "id": ids,
        "more": ["edit", "versions"],
    }
    names = re.findall(r"\{(\w+)\}", path)
    for filling in itertools.product(*(values[name] for name in names)):
        yield path.format_map(dict(zip(names, filling, strict=True)))


def test_every_address_is_asked() -> None:
    named = {path for _, path in entrances.table() if not re.search(r"\{(room|direct|id)\}", path)}
    assert named == GENERAL, "an address of a new kind: may a stranger read there?"
    assert {*acts.KINDS, *legacy.KINDS} <= entrances.FRAMES.keys()


async def test_no_address_shows_a_stranger_anything(crowd) -> None:
    *_, chi, secrets = crowd
    asked = 0
    for method, path in entrances.table():
        if method != "GET" or path in GENERAL:
            continue
        for address in addresses(secrets, path):
            for headers in ({}, JSON, PART):
                for query in ("", "?before=9007199254740990", "?after=1") if path.endswith(LISTS) else ("",):
                    answer = await chi.get(address + query, headers=headers)
                    body = await answer.read()
                    assert SECRET.encode() not in body, address
                    assert secrets.bytes_of_pictures not in body, address
                    if "/direct/" not in address:  # there it leads to the conversation of the one who asks
                        assert answer.status == 404, address
                    asked += 1
    assert asked > 100
    for path in SHOWING:
        page = await (await chi.get(path, headers={"Accept": "text/html"})).text()
        assert f"/rooms/{HIDDEN}" not in page
        assert 'data-conversation="@1-2"' not in page


async def test_no_form_lets_a_stranger_write(crowd) -> None:
    *_, chi, secrets = crowd
    before, posted = secrets.state(), 0
    for path, fields in entrances.FORMS.items():
        if path in GENERAL:
            continue
        for address in addresses(secrets, path):
            if address.endswith("/messages") and "/direct/" in address:
                continue  # everybody may write to An; what they write is no part of this conversation
            for (message_id, rev), headers in itertools.product(secrets.messages.values(), ({}, JSON)):
                values = {"content": "from Chi", "key": f"{KEY}chi{posted}", "id": message_id, "rev": rev, "author": 3}
                answer = await chi.post(address, {name: values[name] for name in fields}, headers=headers)
                assert SECRET not in await answer.text(), address
                assert answer.status == 404 or address.endswith("/read"), (address, answer.status)
                posted += 1
    assert posted > 50
    assert secrets.state() == before


async def test_no_picture_is_taken_of_a_stranger(crowd) -> None:
    *_, chi, secrets = crowd
    before = secrets.state()
    assert (await chi.post(f"/rooms/{HIDDEN}/messages", shot("from Chi", f"{KEY}shot"))).status == 404
    assert secrets.state() == before


async def test_no_socket_opens_where_a_stranger_may_not_read(crowd) -> None:
    *_, chi, _ = crowd
    for query in (f"room={HIDDEN}&since=0&epoch=x", f"room={HIDDEN}", "room=@1-2", "direct=@1-2", f"direct={HIDDEN}"):
        with pytest.raises(WSServerHandshakeError) as refused:
            async with chi.socket(f"/ws?{query}"):
                pass
        assert refused.value.status == 404, query


def frames(secrets: Secrets) -> Iterator[dict[str, Any]]:
    """Return a frame of every kind for everything that is hidden."""
    number = itertools.count()
    for kind in (*acts.KINDS, *legacy.KINDS):
        for message_id, rev in secrets.messages.values():
            for place in ({"room": HIDDEN}, {"room": "@1-2"}, {"direct": "@1-2"}, {"room": "Game"}):
                fields = {"content": "from Chi", "key": f"{KEY}ws{next(number)}", "id": message_id, "rev": rev}
                if kind in ("message", "image"):
                    continue  # they go where the socket is: that is the next test
                to = {"to": "@1-2", "message": "from Chi"} if kind == "private_message" else {}
                yield {"type": kind, **fields, "since": 0, "epoch": "x", **place, **to}


@pytest.mark.parametrize("start", ["/ws?join=1&epoch=x", "/ws?room=general&since=0&epoch=x", "/ws?direct=An&epoch=x"])
async def test_no_frame_leads_a_stranger_anywhere(crowd, start: str) -> None:
    *_, chi, secrets = crowd
    before = secrets.state()
    async with chi.socket(start) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        for frame in frames(secrets):
            await ear.say(**{"kind" if name == "type" else name: value for name, value in frame.items()})
            await ear.say("beat")
            await ear.until("beat")
            if frame["type"] in ("join", "switch_room", "private_message"):
                assert (await ear.control("refused"))["code"] == "not_found", frame
            elif frame["type"] in ("edit", "remove", "restore"):
                assert (await ear.control("refused"))["code"] in ("not_found", "nowhere"), frame
            ear.heard.clear()
        assert not [frame for frame in ear.ever if SECRET in frame or f'"{HIDDEN}"' in frame or '"@1-2"' in frame]
    assert secrets.state() == before


async def test_a_stranger_hears_of_nothing_that_happens_there(crowd) -> None:
    an, binh, chi, secrets = crowd
    async with AsyncExitStack() as sockets:
        general = "/ws?room=general&since=0&epoch=x"
        stranger = Ear(await sockets.enter_async_context(chi.socket(general)))
        member = Ear(await sockets.enter_async_context(binh.socket(general)))
        for ear in (stranger, member):
            await ear.until("unread")
            ear.heard.clear()
        for path, (message_id, rev) in secrets.messages.items():
            await an.post(f"{path}/messages", {"content": SECRET, "key": f"{KEY}news{message_id}"}, headers=JSON)
            change = {"rev": rev, "key": f"{KEY}gone{message_id}"}
            assert (await an.post(f"{path}/messages/{message_id}/remove", change, headers=JSON)).status == 200
            conversation = HIDDEN if HIDDEN in path else "@1-2"
            await member.until(lambda frame, conversation=conversation: f'"{conversation}"' in frame)
        await stranger.say("beat")
        await stranger.until("beat")
        assert not [frame for frame in stranger.ever if HIDDEN in frame or "@1-2" in frame or SECRET in frame]


async def test_a_stranger_who_was_there_last_comes_back_to_a_room_of_theirs(crowd, client) -> None:
    *_, chi, _ = crowd
    accounts = client.app[keys.store].accounts
    for key in (HIDDEN, "@1-2", "a room that is gone"):
        await accounts.set_last_conversation(3, key)
        assert (await chi.get("/")).url.path == "/rooms/general"
