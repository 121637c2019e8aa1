"""A third person looks for what two others say in private: on the wire, in pages, by made-up numbers and names."""

from __future__ import annotations

import json
import re
import time
from contextlib import AsyncExitStack
from io import BytesIO

import pytest
from aiohttp import FormData, WSServerHandshakeError

from chatapp.web import keys
from ear import Ear
from people import Person
from pictures import picture

SECRET = "we meet at the old bridge"
AN, BINH, CHI = "/direct/An", "/direct/B%C3%ACnh", "/direct/Chi"
JSON = {"Accept": "application/json"}
KEY = "key-000000000000"
PATIENCE = 30  # seconds that a busy machine may take for a handful of requests


def with_picture(content: str) -> FormData:
    form = FormData({"content": content, "key": KEY + "picture"})
    form.add_field("pictures", BytesIO(picture()), filename="bridge.png")
    return form


def without_chance(page: str) -> str:
    """Return a page without what differs each time that somebody opens it."""
    page = re.sub(r'name="key" value="[^"]*"', "", page)
    return re.sub(r'data-(cursor|epoch)="[^"]*"', "", page)


async def whisper(one: Ear, other: Ear, an: Person) -> int:
    """Do all that two people can do in private. Return the id of what was said first."""
    await one.say("typing")
    await one.say("message", content=SECRET, key=KEY + "1")
    said = int((await one.control("sent"))["id"])
    await other.until(lambda frame: SECRET in frame)
    await other.say("read", id=said)
    await other.say("message", content=f"{SECRET}!", key=KEY + "2")
    await one.until(lambda frame: f"{SECRET}!" in frame)
    rev = said
    for kind, fields in (("edit", {"content": f"{SECRET} at noon"}), ("remove", {}), ("restore", {})):
        await one.say(kind, id=said, rev=rev, key=f"{KEY}{kind}", **fields)
        frame = await one.until(
            lambda frame, rev=rev: f'data-mid="{said}"' in frame and f'data-rev="{rev}"' not in frame
        )
        rev = int(re.search(rf'data-mid="{said}" data-rev="(\d+)"', frame)[1])
        one.heard.clear()
    answer = await an.post(f"{BINH}/messages", with_picture(f"{SECRET}, like here"), headers=JSON)
    assert answer.status == 200
    await one.say("join", room="general")
    await other.say("join", room="general")
    await one.told()
    await other.told()
    return said


def about_talk(told: list[str]) -> list[str]:
    """Return the frames but those about who came and went, which everybody gets at their own pace."""
    return [frame for frame in told if "newcomers:.members" not in frame and "presence:#side" not in frame]


async def test_a_third_persons_sockets_and_pages_say_nothing_while_two_others_talk_in_private(meet) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    pages = ["/rooms", "/people", "/rooms/general", AN, BINH, "/settings"]
    async with AsyncExitStack() as stack:
        ears = [
            Ear(await stack.enter_async_context(person.socket(f"/ws?{query}&epoch=x&since=0")))
            for person, query in [
                (an, "direct=B%C3%ACnh"), (binh, "direct=An"),
                (chi, "room=general"), (chi, "join=none"), (chi, "direct=An"), (chi, "direct=B%C3%ACnh"),
            ]
        ]  # fmt: skip
        for ear in ears:
            await ear.control("ready")
            await ear.told()
        one, other, *third = ears
        for ear in third:
            await ear.told()
        before = [without_chance(await (await chi.get(path)).text()) for path in pages]
        await whisper(one, other, an)
        assert [about_talk(await ear.told()) for ear in third] == [[], [], [], []]
        assert [without_chance(await (await chi.get(path)).text()) for path in pages] == before
        await an.post("/rooms/general/messages", {"content": "for everybody"})
        assert all([await ear.told() for ear in third]), "ears that hear nothing prove nothing"


async def test_the_cursor_of_a_page_goes_with_the_clock_whether_others_talk_or_not(meet, client) -> None:
    an, chi = await meet("An"), await meet("Chi")
    await meet("Bình")
    await client.app[keys.journal].reserve(client.app[keys.store].meta.reserve)

    async def cursor() -> int:
        return int(re.findall(r'data-cursor="(\d+)"', await (await chi.get("/rooms/general")).text())[0])

    before, quiet = await cursor(), await cursor()
    told = await an.post(f"{BINH}/messages", {"content": SECRET}, headers=JSON)
    said, after = (await told.json())["id"], await cursor()
    assert before < quiet < said < after  # numbers are milliseconds, times 1,024
    assert max(abs((mark >> 10) / 1000 - time.time()) for mark in (before, quiet, after)) < PATIENCE


@pytest.fixture
async def said(meet):
    """Three people, two of whom have talked: the id of a message and the address of a picture."""
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    told = await (await an.post(f"{BINH}/messages", with_picture(SECRET), headers=JSON)).json()
    page = await (await an.get(BINH)).text()
    return an, binh, chi, told["id"], page.partition('class="shot" href="')[2].partition('"')[0]


async def test_no_address_made_of_known_names_and_numbers_shows_what_is_private(said, client) -> None:
    *_, chi, number, shot = said
    places = [AN, BINH, CHI, "/direct/@1-2", "/rooms/@1-2", "/rooms/%401-2", "/rooms/general", "/rooms/1", "/direct/1"]
    for place in places:
        for path in ("", "/messages", f"/messages?before={number + 1}", f"/messages?after={number - 1}", "?after=0",
                     f"/messages/{number}", f"/messages/{number}/edit", f"/messages/{number}/versions"):  # fmt: skip
            for headers in ({}, JSON, {"HX-Request": "true"}):
                answer = await chi.get(f"{place}{path}", headers=headers)
                assert SECRET not in await answer.text(), (place, path)
                assert answer.status in (200, 404)
                assert answer.status == 404 or f"/{number}" not in path
    for path in (shot, f"{shot}/thumbnail", f"/messages/{number}", f"/messages/{number}/edit"):
        assert (await chi.get(path, headers=JSON)).status == 404, path
        assert (await client.get(path, headers=JSON)).status == 401, path


async def test_nobody_changes_a_message_that_they_may_not_even_see(said) -> None:
    an, _, chi, number, _ = said
    for place in (AN, BINH, CHI, "/rooms/general", "/direct/@1-2"):
        for what in ("edit", "remove", "restore"):
            path = f"{place}/messages/{number}/{what}"
            answer = await chi.post(path, {"content": "changed", "rev": str(number)}, headers=JSON)
            assert answer.status == 404, path
    assert SECRET in await (await an.get(BINH)).text()


@pytest.mark.parametrize(
    "query", ["direct=An", "direct=B%C3%ACnh", "direct=@1-2", "room=@1-2", "room=%401-2", "direct=Chi", "room=general"]
)
async def test_a_resume_from_the_very_beginning_brings_what_one_may_see_and_no_more(said, client, query) -> None:
    _, _, chi, number, shot = said
    epoch = re.search(r'data-epoch="([^"]+)"', await (await chi.get("/rooms/general")).text())[1]
    try:
        async with chi.socket(f"/ws?{query}&since=0&epoch={epoch}") as socket:
            ear = Ear(socket)
            await ear.control("ready")
            heard = "".join(await ear.told())
    except WSServerHandshakeError:  # there is no such room or person
        return
    assert SECRET not in heard
    assert shot not in heard
    assert str(number) not in re.sub(r'"upto":\d+', "", heard)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "join", "room": "@1-2", "since": 0},
        {"type": "join", "direct": "@1-2", "since": 0},
        {"type": "join", "conversation": "@1-2", "since": 0},
        {"type": "join", "pair": [1, 2], "since": 0},
        {"type": "join", "direct": "An", "user": 2, "as": "Bình", "since": 0},
        {"type": "message", "content": "x", "key": KEY + "x", "conversation": "@1-2", "room": "@1-2", "to": 2},
        {"type": "message", "content": "x", "key": KEY + "x", "sender": "Bình", "author_id": 2, "id": 1, "rev": 1},
        {"type": "read", "id": 2**52, "user": 2, "conversation": "@1-2"},
        {"type": "typing", "user": 2, "name": "Bình", "conversation": "@1-2"},
        {"type": "edit", "id": "{number}", "rev": "{number}", "content": "changed", "key": KEY + "x"},
        {"type": "remove", "id": "{number}", "rev": "{number}", "key": KEY + "x", "author_id": 1},
        {"type": "restore", "id": "{number}", "rev": "{number}", "key": KEY + "x"},
    ],
)
async def test_a_made_up_frame_brings_or_changes_nothing_of_others(said, frame) -> None:
    an, binh, chi, number, _ = said
    async with an.socket(f"/ws?direct=B%C3%ACnh&epoch=x&since={number}") as one, chi.socket() as three:
        ear, third = Ear(one), Ear(three)
        await ear.control("ready")
        await third.control("ready")
        await ear.told()
        await three.send_str(json.dumps(frame).replace('"{number}"', str(number)))
        assert SECRET not in "".join(await third.told())
        heard = "".join(await ear.told())
        assert 'data-author="2"' not in heard
        assert 'data-user="2"' not in heard
        assert "changed" not in heard
    page = await (await binh.get(AN)).text()
    assert SECRET in page
    assert page.count('<li class="msg') == 1 + page.count('<template id="pending"><li class="msg')


async def test_the_key_of_another_authors_message_is_a_key_like_any_other(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    first = await (await an.post("/rooms/general/messages", {"content": "x", "key": KEY}, headers=JSON)).json()
    second = await (await binh.post("/rooms/general/messages", {"content": "y", "key": KEY}, headers=JSON)).json()
    assert first["id"] != second["id"]
    again = await an.post("/rooms/general/messages", {"content": "z", "key": KEY}, headers=JSON)
    assert (again.status, (await again.json())["code"]) == (422, "key_conflict")


async def test_no_frame_carries_a_secret_or_what_belongs_to_somebody_else(meet, client) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket("/ws?direct=B%C3%ACnh&epoch=x") as one, binh.socket("/ws?direct=An&epoch=x") as two:
        a, b = Ear(one), Ear(two)
        for ear in (a, b):
            await ear.control("ready")
        await whisper(a, b, an)
        heard = "".join([*a.ever, *b.ever])
    assert SECRET in heard
    for secret in ("password", "argon2", "sha256", "127.0.0.1", "session", "cookie", "role", "address", an.cookie):
        assert str(secret) not in heard.lower(), secret
    assert KEY + "1" in "".join(a.ever)
    assert KEY not in "".join(b.ever).replace(KEY + "2", ""), "a key reaches only its author"
