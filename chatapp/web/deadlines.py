"""How long the server waits for the body of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import web

from chatapp.system import clock

T = TypeVar("T")

SECONDS = 30.0  # of waiting for a body in one go
RATE = 4 * 1024  # bytes a second that earn the waiting back: a photo over a bad mobile line comes four times as fast


class BodyDeadline:
    """The time that the body of one request may take to arrive. There is no limit while data keeps arriving."""

    def __init__(self) -> None:
        self._left = SECONDS

    async def wait(self, reading: Awaitable[T]) -> T:
        """Return what is read. Raise HTTPRequestTimeout once that takes too long."""
        began = clock.monotonic()
        try:
            async with asyncio.timeout(self._left):
                return await reading
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        finally:
            self._left -= clock.monotonic() - began

    def came(self, count: int) -> None:
        """Note how many bytes came."""
        self._left = min(SECONDS, self._left + count / RATE)
