"""An open page of the chat: it keeps the documented wire as the real one does, and writes down what it sees."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import time
from contextlib import suppress
from typing import Any

import aiohttp

from fault.address import Address
from fault.log import Log, Row
from fault.outbox import Outbox
from fault.screen import Screen, messages, older
from fault.server import Server

PASSWORD = "một con vịt xoè ra"
_FIRST, _CAP, _SLOW = 0.5, 15.0, 5.0  # seconds between two tries to connect: at first, at most, after our own fault
_OPENING = 10.0  # seconds to complete a handshake
_SILENCE = 45.0  # seconds without hearing anything until the connection counts as dead
_BEAT = 17.5  # seconds between two signs of life
_PATIENCE = 15.0  # seconds for the server to say sent or refused
_FINAL = {4401, 4403, 4408}
_GOODBYE = aiohttp.ClientWSTimeout(ws_close=0.2)
_LOST = (aiohttp.ClientError, OSError)  # TimeoutError is an OSError


class Page:
    """One person's one tab, showing one room."""

    def __init__(self, server: Server | Address, name: str, room: str = "general") -> None:
        self.name = name
        self.author = 0
        self.codes: list[int] = []  # how its connections ended
        self._server = server
        self._room = room
        self._browser = aiohttp.ClientSession(
            server.url,
            connector=server.connector() if isinstance(server, Address) else None,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"Origin": server.url},
        )
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tries = 0
        self.network = asyncio.Event()  # cleared: there is none for this page, once its connection is cut
        self.network.set()
        self._wake = asyncio.Event()
        self._beaten = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self.latencies: list[float] = []  # seconds from a live message's writing to its being shown here
        self._begin(Log(0))

    def _begin(self, log: Log) -> None:
        self.log, self.screen = log, Screen(log)
        self.outbox = Outbox(log, self.screen.rev)

    # --- what its person does ---------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Register, or log in when the name is known, and show the room."""
        form = {"username": self.name, "password": PASSWORD}
        async with self._browser.post("/register", data=form, allow_redirects=False) as answer:
            known = answer.status != 303
        if known:
            async with self._browser.post("/login", data=form, allow_redirects=False) as answer:
                assert answer.status == 303, f"{self.name} cannot log in: {answer.status}"
        page = await self.text(f"/rooms/{self._room}?latest=1")
        self.author = int(page.partition('data-user="')[2].partition('"')[0])
        self._begin(Log(self.author))
        self.screen.load(page)
        self._life = asyncio.create_task(self._live(), name=self.name)

    def write(self, content: str, kind: str = "", target: int = 0) -> None:
        """Send a message, or a change of one, or keep it until that is possible."""
        self.outbox.put(content, kind, target)
        self._wake.set()

    def cut(self) -> None:
        """Lose the connection as abruptly as a network can: with a reset."""
        if self._socket and not self._socket.closed and (wire := self._socket.get_extra_info("socket")):
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket._conn.transport.abort()

    async def close(self) -> None:
        """Close the page."""
        if self._life:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self._browser.close()

    @property
    def cookie(self) -> str:
        """Return the header that says whose page this is."""
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in self._browser.cookie_jar)

    def check(self) -> None:
        """Raise what ended the page's life, if something did: it tries again for ever."""
        if self._life and self._life.done():
            self._life.result()

    @property
    def live(self) -> bool:
        """Tell whether it is connected and up to date."""
        return self.screen.phase == "live"

    @property
    def quiet(self) -> bool:
        """Tell whether it is up to date and nothing waits, in the outbox or on the screen."""
        return self.screen.settled and not self.outbox

    async def hear_out(self) -> None:
        """Wait until everything that the server has sent up to now is here."""
        self._beaten.clear()
        if self._socket:
            await self._socket.send_str('{"type":"beat"}')
            await self._beaten.wait()

    async def history(self) -> list[Row]:
        """Read the room page by page, back to its first message."""
        page = await self.text(f"/rooms/{self._room}?latest=1")
        rows = messages(page)
        while before := older(page):
            page = await self.text(f"/rooms/{self._room}/messages?before={before}")
            rows = messages(page) + rows
        return rows

    def finish(self) -> Log:
        """Return the log, with the end state in it."""
        self.log.screen, self.log.unsent = self.screen.rows, self.outbox.keys
        return self.log

    # --- its connection ---------------------------------------------------------------------------------------------

    async def text(self, path: str) -> str:
        """Return what is at an address."""
        async with self._browser.get(path, headers={"Accept": "text/html"}, allow_redirects=False) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def _live(self) -> None:
        while True:
            code = 1006
            await self.network.wait()
            with suppress(*_LOST):
                code = await self._connect()
            self.screen.phase = "away"
            self.outbox.down()
            self.log.note("down")
            self.codes.append(code)
            assert code not in _FINAL, f"{self.name} was shut out: {code}"
            longest = min(_FIRST * 2**self._tries, _CAP)
            self._tries += 1
            wait = longest * random.uniform(0.5, 1)
            await asyncio.sleep(max(wait, _SLOW) if code in {1008, 1009} else wait)

    async def _connect(self) -> int:
        """Be connected until that ends. Return the close code."""
        query = {"room": self._room, "since": str(self.screen.cursor), "epoch": self.screen.epoch}
        async with asyncio.timeout(_OPENING):
            ws = await self._browser.ws_connect("/ws", params=query, max_msg_size=0, timeout=_GOODBYE)
        self._socket, self.screen.phase = ws, "asked"
        sending = asyncio.create_task(self._send(ws))
        try:
            while True:
                message = await ws.receive(_SILENCE)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return ws.close_code or 1006
                await self._hear(ws, message.data)
        finally:
            self._socket = None
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            with suppress(*_LOST):
                await ws.close()

    async def _send(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        beat = time.monotonic() + _BEAT
        while not ws.closed:
            self._wake.clear()
            self.outbox.ask_again()
            if self.outbox.waits > _PATIENCE:
                self.cut()
            entry = self.outbox.take() if self.live else None
            if entry:
                await ws.send_json(entry.frame)
            elif time.monotonic() > beat:
                beat = time.monotonic() + _BEAT
                await ws.send_json({"type": "beat"})
            else:
                pause = self.outbox.pause if self.live else None
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(1.0, 1.0 if pause is None else pause + 0.001)):
                        await self._wake.wait()

    async def _hear(self, ws: aiohttp.ClientWebSocketResponse, text: str) -> None:
        if text.startswith("<"):
            live, now = self.live, time.monotonic()
            for row in self.screen.take(text):
                if live and row.rev == row.id:
                    self.latencies.append(now - float(row.content.split(" ", 2)[1]))
            return
        frame: dict[str, Any] = json.loads(text)
        if frame["type"] == "hello":
            await self._greeted(ws, frame)
        elif frame["type"] == "ready":
            if self.screen.phase == "catching" and not self.screen.finish(frame["upto"]):
                await self._refetch(ws)  # what a message says has died with a server
            self._tries = 0
        elif told := getattr(self, f"_on_{frame['type']}", None):
            told(frame)
        self._wake.set()

    def _on_sent(self, frame: dict[str, Any]) -> None:
        self.outbox.sent(frame)

    def _on_saved(self, frame: dict[str, Any]) -> None:
        self.outbox.saved(frame)
        if "upto" in frame:
            self.screen.advance(frame["upto"])

    def _on_refused(self, frame: dict[str, Any]) -> None:
        self.outbox.refused(frame)

    def _on_failed(self, frame: dict[str, Any]) -> None:
        if frame.get("change"):  # what stood before comes as a later revision
            self.log.note("undone", frame["id"])
        else:
            self.screen.remove([frame["id"]])
        self.outbox.refused(frame)

    def _on_beat(self, frame: dict[str, Any]) -> None:
        self._beaten.set()

    async def _greeted(self, ws: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> None:
        if frame["conversation"] != self._room:
            return
        self.screen.begin()
        if not frame["recovered"]:  # the server cannot bring this list up to date
            await self._refetch(ws)

    async def _refetch(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Take the list anew, then ask again from there."""
        self.screen.phase = "asked"
        self.screen.load(await self.text(f"/rooms/{self._room}?latest=1"))
        where = {"room": self._room, "since": self.screen.cursor, "epoch": self.screen.epoch}
        await ws.send_json({"type": "join", **where})
