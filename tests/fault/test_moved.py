"""The database is moved, deleted or replaced while people write: nothing counts as saved that nobody will find."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from fault.commands import run
from fault.people import table
from fault.server import Server

NOTICED = 5.0  # seconds, with room for a slow machine; the server looks twice a second


def readiness(server: Server) -> tuple[int, str]:
    """Return what the server says of itself: a status, and how the database is."""
    try:
        with urllib.request.urlopen(f"{server.url}/readyz", timeout=10) as answer:
            return answer.status, json.load(answer)["database"]
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, json.load(answer)["database"]


async def ready(server: Server, status: int) -> float:
    """Wait until the server says that its database can be used, or that it cannot. Return the seconds it took."""
    began = time.monotonic()
    wanted = (status, "ok" if status == 200 else "failing")
    while (said := await asyncio.to_thread(readiness, server)) != wanted:
        assert time.monotonic() - began < NOTICED, (said, server.log)
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def said(server: Server, words: str) -> str:
    """Wait until the log holds some words. Return the log."""
    began = time.monotonic()
    while words not in server.log:
        assert time.monotonic() - began < NOTICED, server.log
        await asyncio.sleep(0.05)
    return server.log


def rename_file(database: Path) -> Callable[[], object]:
    elsewhere = database.rename(database.with_name("elsewhere.db"))
    return lambda: elsewhere.rename(database)


def rename_folder(database: Path) -> Callable[[], object]:
    elsewhere = database.parent.rename(database.parent.with_name("elsewhere"))
    return lambda: elsewhere.rename(database.parent)


def replace_file(database: Path) -> Callable[[], object]:
    elsewhere = database.rename(database.with_name("elsewhere.db"))
    shutil.copy(elsewhere, database)
    return lambda: elsewhere.replace(database)


def point_link_elsewhere(database: Path) -> Callable[[], object]:
    real = database.readlink()
    database.unlink()
    database.symlink_to(real.with_name("other.db"))

    def back() -> None:
        database.unlink()
        database.symlink_to(real)

    return back


@pytest.mark.parametrize("move", [rename_file, rename_folder, replace_file, point_link_elsewhere])
async def test_a_database_that_was_moved_takes_nothing_until_it_is_back_and_loses_nothing(
    start, gather, figures, tmp_path, move
):
    folder = tmp_path / "chat"
    folder.mkdir()
    database = folder / "chat.db"
    if move is point_link_elsewhere:
        (tmp_path / "real").mkdir()
        database.symlink_to(tmp_path / "real" / "chat.db")
    server = await start(database=database)
    people = await gather(server, 4)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 20)
        back = move(database)
        noticed = await ready(server, 503)
        saved = people.total("saved")
        await said(server, "Put it back where it was")
        await asyncio.sleep(1)
        assert people.total("saved") == saved, "nothing is said to be saved meanwhile"
        assert await people.pages[0].history(), "reading goes on"
        back()
        again = await ready(server, 200)
        await people.wait(lambda: people.total("saved") > saved)
    verdict = await people.verdict()
    figures(noticed_after_s=noticed, again_after_s=again, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)


async def test_a_database_that_nobody_writes_to_is_missed_too(start):
    server = await start()
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(server.url, headers={"Origin": server.url}, cookie_jar=jar) as page:

        async def post(path: str, **form: str) -> tuple[int, str]:
            async with page.post(path, data=form, allow_redirects=False) as answer:
                return answer.status, await answer.text()

        assert (await post("/register", username="An", password="một mật khẩu dài"))[0] == 303
        back = rename_file(server.database)
        await said(server, f"{server.database} is gone")
        status, words = await post("/rooms/general/messages", content="vào chỗ trống")
        assert status == 503
        assert "cannot save messages right now" in words
        back()
        await ready(server, 200)
        assert (await post("/rooms/general/messages", content="vào đúng chỗ"))[0] in (200, 303)
    assert [row.content for row in table(server.database, "general")] == ["vào đúng chỗ"]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_database_that_was_deleted_can_be_copied_from_the_server_that_still_has_it(start, gather, figures, end):
    server = await start()
    people = await gather(server, 4)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 20)
        for each in server.database.parent.glob("chat.db*"):
            each.unlink()
        await ready(server, 503)
        [command, *_] = re.findall(r"cp /proc/\d+/fd/\d+ \S+", await said(server, "what it still holds"))
        subprocess.run(shlex.split(command), check=True)
        await getattr(server, end)()
        Path(command.split()[-1]).rename(server.database)
        await server.start()
        saved = people.total("saved")
        await people.wait(lambda: people.total("saved") > saved)
    verdict = await people.verdict()
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)


@pytest.mark.parametrize("name", ["chat.db-wal", "chat.db-shm"])
async def test_what_lies_beside_the_database_belongs_to_it(start, gather, figures, name):
    server = await start()
    people = await gather(server, 4)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 20)
        server.database.with_name(name).unlink()
        await ready(server, 503)
        await said(server, "Restart the server")
        await server.kill()
        await server.start()
        saved = people.total("saved")
        await people.wait(lambda: people.total("saved") > saved)
    verdict = await people.verdict()
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)


async def test_a_disk_that_was_taken_away_is_missed(disk, start, gather):
    server = await start(database=disk.folder / "chat.db")
    people = await gather(server, 1)
    await people.say()
    await people.calm()
    subprocess.run(["umount", "--lazy", str(disk.folder)], check=True)
    try:
        await ready(server, 503)
    finally:
        await server.kill()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk.folder)], check=True)  # to be taken away at the end
    await said(server, "is gone")


async def test_a_start_after_a_rename_has_everything_that_was_saved(start, gather, tmp_path):
    server = await start()
    people = await gather(server, 2)
    async with people.chatting(rate=10):
        await people.wait(lambda: people.total("saved") > 20)
        elsewhere = server.database.rename(tmp_path / "elsewhere.db")
        await ready(server, 503)
        saved = people.total("saved") // len(people.pages)
        await server.kill()
    assert len(table(elsewhere, "general")) >= saved
    assert (await run("check", "--database", elsewhere))[0] == 0
