"""A database that is damaged where messages are written: what can be read is read, and the server stays."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp

from fault.commands import run
from fault.people import table


def spoil(database: Path, name: str) -> None:
    """Overwrite the first page of a table."""
    with closing(sqlite3.connect(database)) as db:
        [(page,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,))
        [(size,)] = db.execute("PRAGMA page_size")
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


async def test_what_is_whole_of_a_damaged_database_can_be_read_and_sending_says_why_not(start, gather, figures):
    server = await start()
    people = await gather(server, 3)
    await people.say(10)
    await people.calm()
    await people.leave()
    assert (await server.stop())[0] == 0
    before = table(server.database, "general")
    spoil(server.database, "message_keys")
    await server.start()
    headers = {"Cookie": people.pages[0].cookie, "Origin": server.url, "Accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as browser:
        for _ in range(3):
            async with browser.get(f"{server.url}/rooms/general", headers={"Accept": "text/html"}) as page:
                assert page.status == 200
                assert len(re.findall(r'data-mid="\d+"', await page.text())) == len(before) == 30
            message = {"content": "not lost either", "key": "k" * 22}
            async with browser.post(f"{server.url}/rooms/general/messages", data=message) as answer:
                told = await answer.json()
                assert (answer.status, told["code"], told["retry"]) == (503, "storage", True)
                assert told["reason"]
        async with browser.ws_connect(f"{server.url}/ws?room=general&since=0&epoch=x") as socket:
            await socket.send_json({"type": "message", **message})
            while "refused" not in (frame := await socket.receive_str(timeout=10)):
                pass
            assert json.loads(frame)["code"] == "storage"
        async with browser.get(f"{server.url}/healthz") as answer:
            assert answer.status == 200
    status, said = await run("check", "--database", server.database)
    figures(check=status, said=said.splitlines()[-1])
    assert status == 2
    assert "restore" in said
    assert "Traceback" not in server.log
    assert (await server.stop())[0] == 0


async def test_a_database_whose_messages_are_damaged_is_told_of_and_ends_no_server(start, gather):
    server = await start()
    people = await gather(server, 2)
    await people.say(5)
    await people.calm()
    await people.leave()
    assert (await server.stop())[0] == 0
    spoil(server.database, "messages")
    await server.start()
    headers = {"Cookie": people.pages[0].cookie, "Origin": server.url, "Accept": "text/html"}
    async with aiohttp.ClientSession(headers=headers) as browser:
        for _ in range(3):
            async with browser.get(f"{server.url}/rooms/general") as page:
                assert page.status == 503
                assert "The server cannot do this at the moment" in await page.text()
            async with browser.get(f"{server.url}/settings") as page:
                assert page.status == 200, "what needs none of it goes on"
        async with browser.get(f"{server.url}/healthz") as answer:
            assert answer.status == 200
    assert "malformed" in server.log
    assert "Traceback" not in server.log
    assert (await server.stop())[0] == 0
