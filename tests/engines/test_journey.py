"""The main journey in engines beside Chromium: from registering to logging out, through a restart of the server."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from yarl import URL

from engines.window import ARROW_UP, END, ENTER, Window
from fault.server import Server
from people import PASSWORD, Person
from pictures import picture

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),  # by Selenium of itself
]

ENGINES: dict[str, tuple[str, Callable[[str, str], Window]]] = {
    "Firefox": ("firefox-esr", Window.firefox),
    "WebKit": ("WebKitWebDriver", Window.webkit),
}
LAST = "#messages .msg:last-child"


class Address:
    """Where a person of the tests finds the server."""

    def __init__(self, url: str) -> None:
        self._url = URL(url)

    def make_url(self, path: str) -> URL:
        return self._url.join(URL(path))


@pytest.fixture(scope="module")
def display() -> Iterator[None]:
    """Give browsers that cannot do without one a screen."""
    if os.environ.get("DISPLAY"):
        yield
        return
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as screen:
        os.close(writing)
        with os.fdopen(reading) as told:
            os.environ["DISPLAY"] = f":{told.readline().strip()}"
        yield
        del os.environ["DISPLAY"]
        screen.terminate()


@pytest_asyncio.fixture(loop_scope="module")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(tmp_path) as server:
        yield server


@pytest.mark.parametrize("engine", ENGINES)
async def test_somebody_registers_talks_through_a_restart_and_logs_out(
    server: Server, display: None, tmp_path: Path, engine: str
) -> None:
    name, start = ENGINES[engine]
    program = shutil.which(name)
    if program is None and not os.environ.get("CI"):
        pytest.skip(f"NO {engine.upper()} WAS FOUND: install {name}")
    assert program is not None, f"{engine} is not installed: {name}"
    window = await asyncio.to_thread(start, server.url, program)
    try:
        async with Person(Address(server.url), "Bình") as binh:  # type: ignore[arg-type] - it needs only make_url
            assert (await binh.register()).status == 303
            await Journey(server, window, binh, tmp_path).walk()
    finally:
        await asyncio.to_thread(window.close)
    assert not server.trouble


class Journey:
    """What one person does in a window, and another beside it."""

    def __init__(self, server: Server, window: Window, other: Person, folder: Path) -> None:
        self._server = server
        self._window = window
        self._other = other
        self._folder = folder

    async def walk(self) -> None:
        await self._in_thread(self._enter)
        await self._in_thread(self._say, "xin chào cả phòng")
        answer = await self._other.post("/rooms/general/messages", {"content": "chào An nhé"})
        assert answer.status == 200
        await self._in_thread(self._window.sees, LAST, "chào An nhé")
        await self._in_thread(self._change)
        await self._in_thread(self._send_picture)
        await self._restart()
        await self._in_thread(self._leave)

    async def _in_thread(self, act: Callable[..., None], *arguments: Any) -> None:
        await asyncio.to_thread(act, *arguments)

    def _enter(self) -> None:
        for path in ("/register", "/login"):
            self._window.go(path)
            self._window.type("[name=username]", "An")
            self._window.type("[name=password]", PASSWORD + ENTER)
            self._window.sees("#text")
            if path == "/register":
                self._log_out()

    def _log_out(self) -> None:
        self._window.go("/settings")
        self._window.click("form[action$='/logout'] button")
        self._window.until("return !location.pathname.endsWith('/settings')")

    def _say(self, text: str) -> None:
        self._window.type("#text", text + ENTER)
        self._window.sees(f"{LAST}[data-mid]", text)
        self._window.until(
            "return [...document.querySelectorAll(arguments[0])].some("
            "item => item.dataset.state === 'saved' && item.textContent.includes(arguments[1]))",
            "#messages .msg",
            text,
        )

    def _change(self) -> None:
        """Edit a message by the keyboard, remove another."""
        self._say("sẽ bị gỡ")
        self._window.run("document.querySelector(arguments[0]).querySelector('.when').focus()", LAST)
        self._window.click(f"{LAST} [data-act=remove]")
        self._window.sees(f"{LAST}.gone")
        self._say("viết sai")
        self._window.type("#text", ARROW_UP)
        self._window.until("return document.getElementById('text').value === 'viết sai'")
        self._window.type("#text", END + " rồi sửa" + ENTER)
        self._window.sees(LAST, "viết sai rồi sửa")
        self._window.sees(f"{LAST} .edited")

    def _send_picture(self) -> None:
        file = self._folder / "ảnh.png"
        file.write_bytes(picture())
        self._window.choose("#choose", file)
        self._window.sees("#pictures img")
        self._window.type("#text", "có ảnh" + ENTER)
        self._window.sees(f"{LAST}[data-mid]", "có ảnh")
        self._window.until("return document.querySelector(arguments[0])?.naturalWidth > 0", f"{LAST} .shots img")

    async def _restart(self) -> None:
        """Write while the server is away; it arrives by itself once the server is back."""
        await self._server.stop()
        await self._in_thread(self._window.type, "#text", "viết khi mất mạng" + ENTER)
        await self._in_thread(self._window.sees, LAST, "viết khi mất mạng")
        await self._server.start()
        await self._in_thread(self._window.sees, f"{LAST}[data-mid]", "viết khi mất mạng")
        page = await self._other.get("/rooms/general")
        assert (await page.text()).count("viết khi mất mạng") == 1

    def _leave(self) -> None:
        self._log_out()
        self._window.go("/rooms/general")
        self._window.sees("[name=password]")
