"""What the people of a direct conversation, and the database, hold of it in the end."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

from playwright.async_api import Page, expect

from browser.person import PATIENCE, Person
from fault.server import Server


async def once(server: Server, an: Person, binh: Person, texts: list[str]) -> None:
    """Wait until both pages show these messages once, in this order and with nothing on its way.

    Assert that the database holds the same, and that both pages say so when they are loaded anew.
    """
    for _ in range(2):
        for person in (an, binh):
            await expect(person.messages.locator(".bub")).to_have_text(texts)
            await expect(person.page.locator("#messages .own:not([data-state=saved])")).to_have_count(0)
        assert stored(server, an, binh) == texts
        for person in (an, binh):
            await person.open(person.page.url)
    assert await waiting(an) == []


def stored(server: Server, an: Person, binh: Person) -> list[str]:
    """Return the texts of a direct conversation as they are on the disk."""
    with closing(sqlite3.connect(server.database)) as db:
        names = (an.name, binh.name, an.name, binh.name)
        query = "SELECT message FROM private_messages WHERE sender IN (?, ?) AND receiver IN (?, ?) ORDER BY id"
        return [text for (text,) in db.execute(query, names)]


async def waiting(person: Person) -> list[str]:
    """Return what this browser keeps in its outboxes."""
    boxes = await person.page.evaluate("Object.entries(localStorage).filter(([name]) => name.includes('outbox'))")
    return [entry["content"] for _, box in boxes for entry in json.loads(box)]


async def holds(page: Page, expression: str) -> None:
    """Wait until an expression is true in a page. Asked from outside: its policy forbids what would wait inside."""
    async with asyncio.timeout(PATIENCE / 1000):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.02)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that no page shows."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE / 1000, "it never came"
        await asyncio.sleep(0.02)


def end_session(server: Server, person: Person) -> None:
    """Let every session of a person be over, as after too long a time; the browser learns of it when it asks."""
    with closing(sqlite3.connect(server.database)) as db, db:
        query = "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE username = ?)"
        assert db.execute(query, (person.name,)).rowcount
