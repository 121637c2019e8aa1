"""The first start on a database of the original program is killed, again and again, at whatever it is doing."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

import old_chat
from chatapp.store.sqlite import schema
from chatapp.store.sqlite.database import Database
from chatapp.workers.images import Images
from fault.figures import amount
from fault.people import integrity
from fault.server import Server

KILLS = amount("UPGRADE_KILLS", 8)
ROWS = amount("UPGRADE_ROWS", 10_000)
# What can be compared of each table; of all others how many rows they have.
_COMPARED = {
    "users": "SELECT * FROM users WHERE password <> '!' ORDER BY id",  # others are made at the upgrade
    "messages": "SELECT * FROM messages ORDER BY id",
    "private_messages": "SELECT * FROM private_messages ORDER BY id",
    "meta": "SELECT name FROM meta WHERE name <> 'probe' ORDER BY name",
}

NEWEST = len(schema.MIGRATIONS)

Facts = dict[str, object]


def fill(database: Path, rows: int) -> None:
    """Make a database as the original program left it after some years."""
    old_chat.make(database)
    names = list(old_chat.PASSWORDS)
    rooms = [
        (f"phòng {number % 40}", names[number % len(names)], f"tin số {number}") for number in range(rows * 7 // 10)
    ]
    directs = [
        (names[number % len(names)], names[number // 7 % len(names)], f"thư số {number}")
        for number in range(rows - len(rooms))
    ]
    with closing(sqlite3.connect(database)) as db, db:
        db.executemany("INSERT INTO messages (room, sender, message) VALUES (?, ?, ?)", rooms)
        db.executemany("INSERT INTO private_messages (sender, receiver, message) VALUES (?, ?, ?)", directs)


def facts(database: Path) -> tuple[int, Facts]:
    """Return the number of a database's schema, and all that can be compared between two of the same number."""
    with closing(sqlite3.connect(database)) as db:
        [(version,)] = db.execute("PRAGMA user_version")
        found: Facts = {
            "schema": db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
        }
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            found[name] = db.execute(_COMPARED.get(name, f"SELECT count(*) FROM {name}")).fetchall()  # noqa: S608
    return version, found


async def outcome(old: Path) -> Facts:
    """Return what a database holds after an upgrade that nothing disturbs."""
    images, database = Images(), shutil.copy2(old, old.with_name("outcome.db"))
    await (await Database.open(database, images.adopt)).close()
    await images.close()
    version, held = facts(database)
    assert version == NEWEST
    return held


async def begun(server: Server) -> None:
    """Wait until a server that was spawned has its hands on the database."""
    while not server.database.with_name("chat.db.lock").exists():
        assert server.runs, server.log
        await asyncio.sleep(0.001)


async def undisturbed(old: Path, folder: Path) -> float:
    """Return the seconds from the moment at which a server has the database until it is ready."""
    folder.mkdir()
    server = Server(folder)
    shutil.copy2(old, server.database)
    server.spawn()
    await begun(server)
    began = time.monotonic()
    while not await server.answers("/readyz"):
        await asyncio.sleep(0.005)
    seconds = time.monotonic() - began
    await server.stop()
    return seconds


@pytest.mark.timeout(120 + 5 * KILLS)
async def test_an_upgrade_that_is_killed_is_done_or_not_begun_and_the_next_start_completes_it(tmp_path, figures):
    old = tmp_path / "old.db"
    fill(old, ROWS)
    known = {0: facts(old)[1], NEWEST: await outcome(old)}
    whole = await undisturbed(old, tmp_path / "whole")
    found: Counter[int] = Counter()
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        server = Server(folder)
        shutil.copy2(old, server.database)
        server.spawn()
        await begun(server)
        await asyncio.sleep(random.uniform(0, whole))
        await server.kill()
        assert integrity(server.database) == "ok"
        version, held = facts(server.database)
        assert held == known[version], "neither as before nor as after"
        found[version] += 1
        async with server:
            version, held = facts(server.database)
            assert version == NEWEST
            assert held == known[version]
            assert not server.trouble
        assert integrity(server.database) == "ok"
        assert not list(folder.glob("*.part")), "no half of a copy stays"
        assert facts(folder / "chat.db.before-upgrade-0")[1] == known[0]
        shutil.rmtree(folder)
        figures.progress(number + 1, KILLS, "kill")
    figures(
        rows=ROWS, kills=KILLS, upgrade_s=whole, **{f"found_at_schema_{step}": found[step] for step in sorted(found)}
    )
    assert found[0], "some were killed before the end"
