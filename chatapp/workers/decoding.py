"""The child process that decodes pictures (``workers.reencoding``), and the protocol between it and the server.

Both sides send length-prefixed frames: four bytes of length, then that many bytes. The child starts with the first
picture and ends after an idle minute. It may be killed at any moment, which fails only its current picture.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from pathlib import Path

from chatapp.model.pictures import PICTURE_BYTES
from chatapp.model.refusals import Rejected

LENGTH = struct.Struct(">I")
ADOPT = "adopt"  # argument of a child that may use more memory, for the pictures of an imported database
_LONGEST_FRAME = 4 * PICTURE_BYTES


class Decoder:
    """One child, which handles one picture after another and lives while there are some."""

    def __init__(self, seconds: float, idle_seconds: float, *arguments: str) -> None:
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._arguments = arguments
        self._closed = False
        self._child: asyncio.subprocess.Process | None = None
        self._rest: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id of the child; None while there is none."""
        return self._child.pid if self._child else None

    async def ask(self, task: str, data: bytes, name: str) -> list[bytes]:
        """Return the child's answer for one picture. Raise Rejected when it refuses, fails or takes too long."""
        if self._rest:
            self._rest.cancel()
        try:
            async with asyncio.timeout(self._seconds):
                done, *answer = await self._exchange(task, data, name)
        except TimeoutError:
            await self._stop()
            raise Rejected("picture_slow") from None
        except (OSError, EOFError):
            await self._stop()
            raise Rejected("picture_failed") from None
        except BaseException:
            await self._stop()  # the answer to a cancelled request must not be taken for that of the next one
            raise
        self._rest = asyncio.create_task(self._stop_later())
        if done == b"done":
            return answer
        refusal = json.loads(answer[0])
        raise Rejected(refusal["name"], **refusal["values"])

    async def close(self) -> None:
        """End the child for good; the current picture and later ones are refused."""
        self._closed = True
        if self._rest:
            self._rest.cancel()
            await asyncio.wait([self._rest])
        await self._stop()

    async def _exchange(self, task: str, data: bytes, name: str) -> list[bytes]:
        if self._closed:
            raise EOFError("no child is started any more")
        if self._child is None or self._child.returncode is not None:
            self._child = await self._start()
        source, target = self._child.stdout, self._child.stdin
        assert source, "a pipe"
        assert target, "a pipe"
        for part in (task.encode(), name.encode("utf-8", "replace"), data):
            target.write(LENGTH.pack(len(part)))
            target.write(part)
        await target.drain()
        (count,) = await source.readexactly(1)
        return [await _receive(source) for _ in range(count)]

    async def _stop_later(self) -> None:
        await asyncio.sleep(self._idle_seconds)
        await self._stop()

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        # From the folder above the package, so that "-m" finds this very package, installed or not.
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chatapp.workers.reencoding", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )


async def _receive(source: asyncio.StreamReader) -> bytes:
    (length,) = LENGTH.unpack(await source.readexactly(LENGTH.size))
    if length > _LONGEST_FRAME:
        raise EOFError("the child does not keep to the protocol")
    return await source.readexactly(length)
