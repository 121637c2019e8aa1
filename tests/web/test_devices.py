"""The list of one's devices, and logging out on one of them from another."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient
from yarl import URL

from chatapp.model.refusals import Close
from chatapp.system import clock
from chatapp.web import keys
from people import Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[[str], Awaitable[Person]]

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605 Version/26.0 Safari/604.1"
DAY = 86_400


@pytest.fixture
async def device(client: Client) -> AsyncIterator[Callable[..., Awaitable[Person]]]:
    """Log a registered person in on another device: ``phone = await device("An", IPHONE)``."""
    opened: list[Person] = []

    async def device(name: str, agent: str = IPHONE) -> Person:
        opened.append(Person(client.server, name))
        form = {"username": name, "password": opened[-1].password}
        response = await opened[-1].post("/login", form, headers={"User-Agent": agent}, allow_redirects=False)
        assert response.status == 303
        return opened[-1]

    yield device
    for person in opened:
        await person.close()


async def page(person: Person) -> str:
    """Return the page of a person's devices."""
    response = await person.get("/settings/devices")
    assert response.status == 200
    return await response.text()


async def listed(person: Person) -> list[str]:
    """Return what the page says of each device, without tags."""
    items = re.findall(r"<li>(.*?)</li>", await page(person), re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", item)).split()) for item in items]


async def handles(person: Person) -> list[str]:
    """Return the handles of the devices that a person can log out on."""
    return re.findall(r'name="device" value="(\w+)"', await page(person))


async def is_told_to_go(socket: ClientWebSocketResponse) -> bool:
    """Tell whether a socket is closed for good soon."""
    async with asyncio.timeout(10):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code == Close.SIGNED_OUT


async def age(client: Client, seconds: int) -> None:
    """Let all sessions be last seen some time ago."""
    async with client.app[keys.store]._database.transaction() as db:
        await db.execute_fetchall("UPDATE sessions SET seen_at = ?", (clock.unix_time() - seconds,))


# What the page shows


async def test_the_page_names_every_device_and_marks_this_one(client: Client, meet: Meet, device) -> None:
    an = await meet("An")
    await device("An", IPHONE)
    await device("An", FIREFOX)
    await device("An", "curl/8")
    here, *others = await listed(an)
    assert "This device" in here
    assert "Log out" not in here
    assert sorted(name.partition(" Last seen")[0] for name in others) == [
        "Another device",
        "Firefox on Windows",
        "Safari on iPhone",
    ]
    assert all("Last seen: Today, " in other for other in others)


async def test_the_page_says_when_a_device_was_seen_last_and_which_is_open_now(
    client: Client, meet: Meet, device
) -> None:
    an, phone = await meet("An"), await device("An")
    await age(client, DAY)
    [_, other] = await listed(an)
    assert "Last seen: Yesterday, " in other
    async with phone.socket():
        [_, other] = await listed(an)
        assert "Open right now" in other


async def test_other_peoples_devices_and_those_of_the_past_are_not_listed(client: Client, meet: Meet, device) -> None:
    an = await meet("An")
    await meet("Bình")
    await device("Bình")
    await device("An")
    await age(client, 31 * DAY)
    desk = await device("An", FIREFOX)
    assert len(await listed(desk)) == 1
    assert not await an.is_logged_in()


async def test_the_page_holds_no_session_id_and_no_markup_of_a_browser(client: Client, meet: Meet, device) -> None:
    an = await meet("An")
    await device("An", '"><script>alert(1)</script>')
    shown = await page(an)
    rows = await client.app[keys.store]._database.rows("SELECT id FROM sessions")
    assert len(rows) == 2
    assert not any(row[0] in shown or row[0][:16] in shown for row in rows)
    assert "alert(1)" not in shown


# Logging out there


async def test_a_device_is_logged_out_from_another_one_at_once(client: Client, meet: Meet, device) -> None:
    an, phone = await meet("An"), await device("An")
    async with phone.socket() as there, an.socket() as here:
        [handle] = await handles(an)
        response = await an.post("/settings/devices/end", {"device": handle}, allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (303, "/settings/devices?ended=1")
        assert await is_told_to_go(there)
        assert not here.closed
    assert not await phone.is_logged_in()
    assert await an.is_logged_in()
    assert len(await listed(an)) == 1
    assert 'role="status"' in await (await an.get("/settings/devices?ended=1")).text()


async def test_a_session_that_was_ended_elsewhere_can_neither_post_nor_open_a_socket(
    client: Client, meet: Meet, device
) -> None:
    an, phone = await meet("An"), await device("An")
    async with phone.socket() as socket:
        await an.post("/settings/devices/end", {"device": (await handles(an))[0]})
        await socket.send_json({"type": "message", "content": "too late", "key": "k" * 20})
        form = {"content": "too late", "key": "l" * 20}
        response = await phone.post("/rooms/general/messages", form, allow_redirects=False)
        assert response.headers["Location"].startswith("/login")
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": phone.origin}
        assert (await phone.get("/ws", headers=handshake)).status == 401
        assert await is_told_to_go(socket)
    assert "too late" not in await (await an.get("/rooms/general")).text()


async def test_an_upload_that_was_under_way_when_its_session_ended_is_not_posted(
    client: Client, meet: Meet, device
) -> None:
    an, phone = await meet("An"), await device("An")
    [handle] = await handles(an)
    began, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="content"\r\n\r\n'
        began.set()
        await ended.wait()
        yield b"too late\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    posting = asyncio.create_task(phone.post("/rooms/general/messages", slow(), headers=headers, allow_redirects=False))
    await began.wait()
    await an.post("/settings/devices/end", {"device": handle})
    ended.set()
    assert (await posting).headers["Location"].startswith("/login")
    assert "too late" not in await (await an.get("/rooms/general")).text()


async def test_a_socket_that_is_being_opened_when_its_session_ends_is_closed_too(
    client: Client, meet: Meet, device, monkeypatch: pytest.MonkeyPatch
) -> None:
    an, phone = await meet("An"), await device("An")
    [handle] = await handles(an)
    resume = client.app[keys.resume]
    bring = resume.bring
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def late(*values: object) -> None:
        arrived.set()
        await ended.wait()
        await bring(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(resume, "bring", late)
    async with phone.socket() as socket:
        await arrived.wait()  # recognised, upgraded, but not among the hub's listeners yet
        await an.post("/settings/devices/end", {"device": handle})
        ended.set()
        assert await is_told_to_go(socket)


async def test_all_other_devices_are_logged_out_at_once_and_this_one_stays(client: Client, meet: Meet, device) -> None:
    an, binh = await meet("An"), await meet("Bình")
    phone, desk = await device("An"), await device("An", FIREFOX)
    async with phone.socket() as one, desk.socket() as two, an.socket() as here, binh.socket() as others:
        response = await an.post("/settings/devices/end-others", allow_redirects=False)
        assert response.status == 303
        assert await is_told_to_go(one)
        assert await is_told_to_go(two)
        assert not here.closed
        assert not others.closed
    assert [await person.is_logged_in() for person in (an, binh, phone, desk)] == [True, True, False, False]
    assert "end-others" not in await page(an)


async def test_logging_out_the_device_in_front_of_one_is_an_ordinary_log_out(
    client: Client, meet: Meet, device
) -> None:
    an, phone = await meet("An"), await device("An")
    [handle] = await handles(phone)  # as the phone sees it: the other one
    response = await an.post("/settings/devices/end", {"device": handle}, allow_redirects=False)
    assert response.headers["Location"] == "/"
    assert not await an.is_logged_in()
    assert await phone.is_logged_in()


# Rights


async def test_nobody_logs_out_somebody_else_by_whatever_handle(client: Client, meet: Meet, device) -> None:
    an, mallory = await meet("An"), await meet("Mallory")
    await device("An")
    [handle] = await handles(an)
    [ids] = await client.app[keys.store]._database.rows("SELECT group_concat(id) FROM sessions")
    async with an.socket() as socket:
        for made_up in (handle, *str(ids[0]).split(","), "", "1", "../", "' OR 1=1 --", "\ud83d", "x" * 10_000):
            form = {"device": made_up.encode("utf-8", "replace").decode()}
            response = await mallory.post("/settings/devices/end", form, allow_redirects=False)
            assert response.headers["Location"] == "/settings/devices"
        await mallory.post("/settings/devices/end-others", {"user": "1", "user_id": "1"})
        assert len(await listed(an)) == 2
        assert not socket.closed
    assert await mallory.is_logged_in()


@pytest.mark.parametrize("path", ["/settings/devices/end", "/settings/devices/end-others"])
async def test_a_visit_logs_nobody_out(client: Client, meet: Meet, device, path: str) -> None:
    an, phone = await meet("An"), await device("An")
    [handle] = await handles(an)
    assert (await an.get(f"{path}?device={handle}")).status == 405
    assert await phone.is_logged_in()


@pytest.mark.parametrize("path", ["/settings/devices/end", "/settings/devices/end-others"])
async def test_another_site_cannot_log_anybody_out(client: Client, meet: Meet, device, path: str) -> None:
    an, phone = await meet("An"), await device("An")
    form = {"device": (await handles(an))[0]}
    assert (await an.post(path, form, headers={"Origin": "http://evil.example"})).status == 403
    assert await phone.is_logged_in()


async def test_the_devices_are_for_their_owner(client: Client) -> None:
    async with Person(client.server, "An") as stranger:
        for response in (
            await stranger.get("/settings/devices", allow_redirects=False),
            await stranger.post("/settings/devices/end", {"device": "x"}, allow_redirects=False),
            await stranger.post("/settings/devices/end-others", allow_redirects=False),
        ):
            assert response.status == 303
            assert URL(response.headers["Location"]).path == "/login"
