"""Sessions: what the cookie is, what it is worth after a log-out, and what a broken one does."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from http.cookies import Morsel, SimpleCookie

import pytest
from aiohttp import ClientResponse, WSMsgType, web
from aiohttp.test_utils import TestClient
from cryptography.fernet import Fernet

from chatapp.model.refusals import Close
from chatapp.settings import Settings
from chatapp.store import Unwritable
from chatapp.system import clock
from chatapp.web import keys, sessions
from people import Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[[str], Awaitable[Person]]
Start = Callable[..., Awaitable[Client]]

HTTPS = {"X-Forwarded-Proto": "https"}
LOCAL = (ipaddress.ip_network("127.0.0.1"),)
DAY = 86_400


def cookie_of(response: ClientResponse) -> Morsel[str]:
    """Return the session cookie that a response sets."""
    [header] = [line for line in response.headers.getall("Set-Cookie") if "chatapp=" in line]
    [cookie] = SimpleCookie(header).values()
    return cookie


async def knows(client: Client, cookie: str, path: str = "/settings") -> bool:
    """Tell whether a cookie is worth anything to the server."""
    async with Person(client.server, "thief") as thief:
        response = await thief.get(path, headers={"Cookie": f"chatapp={cookie}"}, allow_redirects=False)
        assert response.status in (200, 303)
        return response.status == 200


# The cookie's attributes


async def test_over_plain_http_the_cookie_is_for_this_site_and_no_script(client: Client) -> None:
    async with Person(client.server, "An") as an:
        cookie = cookie_of(await an.register())
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["secure"] == ""
    assert cookie["domain"] == ""
    assert cookie["max-age"] == str(90 * DAY)
    assert len(cookie.OutputString()) < 4096


@pytest.mark.parametrize("headers", [HTTPS, {}])
@pytest.mark.parametrize("base", ["", "/chat"])
async def test_log_out_takes_the_cookie_back_as_it_was_given(start: Start, headers: dict[str, str], base: str) -> None:
    client = await start(trusted_proxies=LOCAL, base_path=base)
    async with Person(client.server, "An") as an:
        form = {"username": an.name, "password": an.password}
        origin = an.origin.replace("http:", "https:") if headers else an.origin
        headers = {**headers, "Origin": origin}
        given = cookie_of(await an.post(f"{base}/register", form, headers=headers, allow_redirects=False))
        carried = {**headers, "Cookie": f"{given.key}={given.value}"}
        taken = cookie_of(await an.post(f"{base}/logout", headers=carried, allow_redirects=False))
    prefix = "" if not HTTPS.items() <= headers.items() else "__Secure-" if base else "__Host-"
    for cookie in (given, taken):
        assert cookie.key == f"{prefix}chatapp"
        assert cookie["secure"] == (True if HTTPS.items() <= headers.items() else "")
        assert cookie["path"] == (base or "/")
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Lax"
    assert taken.value == ""
    assert taken["max-age"] == "0"


async def test_a_proxy_that_nobody_trusts_cannot_make_the_cookie_secure(client: Client) -> None:
    async with Person(client.server, "An") as an:
        form = {"username": an.name, "password": an.password}
        cookie = cookie_of(await an.post("/register", form, headers=HTTPS, allow_redirects=False))
    assert cookie["secure"] == ""


async def test_the_cookie_is_set_at_log_in_only(meet: Meet) -> None:
    an = await meet("An")
    for path in ("/", "/settings", "/rooms/general"):
        response = await an.get(path)
        assert "Set-Cookie" not in response.headers


async def test_the_cookie_holds_neither_name_nor_the_id_that_the_database_holds(client: Client, meet: Meet) -> None:
    an = await meet("Anastasia")  # too long to come about by chance in so many random letters
    assert an.cookie
    assert "Anastasia" not in an.cookie
    database = client.app[keys.store]._database
    [[row_id]] = await database.rows("SELECT id FROM sessions")
    assert len(row_id) == 64
    assert row_id not in an.cookie
    assert not await knows(client, row_id)


# What ends a session


@pytest.mark.parametrize("path", ["/settings", "/rooms/general", "/rooms/general/messages?before=1"])
async def test_a_copied_cookie_is_worth_nothing_after_the_log_out(client: Client, meet: Meet, path: str) -> None:
    an = await meet("An")
    assert an.cookie
    copied = an.cookie
    assert await knows(client, copied)
    await an.log_out()
    assert not await knows(client, copied, path)
    headers = {"Cookie": f"chatapp={copied}", "Origin": an.origin}
    async with Person(client.server, "thief") as thief:
        sent = {"content": "hello", "key": "k" * 20}
        response = await thief.post("/rooms/general/messages", sent, headers=headers, allow_redirects=False)
        assert response.headers["Location"].startswith("/login")
        assert (
            await thief.get("/ws", headers={**headers, "Upgrade": "websocket", "Connection": "Upgrade"})
        ).status == 401


async def test_logging_in_makes_a_new_session_and_ends_the_one_before(client: Client, meet: Meet) -> None:
    an = await meet("An")
    before = an.cookie
    assert before
    await an.log_in()
    assert an.cookie != before
    assert await an.is_logged_in()
    assert not await knows(client, before)


async def test_a_cookie_planted_before_the_log_in_is_nobody_afterwards(client: Client, meet: Meet) -> None:
    mallory = await meet("Mallory")
    planted = mallory.cookie
    assert planted
    await meet("An")
    async with Person(client.server, "An") as an:
        headers = {"Cookie": f"chatapp={planted}", "Origin": an.origin}
        form = {"username": "An", "password": an.password}
        response = await an.post("/login", form, headers=headers, allow_redirects=False)
        assert cookie_of(response).value != planted
    assert not await knows(client, planted)


async def test_logging_out_closes_the_sockets_of_that_session_and_no_other(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket() as tab, an.socket() as other_tab, binh.socket() as others:
        await an.log_out()
        for socket in (tab, other_tab):
            while (await socket.receive(timeout=5)).type is WSMsgType.TEXT:
                pass
            assert socket.close_code == Close.SIGNED_OUT
        assert not others.closed
        async with Person(client.server, "An") as phone:
            await phone.log_in()
            assert await phone.is_logged_in()


async def test_sessions_survive_a_restart(start: Start) -> None:
    first = await start()
    async with Person(first.server, "An") as an:
        await an.register()
        assert an.cookie
        cookie = an.cookie
    await first.close()
    assert await knows(await start(), cookie)


@pytest.mark.parametrize(
    ("started", "seen", "lives"),
    [(0, 0, True), (89, 29, True), (91, 0, False), (31, 31, False), (0, 31, False)],
)
async def test_a_session_ends_by_age_and_by_idleness(
    client: Client, meet: Meet, started: int, seen: int, lives: bool
) -> None:
    an = await meet("An")
    now = clock.unix_time()
    async with client.app[keys.store]._database.transaction() as db:
        await db.execute_fetchall(
            "UPDATE sessions SET created_at = ?, seen_at = ?", (now - started * DAY, now - seen * DAY)
        )
    assert await an.is_logged_in() == lives


async def test_a_clock_set_back_logs_nobody_out(client: Client, meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    an = await meet("An")
    real = clock.time.time
    monkeypatch.setattr("time.time", lambda: real() - DAY)
    assert await an.is_logged_in()


async def test_a_visit_is_noted_at_most_once_an_hour(client: Client, meet: Meet) -> None:
    an = await meet("An")
    database, now = client.app[keys.store]._database, clock.unix_time()
    for ago, noted in ((3000, False), (4000, True)):
        async with database.transaction() as db:
            await db.execute_fetchall("UPDATE sessions SET seen_at = ?", (now - ago,))
        await an.get("/settings")
        [[seen]] = await database.rows("SELECT seen_at FROM sessions")
        assert (seen >= now) == noted


async def test_a_full_disk_does_not_stop_people_from_reading(
    client: Client, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    an = await meet("An")
    async with client.app[keys.store]._database.transaction() as db:
        await db.execute_fetchall("UPDATE sessions SET seen_at = seen_at - 7200")

    async def full(session_id: str) -> None:
        raise Unwritable("the disk is full")

    monkeypatch.setattr(client.app[keys.store].accounts, "touch_session", full)
    assert await an.is_logged_in()


# Cookies that are broken


async def test_a_cookie_changed_in_any_place_is_nobodys(client: Client, meet: Meet) -> None:
    an = await meet("An")
    assert an.cookie
    for place in range(0, len(an.cookie), 7):
        other = "A" if an.cookie[place] != "A" else "B"
        assert not await knows(client, an.cookie[:place] + other + an.cookie[place + 1 :])
    assert await knows(client, an.cookie)


@pytest.mark.parametrize(
    "cookie",
    [
        *(b"", b"x", b"x" * 8000, b"gAAAAAB" + b"A" * 4080, b"null", b'{"sid": "x"}', b"%00", b"a=b=c", b'"quoted"'),
        *(b"a b;c", "ệ".encode(), b"\xff\xfe", b'"\\377\\376"', b"gAAAAAB\xc3\x28", b"; chatapp=y; chatapp", b"\x01"),
    ],
)
@pytest.mark.parametrize("path", ["/settings", "/"])
async def test_a_foreign_cookie_is_nobodys_and_not_worth_a_line_in_the_log(
    client: Client, cookie: bytes, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = await raw(client, b"GET %b HTTP/1.1\r\nHost: x\r\nCookie: chatapp=%b\r\n\r\n" % (path.encode(), cookie))
    if b"\x01" in cookie:
        assert answer == 400, "no header at all"
    else:
        assert answer == (200 if path == "/" else 303)
    assert {record.name for record in caplog.records} <= {"chatapp.access", "aiohttp.access", "aiohttp.server"}


async def raw(client: Client, request: bytes) -> int:
    """Send bytes that no well-behaved client would send, and return the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request)
    async with asyncio.timeout(5):
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(line.split()[1])


async def test_a_cookie_of_another_server_is_nobodys(
    client: Client, meet: Meet, settings: Settings, start: Start
) -> None:
    an = await meet("An")
    other = await start(database=settings.database.with_name("other.db"))
    assert an.cookie
    assert not await knows(other, an.cookie)


async def test_only_an_encrypted_session_id_is_looked_up(client: Client, meet: Meet) -> None:
    """The key is ours, yet what it opens must be what we put in."""
    await meet("An")
    storage = sessions.CookieStorage(client.app[keys.settings])
    facts = await client.app[keys.store].meta.facts()
    storage.unlock(facts.cookie_keys)
    for content in (b'{"session": {"sid": 7}}', b'{"session": {"sid": null}}', b'{"session": {}}', b"{}"):
        assert not await knows(client, Fernet(facts.cookie_keys[0]).encrypt(content).decode())


async def test_two_people_on_one_server_are_never_mixed_up(meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")

    async def name_of(person: Person) -> str:
        page = await (await person.get("/settings")).text()
        return next(name for name in ("An", "Bình") if f"<bdi>{name}</bdi>" in page)

    seen = await asyncio.gather(*(name_of(person) for person in (an, binh) * 20))
    assert seen == ["An", "Bình"] * 20


def test_the_row_id_is_a_hash_of_the_cookies_id() -> None:
    assert sessions.row_id("abc") != sessions.row_id("abd")
    assert len(sessions.row_id("abc")) == 64
