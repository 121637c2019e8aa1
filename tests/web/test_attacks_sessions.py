"""Cookies with every byte changed, statements in every field, and looks that should change nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from line import line
from people import Person

JSON = {"Accept": "application/json"}
STATEMENTS = [
    "'; DROP TABLE messages;--", "' OR 1=1--", "\" OR \"\"=\"", "1; DELETE FROM users", "1 OR 1=1", "general' --",
    "%' OR '1'='1",
    "' UNION SELECT password, 1, 1 FROM users--", "x' AND randomblob(1000000000) --",
    "\\'; VACUUM; --", "general%00", "[general]",
]  # fmt: skip
TABLES = "SELECT name FROM sqlite_master ORDER BY name"
COUNTS = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM messages), (SELECT count(*) FROM sessions)"


def rows(settings, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(settings.database)) as db:
        return db.execute(query).fetchall()


async def test_a_cookie_with_any_byte_changed_is_nobodys_and_never_an_error(client, meet) -> None:
    an = await meet("An")
    async with line(client) as connection:

        async def status(cookie: bytes) -> int:
            head = b"GET /people HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nCookie: chatapp="
            await connection.send(head + cookie + b"\r\n\r\n")
            answer = await connection._reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r")[0])
            await connection._reader.readexactly(length)
            return int(answer.split()[1])

        cookie = an.cookie.encode()
        assert await status(cookie) == 200
        for place in range(len(cookie)):
            for bit in (0x01, 0x02):
                changed = bytearray(cookie)
                changed[place] ^= bit
                if chr(changed[place]).isalnum() or changed[place] in b"-_=":
                    padding = cookie[place:].strip(b"=") == b"" or place >= len(cookie.rstrip(b"=")) - 1
                    assert await status(bytes(changed)) == 401 or padding, place
        for end in range(0, len(cookie), 5):
            assert await status(cookie[:end]) == 401
        for strange in (cookie * 40, cookie + b"A", b"A" + cookie, cookie[::-1], cookie.swapcase()):
            assert await status(strange) == 401 or len(strange) > 8000
        assert await status(cookie) == 200


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_in_any_field_is_text_or_nothing(meet, client, settings, statement: str) -> None:
    an = await meet("An")
    tables = rows(settings, TABLES)
    await an.post("/rooms/general/messages", {"content": statement, "key": "key-000000000000"})
    before = rows(settings, COUNTS)
    named = {"username": statement, "password": statement, "next": statement}
    for path in ("/rooms", "/direct", "/images", "/rooms/general/messages", "/messages", "/static"):
        assert (await an.get(f"{path}/{statement}", headers=JSON)).status in (400, 404), path
    for field in ("before", "after", "q", "pause"):
        assert (await an.get("/rooms/general", params={field: statement}, headers=JSON)).status in (200, 400, 404, 422)
    for path in ("/login", "/rooms/general/messages/1/edit", "/settings", "/language"):
        answer = await an.post(path, {**named, "language": statement, "theme": statement, "rev": statement})
        assert answer.status in (200, 400, 404, 422), path
    answer = await an.post("/rooms/general/messages", {"content": "x", "key": statement}, headers=JSON)
    assert answer.status == 422
    async with an.socket("/ws", params={"room": "general", "since": statement, "epoch": statement}) as socket:
        for frame in (
            {"type": "join", "room": statement}, {"type": "join", "direct": statement}, {"type": statement},
            {"type": "read", "id": statement}, {"type": "edit", "id": statement, "rev": statement, "key": statement},
            {"type": "join", "room": "general", "since": statement, "epoch": statement},
        ):  # fmt: skip
            await socket.send_json(frame)
        await socket.send_json({"type": "beat"})
        while await socket.receive_str(timeout=10) != '{"type":"beat"}':
            pass
    cookies = {"Cookie": f"chatapp={statement}; language={statement}; zone={statement}", **JSON}
    assert (await client.get("/people", headers=cookies)).status in (400, 401)
    async with Person(client.server, statement) as somebody:
        await somebody.register()
        joined = int(await somebody.is_logged_in())
    assert rows(settings, TABLES) == tables
    [(users, messages, _)], [(users_before, messages_before, _)] = rows(settings, COUNTS), before
    assert (users, messages) == (users_before + joined, messages_before)
    assert rows(settings, "SELECT message FROM messages")[0] == (statement,)


async def test_looking_never_changes_anything(meet, client, settings) -> None:
    an = await meet("An")
    told = await (await an.post("/rooms/general/messages", {"content": "here", "key": "k" * 20}, headers=JSON)).json()
    dump = (
        "SELECT * FROM messages",
        "SELECT id, username, password, language, theme FROM users",
        "SELECT id FROM sessions",
    )
    before = [rows(settings, query) for query in dump]
    message = f"/rooms/general/messages/{told['id']}"
    posts = {
        route.resource.canonical for route in client.app.router.routes() if route.method == "POST" and route.resource
    }
    assert len(posts) > 10
    query = {"content": "changed", "language": "vi", "theme": "dark", "username": "Bình", "password": "một con vịt"}
    for path in sorted(posts):
        address = path.replace("{room}", "general").replace("{direct}", "An").replace("{id}", str(told["id"]))
        for method in ("get", "head"):
            answer = await an._browser.request(method, address, params=query, allow_redirects=False)
            assert answer.status in (200, 303, 404, 405), address
    for how in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "DELETE"}, {"_method": "POST"}):
        await an.get(f"{message}/remove", headers=how, params={"_method": "POST"})
    assert [rows(settings, query) for query in dump] == before
    assert await an.is_logged_in()
