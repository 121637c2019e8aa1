"""A class that used the original program opens the new one on its old file, and everything is there."""

from __future__ import annotations

import html
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

import old_chat
from chatapp.app import create_app
from chatapp.settings import Settings
from chatapp.store.sqlite import ownership
from chatapp.system.startup import CannotStart
from people import Person

Client = TestClient[web.Request, web.Application]
Start = Callable[..., Awaitable[Client]]

NGOC = "Trần Thị Bích Ngọc"
ROOMS = ("general", "tech", "game", "am-nhac-doi-song")
UNREADABLE = "[Ảnh không đọc được · This picture cannot be read]"


@pytest.fixture
def old(settings: Settings) -> Path:
    """The database of the original program, where the server will look for it."""
    old_chat.make(settings.database)
    return settings.database


@pytest.fixture
async def server(old: Path, client: Client) -> Client:
    """A server that has just opened it."""
    return client


def dump(path: Path) -> list[str]:
    """Return all of a database but the reserve of numbers, which every start moves."""
    with closing(sqlite3.connect(path)) as db:
        return [line for line in db.iterdump() if "VALUES('ceiling'" not in line]


def stored_password(path: Path, name: str) -> str:
    with closing(sqlite3.connect(path)) as db:
        [(password,)] = db.execute("SELECT password FROM users WHERE username = ?", (name,))
        return str(password)


async def enter(server: Client, name: str) -> Person:
    """Return a person who has logged in with the old password."""
    person = Person(server.server, name, old_chat.PASSWORDS[name])
    response = await person.log_in()
    assert response.status == 303, await response.text()
    return person


async def log(person: Person, path: str) -> list[str]:
    """Return the texts of the messages on a page, as they were typed."""
    response = await person.get(path)
    assert response.status == 200
    page = (await response.text()).partition("<template")[0]
    texts = re.findall(r'<div class="text">(.*?)</div>', page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", text.replace("<br>", "\n"))) for text in texts]


async def pictures(person: Person, path: str) -> list[str]:
    page = await (await person.get(path)).text()
    return re.findall(r'<a class="shot" href="(/images/[\w-]+)"', page)


def direct(name: str) -> str:
    return f"/direct/{quote(name, safe='')}"


# People


@pytest.mark.parametrize("name", old_chat.PASSWORDS)
async def test_everybody_logs_in_with_the_old_password_which_is_then_stored_safely(
    server: Client, old: Path, name: str
) -> None:
    assert len(stored_password(old, name)) == 64
    async with await enter(server, name) as person:
        assert await person.is_logged_in()
    rehashed = stored_password(old, name)
    assert rehashed.startswith("$argon2id$")
    async with await enter(server, name) as person:
        assert await person.is_logged_in()
    assert stored_password(old, name) == rehashed


async def test_a_wrong_password_stays_wrong(server: Client, old: Path) -> None:
    digest = stored_password(old, "An")
    for wrong in (old_chat.PASSWORDS["an"], digest, "!", ""):
        async with Person(server.server, "An", wrong) as person:
            await person.log_in()
            assert not await person.is_logged_in()
    assert stored_password(old, "An") == digest


async def test_two_people_whose_names_differ_in_case_are_not_mixed_up(server: Client) -> None:
    for name, other in (("An", "an"), ("an", "An")):
        async with await enter(server, name) as person:
            page = await (await person.get("/rooms/general")).text()
            assert f'data-name="{name}"' in page.partition("<main")[0]
        async with Person(server.server, name, old_chat.PASSWORDS[other]) as person:
            await person.log_in()
            assert not await person.is_logged_in()


async def test_nobody_gets_in_under_a_name_that_had_no_account(server: Client) -> None:
    async with Person(server.server, old_chat.GHOST, "!") as person:
        await person.log_in()
        assert not await person.is_logged_in()
        assert (await person.register(password="một mật khẩu dài")).status == 422
        assert not await person.is_logged_in()


# Messages


async def test_every_room_message_is_on_the_page_of_its_room(server: Client) -> None:
    async with await enter(server, "An") as an:
        shown = {room: await log(an, f"/rooms/{room}") for room in ROOMS}
    wanted = [content for _, _, content, kind, _ in old_chat.room_messages() if kind == "text"]
    found = [text for room in ROOMS for text in shown[room]]
    assert sorted(found) == sorted([*wanted, UNREADABLE])
    assert shown["general"] == wanted[:4]
    assert shown["tech"] == [UNREADABLE, wanted[4]]


async def test_every_message_has_its_permalink(server: Client) -> None:
    async with await enter(server, "An") as an:
        for room, ids in zip(ROOMS, (range(1, 5), range(5, 9), range(9, 12), [12]), strict=True):
            for number in ids:
                response = await an.get(f"/rooms/{room}/messages/{number}")
                assert response.status == 200
                assert f'id="m-{number}"' in await response.text()


async def test_markup_of_old_messages_is_shown_and_not_run(server: Client) -> None:
    async with await enter(server, "An") as an:
        page = await (await an.get("/rooms/general")).text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_an_unknown_room_is_in_the_list_under_its_name(server: Client) -> None:
    async with await enter(server, "An") as an:
        page = await (await an.get("/rooms")).text()
    assert "Âm nhạc &amp; Đời sống" in page


@pytest.mark.parametrize(
    ("name", "other", "texts"),
    [
        ("An", NGOC, ["Ngọc ơi, tối nay rảnh không?", "Rảnh nhé ❤️"]),
        (NGOC, "An", ["Ngọc ơi, tối nay rảnh không?", "Rảnh nhé ❤️"]),
        ("An", "an", ["Mình là an, không phải An"]),
        ("an", "An", ["Mình là an, không phải An"]),
        ("An", old_chat.GHOST, ["Tạm biệt"]),
        ("Đặng Văn Lâm", "Đặng Văn Lâm", ["Ghi chú cho mình"]),
        ("admin", "An", []),
    ],
)
async def test_private_messages_are_shown_to_their_two_people(
    server: Client, name: str, other: str, texts: list[str]
) -> None:
    async with await enter(server, name) as person:
        assert await log(person, direct(other)) == texts
        listed = (await (await person.get("/rooms")).text()).partition('id="directs"')[2].partition("</ul>")[0]
        assert (f'href="{direct(other)}"' in listed) == bool(texts)


async def test_nothing_old_counts_as_unread(server: Client) -> None:
    async with await enter(server, "An") as an:
        side = await (await an.get("/rooms")).text()
    assert set(re.findall(r'data-count="(\d+)"', side)) == {"0"}


async def test_old_conversations_go_on(server: Client, old: Path) -> None:
    async with await enter(server, "An") as an, await enter(server, "an") as other:
        for path in ("/rooms/tech", direct("an")):
            assert (await an.post(f"{path}/messages", {"content": "còn ở đây không?"})).status == 200
        assert (await log(other, "/rooms/tech"))[-1] == "còn ở đây không?"
        assert await log(other, direct("An")) == ["Mình là an, không phải An", "còn ở đây không?"]


# Pictures


def colour(data: bytes) -> tuple[int, ...]:
    with Image.open(BytesIO(data)) as image:
        assert image.size == (60, 40)
        pixel = image.convert("RGB").getpixel((30, 20))
        assert isinstance(pixel, tuple)
        return tuple(round(value / 10) * 10 for value in pixel)


async def test_old_pictures_are_shown_in_both_sizes(server: Client) -> None:
    async with await enter(server, "An") as an:
        found = await pictures(an, "/rooms/tech") + await pictures(an, direct(NGOC))
        colours = []
        for address in found:
            for size in ("", "/thumbnail"):
                response = await an.get(address + size)
                assert response.status == 200
                assert response.content_type.startswith("image/")
                colours.append(colour(await response.read()))
    red, blue, green = (200, 30, 30), (30, 30, 200), (30, 160, 30)
    assert len(found) == 3
    assert colours == [red, red, blue, blue, green, green]


async def test_a_picture_of_a_private_message_is_for_its_two_people_only(server: Client) -> None:
    async with await enter(server, "An") as an, await enter(server, NGOC) as ngoc, await enter(server, "an") as other:
        [address] = await pictures(an, direct(NGOC))
        assert [(await person.get(address)).status for person in (an, ngoc, other)] == [200, 200, 404]


# Starting again


async def test_a_second_start_changes_nothing(old: Path, start: Start, settings: Settings) -> None:
    original = dump(old)
    await (await start()).close()
    first = dump(old)
    await (await start()).close()
    assert dump(old) == first
    copy = old.with_name(old.name + ".before-upgrade-0")
    assert dump(copy) == original
    assert sorted(path.name for path in old.parent.iterdir()) == sorted([old.name, old.name + ".lock", copy.name])


async def test_the_copy_can_be_opened_in_place_of_the_upgraded_file(old: Path, start: Start) -> None:
    await (await start()).close()
    copy = old.with_name(old.name + ".before-upgrade-0")
    async with await enter(await start(database=copy), "An") as an:
        assert await log(an, "/rooms/general")


# What cannot be opened


def another_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE songs (title TEXT)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        for table, columns in (*ownership._OURS, ownership._PLACES[0]):
            db.execute(f"CREATE TABLE {table} ({', '.join(columns.split())})")
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("Kính gửi thầy cô\n" * 300), "is not a database"),
        (another_programs, "is the database of another program"),
        (newer, "was written by a newer chatapp"),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
)
async def test_a_file_that_cannot_be_opened_is_named_in_a_sentence(
    settings: Settings, make: Callable[[Path], Any], words: str
) -> None:
    make(settings.database)
    with pytest.raises(CannotStart) as no:
        await TestServer(create_app(settings)).start_server()
    assert words in str(no.value)
    assert str(settings.database) in str(no.value)
    assert str(no.value).endswith(".")


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which we may make no file, not even as root."""
    if os.geteuid() == 0:
        if not Path("/sys/kernel").is_dir():
            pytest.skip("needs a folder that refuses even root")
        yield Path("/sys")
        return
    tmp_path.chmod(0o500)
    yield tmp_path
    tmp_path.chmod(0o700)


async def test_a_folder_that_cannot_be_written_is_named_in_a_sentence(settings: Settings, closed_folder: Path) -> None:
    with pytest.raises(CannotStart, match=rf"Cannot write in the folder {closed_folder} .*\."):
        await TestServer(create_app(replace(settings, database=closed_folder / "chat.db"))).start_server()
