"""A backup is made while ten people write and others send pictures; databases are damaged, and backups restored."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from chatapp.operate import maintenance
from chatapp.operate.maintenance import Refused
from fault.commands import command, run
from fault.figures import amount
from fault.people import integrity, table
from fault.server import Server
from pictures import picture

BACKUPS = amount("BACKUPS", 3)
BALLAST = amount("BACKUP_MB", 100)
KILLS = amount("RESTORE_KILLS", 6)
CALM = amount("BACKUP_CALM_SECONDS", 5)  # of chatting without a backup, to compare with
UPLOADS = {"CHATAPP_UPLOADS_PER_MINUTE": "0"}
TALK = "SELECT id, author_id, message, msg_type FROM messages ORDER BY id"
SHOWN = "SELECT id, conversation, message_id FROM pictures WHERE message_id IS NOT NULL ORDER BY id"


def rows(database: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute(sql).fetchall()


def spoil(database: Path) -> None:
    """Damage some pages as a failing disk would."""
    with database.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(os.urandom(4 * 4096))


def put_ballast(database: Path, megabytes: int) -> None:
    """Let a database be as large as one that has been used for a while: with pictures that no message shows."""
    with closing(sqlite3.connect(database, timeout=30)) as db, db:
        for _ in range(megabytes):
            name = secrets.token_urlsafe(16)
            facts = (name, 1, "general", None, 0, "x", "image/png", 1, 1, "image/png", 1, 1, "", int(time.time()))
            db.execute(f"INSERT INTO pictures VALUES ({', '.join('?' * len(facts))})", facts)  # noqa: S608
            db.execute("INSERT INTO picture_bytes VALUES (?, 'full', ?)", (name, os.urandom(2**20)))


@asynccontextmanager
async def browser(server: Server, cookie: str):
    """Be somebody who is logged in already."""
    headers = {"Cookie": cookie, "Origin": server.url, "Accept": "application/json"}
    async with aiohttp.ClientSession(server.url, headers=headers) as session:
        yield session


@asynccontextmanager
async def sending_pictures(server: Server, cookie: str):
    """Send one picture after another into the room tech. Yield the ids of the messages that are saved."""
    sent: list[int] = []
    enough = asyncio.Event()

    async def send() -> None:
        async with browser(server, cookie) as session:
            while not enough.is_set():
                form = aiohttp.FormData({"content": "", "key": secrets.token_urlsafe(16)})
                size, colour = (random.randrange(20, 400), 200), f"#{secrets.token_hex(3)}"
                form.add_field("pictures", BytesIO(picture(size=size, colour=colour)), filename="x.png")
                async with session.post("/rooms/tech/messages", data=form) as answer:
                    assert answer.status == 200, await answer.text()
                    sent.append((await answer.json())["id"])

    task = asyncio.create_task(send())
    try:
        yield sent
    finally:
        enough.set()
        await task


async def every_picture_opens(server: Server, cookie: str) -> int:
    """Fetch every picture that a message shows, in both sizes. Return how many there are."""
    pictures = rows(server.database, SHOWN)
    async with browser(server, cookie) as session:
        for picture_id, *_ in pictures:
            for path in (f"/images/{picture_id}", f"/images/{picture_id}/thumbnail"):
                async with session.get(path) as answer:
                    assert answer.status == 200, path
                    Image.open(BytesIO(await answer.read())).load()
    return len(pictures)


def waits(people, since: float, until: float) -> list[float]:
    """Return the milliseconds from writing to *saved* of what was written in a time, sorted."""
    found = []
    for page in people.pages:
        began = {event.key: event.at for event in page.log.events if event.kind == "invoke"}
        found += [
            1000 * (event.at - began[event.key])
            for event in page.log.events
            if event.kind == "saved" and since <= began[event.key] < until
        ]
    return sorted(found)


def share(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(part * len(values)))]


@pytest.mark.timeout(180 + 30 * BACKUPS)
async def test_backups_under_load_disturb_nobody_and_hold_all_that_was_saved(start, gather, figures, tmp_path):
    server = await start(environment=UPLOADS)
    people = await gather(server)
    cookie = people.pages[0].cookie
    put_ballast(server.database, BALLAST)
    seconds, marks = [], []
    async with people.chatting(rate=5), sending_pictures(server, cookie) as sent:
        await people.wait(lambda: people.total("saved") > 50 and len(sent) > 5)
        calm = time.monotonic()
        await asyncio.sleep(CALM)
        began = time.monotonic()
        for number in range(BACKUPS):
            marks.append((max(sent), max(row.id for row in table(server.database, "general"))))
            status, said = await run("backup", tmp_path / f"{number}.db", "--database", server.database)
            assert status == 0, said
            seconds.append(time.monotonic() - began - sum(seconds))
            figures.progress(number + 1, BACKUPS, "backup")
        ended = time.monotonic()
    verdict = await people.verdict()
    usual, busy = waits(people, calm, began), waits(people, began, ended)
    figures(database_mb=server.database.stat().st_size / 1e6, backups=BACKUPS, slowest_backup_s=max(seconds))
    figures(saved_p50_ms=share(usual, 0.5), saved_p99_ms=share(usual, 0.99), usual=len(usual))
    figures(saved_p50_ms_during=share(busy, 0.5), saved_p99_ms_during=share(busy, 0.99), during=len(busy))
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert people.total("removed") == 0
    shown = [await restored(server.database, tmp_path, number, marks[number], cookie) for number in range(BACKUPS)]
    figures(pictures_opened=shown)


async def restored(database: Path, folder: Path, number: int, mark: tuple[int, int], cookie: str) -> int:
    """Restore a backup elsewhere and start a server on it: it has a prefix of what was said, and every picture."""
    backup, place = folder / f"{number}.db", folder / f"restored-{number}"
    place.mkdir()
    assert not list(folder.glob(f"{number}.db?*")), "a backup is one file"
    assert backup.stat().st_mode & 0o077 == 0
    status, said = await run("restore", backup, "--database", place / "chat.db")
    assert status == 0, said
    status, said = await run("check", "--database", place / "chat.db")
    assert (status, said.splitlines()[-1]) == (0, "Everything is in order."), said
    talk = rows(place / "chat.db", TALK)
    assert talk[-1][0] >= max(mark), "what was saved before the backup began is in it"
    assert talk == [row for row in rows(database, TALK) if row[0] <= talk[-1][0]], (
        "and nothing before its end is missing"
    )
    async with Server(place) as server:
        shown = await every_picture_opens(server, cookie)
        assert not server.trouble
    assert shown
    return shown


@pytest.mark.timeout(120)
async def test_people_go_on_after_a_damaged_database_was_replaced_by_a_backup(start, gather, figures, tmp_path):
    server = await start()
    people = await gather(server)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 100)
        assert (await run("backup", tmp_path / "backup.db", "--database", server.database))[0] == 0
        await people.wait(lambda: people.total("saved") > 200)
        await server.kill()
    before = table(server.database, "general")
    epoch = {page.screen.epoch for page in people.pages}
    fetched = people.total("fetched")
    spoil(server.database)
    status, said = await run("check", "--database", server.database)
    assert status == 2
    assert "python -m chatapp restore FILE" in said
    began = time.monotonic()
    status, said = await run("restore", tmp_path / "backup.db", "--database", server.database)
    assert status == 0, said
    seconds = time.monotonic() - began
    assert (await run("check", "--database", server.database))[0] == 0
    back = {row.id for row in table(server.database, "general")}
    await server.start()
    await people.say()
    verdict = await people.verdict()
    new = [row for row in table(server.database, "general") if row.id not in back]
    figures(messages=verdict.messages, restore_s=seconds, gone=len(before) - len(back), written_after=len(new))
    others = {kind: count for kind, count in verdict.counts.items() if kind != "lost"}
    figures(verdict=others)
    assert people.total("fetched") == fetched + len(people.pages), "every page took its list anew, once"
    assert not epoch & {page.screen.epoch for page in people.pages}
    assert len(new) >= len(people.pages)
    assert min(row.id for row in new) > max(row.id for row in before), "no number is used again"
    assert not any(others.values()), str(verdict)
    [kept] = tmp_path.glob("chat.db.before-restore-????-??-??T??-??-??.???Z")
    assert kept.stat().st_size


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_a_restore_that_is_killed_leaves_one_whole_database(start, gather, figures, tmp_path):
    server = await start()
    people = await gather(server, 3)
    await people.say(5)
    await people.calm()
    assert (await run("backup", tmp_path / "backup.db", "--database", server.database))[0] == 0
    await people.say(5)
    await people.calm()
    await server.stop()
    old, new = len(table(tmp_path / "chat.db", "general")), len(table(tmp_path / "backup.db", "general"))
    shutil.copy(tmp_path / "chat.db", tmp_path / "before.db")
    began = time.monotonic()
    assert (await run("restore", tmp_path / "backup.db", "--database", tmp_path / "chat.db"))[0] == 0
    whole = time.monotonic() - began
    outcomes = {old: 0, new: 0}
    for number in range(KILLS):
        shutil.copy(tmp_path / "before.db", tmp_path / "chat.db")
        process = await command("restore", tmp_path / "backup.db", "--database", tmp_path / "chat.db")
        await asyncio.sleep(random.uniform(0.6, 1.05) * whole)
        if process.returncode is None:
            process.kill()
        await process.communicate()
        assert integrity(tmp_path / "chat.db") == "ok"
        outcomes[len(table(tmp_path / "chat.db", "general"))] += 1
        figures.progress(number + 1, KILLS, "kill")
    figures(kills=KILLS, old_in_place=outcomes[old], new_in_place=outcomes[new], whole_restore_s=whole)
    assert old != new
    await server.start()


async def test_a_backup_onto_a_disk_that_fills_up_ends_with_a_sentence(start, disk, monkeypatch):
    server = await start()
    put_ballast(server.database, 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(2**40, 0, 2**40))
    with pytest.raises(Refused, match="full"):
        maintenance.backup(server.database, disk.folder / "copy.db", lambda done, total: None)
    assert not list(disk.folder.iterdir())
