"""People log in with the passwords that another program has stored, unless anybody would guess them."""

from __future__ import annotations

import asyncio
import html
import sqlite3
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest

from chatapp.settings import Settings
from chatapp.workers import inherited

PASSWORD = "matkhau-lan"
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
DEFAULT = bcrypt.hashpw(b"admin123", bcrypt.gensalt(4)).decode()
SENTENCE = "user passwd admin"


async def store(path: Path, name: str, password: str) -> None:
    """Change the database behind the server, in a thread: the server may have to finish a transaction first."""
    await asyncio.to_thread(_store, path, name, password)


def _store(path: Path, name: str, password: str) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as db, db:
        assert db.execute("UPDATE users SET password = ? WHERE username = ?", (password, name)).rowcount == 1


def stored(path: Path, name: str) -> str:
    with closing(sqlite3.connect(path)) as db:
        [[password]] = db.execute("SELECT password FROM users WHERE username = ?", (name,))
        return str(password)


async def enter(person, password: str) -> tuple[int, str]:
    """Log in anew. Return the status and the page."""
    await person.log_out()
    response = await person.log_in(password=password)
    return response.status, html.unescape(await response.text())


@pytest.mark.parametrize("old", [BCRYPT, str(BCRYPT.encode()), PASSWORD], ids=["bcrypt", "bytes", "plain"])
async def test_the_first_log_in_replaces_what_another_program_stored(meet, settings: Settings, old: str) -> None:
    lan = await meet("lan")
    await store(settings.database, "lan", old)
    assert (await enter(lan, "matkhau-minh"))[0] == 422
    assert (await enter(lan, old))[0] == (303 if old == PASSWORD else 422)
    assert (await enter(lan, PASSWORD))[0] == 303
    assert stored(settings.database, "lan").startswith("$argon2id$")
    assert (await enter(lan, PASSWORD))[0] == 303
    assert await lan.is_logged_in()


@pytest.mark.parametrize(
    "old", ["", "$6$rounds=1000$tpLxqUTZIn5wBGWl$C7OaJ22Xe3VhFKbKnkzD4yIyLzZpomF5/", "gAAAAAB" + "x9Y-" * 30]
)
async def test_nothing_opens_what_cannot_be_verified(meet, settings: Settings, old: str) -> None:
    lan = await meet("lan")
    await store(settings.database, "lan", old)
    for password in (PASSWORD, old or " ", "!"):
        assert (await enter(lan, password))[0] == 422
    assert stored(settings.database, "lan") == old


@pytest.mark.parametrize(
    "old", [DEFAULT, inherited.marked(DEFAULT), "admin123", "admin"], ids=["digest", "marked", "plain", "name"]
)
async def test_a_default_password_opens_nothing_and_only_who_knows_it_is_told_so(
    meet, settings: Settings, old: str
) -> None:
    admin = await meet("admin")
    await store(settings.database, "admin", old)
    status, page = await enter(admin, "matkhau-lan")
    assert status == 422
    assert SENTENCE not in page
    status, page = await enter(admin, "admin" if old == "admin" else "admin123")
    assert status == 422
    assert SENTENCE in page
    assert not await admin.is_logged_in()
    assert stored(settings.database, "admin") == old


async def test_a_mark_closes_an_account_whatever_its_password_is(meet, settings: Settings) -> None:
    lan = await meet("lan")
    await store(settings.database, "lan", inherited.marked(BCRYPT))
    assert (await enter(lan, PASSWORD))[0] == 422
    assert (await enter(lan, inherited.marked(BCRYPT)))[0] == 422


async def test_a_password_chosen_here_is_not_held_against_anybody(meet, settings: Settings) -> None:
    person = await meet("xuân-thuỷ")
    assert (
        await person.post("/settings/password", {"current": person.password, "new": "xuân-thuỷ", "again": "xuân-thuỷ"})
    ).status == 200
    assert (await enter(person, "xuân-thuỷ"))[0] == 303


async def test_the_slowest_stored_password_holds_up_nobody_elses_page(meet, client, settings: Settings) -> None:
    lan = await meet("lan")
    await store(settings.database, "lan", "$2b$14$" + BCRYPT[7:])
    trying = asyncio.ensure_future(enter(lan, PASSWORD))
    pages = 0
    while not trying.done():
        assert (await client.get("/healthz")).status == 200
        pages += 1
    assert (await trying)[0] == 422
    assert pages > 10
