"""The flow that this chat does not have: broadcast, say *saved*, and write in the background.

``python naive.py --host HOST --port PORT --database FILE``: just enough of the wire for the pages of these tests.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

from aiohttp import web

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY, room TEXT, author_id INTEGER, message TEXT, rev INTEGER, removed_at TEXT
    );
    CREATE TABLE IF NOT EXISTS message_versions (conversation TEXT, message_id INTEGER, rev INTEGER, content TEXT);
    CREATE TABLE IF NOT EXISTS message_keys (author_id INTEGER, key TEXT, message_id INTEGER);
"""


class Naive:
    """A chat server as one writes it in an afternoon."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._sockets: set[web.WebSocketResponse] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._last = 0
        with sqlite3.connect(database) as db:
            db.executescript("PRAGMA journal_mode = WAL;" + _SCHEMA)

    def rows(self, after: int = 0) -> list[Any]:
        with sqlite3.connect(self._database) as db:
            select = "SELECT id, author_id, message FROM messages WHERE id > ? ORDER BY id"
            return db.execute(select, (after,)).fetchall()

    async def ready(self, request: web.Request) -> web.StreamResponse:
        return web.Response()

    async def register(self, request: web.Request) -> web.StreamResponse:
        user = request.remote and str(time.time_ns() // 1000 % 2**31)
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie("user", user or "")
        return answer

    async def room(self, request: web.Request) -> web.StreamResponse:
        rows = self.rows()
        cursor = rows[-1][0] if rows else 0
        start = f'<body data-user="{request.cookies["user"]}"><ol id="messages" data-cursor="{cursor}" data-epoch="e">'
        return web.Response(text=start + _items(rows) + "</ol>")

    async def socket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await _tell(ws, "hello", conversation="general", recovered=True)
        rows = self.rows(int(request.query["since"]))
        await ws.send_str(_fragment(rows))
        await _tell(ws, "ready", upto=self._last or (rows[-1][0] if rows else int(request.query["since"])))
        self._sockets.add(ws)
        try:
            async for message in ws:
                frame = json.loads(message.data)
                if frame["type"] == "message":
                    await self._message(ws, int(request.cookies["user"]), frame)
                else:
                    await _tell(ws, "beat")
        finally:
            self._sockets.discard(ws)
        return ws

    async def _message(self, ws: web.WebSocketResponse, user: int, frame: dict[str, Any]) -> None:
        number = self._last = max(self._last + 1, int(time.time() * 1000) << 10)
        task = asyncio.create_task(asyncio.to_thread(self._save, number, user, frame))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        await _tell(ws, "sent", key=frame["key"], id=number)
        for each in list(self._sockets):
            try:
                await each.send_str(_fragment([(number, user, frame["content"])]))
                await _tell(each, "saved", upto=number, keys=[frame["key"]] if each is ws else [])
            except ConnectionError:
                self._sockets.discard(each)

    def _save(self, number: int, user: int, frame: dict[str, Any]) -> None:
        with sqlite3.connect(self._database, timeout=30) as db:
            row = (number, user, frame["content"], number)
            db.execute("INSERT INTO messages VALUES (?, 'general', ?, ?, ?, NULL)", row)
            db.execute("INSERT INTO message_keys VALUES (?, ?, ?)", (user, frame["key"], number))


async def _tell(ws: web.WebSocketResponse, kind: str, **fields: Any) -> None:
    await ws.send_str(json.dumps({"type": kind, **fields}))


def _fragment(rows: list[Any]) -> str:
    return f'<ol hx-swap-oob="timeline:#messages">{_items(rows)}</ol>'


def _items(rows: list[Any]) -> str:
    return "".join(
        f'<li class="msg" id="m-{number}" data-mid="{number}" data-rev="{number}" data-author="{author}">'
        f'<div class="text">{html.escape(text)}</div></li>'
        for number, author, text in rows
    )


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    for name in ("--host", "--port", "--database"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    naive, app = Naive(Path(options.database)), web.Application()
    app.router.add_get("/readyz", naive.ready)
    app.router.add_post("/register", naive.register)
    app.router.add_get("/rooms/general", naive.room)
    app.router.add_get("/ws", naive.socket)
    web.run_app(app, host=options.host, port=int(options.port), print=None)


if __name__ == "__main__":
    main()
