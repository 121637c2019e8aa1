"""Files of the original program's relatives come alive whole, or are refused without a trace."""

from __future__ import annotations

import hashlib
import html
import re
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chatapp.app import create_app
from chatapp.operate import adoption, maintenance
from chatapp.settings import Settings
from chatapp.system.startup import CannotStart
from chatapp.web import keys
from old_relatives import LAN, RELATIVES, STRANGERS
from people import Person

Client = TestClient[web.Request, web.Application]
Start = Callable[..., Awaitable[Client]]

_MESSAGE = re.compile(r'<li class="msg.*?</li>', re.DOTALL)


@pytest.fixture(params=RELATIVES)
def kind(request: pytest.FixtureRequest, settings: Settings) -> str:
    """A relative whose database lies where the server will look for it."""
    RELATIVES[request.param].make(settings.database)
    return str(request.param)


async def shown(person: Person, path: str) -> list[str]:
    """Return the messages of a page as "author: words [pictures]"."""
    response = await person.get(path)
    assert response.status == 200, path
    found = []
    for message in _MESSAGE.findall((await response.text()).partition("<template")[0]):
        [author] = re.findall(r'data-name="(.*?)"', message)
        text = re.search(r'<div class="text">(.*?)</div>', message, re.DOTALL)
        words = html.unescape(re.sub(r"<[^>]*>", "", text[1].replace("<br>", "\n"))) if text else ""
        pictures = len(re.findall(r'class="shot"', message))
        found.append(f"{html.unescape(author)}: {words}" + (f" [{pictures}]" if pictures else ""))
    return found


async def logged_in(client: Client, name: str, password: str) -> Person:
    person = Person(client.server, name, password)
    assert (await person.log_in()).status == 303, name
    return person


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [line for line in db.iterdump() if "VALUES('ceiling'" not in line and "'probe'" not in line]


async def test_a_relatives_file_comes_alive_whole(kind: str, settings: Settings, start: Start) -> None:
    relative, client = RELATIVES[kind], await start()
    for name, password in relative.passwords.items():
        async with await logged_in(client, name, password) as person:
            assert await person.is_logged_in()
    async with await logged_in(client, "lan", relative.passwords["lan"]) as lan:
        assert {path: await shown(lan, path) for path in relative.shown} == relative.shown
        for path in relative.shown:
            assert (await lan.post(f"{path}/messages", {"content": "còn đây"})).status == 200
            assert (await shown(lan, path))[-1] == "lan: còn đây"
        async with Person(client.server, "Người mới") as newcomer:
            assert (await newcomer.register()).status == 303
        form = {"messages": "go", "current": relative.passwords["lan"]}
        assert (await lan.post("/settings/account", form, allow_redirects=False)).status == 303
    await client.close()
    report = await maintenance.check(settings.database, lambda what: lambda done, total: None)
    assert report.found == []


async def test_a_second_start_changes_nothing(kind: str, settings: Settings, start: Start) -> None:
    path = settings.database
    client = await start()
    assert client.app[keys.store].adopted is not None
    await client.close()
    first = content(path)
    client = await start()
    assert client.app[keys.store].adopted is None
    await client.close()
    assert content(path) == first
    assert {each.name for each in path.parent.iterdir()} == {"chat.db", "chat.db.lock", "chat.db.before-upgrade-0"}


@pytest.mark.parametrize("kind", STRANGERS)
async def test_what_is_no_chat_is_refused_in_a_sentence_with_not_one_byte_changed(
    kind: str, settings: Settings
) -> None:
    script, word = STRANGERS[kind]
    with closing(sqlite3.connect(settings.database)) as db:
        db.executescript(script)
    before = hashlib.sha256(settings.database.read_bytes()).hexdigest()
    for _ in range(2):
        with pytest.raises(CannotStart, match=word):
            await TestServer(create_app(settings)).start_server()
        assert hashlib.sha256(settings.database.read_bytes()).hexdigest() == before
        assert {each.name for each in settings.database.parent.iterdir()} <= {"chat.db", "chat.db.lock"}


def crashed(path: Path, script: str) -> None:
    """Let a program write to a database and be killed before it has tidied up."""
    program = "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    program += "db.executescript(sys.argv[2]); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, str(path), script], check=False)


UNSETTLED = {
    "a log that was not folded": (
        "PRAGMA journal_mode = WAL; INSERT INTO messages VALUES (3, 'general', 'lan', 'mới', '');",
        "-wal",
        ["lan: chào", "Minh: xin chào", "lan: mới"],
    ),
    "a change that was under way": (
        "PRAGMA cache_size = 1; BEGIN; UPDATE messages SET message = hex(zeroblob(9000)); DELETE FROM users;",
        "-journal",
        ["lan: chào", "Minh: xin chào"],
    ),
}


@pytest.mark.parametrize("what", UNSETTLED)
async def test_a_file_whose_program_was_killed_is_adopted_as_that_program_would_have_read_it(
    what: str, settings: Settings, start: Start
) -> None:
    script, beside, wanted = UNSETTLED[what]
    RELATIVES["plain"].make(settings.database)
    crashed(settings.database, script)
    assert settings.database.with_name(f"chat.db{beside}").stat().st_size > 0
    client = await start()
    async with await logged_in(client, "lan", LAN) as lan:
        assert await shown(lan, "/rooms/general") == wanted
    await client.close()
    assert {each.name for each in settings.database.parent.iterdir()} == {
        "chat.db",
        "chat.db.lock",
        "chat.db.before-upgrade-0",
    }


CHANGE = "PRAGMA cache_size = 1; BEGIN; UPDATE songs SET title = hex(randomblob(9000));"


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
async def test_a_stranger_whose_program_was_killed_is_left_as_it_is(journal: str, settings: Settings) -> None:
    with closing(sqlite3.connect(settings.database)) as db:
        db.executescript("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES (hex(zeroblob(9000)));")
    crashed(
        settings.database,
        f"PRAGMA journal_mode = {journal};" + CHANGE + ("COMMIT" if journal == "WAL" else ""),
    )
    folder = settings.database.parent
    before = {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith("-shm")}
    assert len(before) == 2
    with pytest.raises(CannotStart, match="another program"):
        await TestServer(create_app(settings)).start_server()
    after: dict[str, Any] = {each.name: each.read_bytes() for each in folder.iterdir() if each.name in before}
    assert after == before
    assert {each.name for each in folder.iterdir()} <= {*before, "chat.db-shm", "chat.db.lock"}


async def test_the_start_says_what_was_adopted_and_what_was_changed(settings: Settings, start: Start) -> None:
    RELATIVES["names that cannot stay"].make(settings.database)
    client = await start()
    report = client.app[keys.store].adopted
    assert report is not None
    assert "the first of them" in adoption.text(report, "en", "chat.db")
    english, vietnamese = (adoption.text(report, language, "chat.db") for language in ("en", "vi"))
    assert '" lan" → "lan-3"' in english
    assert r'"mi\u200bnh" → "' in english
    assert "python -m chatapp user passwd NAME --database chat.db" not in english
    assert "Đã nhập cơ sở dữ liệu" in vietnamese
    assert "could not keep" not in vietnamese
    assert not any(ord(character) < 32 for character in english.replace("\n", ""))


async def test_the_start_names_those_whose_passwords_open_nothing_any_more(settings: Settings, start: Start) -> None:
    with closing(sqlite3.connect(settings.database)) as db:
        db.executescript(RELATIVES["plain"].script)
        insert = "INSERT INTO users VALUES (?, ?, ?)"
        db.execute(insert, (3, "admin", hashlib.sha256(b"admin123").hexdigest()))
        db.execute(insert, (4, "Tú", "$7$unheard$of"))
        db.execute(insert, (5, "Vy", None))
        db.execute("ALTER TABLE users ADD COLUMN role TEXT DEFAULT 'user'")
        db.execute("UPDATE users SET role = 'ADMIN' WHERE id = 3")
        db.commit()
    client = await start()
    report = client.app[keys.store].adopted
    assert report is not None
    assert report.known_passwords == ["admin"]
    assert report.unreadable_passwords == ["Tú", "Vy"]
    text = adoption.text(report, "en", "'my chat.db'")
    assert text.count("python -m chatapp user passwd NAME --database 'my chat.db'") == 2
    async with Person(client.server, "admin", "admin123") as admin:
        await admin.log_in()
        assert not await admin.is_logged_in()
    found = {user.username: user.role for user in await client.app[keys.store].accounts.people()}
    assert found == {"lan": "user", "Minh": "user", "admin": "admin", "Tú": "user", "Vy": "user"}
