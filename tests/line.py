"""A connection made by hand, for requests that no browser would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.test_utils import TestClient

from people import Person

FORM = "application/x-www-form-urlencoded"


class Line:
    """A connection by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes | str) -> None:
        self._writer.write(data if isinstance(data, bytes) else data.encode())
        await self._writer.drain()

    async def status(self, seconds: float = 10) -> int:
        """Return the status of the next answer, 0 if the server closes instead."""
        async with asyncio.timeout(seconds):
            line = await self._reader.readline()
        return int(line.split()[1]) if line else 0

    async def rest(self, seconds: float = 15) -> bytes:
        """Return everything up to the end of the connection."""
        async with asyncio.timeout(seconds):
            return await self._reader.read()


@asynccontextmanager
async def line(client: TestClient) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def post(path: str, body: bytes, person: Person | None = None, **headers: str) -> bytes:
    """Return a form post whose headers may lie."""
    given = {"Host": "127.0.0.1", "Origin": "http://127.0.0.1", "Content-Type": FORM, "Content-Length": str(len(body))}
    if person is not None:
        given["Cookie"] = f"chatapp={person.cookie}"
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
