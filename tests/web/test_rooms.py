"""The pages of the chat, seen by those who may and by those who may not."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from chatapp.store import Store
from people import Person


def shown(page: str) -> list[int]:
    """Return the ids of the messages in a page, in its order."""
    return [int(found) for found in re.findall(r'data-mid="(\d+)"', page.partition('id="messages"')[2])]


async def say(person, text: str, path: str = "/rooms/general", **fields: str):
    answer = await person.post(f"{path}/messages", {"content": text, **fields}, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    return int(answer.headers["Location"].rpartition("-")[2])


async def test_entering_shows_the_last_fifty_newest_at_the_bottom(meet) -> None:
    an = await meet("An")
    ids = [await say(an, f"message {n}") for n in range(60)]
    page = await (await an.get("/rooms/general")).text()
    assert shown(page) == ids[10:]
    assert f"?before={ids[10]}" in page


async def test_much_that_is_unread_is_on_the_page_from_the_first_of_it_on(meet) -> None:
    an = await meet("An")
    read = [await say(an, f"read {n}") for n in range(60)]
    binh = await meet("Bình")
    ids = [await say(an, f"message {n}") for n in range(210)]
    page = await (await binh.get("/rooms/general")).text()
    assert shown(page) == read[-10:] + ids[:200]
    line, _, below = page.partition('class="newline"')[2].partition("data-mid=")
    assert re.search(r"210 new since <time datetime=[^>]+>\d\d:\d\d</time>", line)
    assert below.startswith(f'"{ids[0]}"')
    assert 'data-newest="0"' in page
    assert 'href="/rooms/general?latest=1"' in page
    assert f"messages?after={ids[199]}" in page
    assert (await binh.get("/")).url.path == "/rooms/general"  # where they were last
    answer = await binh.post("/rooms/general/messages", {"content": "an answer"}, allow_redirects=False)
    assert answer.headers["Location"].startswith("/rooms/general?latest=1#m-"), "below the end of the page"
    ids.append(int(answer.headers["Location"].rpartition("-")[2]))
    latest = await (await binh.get("/rooms/general?latest=1")).text()
    assert shown(latest) == ids[-50:]
    assert "newline" not in latest, "the first unread message is further up"


async def test_the_line_speaks_the_readers_language_and_zone(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await say(an, "hello")
    headers = {"Accept-Language": "vi", "Cookie": "zone=Asia/Kathmandu"}
    page = await (await binh.get("/rooms/general", headers=headers)).text()
    moment, shown_as = re.search(r'1 tin mới từ <time datetime="([^"]+)">([^<]+)</time>', page).groups()
    there = datetime.fromisoformat(moment).astimezone(ZoneInfo("Asia/Kathmandu"))
    assert shown_as == f"{there:%H:%M}"


async def test_without_scripts_read_is_what_is_marked_so_and_no_more(meet) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    ids = [await say(an, f"message {n}") for n in range(5)]
    count = 'data-conversation="general" data-count="{}"'.format
    assert count(5) in await (await binh.get("/rooms/general")).text()
    assert count(5) in await (await binh.get("/rooms/general")).text(), "to open a page is not to read it"
    answer = await binh.post("/rooms/general/read", {"id": str(ids[2])}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/rooms/general")
    assert count(2) in await (await binh.get("/rooms")).text()
    await binh.post("/rooms/general/read", {"id": str(ids[0])})  # it never moves back
    assert count(2) in await (await binh.get("/rooms")).text()
    await binh.post("/rooms/general/read", {"id": str(2**53 - 1)})  # nor beyond what there is
    await say(an, "one more")
    assert count(1) in await (await binh.get("/rooms")).text()
    assert count(6) in await (await chi.get("/rooms")).text()
    for fields in ({}, {"id": "x"}, {"id": "-1"}):
        assert (await binh.post("/rooms/general/read", fields)).status == 404
    assert (await binh.post("/rooms/nowhere/read", {"id": str(ids[0])})).status == 404


async def test_older_messages_of_ones_own_do_not_hide_where_the_unread_begin(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    own = [await say(an, f"own {n}") for n in range(60)]
    first = await say(binh, "an answer")
    more = [await say(binh, f"more {n}") for n in range(60)]
    page = await (await an.get("/rooms/general")).text()
    assert shown(page) == own[-10:] + [first, *more]
    assert page.partition('class="newline"')[2].partition("data-mid=")[2].startswith(f'"{first}"')
    assert 'data-newest="1"' in page


async def test_newer_messages_come_as_a_fragment_that_tells_where_the_page_goes_on_live(meet) -> None:
    an = await meet("An")
    ids = [await say(an, f"message {n}") for n in range(63)]
    part = {"HX-Request": "true"}
    fragment = await (await an.get(f"/rooms/general/messages?after={ids[2]}", headers=part)).text()
    assert [int(found) for found in re.findall(r'data-mid="(\d+)"', fragment)] == ids[3:53]
    assert f'hx-get="/rooms/general/messages?after={ids[52]}"' in fragment
    fragment = await (await an.get(f"/rooms/general/messages?after={ids[52]}", headers=part)).text()
    assert [int(found) for found in re.findall(r'data-mid="(\d+)"', fragment)] == ids[53:]
    assert re.search(r'<p id="newer" hidden data-cursor="\d+">', fragment)
    assert "after=" not in fragment


async def test_every_message_can_be_reached_by_plain_links(meet) -> None:
    an = await meet("An")
    ids = [await say(an, f"message {n}") for n in range(120)]
    seen: list[int] = []
    path = "/rooms/general"
    while path:
        page = await (await an.get(path)).text()
        seen = shown(page) + seen
        older = re.search(r'id="older".*?href="([^"]+)"', page.replace("\n", " "))
        path = older.group(1) if older and "before=" in older.group(1) else ""
    assert seen == ids


@pytest.mark.parametrize("path", ["/rooms", "/rooms/general", "/direct/An", "/people", "/rooms/general?latest=1"])
async def test_a_page_that_is_open_gets_the_column_that_changes(meet, path: str) -> None:
    an = await meet("An")
    await say(an, "hello")
    whole, part = await an.get(path), await an.get(path, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    page, column = await whole.text(), await part.text()
    assert "<html" in page
    assert "<html" not in column
    assert 'id="side"' not in column
    title = re.search(r"<title>.*?</title>", page)[0]
    assert column.startswith(f'{title}<main class="main" id="main"')
    assert column.endswith("</main>")
    assert "no-store" in part.headers["Cache-Control"]
    assert "no-store" not in whole.headers["Cache-Control"]
    for answer in (whole, part):
        assert {"HX-Request", "Accept-Encoding"} <= set(answer.headers["Vary"].split(", "))


async def test_a_page_that_is_open_is_told_of_a_direct_conversation_for_its_list(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    news = 'hx-swap-oob="unread:#side"'
    part = await (await an.get(f"/direct/{binh.name}", headers={"HX-Request": "true"})).text()
    assert part.count(news) == part.count("<li data-conversation=") == 1
    assert news not in await (await an.get(f"/direct/{binh.name}")).text()
    assert news not in await (await an.get("/rooms/general", headers={"HX-Request": "true"})).text()


@pytest.mark.parametrize("path", ["/rooms/general", "/people", "/rooms/general/messages"])
@pytest.mark.parametrize("extra", [{"HX-Request-Type": "full"}, {"HX-History-Restore-Request": "true"}])
async def test_a_browser_that_goes_back_gets_a_whole_page(meet, path: str, extra: dict[str, str]) -> None:
    an = await meet("An")
    answer = await an.get(path, headers={"HX-Request": "true", **extra})
    assert "<html" in await answer.text()
    assert "no-store" not in answer.headers["Cache-Control"]


async def test_older_messages_come_as_a_fragment_for_htmx_and_as_a_page_for_a_browser(meet) -> None:
    an = await meet("An")
    ids = [await say(an, f"message {n}") for n in range(53)]
    path = f"/rooms/general/messages?before={ids[3]}"
    fragment = await (await an.get(path, headers={"HX-Request": "true"})).text()
    page = await (await an.get(path)).text()
    assert "<html" not in fragment
    assert 'hx-swap-oob="timeline:#messages"' in fragment
    assert [int(found) for found in re.findall(r'data-mid="(\d+)"', fragment)] == ids[:3]
    assert shown(page) == ids[:3]
    assert 'data-newest="0"' in page


async def test_a_permalink_shows_the_message_in_its_context(meet) -> None:
    an = await meet("An")
    ids = [await say(an, f"message {n}") for n in range(60)]
    page = await (await an.get(f"/rooms/general/messages/{ids[30]}")).text()
    assert shown(page) == ids[10:51]
    short = await an.get(f"/messages/{ids[30]}")
    assert short.url.path == f"/rooms/general/messages/{ids[30]}"


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/nowhere",
        "/direct/Nobody",
        "/rooms/general/messages/1",
        "/messages/99",
        "/rooms/general?before=x",
        "/rooms/general?before=99999999999999999999999",
        "/images/unknown",
    ],
)
async def test_what_is_not_there_is_a_page_with_a_way_home(meet, path: str) -> None:
    an = await meet("An")
    answer = await an.get(path)
    assert answer.status == 404
    assert 'href="/"' in await answer.text()


@pytest.mark.parametrize(
    "path", ["/rooms", "/rooms/general", "/people", "/direct/An", "/rooms/general/messages", "/settings"]
)
async def test_a_stranger_is_sent_to_the_log_in_and_back(client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"] == f"/login?next={quote(path)}"


async def test_room_names_are_in_the_readers_language(meet) -> None:
    an = await meet("An")
    page = await (await an.get("/rooms", headers={"Accept-Language": "vi"})).text()
    assert "Phòng Chung" in page
    assert "Phòng Công Nghệ" in page
    assert "Phòng Game" in page


async def test_a_direct_conversation_is_seen_by_two_and_by_nobody_else(meet) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    message = await say(an, "a secret", "/direct/B%C3%ACnh")
    assert "a secret" in await (await an.get("/direct/Bình")).text()
    assert "a secret" in await (await binh.get("/direct/An")).text()
    for path in ("/direct/An", "/direct/Bình", "/rooms", "/direct/An/messages?before=9007199254740991"):
        assert "a secret" not in await (await chi.get(path)).text()
    assert (await chi.get(f"/messages/{message}")).status == 404
    assert (await chi.get(f"/direct/An/messages/{message}")).status == 404
    assert (await binh.get(f"/messages/{message}")).url.path == f"/direct/An/messages/{message}"


async def test_a_conversation_that_had_a_message_is_in_both_lists_with_a_count(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await say(an, "one", "/direct/B%C3%ACnh")
    await say(an, "two", "/direct/B%C3%ACnh")
    page = await (await binh.get("/rooms")).text()
    assert re.search(r'data-conversation="@1-2" data-count="2"', page)
    page = await (await an.get("/rooms")).text()
    assert re.search(r'data-conversation="@1-2" data-count="0"', page)


async def test_what_was_said_before_somebody_came_is_not_unread(meet) -> None:
    an = await meet("An")
    await say(an, "old")
    binh = await meet("Bình")
    assert 'data-conversation="general" data-count="0"' in await (await binh.get("/rooms")).text()
    await say(an, "new")
    assert 'data-conversation="general" data-count="1"' in await (await binh.get("/rooms")).text()


async def test_home_is_where_a_person_was_last(meet) -> None:
    an, _ = await meet("An"), await meet("Bình")
    assert (await an.get("/")).url.path == "/rooms/general"
    await an.get("/rooms/tech")
    assert (await an.get("/")).url.path == "/rooms/tech"
    await an.get("/direct/Bình")
    assert (await an.get("/")).url.path == "/direct/Bình"


async def test_hostile_text_is_shown_as_text(meet) -> None:
    an = await meet("An")
    hostile = '<img src=x onerror=alert(1)><b hx-get="/x">x</b> javascript:alert(1) "quoted" <!-- --> {{ 7*7 }}'
    await say(an, hostile)
    page = await (await an.get("/rooms/general")).text()
    assert "<img src=x" not in page
    assert '<b hx-get="/x"' not in page
    assert "{{ 7*7 }}" in page


async def test_people_are_listed_with_a_way_to_write_to_them(meet) -> None:
    an, _ = await meet("An"), await meet("Bình & Chi")
    page = await (await an.get("/people")).text()
    assert "Bình &amp; Chi" in page
    assert "/direct/B%C3%ACnh%20%26%20Chi" in page


async def _names(person, path: str = "/people", **headers: str) -> list[str]:
    page = await (await person.get(path, headers=headers)).text()
    return re.findall(r"<bdi>([^<]+)</bdi>", page.partition('class="members directory"')[2].partition("</ul>")[0])


async def test_people_stand_in_the_order_of_the_readers_language(meet) -> None:
    for name in ("Đức", "Dũng", "Ân", "Đạt", "Bình", "Ánh"):
        await meet(name)
    an = await meet("An")
    vietnamese = ["An", "Ánh", "Ân", "Bình", "Dũng", "Đạt", "Đức"]
    assert await _names(an, **{"Accept-Language": "vi"}) == vietnamese
    assert await _names(an, **{"Accept-Language": "en"}) == ["An", "Ân", "Ánh", "Bình", "Đạt", "Đức", "Dũng"]
    page = await (await an.get("/rooms/general", headers={"Accept-Language": "vi"})).text()
    assert re.findall(r"<bdi>([^<]+)</bdi>", page.partition('id="people"')[2].partition("</ul>")[0]) == vietnamese


async def test_people_are_found_by_a_part_of_their_name_without_accents(meet) -> None:
    an = await meet("An")
    for name in ("Đức", "Hữu Đức", "Dũng"):
        await meet(name)
    assert await _names(an, "/people?q=duc") == ["Đức", "Hữu Đức"]
    assert await _names(an, "/people?q=+ĐỨC+") == ["Đức", "Hữu Đức"]
    assert await _names(an, "/people?q=") == await _names(an) == ["An", "Đức", "Dũng", "Hữu Đức"]
    assert await _names(an, "/people?q=" + "\u0301" * 900) == await _names(an)
    page = await (await an.get('/people?q="><b>x')).text()
    assert "Nobody here has a name like that." in page
    assert 'value="&#34;&gt;&lt;b&gt;x"' in page


async def test_a_room_whose_id_means_something_in_an_address_is_found_under_its_own(start, settings) -> None:
    async def no_pictures(data: bytes, name: str):
        raise AssertionError("there are no old pictures in a new database")

    room, path = "a/b c?d#e{f}%2F", f"/rooms/{quote('a/b c?d#e{f}%2F', safe='')}"
    await (await Store.open(settings.database, no_pictures)).close()
    with closing(sqlite3.connect(settings.database)) as database, database:
        database.execute(
            "INSERT INTO conversations (key, kind, name, position) VALUES (?, 'room', 'Slashes', 9)", (room,)
        )
    client = await start()
    async with Person(client.server, "An") as an:
        await an.register()
        assert f'href="{path}"' in await (await an.get("/rooms")).text()
        message = await say(an, "between slashes", path)
        assert "between slashes" in await (await an.get(path)).text()
        permalink = await an.get(f"/messages/{message}", allow_redirects=False)
        assert permalink.headers["Location"] == f"{path}/messages/{message}#m-{message}"
        assert (await an.get(f"/messages/{message}")).status == 200
        home = await an.get("/", allow_redirects=False)
        assert home.headers["Location"] == path
