"""An older backup takes the place of the database while pages are open: some connected, some away, some with drafts."""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
import pytest

from fault.figures import amount
from fault.page import Page
from fault.people import People, table
from fault.server import ROOT, Server

RESTORES = amount("RESTORES", 2)


async def run(*argv: object) -> None:
    """Run a command of the program, which must succeed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatapp", *map(str, argv)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def greeting(server: Server, page: Page) -> dict[str, object]:
    """Ask as an open page would ask to be brought up to date; return the first answer that is no fragment."""
    query = {"room": "general", "since": str(page.screen.cursor), "epoch": page.screen.epoch}
    headers = {"Cookie": page.cookie, "Origin": server.url}
    async with (
        asyncio.timeout(10),
        aiohttp.ClientSession(headers=headers) as browser,
        browser.ws_connect(f"{server.url}/ws", params=query) as socket,
    ):
        frame = await socket.receive()
        assert not frame.data.startswith("<"), "no rows before the hello"
        return frame.json()


def acknowledged(people: People) -> set[tuple[int, str]]:
    """Return author and key of everything that pages were told is saved."""
    return {(page.author, event.key) for page in people.pages for event in page.log.events if event.kind == "saved"}


@pytest.mark.timeout(120 + 30 * RESTORES)
async def test_open_pages_take_an_older_backup_for_what_it_is(start, gather, figures, tmp_path):
    server = await start()
    people = await gather(server)
    backup = tmp_path / "backup.db"
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 100)
        await run("backup", backup, "--database", server.database)
    await people.calm()
    old, epochs = table(backup, "general"), [people.pages[0].screen.epoch]
    gone, seen, fetched = set(), set(), people.total("fetched")
    away = people.pages[-1]
    for number in range(RESTORES):
        await people.say(5)
        await people.calm()
        away.network.clear()  # its person closes the laptop, and opens it when everything is over
        away.cut()
        await people.wait(lambda: not away.live)
        for page in people.pages[:-1]:
            page.write(f"{page.name} 0 late {number}")
        await people.wait(lambda: all(page.quiet for page in people.pages[:-1]))
        status, _ = await server.stop()
        assert status == 0
        last = table(server.database, "general")
        seen |= {row.id for row in last}
        gone |= {(row.author, row.key) for row in last[len(old) :]}
        assert last[: len(old)] == old, "a backup holds the oldest messages"
        for page in people.pages:
            page.write(f"{page.name} 0 draft {number}")  # nobody is there to take it
        await run("restore", backup, "--database", server.database)
        assert table(server.database, "general") == old
        await server.start()
        hello = await greeting(server, away)
        assert (hello["type"], hello["recovered"]) == ("hello", False)
        await people.wait(lambda: all(page.quiet for page in people.pages[:-1]))
        await people.say(2)
        away.network.set()
        await people.calm()
        epochs.append(away.screen.epoch)
        new = table(server.database, "general")[len(old) :]
        assert min(row.id for row in new) > max(seen), "no number is used again"
        assert len(new) == 3 * len(people.pages), "drafts arrive once each, and what was said since"
        assert people.total("fetched") == fetched + (number + 1) * len(people.pages), "each took its list anew, once"
        figures.progress(number + 1, RESTORES, "restore")
    verdict = await people.verdict()
    others = {kind: count for kind, count in verdict.counts.items() if kind != "lost"}
    figures(restores=RESTORES, kept=len(old), gone=len(gone), messages=verdict.messages, verdict=others)
    assert not any(others.values()), str(verdict)
    assert len(set(epochs)) == RESTORES + 1, "each restore begins an epoch, from the same backup too"
    assert {page.screen.epoch for page in people.pages} == {epochs[-1]}
    kept = {(row.author, row.key) for row in table(server.database, "general")}
    assert acknowledged(people) - kept == gone, "what the backup does not know is lost, and nothing else"
