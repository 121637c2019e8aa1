"""Too many sockets, too many messages, poison among good ones, rights that nobody has, doors that were never there."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sqlite3
from contextlib import AsyncExitStack, closing

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from ear import Ear
from people import Person

OURS = "/ws?room=general&epoch=x"
JSON = {"Accept": "application/json"}


async def close_code(socket) -> int:
    """Return the code that a socket is closed with."""
    async with asyncio.timeout(10):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"sockets_per_person": 3}, 4408), ({"sockets_per_address": 3}, 4408), ({"sockets": 3}, 1013)],
)
async def test_one_socket_too_many_is_closed_and_those_before_go_on(start, limits, code) -> None:
    client = await start(**limits)
    async with Person(client.server, "An") as an, AsyncExitStack() as stack:
        await an.register()
        first = [Ear(await stack.enter_async_context(an.socket(OURS))) for _ in range(3)]
        for ear in first:
            await ear.control("ready")
        for _ in range(3):
            async with an.socket(OURS) as more:
                assert await close_code(more) == code
        for ear in first:
            await ear.told()
        await first[0].socket.close()
        async with an.socket(OURS) as again:
            await Ear(again).control("ready")


async def test_a_stranger_is_never_upgraded_and_takes_nobodys_place(start) -> None:
    client = await start(sockets=1)
    async with Person(client.server, "An") as an, Person(client.server, "Stranger") as stranger:
        await an.register()
        for _ in range(20):
            with pytest.raises(WSServerHandshakeError) as refused:
                await stranger.socket(OURS)
            assert refused.value.status == 401
        async with an.socket(OURS) as socket:
            await Ear(socket).control("ready")


async def test_of_two_hundred_messages_at_once_few_go_out_and_the_rest_are_told_to_wait(start) -> None:
    client = await start(messages_per_second=2, message_burst=10)
    async with Person(client.server, "An") as an, Person(client.server, "Bình") as binh:
        await an.register()
        await binh.register()
        async with an.socket(OURS) as one, binh.socket(OURS) as two:
            mine, theirs = Ear(one), Ear(two)
            await mine.control("ready")
            await theirs.control("ready")
            for number in range(200):
                await mine.say("message", content=f"flood {number}", key=f"key-{number:016}")
            await theirs.say("message", content="I can still talk", key=secrets.token_urlsafe(16))
            await mine.until(lambda frame: "I can still talk" in frame)
            told = [json.loads(frame) for frame in await mine.told() if frame.startswith("{")]
            refused = [each for each in told if each["type"] == "refused"]
            sent = [each for each in told if each["type"] == "sent"]
            assert len(sent) <= 12
            assert len(sent) + len(refused) == 200
            assert {each["code"] for each in refused} == {"rate_limited"}
            assert all(each["retry"] and each["retry_after"] > 0 for each in refused)
            assert "".join(await theirs.told()).count("flood ") == len(sent)


async def test_poison_in_a_burst_is_refused_alone_and_the_rest_is_saved(meet) -> None:
    an = await meet("An")
    poison = ['"\\ud83d"', '"x\\udc00y"', "NaN", "1e999", "9223372036854775808", "{}", '["x"]', "null"]
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.control("ready")
        for number, content in enumerate(poison):
            await ear.say("message", content=f"good {number}", key=f"good-{number:016}")
            await socket.send_str(f'{{"type":"message","content":{content},"key":"poison-{number:016}"}}')
        await ear.say("message", content="a\u0000b\u0007c", key="last-0000000000000001")
        await ear.until(lambda frame: '"saved"' in frame and "last-" in frame)
        refused = [json.loads(frame)["key"] for frame in ear.heard if '"type":"refused"' in frame]
        assert refused == [f"poison-{number:016}" for number in range(len(poison))]
    page = await (await an.get("/rooms/general")).text()
    assert all(f"good {number}" in page for number in range(len(poison)))
    assert ">abc<" in page
    assert "poison" not in page


@pytest.mark.parametrize("name", ["admin", "root", "administrator", "user", "test", "guest", "chatapp", "operator"])
async def test_a_new_server_has_no_account_that_somebody_could_know(client, name: str) -> None:
    for password in ("", name, "admin", "root", "password", "changeme", "12345678", "chatapp"):
        async with Person(client.server, name, password) as stranger:
            await stranger.log_in()
            assert not await stranger.is_logged_in()


async def test_who_asks_for_rights_that_nobody_has_gets_none(meet, settings) -> None:
    an, binh = await meet("An"), await meet("Bình")
    roles = {"role": "admin", "is_admin": "1", "admin": "true", "user_id": "2", "id": "2"}
    for path in ("/admin", "/admin/users", "/users/2/remove", "/rooms/new", "/rooms", "/people/2", "/api", "/debug"):
        for how in (an.get, an.post):
            assert (await how(path, headers=JSON)).status in (200, 404, 405), path
    for path in ("/settings", "/register", "/login"):
        await an.post(path, {"language": "vi", "theme": "dark", **roles})
    with closing(sqlite3.connect(settings.database)) as db:
        assert db.execute("SELECT id, username, role FROM users").fetchall() == [(1, "An", "user"), (2, "Bình", "user")]
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.control("ready")
        for kind in ("ban", "kick", "admin", "promote", "delete_user", "rename", "hello", "saved", "failed", "eval"):
            await ear.say(kind, user=2, id=2, name="Bình", role="admin")
        told = [json.loads(frame) for frame in await ear.told() if frame.startswith('{"type":"refused"')]
        assert {each["code"] for each in told} == {"unknown_type"}
        assert len(told) == 10
    assert await binh.is_logged_in()
    assert await an.is_logged_in()


async def test_pages_load_our_own_htmx_and_nothing_that_evaluates(meet) -> None:
    an = await meet("An")
    for path in ("/rooms/general", "/settings", "/people"):
        answer = await an.get(path)
        page = await answer.text()
        config = json.loads(re.search(r"name=\"htmx-config\" content='([^']+)'", page)[1])
        assert config["noSwap"][-1] == "5xx"
        scripts = re.findall(r"<script[^>]*>", page)
        assert scripts
        assert all(re.search(r' src="/static/[0-9a-f]{12}/', each) for each in scripts), scripts
        assert not re.search(r"hx-(on|vals|vars|headers)|\son[a-z]+=|\sstyle=|javascript:|<style", page)
        assert "eval" not in answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
