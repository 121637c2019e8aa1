"""Make uploaded pictures safe: read in a process of their own, written anew without metadata, with a thumbnail.

Decoders of picture formats are where hostile bytes do harm. So the server itself never decodes: a child process
(``chatapp.reencoding``) does, short of memory and of time, and may be killed at any moment. It starts with the
first picture and ends after a quiet minute. Both sides talk in frames: four bytes of length, then that many bytes.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from chatapp.normal import normalize
from chatapp.records import PICTURE_BYTES, Rejected, sentence

NAME_LIMIT = 100  # characters of a file name
DEFAULT_NAME = "picture"

SECONDS = 20.0  # for one picture; a 48 megapixel photo takes 1 s, the slowest allowed animation about 10 s
IDLE_SECONDS = 60.0  # before a child without work ends
WAITING = 16  # pictures in the queue, at most PICTURE_BYTES each
BUSY_SECONDS = 5.0

_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
LENGTH = struct.Struct(">I")
_LONGEST_FRAME = 4 * PICTURE_BYTES


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture fit to be stored and shown; sizes in pixels."""

    name: str
    mime: str
    data: bytes
    width: int
    height: int
    thumb_mime: str
    thumb: bytes
    thumb_width: int
    thumb_height: int
    digest: str  # SHA-256 of the uploaded bytes, hex


class Images:
    """Prepare pictures one after another in a child process, which lives while there is work."""

    def __init__(self, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False
        self._child: asyncio.subprocess.Process | None = None
        self._rest: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id of the child, None while there is none."""
        return self._child.pid if self._child else None

    async def prepare(self, data: bytes, name: str) -> Prepared:
        """Return an upload as a safe picture. Raise Rejected when it is none or costs too much."""
        check(data)
        head, data, thumb = await self._queue("prepare", data, name)
        return Prepared(**json.loads(head), data=data, thumb=thumb)

    async def verify(self, data: bytes) -> None:
        """Decode a stored picture to its end. Raise Rejected when that fails."""
        await self._queue("verify", data)

    async def close(self) -> None:
        """End the child; a picture in its hands and those that wait are refused."""
        self._closed = True
        if self._rest:
            self._rest.cancel()
            await asyncio.wait([self._rest])
        await self._stop()

    async def _queue(self, task: str, data: bytes, name: str = "") -> list[bytes]:
        if self._waiting >= WAITING:
            reason = sentence("The server is busy with other pictures. Please try again in a moment.")
            raise Rejected("busy", reason, retry=True, retry_after=BUSY_SECONDS)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(task, data, name)
        finally:
            self._waiting -= 1

    async def _ask(self, task: str, data: bytes, name: str) -> list[bytes]:
        if self._rest:
            self._rest.cancel()
        try:
            async with asyncio.timeout(self._seconds):
                done, *answer = await self._exchange(task, data, name)
        except TimeoutError:
            await self._stop()
            raise Rejected("picture_slow", sentence("This picture takes too long to process.")) from None
        except (OSError, EOFError):
            await self._stop()
            reason = sentence("The server could not process this picture. Please try a smaller one.")
            raise Rejected("picture_failed", reason) from None
        except BaseException:
            await self._stop()  # a cancelled request leaves an answer behind that is not for the next one
            raise
        self._rest = asyncio.create_task(self._stop_later())
        if done == b"done":
            return answer
        refusal = json.loads(answer[0])
        raise Rejected(refusal["code"], refusal["reason"], **refusal["values"])

    async def _exchange(self, task: str, data: bytes, name: str) -> list[bytes]:
        if self._closed:
            raise EOFError("no child is started any more")
        if self._child is None or self._child.returncode is not None:
            self._child = await _start()
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


async def _start() -> asyncio.subprocess.Process:
    # From the folder above the package, so that "-m" finds this very package, installed or not.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatapp.reencoding"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )


async def _receive(source: asyncio.StreamReader) -> bytes:
    (length,) = LENGTH.unpack(await source.readexactly(LENGTH.size))
    if length > _LONGEST_FRAME:
        raise EOFError("the child does not keep to the protocol")
    return await source.readexactly(length)


def check(data: bytes) -> None:
    """Refuse what needs no decoding to be refused."""
    if not data:
        raise Rejected("picture_empty", sentence("This file is empty."))
    if len(data) > PICTURE_BYTES:
        reason = sentence("A picture can have at most {limit} MB.")
        raise Rejected("picture_bytes", reason, limit=PICTURE_BYTES // 2**20)
    if not _SIGNATURES.match(data):
        raise Rejected("picture_type", sentence("This file is not a JPEG, PNG, WebP or GIF picture."))


def clean_name(name: str) -> str:
    """Return the last part of a file's path, fit to be shown and to be downloaded under."""
    last = re.split(r"[/\\]", name)[-1][: 4 * NAME_LIMIT]  # composing makes at most four characters into one
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in last)
    return " ".join(normalize("NFC", visible).split()).strip(". ")[:NAME_LIMIT].strip() or DEFAULT_NAME
