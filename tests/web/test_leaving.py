"""Deleting one's account: what ends, what stays, and what others see of it."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from io import BytesIO

import pytest
from aiohttp import ClientResponse, ClientWebSocketResponse, FormData, WSMsgType, web
from aiohttp.test_utils import TestClient
from PIL import Image

import old_chat
from chatapp.model.refusals import Close
from chatapp.settings import Settings
from chatapp.web import keys
from people import PASSWORD, Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[[str], Awaitable[Person]]
Start = Callable[..., Awaitable[Client]]

PATH = "/settings/account"


async def leave(person: Person, messages: str = "stay", password: str = PASSWORD) -> ClientResponse:
    return await person.post(PATH, {"messages": messages, "current": password}, allow_redirects=False)


async def say(person: Person, text: str, where: str = "/rooms/general") -> int:
    """Post a message and return its id."""
    response = await person.post(f"{where}/messages", {"content": text}, headers={"Accept": "application/json"})
    assert response.status == 200, await response.text()
    return int((await response.json())["id"])


async def show(person: Person, where: str = "/rooms/general") -> str:
    """Post a picture and return the address of its thumbnail."""
    data = BytesIO()
    Image.new("RGB", (30, 20), "teal").save(data, "PNG")
    form = FormData()
    form.add_field("pictures", data.getvalue(), filename="a.png", content_type="image/png")
    await person.post(f"{where}/messages", form)
    [*_, address] = re.findall(r'src="(/images/[^"]+)"', await (await person.get(where)).text())
    return address


async def words(person: Person, path: str) -> str:
    response = await person.get(path)
    main = re.search(r"<main.*</main>", await response.text(), re.DOTALL)
    assert main, response.status
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main[0])).split())


async def is_told_to_go(socket: ClientWebSocketResponse) -> bool:
    async with asyncio.timeout(10):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code == Close.SIGNED_OUT


async def hears(socket: ClientWebSocketResponse, *wanted: str) -> str:
    """Return the first fragment that holds some texts."""
    async with asyncio.timeout(5):
        while True:
            text = await socket.receive_str()
            if all(part in text for part in wanted):
                return text


async def seen_off(client: Client) -> None:
    """Wait until nothing is left to do for those who have left."""
    async with asyncio.timeout(10):
        while await client.app[keys.store].deletions.under_way():
            await asyncio.sleep(0.02)


async def dump(client: Client) -> str:
    """Return everything the database holds of people and of what they wrote, as text."""
    ask = client.app[keys.store]._database.rows
    tables = ("messages", "private_messages", "message_versions", "directs", "read_marks", "sessions", "message_keys")
    held = {table: await ask(f"SELECT * FROM {table}") for table in tables}  # noqa: S608
    return "\n".join(f"{table} {row}" for table, rows in held.items() for row in rows)


# Logging out for good


async def test_an_account_that_was_deleted_is_logged_out_everywhere_and_logs_in_nowhere(
    client: Client, meet: Meet
) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with Person(client.server, "An") as phone:
        await phone.log_in()
        async with an.socket() as here, phone.socket() as there, binh.socket() as others:
            response = await leave(an)
            assert (response.status, response.headers["Location"]) == (303, "/goodbye")
            assert await is_told_to_go(here)
            assert await is_told_to_go(there)
            assert not others.closed
        for person in (an, phone):
            assert not await person.is_logged_in()
        assert "Your account is deleted" in await words(an, "/goodbye")
        response = await phone.log_in()
        assert response.status == 422
        assert "The name or the password is wrong." in await response.text()
    assert await binh.is_logged_in()


@pytest.mark.parametrize("name", ["An", "AN", "Ａn"])
async def test_the_name_of_somebody_who_left_cannot_be_taken(client: Client, meet: Meet, name: str) -> None:
    await leave(await meet("An"))
    async with Person(client.server, name) as impostor:
        response = await impostor.register()
        assert response.status == 422
        assert "This name is taken." in await response.text()


async def test_nor_can_a_name_that_looks_like_it(client: Client, meet: Meet) -> None:
    await leave(await meet("Ian"))
    async with Person(client.server, "lan") as impostor:
        response = await impostor.register()
        assert response.status == 422
        assert "looks too much like" in await response.text()


# What is needed


async def test_it_takes_the_password(client: Client, meet: Meet) -> None:
    an = await meet("An")
    for password in ("", "a guess of mine"):
        response = await leave(an, "go", password)
        assert response.status == 422
        page = await response.text()
        assert re.search(r'<input id="current"[^>]*value=""[^>]*aria-invalid="true"[^>]*autofocus', page)
        assert 'value="go" checked' in page
    assert await an.is_logged_in()


async def test_wrong_passwords_count_as_failed_log_ins_do(start: Start) -> None:
    client = await start(login_tries=2)
    async with Person(client.server, "An") as an:
        await an.register()
        assert [(await leave(an, password="guess")).status for _ in range(3)] == [422, 422, 429]
        assert (await leave(an)).status == 429
        assert await an.is_logged_in()


@pytest.mark.parametrize("messages", ["", "maybe", "'; --"])
async def test_one_has_to_choose_what_becomes_of_the_messages(meet: Meet, messages: str) -> None:
    an = await meet("An")
    assert (await leave(an, messages)).status == 422
    assert await an.is_logged_in()


async def test_a_visit_or_another_site_deletes_nothing(client: Client, meet: Meet) -> None:
    an = await meet("An")
    await an.get(f"{PATH}?messages=go&current={PASSWORD}")
    form = {"messages": "go", "current": PASSWORD}
    assert (await an.post(PATH, form, headers={"Origin": "http://evil.example"})).status == 403
    async with Person(client.server, "An") as stranger:
        for response in (await stranger.get(PATH, allow_redirects=False), await leave(stranger)):
            assert response.headers["Location"].startswith("/login")
    assert await an.is_logged_in()


async def test_two_who_delete_at_once_delete_once(client: Client, meet: Meet) -> None:
    an = await meet("An")
    answers = await asyncio.gather(leave(an), leave(an))
    assert {answer.status for answer in answers} <= {303, 422}
    assert not await an.is_logged_in()
    await seen_off(client)


# The messages stay


async def test_messages_that_stay_are_those_of_a_former_member(client: Client, meet: Meet) -> None:
    an, binh = await meet("Anselm"), await meet("Bình")
    await say(an, "nhớ mang áo ấm")
    await say(an, "gặp riêng nhé", "/direct/Bình")
    picture = await show(an)
    await leave(an)
    await seen_off(client)
    for where in ("/rooms/general", "/direct/%201"):
        assert "Former member" in await words(binh, where)
        page = await (await binh.get(where)).text()
        assert "Anselm" not in page
        assert 'href="/direct/%201"' in page  # in the list of conversations
    assert "nhớ mang áo ấm" in await words(binh, "/rooms/general")
    assert "gặp riêng nhé" in await words(binh, "/direct/%201")
    assert (await binh.get(picture)).status == 200
    assert "Anselm" not in await (await binh.get("/people")).text()
    assert "Anselm" not in await dump(client)


async def test_open_pages_and_those_that_come_back_learn_of_it(client: Client, meet: Meet) -> None:
    an, binh = await meet("Anselm"), await meet("Bình")
    first = await say(an, "hello there")
    page = await (await binh.get("/rooms/general")).text()
    since, epoch = re.search(r'data-cursor="(\d+)" data-epoch="([^"]+)"', page).groups()  # type: ignore[union-attr]
    async with binh.socket("/ws?room=general&epoch=x") as socket:
        await leave(an)
        fragment = await hears(socket, f'id="m-{first}"', "hello there")
        assert "Former member" in fragment
        assert "Anselm" not in fragment
    await seen_off(client)
    async with binh.socket(f"/ws?room=general&since={since}&epoch={epoch}") as socket:
        assert "Anselm" not in await hears(socket, f'id="m-{first}"', "Former member")


async def test_open_lists_of_people_are_told_at_once(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket() as socket:
        assert (await leave(binh)).status == 303
        assert 'data-user="2"' in await hears(socket, "departed:#side")


async def test_an_edited_message_stays_edited_and_no_other_one_becomes_so(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    plain, edited = await say(an, "one"), await say(an, "two")
    await an.post(f"/rooms/general/messages/{edited}/edit", {"content": "three"})
    await leave(an)
    await seen_off(client)
    page = await (await binh.get("/rooms/general")).text()
    assert page.count('class="edited"') == 1
    assert f"/messages/{edited}/versions" in page
    assert "two" in await (await binh.get(f"/rooms/general/messages/{edited}/versions")).text()
    assert "one" in await (await binh.get(f"/rooms/general/messages/{plain}")).text()


async def test_somebody_who_left_can_be_read_by_who_talked_with_them_but_not_written_to(
    client: Client, meet: Meet
) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    await say(an, "hi", "/direct/Bình")
    await leave(an)
    for where in ("/direct/%201", "/direct/An"):  # the second: a page that was open then
        assert (await binh.get(where)).status == 200
        assert (await chi.get(where)).status == 404
    response = await binh.post("/direct/%201/messages", {"content": "are you there?"})
    assert response.status == 422
    page = await response.text()
    assert "This person has left the chat" in page
    assert "are you there?</textarea>" in page
    async with binh.socket("/ws?direct=%201&epoch=x") as socket:
        await socket.send_json({"type": "message", "content": "hello?", "key": "k" * 20})
        assert "has left" in await hears(socket, '"refused"')
        await socket.send_json({"type": "private_message", "to": " 1", "message": "hello?"})
        assert "has left" in await hears(socket, '"refused"')


async def test_what_was_kept_for_somebody_alone_is_forgotten(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await say(an, "hi", "/direct/Bình")
    await say(binh, "ho", "/direct/An")
    await leave(an)
    await seen_off(client)
    ask = client.app[keys.store]._database.rows
    for table, column in (("read_marks", "user_id"), ("directs", "user_id"), ("sessions", "user_id")):
        assert await ask(f"SELECT * FROM {table} WHERE {column} = 1") == []  # noqa: S608
    assert "ho" in await words(binh, "/direct/%201")


# The messages go


async def test_messages_that_go_are_removed_and_erased_with_their_pictures(client: Client, meet: Meet) -> None:
    an, binh = await meet("Anselm"), await meet("Bình")
    said = await say(an, "bí mật của tôi")
    await say(an, "riêng tư lắm", "/direct/Bình")
    edited = await say(an, "bản nháp")
    await an.post(f"/rooms/general/messages/{edited}/edit", {"content": "bản cuối"})
    await say(binh, "lời của Bình")
    picture = await show(an)
    async with binh.socket("/ws?room=general&epoch=x") as socket:
        await leave(an, "go")
        assert "gone" in await hears(socket, f'id="m-{said}"')
    await seen_off(client)
    held = await dump(client)
    for text in ("bí mật", "riêng tư", "bản nháp", "bản cuối", "Anselm"):
        assert text not in held
    assert "lời của Bình" in await words(binh, "/rooms/general")
    assert "This message was removed." in await words(binh, "/rooms/general")
    assert (await binh.get(picture)).status == 404
    ask = client.app[keys.store]._database.rows
    assert await ask("SELECT id FROM pictures") == await ask("SELECT * FROM removals WHERE message_id > 0") == []
    await client.app[keys.store].messages.erase_removed()
    for file in client.app[keys.settings].database.parent.glob("chat.db*"):
        assert "bí mật".encode() not in file.read_bytes()
    assert await ask("SELECT picture_id FROM picture_bytes") == []


async def test_what_was_left_to_do_is_done_after_a_restart(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await start()
    async with Person(first.server, "Anselm") as an:
        await an.register()
        await say(an, "bí mật của tôi")
        monkeypatch.setattr(first.app[keys.account_deletion], "begin", lambda: None)
        await leave(an, "go")
    assert "bí mật" in await dump(first)
    await first.close()
    second = await start()
    await seen_off(second)
    held = await dump(second)
    assert "bí mật" not in held
    assert "Anselm" not in held


async def test_a_name_of_the_old_program_goes_from_old_messages_too(start: Start, settings: Settings) -> None:
    old_chat.make(settings.database)
    client = await start()
    ask = client.app[keys.store]._database.rows
    [[name, user_id]] = await ask("SELECT username, id FROM users WHERE id = 1")
    assert f"'{name}'" in await dump(client)
    [[stored]] = await ask("SELECT password FROM users WHERE id = 1")
    assert await client.app[keys.store].deletions.begin(1, password=stored, stamp=1 << 50, removing=False)
    client.app[keys.account_deletion].begin()
    await seen_off(client)
    assert await ask("SELECT id FROM messages WHERE sender = ?", (name,)) == []
    assert await ask("SELECT id FROM private_messages WHERE ? IN (sender, receiver)", (name,)) == []
    assert await ask("SELECT id FROM messages WHERE author_id = ? AND sender = ''", (user_id,)) != []
