"""The database cannot be written: when the server starts, and while ten people write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault import readonly, strace
from fault.commands import run
from fault.disk import locked
from fault.figures import amount
from fault.log import Row
from fault.people import table
from fault.readonly import FragileDisk
from fault.server import Server
from fault.uploads import UNLIMITED, noise, uploader

FAILING = amount("READ_ONLY_SECONDS", 3)


async def refusal(server: Server) -> str:
    """Start a server that cannot start. Return the one sentence that it says."""
    said, began = len(server.log), time.monotonic()
    server.spawn()
    status = await server.ended()
    lines = [line for line in server.log[said:].splitlines() if line.startswith("chatapp: ")]
    assert status == 1, server.log[said:]
    assert len(lines) == 1, server.log[said:]
    assert lines[0].endswith("."), lines
    assert not server.trouble
    assert time.monotonic() - began < 15
    return lines[0]


async def used(server: Server, gather) -> list[Row]:
    """Let a database hold something, and end its server. Return what it holds."""
    people = await gather(server, 2)
    await people.say(5)
    await people.calm()
    await people.leave()
    rows = table(server.database, "general")
    assert len(rows) == 10
    status, _ = await server.stop()
    assert status == 0
    return rows


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[FragileDisk]:
    """A disk of the test's own that becomes read-only when it fails."""
    try:
        with readonly.fragile_disk(tmp_path) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"A DISK THAT BECOMES READ-ONLY IS NOT TESTED: {error}")


@readonly.root
@pytest.mark.parametrize("exists", [True, False])
async def test_a_server_on_a_read_only_disk_says_so_and_ends(start, gather, tmp_path, figures, exists):
    folder = tmp_path / "chat"
    folder.mkdir()
    (tmp_path / "server.log").touch()
    if exists:
        await used(await start(database=folder / "chat.db"), gather)
    with readonly.view(folder, tmp_path / "view") as place:
        sentence = await refusal(Server(tmp_path, database=place / "chat.db"))
    figures(said=sentence.replace(str(tmp_path), ""))
    assert str(tmp_path / "view") in sentence
    assert "Read-only" in sentence


@readonly.root
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_database_on_a_read_only_disk_is_checked_and_backed_up(start, gather, tmp_path, end):
    folder = tmp_path / "chat"
    folder.mkdir()
    server = await start(database=folder / "chat.db")
    people = await gather(server, 2)
    await people.say(5)
    await people.calm()
    await people.leave()
    await (server.stop() if end == "stop" else server.kill())
    with readonly.view(folder, tmp_path / "view") as place:
        status, said = await run("check", "--database", place / "chat.db")
        assert (status, said.splitlines()[-1]) == (0, "Everything is in order.")
        status, said = await run("backup", tmp_path / "copy.db", "--database", place / "chat.db")
    assert status == 0, said
    assert len(table(tmp_path / "copy.db", "general")) == 10


@readonly.modes_count
@pytest.mark.parametrize("closed", ["chat.db", "chat.db.lock", "."])
async def test_a_server_that_may_not_write_says_so_and_ends_and_starts_once_it_may(
    start, gather, tmp_path, figures, closed
):
    folder = tmp_path / "chat"
    folder.mkdir()
    server = await start(database=folder / "chat.db")
    rows = await used(server, gather)
    mode = (folder / closed).stat().st_mode
    (folder / closed).chmod(mode & ~0o222)
    sentence = await refusal(Server(tmp_path, database=server.database, prefix=readonly.obedient))
    (folder / closed).chmod(mode)
    figures(closed=closed, said=sentence.replace(str(tmp_path), ""))
    assert str(folder) in sentence
    await server.start()
    assert table(server.database, "general") == rows


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_server_on_a_full_disk_says_so_and_ends(disk, start, gather, figures, end):
    server = await start(database=disk.folder / "chat.db")
    people = await gather(server, 2)
    await people.say(5)
    await people.calm()
    await getattr(server, end)()
    disk.fill()
    sentence = await refusal(server)
    figures(said=sentence.replace(str(disk.folder), ""))
    assert "no room on the disk" in sentence
    disk.free()
    await server.start()
    verdict = await people.verdict()
    assert verdict.clean, str(verdict)


async def test_a_server_on_a_locked_database_says_so_and_ends(start, gather):
    server = await start()
    await used(server, gather)
    with locked(server.database):
        assert "is locked by another program" in await refusal(server)
    await server.start()


@strace.needed
@pytest.mark.timeout(120 + FAILING)
async def test_a_database_that_is_read_only_for_a_while_loses_nothing(start, gather, figures):
    server = await start(environment=UNLIMITED)
    people = await gather(server)
    async with people.chatting(rate=5), uploader(server, people.pages[0].cookie) as uploads:
        await people.wait(lambda: people.total("saved") > 20)
        async with strace.attached(server.pid, *strace.failing(readonly.WRITES, "EROFS")):
            await people.wait(lambda: "cannot be written" in server.log)
            refused = await uploads.send(noise(100))
            assert await people.pages[0].history(), "reading goes on"
            await asyncio.sleep(FAILING)
        began, saved = time.monotonic(), people.total("saved")
        await people.wait(lambda: people.total("saved") > saved)
        again = time.monotonic() - began
        assert (await uploads.send(noise(100), key=refused.key)).status != 500
    verdict = await people.verdict()
    taken_back = people.total("removed") // len(people.pages)
    figures(read_only_s=FAILING, messages=verdict.messages, taken_back=taken_back, saved_again_after_s=again)
    figures(verdict=verdict.counts)
    assert refused.status in {503, 507}
    assert refused.explained
    assert verdict.clean, str(verdict)
    assert again < 5


@pytest.mark.timeout(120 + FAILING)
async def test_a_disk_that_becomes_read_only_until_it_is_repaired_takes_nothing_with_it(
    fragile, start, gather, figures
):
    server = await start(database=fragile.folder / "chat.db", environment=UNLIMITED)
    people = await gather(server)
    async with people.chatting(rate=5), uploader(server, people.pages[0].cookie) as uploads:
        await people.wait(lambda: people.total("saved") > 20)
        fragile.fail()
        told = await people.wait(lambda: "cannot be written" in server.log)
        await asyncio.sleep(FAILING)
        refused = await uploads.send(noise(100))
        assert refused.status in {503, 507}
        assert refused.explained
        assert await people.pages[0].history(), "reading goes on"
        assert await server.answers("/healthz")
        assert not await server.answers("/readyz")
        status, seconds = await server.stop()
        sentence = await refusal(server)
        fragile.repair()
        await server.start()
        saved = people.total("saved")
        again = await people.wait(lambda: people.total("saved") > saved)
    verdict = await people.verdict()
    figures(noticed_after_s=told, messages=verdict.messages, end_s=seconds, saved_again_after_s=again)
    figures(said=sentence.replace(str(fragile.folder), ""), verdict=verdict.counts)
    assert status == 0
    assert seconds < 10
    assert verdict.clean, str(verdict)
    await server.stop()
