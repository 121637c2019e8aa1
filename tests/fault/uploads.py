"""Somebody who sends pictures by form and looks at what became of them."""

from __future__ import annotations

import random
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from fault.server import Server

UNLIMITED = {"CHATAPP_UPLOADS_PER_MINUTE": "0"}
_SHOWN = "SELECT id FROM pictures WHERE conversation = ? AND message_id = ? ORDER BY position"


@dataclass(frozen=True, slots=True)
class Upload:
    """What the server said to one form, and the key under which it may be sent again."""

    status: int
    answer: dict[str, Any]
    key: str

    @property
    def taken(self) -> bool:
        """Tell whether the picture is saved."""
        return self.status == 200

    @property
    def explained(self) -> bool:
        """Tell whether a program and a person learn why it was not taken."""
        return bool(self.answer.get("code")) and str(self.answer.get("reason", "")).endswith(".")


class Uploader:
    """Send one picture a message into a room, as scripts of ours do."""

    def __init__(self, server: Server, browser: aiohttp.ClientSession, room: str) -> None:
        self._server = server
        self._browser = browser
        self._room = room

    async def send(self, data: bytes, name: str = "x.png", key: str = "") -> Upload:
        """Send a picture, or send it again."""
        key = key or secrets.token_urlsafe(16)
        form = aiohttp.FormData({"content": "", "key": key})
        form.add_field("pictures", BytesIO(data), filename=name)
        async with self._browser.post(f"/rooms/{self._room}/messages", data=form) as answer:
            assert answer.content_type == "application/json", await answer.text()
            return Upload(answer.status, await answer.json(), key)

    async def fetch(self, upload: Upload) -> list[bytes]:
        """Return both sizes of every picture that a message shows."""
        with closing(sqlite3.connect(f"file:{self._server.database}?mode=ro", uri=True)) as db:
            ids = [row[0] for row in db.execute(_SHOWN, (self._room, upload.answer["id"]))]
        found = []
        for path in [f"/images/{each}{size}" for each in ids for size in ("", "/thumbnail")]:
            async with self._browser.get(path) as answer:
                assert answer.status == 200, path
                found.append(await answer.read())
        return found


@asynccontextmanager
async def uploader(server: Server, cookie: str, room: str = "tech") -> AsyncIterator[Uploader]:
    """Be somebody who is logged in already."""
    headers = {"Cookie": cookie, "Origin": server.url, "Accept": "application/json"}
    async with aiohttp.ClientSession(server.url, headers=headers) as browser:
        yield Uploader(server, browser, room)


def noise(edge: int) -> bytes:
    """Return a picture that no format can make small."""
    out = BytesIO()
    Image.frombytes("RGB", (edge, edge), random.randbytes(3 * edge * edge)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def kept(database: Path) -> dict[str, int]:
    """Count the pictures of a database, those that no message shows, and bytes without a picture or the reverse."""
    queries = {
        "pictures": "SELECT count(*) FROM pictures",
        "orphans": "SELECT count(*) FROM pictures WHERE message_id IS NULL",
        "strays": "SELECT count(*) FROM picture_bytes WHERE picture_id NOT IN (SELECT id FROM pictures)",
        "halves": "SELECT count(*) FROM pictures WHERE 2 <> (SELECT count(*) FROM picture_bytes WHERE picture_id = id)",
    }
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return {name: db.execute(query).fetchone()[0] for name, query in queries.items()}
