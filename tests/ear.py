"""What a socket hears, kept in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType


class Ear:
    """Listen at a socket: every frame is kept."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[str] = []
        self.ever: list[str] = []  # all of it, also what was asked for already

    async def until(self, wanted: Callable[[str], bool], seconds: float = 10) -> str:
        """Return the first frame, heard or to come, that ``wanted`` accepts."""
        seen = 0
        async with asyncio.timeout(seconds):
            while True:
                while seen < len(self.heard):
                    seen += 1
                    if wanted(self.heard[seen - 1]):
                        return self.heard[seen - 1]
                message = await self.socket.receive()
                assert message.type is WSMsgType.TEXT, f"closed: {message} {self.socket.close_code}"
                self.heard.append(message.data)
                self.ever.append(message.data)

    async def control(self, kind: str) -> dict[str, Any]:
        """Return the first control frame of a type."""
        found: dict[str, Any] = json.loads(await self.until(lambda frame: f'{{"type":"{kind}"' in frame[:40]))
        return found

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a frame."""
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def told(self) -> list[str]:
        """Return what came since the last call, up to now: the answer to a sign of life is the last of it."""
        await self.say("beat")
        await self.until(lambda frame: frame == '{"type":"beat"}')
        place = self.heard.index('{"type":"beat"}')
        found, self.heard = self.heard[:place], self.heard[place + 1 :]
        return found
