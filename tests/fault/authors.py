"""What authors do beside writing: they edit and remove their messages, and undo that; some of them without scripts."""

from __future__ import annotations

import asyncio
import random
import secrets
import time

import aiohttp

from fault.log import GONE, Log
from fault.page import PASSWORD, Page
from fault.screen import messages, older
from fault.server import Server

_EDIT, _REMOVE, _UNDO = 0.25, 0.15, 0.3  # shares: of what is done, and of the removals
_IN_SIGHT = 25  # newest messages that are saved, of which people change their own
_PAUSE = 0.2  # seconds between two tries of a form
_LOST = (aiohttp.ClientError, OSError)  # TimeoutError is an OSError


def open_to_change(page: Page) -> list[int]:
    """Return the ids of the newest messages that a page's person can change: saved, and not removed."""
    saved = [row for row in page.screen.rows if row.id <= page.screen.cursor]
    mine = [row for row in saved[-_IN_SIGHT:] if row.author == page.author]
    leaving = page.outbox.removing
    return [row.id for row in mine if row.content != GONE and row.id not in leaving]


def change_mind(page: Page, content: str) -> None:
    """Write, edit, remove, or remove and undo that: whatever comes to a person's mind."""
    chance, own = random.random(), open_to_change(page)
    if not own or chance >= _EDIT + _REMOVE:
        page.write(content)
    elif chance < _EDIT:
        page.write(content, "edit", random.choice(own))
    else:
        number = random.choice(own)
        page.write("", "remove", number)
        if random.random() < _UNDO:
            page.write("", "restore", number)


class Plain:
    """Somebody without scripts: each form is sent again until it is answered.

    ``path`` is that of a room or a direct conversation.
    """

    def __init__(self, server: Server, path: str) -> None:
        self.log = Log(0)
        self.conversation = ""
        self._going = False
        self._path = path
        self._name = "plain" + secrets.token_hex(3)
        self._own: list[int] = []
        self._browser = aiohttp.ClientSession(
            server.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": server.url}
        )
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Plain:
        form = {"username": self._name, "password": PASSWORD}
        async with self._browser.post("/register", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        page = await self._get()
        self.log = Log(int(page.partition('data-user="')[2].partition('"')[0]))
        self.conversation = page.partition('class="log" data-conversation="')[2].partition('"')[0]
        self._writing = asyncio.create_task(self._write(), name=self._name)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Let the form that is under way be answered, look at the page once more, then go."""
        assert self._writing
        self._going = True
        async with asyncio.timeout(30):
            await self._writing
        page = await self._get()
        self.log.screen, self.log.base = messages(page), older(page) or 0
        await self._browser.close()

    async def _get(self) -> str:
        async with self._browser.get(self._path) as answer:
            return await answer.text()

    async def _write(self) -> None:
        while not self._going:
            await asyncio.sleep(_PAUSE)
            content = f"{self._name} {time.monotonic():.6f} {secrets.token_hex(4)}"
            chance = random.random()
            if not self._own or chance >= _EDIT + _REMOVE:
                await self._do("", content)
            else:
                await self._do("edit" if chance < _EDIT else "remove", content, random.choice(self._own))

    async def _do(self, kind: str, content: str, target: int = 0) -> None:
        key, path = secrets.token_urlsafe(16), f"/{target}/{kind}" if kind else ""
        content = "" if kind == "remove" else content
        self.log.note("invoke", target, key, content, change=kind)
        number = await self._ask(f"{self._path}/messages{path}", {"key": key, "content": content})
        self.log.note("saved", target or number, key, content, change=kind)
        if kind == "remove":
            self._own.remove(target)
        elif not kind:
            self._own = [*self._own[-9:], number]

    async def _ask(self, path: str, form: dict[str, str]) -> int:
        while True:
            try:
                async with self._browser.post(path, data=form, headers={"Accept": "application/json"}) as answer:
                    if answer.status == 200:
                        return int((await answer.json())["id"])
                    assert answer.status >= 429, f"{path}: {answer.status} {await answer.text()}"
            except _LOST:
                pass  # as one who sees an error page and presses the key to load it again
            await asyncio.sleep(_PAUSE)
