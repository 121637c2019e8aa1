"""Changing one's password: what it needs, and whom it logs out."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientResponse, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient

from chatapp.model import names
from chatapp.model.refusals import Close
from chatapp.web import keys
from people import PASSWORD, Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[[str], Awaitable[Person]]
Start = Callable[..., Awaitable[Client]]

PATH = "/settings/password"
NEW = "hai con thằn lằn con"
WRONG = "This is not your password."


async def change(person: Person, current: str = PASSWORD, new: str = NEW, again: str | None = None) -> ClientResponse:
    form = {"current": current, "new": new, "again": new if again is None else again}
    return await person.post(PATH, form, allow_redirects=False)


async def words(response: ClientResponse) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", await response.text())).split())


async def field(response: ClientResponse, name: str) -> str:
    found = re.search(rf'<input id="{name}"[^>]*>', await response.text())
    assert found, f"the page has no field {name}"
    return found[0]


async def is_told_to_go(socket: ClientWebSocketResponse) -> bool:
    async with asyncio.timeout(10):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code == Close.SIGNED_OUT


async def logs_in(client: Client, name: str, password: str) -> bool:
    async with Person(client.server, name, password) as person:
        return (await person.log_in()).status == 303


@pytest.fixture
async def phone(client: Client, meet: Meet) -> AsyncIterator[Person]:
    """An's other device."""
    await meet("An")
    async with Person(client.server, "An") as phone:
        await phone.log_in()
        yield phone


async def test_a_changed_password_is_the_only_one_that_logs_in(client: Client, meet: Meet) -> None:
    an = await meet("An")
    response = await change(an)
    assert (response.status, response.headers["Location"]) == (303, f"{PATH}?changed=1")
    assert "Your password is changed." in await words(await an.get(f"{PATH}?changed=1"))
    assert await logs_in(client, "An", NEW)
    assert not await logs_in(client, "An", PASSWORD)


async def test_changing_the_password_ends_every_other_session_and_its_sockets_at_once(
    client: Client, meet: Meet, phone: Person
) -> None:
    binh = await meet("Bình")
    async with Person(client.server, "An") as an:
        await an.log_in()
        before = an.cookie
        async with phone.socket() as there, an.socket() as here, binh.socket() as others:
            assert (await change(an)).status == 303
            assert await is_told_to_go(there)
            assert not here.closed
            assert not others.closed
            await here.send_json({"type": "message", "content": "still here", "key": "k" * 20})
            assert not await phone.is_logged_in()
            assert await an.is_logged_in()
            assert an.cookie != before
            await an.log_out()  # finds the sockets that were opened before the change, too
            assert await is_told_to_go(here)
        assert "still here" in await (await binh.get("/rooms/general")).text()


async def test_the_cookie_from_before_the_change_is_worth_nothing(client: Client, meet: Meet) -> None:
    an = await meet("An")
    stolen = an.cookie
    await change(an)
    async with Person(client.server, "thief") as thief:
        response = await thief.get("/settings", headers={"Cookie": f"chatapp={stolen}"}, allow_redirects=False)
        assert response.status == 303


async def test_a_wrong_current_password_changes_nothing(client: Client, meet: Meet, phone: Person) -> None:
    async with phone.socket() as socket:
        response = await change(phone, current="not it at all")
        assert response.status == 422
        assert WRONG in await words(response)
        assert "autofocus" in await field(response, "current")
        assert 'aria-describedby="current-error"' in await field(response, "current")
        assert not socket.closed
    assert await logs_in(client, "An", PASSWORD)


@pytest.mark.parametrize(
    ("current", "new", "again", "wrong"),
    [
        ("", NEW, NEW, "current"),
        (PASSWORD, "", "", "new"),
        (PASSWORD, "short", "short", "new"),
        (PASSWORD, "password1", "password1", "new"),
        (PASSWORD, "x" * 257, "x" * 257, "new"),
        (PASSWORD, NEW, NEW + "!", "again"),
    ],
)
async def test_errors_stand_beside_their_fields_and_passwords_are_not_sent_back(
    client: Client, meet: Meet, current: str, new: str, again: str, wrong: str
) -> None:
    an = await meet("An")
    response = await change(an, current, new, again)
    assert response.status == 422
    for name in ("current", "new", "again"):
        tag = await field(response, name)
        assert ('aria-invalid="true"' in tag, "autofocus" in tag) == (name == wrong, name == wrong)
        assert 'value=""' in tag
    assert await logs_in(client, "An", PASSWORD)


async def test_two_errors_are_told_at_once_and_the_first_gets_the_focus(meet: Meet) -> None:
    response = await change(await meet("An"), current="", new="short")
    assert "autofocus" in await field(response, "current")
    assert "autofocus" not in await field(response, "new")
    assert 'aria-invalid="true"' in await field(response, "new")


async def test_wrong_current_passwords_count_as_failed_log_ins_do(start: Start) -> None:
    client = await start(login_tries=5)
    async with Person(client.server, "An") as an:
        await an.register()
        for _ in range(5):
            assert (await change(an, current="a guess of mine")).status == 422
        response = await change(an)
        assert response.status == 429
        assert int(response.headers["Retry-After"]) > 0
        assert "Too many attempts." in await words(response)
        assert not await logs_in(client, "An", PASSWORD)  # one limit for both


async def test_a_bad_new_password_is_told_without_a_look_at_the_current_one(start: Start) -> None:
    client = await start(login_tries=1)
    async with Person(client.server, "An") as an:
        await an.register()
        for guess in ("one guess", "two guesses"):
            response = await change(an, current=guess, new="short")
            assert response.status == 422
            assert WRONG not in await words(response)
        assert (await change(an)).status == 303


async def test_a_short_password_of_the_old_program_can_be_changed(client: Client) -> None:
    old = hashlib.sha256("chè".encode()).hexdigest()
    await client.app[keys.store].accounts.create("Cũ", names.key("Cũ"), old)
    async with Person(client.server, "Cũ", "chè") as person:
        await person.log_in()
        assert (await change(person, current="chè")).status == 303
    assert await logs_in(client, "Cũ", NEW)


async def test_of_two_changes_at_once_one_wins_and_the_other_is_logged_out(client: Client, phone: Person) -> None:
    async with Person(client.server, "An") as an:
        await an.log_in()
        answers = await asyncio.gather(change(an, new="first of the two"), change(phone, new="second of the two"))
        assert sorted(answer.status for answer in answers)[0] == 303
        assert sum(answer.headers.get("Location") == f"{PATH}?changed=1" for answer in answers) == 1
        logged_in = [await person.is_logged_in() for person in (an, phone)]
        assert logged_in == [answer.headers.get("Location") == f"{PATH}?changed=1" for answer in answers]
    assert await logs_in(client, "An", "first of the two") != await logs_in(client, "An", "second of the two")


async def test_a_log_in_with_a_password_that_is_being_changed_fails(
    client: Client, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    an = await meet("An")
    hasher = client.app[keys.passwords]
    verify, verified, changed = hasher.verify, asyncio.Event(), asyncio.Event()

    async def slow(password: str, stored: str | None) -> bool:
        result = await verify(password, stored)
        if not verified.is_set():
            verified.set()
            await changed.wait()
        return result

    monkeypatch.setattr(hasher, "verify", slow)
    thief = asyncio.create_task(logs_in(client, "An", PASSWORD))
    await verified.wait()
    assert (await change(an)).status == 303
    changed.set()
    assert not await thief


async def test_hashing_anew_at_a_log_in_does_not_bring_an_old_password_back(client: Client) -> None:
    accounts = client.app[keys.store].accounts
    user = await accounts.create("Cũ", "cũ", "old")
    assert await accounts.set_password(user.id, "chosen", before="old")
    assert not await accounts.set_password(user.id, "old, hashed anew", before="old")
    assert await accounts.password(user.id) == "chosen"
    assert not await accounts.open_session("s", user.id, "", "old")
    assert await accounts.session("s", idle_days=1, days=1) is None


async def test_a_visit_or_another_site_changes_no_password(client: Client, meet: Meet) -> None:
    an = await meet("An")
    await an.get(f"{PATH}?current={PASSWORD}&new={NEW}&again={NEW}")
    form = {"current": PASSWORD, "new": NEW, "again": NEW}
    assert (await an.post(PATH, form, headers={"Origin": "http://evil.example"})).status == 403
    async with Person(client.server, "An") as stranger:
        for response in (await stranger.get(PATH, allow_redirects=False), await change(stranger)):
            assert response.headers["Location"].startswith("/login")
    assert await logs_in(client, "An", PASSWORD)


async def test_a_current_password_longer_than_any_is_said_to_be_so(meet: Meet) -> None:
    an = await meet("An")
    for hostile in ("x" * 300_000, "a" + "\u0315" * 60_000 + "\u0316" * 60_000):
        response = await change(an, current=hostile)
        assert response.status == 422
        assert "No password here can be that long" in await words(response)
