"""Sending by form: without scripts, with pictures, and refused without losing anything."""

from __future__ import annotations

import re
import secrets
import sqlite3
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image

from chatapp.model.pictures import PICTURE_BYTES
from chatapp.settings import Settings
from chatapp.web.rooms import uploads
from people import Person
from pictures import picture

JSON = {"Accept": "application/json"}
KEY = "abcdefghijklmnop"


def form(content: str = "", key: str = KEY, pictures: list[tuple[str, bytes]] | None = None, **fields: str) -> FormData:
    data = FormData(quote_fields=False)  # names as browsers send them
    for name, value in fields.items():
        data.add_field(name, value)
    data.add_field("key", key)
    for name, each in pictures or []:
        data.add_field("pictures", BytesIO(each), filename=name, content_type="application/octet-stream")
    data.add_field("content", content)
    return data


def stored(settings: Settings, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(settings.database)) as db:
        return db.execute(question).fetchall()


async def test_a_form_post_answers_once_the_message_is_on_disk(meet, settings) -> None:
    an = await meet("An")
    answer = await an.post("/rooms/general/messages", {"content": "Xin chào"}, allow_redirects=False)
    rows = stored(settings, "SELECT id, sender, room, message FROM messages")
    assert rows == [(int(answer.headers["Location"].rpartition("-")[2]), "An", "general", "Xin chào")]


async def test_a_program_is_told_key_and_id(meet) -> None:
    an = await meet("An")
    answer = await an.post("/rooms/general/messages", {"content": "x", "key": KEY}, headers=JSON)
    told = await answer.json()
    assert (answer.status, told["key"]) == (200, KEY)
    again = await an.post("/rooms/general/messages", {"content": "x", "key": KEY}, headers=JSON)
    assert (await again.json())["id"] == told["id"]


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "empty"), ("   \n ", "empty"), ("x" * 4001, "too_long"), ("\x00\x07", "empty")],
)
async def test_a_refused_text_is_kept_in_the_form(meet, content: str, code: str) -> None:
    an = await meet("An")
    told = await an.post("/rooms/general/messages", {"content": content, "key": KEY}, headers=JSON)
    assert (told.status, (await told.json())["code"]) == (422, code)
    page = await an.post("/rooms/general/messages", {"content": content})
    assert page.status == 422
    if content.strip("\x00\x07 \n"):
        assert content in await page.text()


async def test_a_text_far_too_long_is_no_empty_one(meet, monkeypatch) -> None:
    """Its pictures went out without it."""
    an = await meet("An")
    content, pictures = "x" * 70_000, [("a.png", picture())]
    told = await an.post("/rooms/general/messages", form(content, pictures=pictures), headers=JSON)
    assert (told.status, (await told.json()).get("code")) == (422, "too_long")
    page = await an.post("/rooms/general/messages", form(content, pictures=pictures))
    assert content in await page.text()
    monkeypatch.setattr(uploads, "_FIELD_BYTES", 60_000)
    more = await an.post("/rooms/general/messages", form(content, pictures=pictures), headers=JSON)
    assert more.status == 413


async def test_four_thousand_characters_and_as_many_emoji_are_fine(meet) -> None:
    an = await meet("An")
    for content in ("x" * 4000, "🎉" * 4000, "a\u0301" * 4000):
        assert (await an.post("/rooms/general/messages", {"content": content})).status == 200


async def test_a_message_with_pictures_is_shown_with_sizes_and_served_as_pictures(meet) -> None:
    an = await meet("An")
    pictures = [("ảnh.png", picture(size=(1000, 500))), ("b.jpg", picture("JPEG", (300, 600)))]
    answer = await an.post("/rooms/general/messages", form("caption", pictures=pictures), headers=JSON)
    assert answer.status == 200, await answer.text()
    page = await (await an.get("/rooms/general")).text()
    assert "caption" in page
    assert 'alt="ảnh.png"' in page
    assert 'width="640" height="320"' in page
    address = page.partition('class="shot" href="')[2].partition('"')[0]
    for path in (address, f"{address}/thumbnail"):
        served = await an.get(path)
        assert served.status == 200
        assert served.content_type.startswith("image/")
        assert served.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in served.headers["Content-Security-Policy"]


async def test_a_retry_with_the_same_pictures_posts_once_and_another_picture_is_refused(meet, settings) -> None:
    an = await meet("An")
    mine = [("a.png", picture(colour="red"))]
    first = await (await an.post("/rooms/general/messages", form("x", pictures=mine), headers=JSON)).json()
    again = await (await an.post("/rooms/general/messages", form("x", pictures=mine), headers=JSON)).json()
    assert first["id"] == again["id"]
    other = await an.post(
        "/rooms/general/messages", form("x", pictures=[("a.png", picture(colour="blue"))]), headers=JSON
    )
    assert (other.status, (await other.json())["code"]) == (422, "key_conflict")
    assert stored(settings, "SELECT count(*) FROM pictures") == [(1,)]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not a picture at all",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        picture(size=(200, 200))[:-60],
    ],
    ids=["empty", "text", "svg", "truncated"],
)
async def test_what_is_no_picture_is_refused_with_a_reason_and_the_caption_is_kept(meet, bad: bytes) -> None:
    an = await meet("An")
    told = await an.post("/rooms/general/messages", form("my caption", pictures=[("a.png", bad)]), headers=JSON)
    assert told.status == 422
    assert (await told.json())["reason"]
    page = await an.post("/rooms/general/messages", form("my caption", pictures=[("a.png", bad)]))
    assert page.status == 422
    assert "my caption" in await page.text()


async def test_eleven_pictures_are_refused(meet) -> None:
    an = await meet("An")
    small = picture(size=(8, 8))
    many = [(f"{n}.png", small) for n in range(11)]
    told = await an.post("/rooms/general/messages", form("x", pictures=many), headers=JSON)
    assert (told.status, (await told.json())["code"]) == (422, "too_many_pictures")
    told = await an.post("/rooms/general/messages", form("x", pictures=many[:10]), headers=JSON)
    assert told.status == 200


async def test_a_picture_that_is_too_large_is_refused_by_name(meet) -> None:
    an = await meet("An")
    large = [("huge.png", b"\x89PNG" + bytes(PICTURE_BYTES))]
    told = await an.post("/rooms/general/messages", form("x", pictures=large), headers=JSON)
    assert (told.status, (await told.json())["code"]) == (422, "picture_too_big")
    assert "huge.png" in (await told.json())["reason"]


async def refusal(person: Person, pictures: list[tuple[str, bytes]]) -> tuple[int, str]:
    body = form("my caption", secrets.token_urlsafe(16), pictures)
    answer = await person.post("/rooms/general/messages", body, headers=JSON)
    return answer.status, (await answer.json()).get("code", "")


async def test_pictures_leave_the_last_of_the_disk_to_messages(start) -> None:
    an = Person((await start(free_megabytes=2**40)).server, "An")
    await an.register()
    assert await refusal(an, [("a.png", picture())]) == (507, "disk_full")
    page = await an.post("/rooms/general/messages", form("my caption", pictures=[("a.png", picture())]))
    assert "my caption" in await page.text()
    assert (await an.post("/rooms/general/messages", {"content": "only text"})).status == 200
    await an.close()


async def test_one_person_cannot_fill_the_disk_with_pictures(start) -> None:
    server = (await start(upload_megabytes=1)).server
    an, binh = Person(server, "An"), Person(server, "Bình")
    large = Image.effect_noise((900, 700), 90).convert("RGB")
    out = BytesIO()
    large.save(out, "PNG")
    for person in (an, binh):  # each has a quota of their own
        await person.register()
        assert await refusal(person, [("a.png", out.getvalue())]) == (200, "")
        assert await refusal(person, [("b.png", out.getvalue())] * 2) == (429, "upload_quota")
        assert (await person.post("/rooms/general/messages", {"content": "only text"})).status == 200
        await person.close()


async def test_pictures_of_a_direct_conversation_are_served_to_its_two_people_only(meet, client) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    await an.post("/direct/B%C3%ACnh/messages", form("x", pictures=[("a.png", picture())]))
    page = await (await binh.get("/direct/An")).text()
    address = page.partition('class="shot" href="')[2].partition('"')[0]
    assert (await binh.get(address)).status == 200
    assert (await chi.get(address)).status == 404
    assert (await chi.get(f"{address}/thumbnail")).status == 404
    stranger = await client.get(address, allow_redirects=False)
    assert stranger.status in (303, 401)


async def test_a_broken_multipart_body_is_a_bad_request(meet) -> None:
    an = await meet("An")
    answer = await an.post(
        "/rooms/general/messages",
        b"--nonsense without end",
        headers={"Content-Type": "multipart/form-data; boundary=other", **JSON},
    )
    assert answer.status == 400


async def test_too_many_messages_are_held_off_with_a_stated_wait(start) -> None:
    client = await start(messages_per_second=0.5, message_burst=2)
    async with Person(client.server, "An") as an:
        await an.register()
        for _ in range(2):
            assert (await an.post("/rooms/general/messages", {"content": "x"})).status == 200
        answer = await an.post("/rooms/general/messages", {"content": "too soon"}, headers=JSON)
        told = await answer.json()
        assert (answer.status, told["code"], told["retry"]) == (429, "rate_limited", True)
        assert int(answer.headers["Retry-After"]) >= 1
        page = await an.post("/rooms/general/messages", {"content": "too soon"})
        assert page.status == 429
        assert "too soon" in await page.text()


async def test_a_form_cannot_say_who_wrote_it(meet, settings) -> None:
    an, _ = await meet("An"), await meet("Bình")
    await an.post("/rooms/general/messages", {"content": "x", "sender": "Bình", "author_id": "2", "id": "7"})
    rows = stored(settings, "SELECT sender, author_id, id > 1000 FROM messages")
    assert rows == [("An", 1, 1)]


async def test_a_form_of_somebody_elses_page_is_refused_and_nothing_of_it_is_kept(meet, settings) -> None:
    an, binh = await meet("An"), await meet("Bình")
    page = await (await binh.get("/rooms/general")).text()
    [author] = re.findall(r'name="author" value="(\d+)"', page)
    for body in (
        {"content": "Bình's words", "key": KEY, "author": author},
        form("Bình's words", pictures=[("a.png", picture())], author=author),
    ):
        told = await an.post("/rooms/general/messages", body, headers=JSON)
        assert (told.status, (await told.json())["code"]) == (422, "other_person")
    with closing(sqlite3.connect(settings.database)) as db:
        assert db.execute("SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM pictures)").fetchall() == [
            (0, 0)
        ]
