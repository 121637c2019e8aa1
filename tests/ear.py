"""A listener at a socket: every frame it hears is kept, in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType

Wanted = str | Callable[[str], bool]  # the type of a JSON frame, a text in an HTML frame, or a function of either


class Ear:
    """Listen at a socket."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[str] = []
        self.ever: list[str] = []  # all of it, also what was asked for already

    async def until(self, wanted: Wanted, seconds: float = 10) -> str:
        """Return the first frame, heard or to come, that is ``wanted``."""
        seen = 0
        async with asyncio.timeout(seconds):
            while True:
                while seen < len(self.heard):
                    seen += 1
                    if _fits(self.heard[seen - 1], wanted):
                        return self.heard[seen - 1]
                message = await self._next()
                assert message.type is WSMsgType.TEXT, f"closed: {message} {self.socket.close_code}"

    async def control(self, kind: str) -> dict[str, Any]:
        """Return the first JSON frame of a type."""
        found: dict[str, Any] = json.loads(await self.until(lambda frame: f'{{"type":"{kind}"' in frame[:40]))
        return found

    async def closed(self, seconds: float = 10) -> WSMessage:
        """Listen to the end; return the message that it ends with."""
        async with asyncio.timeout(seconds):
            while (message := await self._next()).type is WSMsgType.TEXT:
                pass
        return message

    async def _next(self) -> WSMessage:
        message = await self.socket.receive()
        if message.type is WSMsgType.TEXT:
            self.heard.append(message.data)
            self.ever.append(message.data)
        return message

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a frame."""
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    def count(self, text: str) -> int:
        """Return how many of the frames hold a text."""
        return sum(text in frame for frame in self.heard)

    async def told(self) -> list[str]:
        """Return what came since the last call, up to now: the answer to a sign of life is the last of it."""
        await self.say("beat")
        await self.until(lambda frame: frame == '{"type":"beat"}')
        place = self.heard.index('{"type":"beat"}')
        found, self.heard = self.heard[:place], self.heard[place + 1 :]
        return found


def _fits(frame: str, wanted: Wanted) -> bool:
    if callable(wanted):
        return wanted(frame)
    return f'"type":"{wanted}"' in frame if frame.startswith("{") else wanted in frame
