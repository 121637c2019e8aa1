"""The baseline of the benches: the chat server of most tutorials.

``websockets`` broadcasts a message to everybody, then one thread call inserts it in a transaction of its own. It does
what makes it fast: uvloop where there is one, no compression, one database connection kept open, a write-ahead log.
It leaves out what it never had: sessions, checks, HTML, saved marks, catching up.

    python tests/bench/classic.py HOST PORT DATABASE
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
from datetime import UTC, datetime

from websockets.asyncio.server import ServerConnection, broadcast, serve

_SCHEMA = """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, room TEXT, sender TEXT, message TEXT, msg_type TEXT, created_at TEXT
    )
"""
_INSERT = "INSERT INTO messages (room, sender, message, msg_type, created_at) VALUES (?, ?, ?, ?, ?)"


class Chat:
    """Rooms: one for each address that sockets ask for."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _SCHEMA):
            self._db.execute(statement)
        self._turn = threading.Lock()
        self._rooms: dict[str, set[ServerConnection]] = {}

    async def serve(self, connection: ServerConnection) -> None:
        """Send everything that one person says to everybody in the room, then keep it."""
        room = self._rooms.setdefault(connection.request.path if connection.request else "", set())
        room.add(connection)
        try:
            async for text in connection:
                content = str(json.loads(text)["content"]).strip()
                moment = datetime.now(UTC).isoformat()
                message = {"type": "message", "sender": "person", "content": content, "created_at": moment}
                broadcast(room, json.dumps(message))
                await asyncio.to_thread(self._insert, ("general", "person", content, "text", moment))
        finally:
            room.discard(connection)

    def _insert(self, row: tuple[str, ...]) -> None:
        with self._turn, self._db:
            self._db.execute(_INSERT, row)


async def main(host: str, port: int, path: str) -> None:
    """Serve until the process ends."""
    async with serve(Chat(path).serve, host, port, compression=None, backlog=1024) as server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
