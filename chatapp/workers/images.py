"""Sanitising uploaded pictures: re-encoded in child processes, without metadata, with a thumbnail.

Image decoders are where hostile bytes do harm, so the server itself never decodes. Child processes do
(``workers.decoding``), with little memory and time. There are two on two or more cores; one person never gets both.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Hashable

from chatapp.model.normal import normalize
from chatapp.model.pictures import PICTURE_BYTES, Prepared
from chatapp.model.refusals import Rejected
from chatapp.workers.decoding import ADOPT, Decoder
from chatapp.workers.turns import Full, Turns

NAME_LIMIT = 100  # characters of a file name
DEFAULT_NAME = "picture"

SECONDS = 25.0  # for one picture; the child spends at most 15 of CPU time, and yields to the server
ADOPTING_SECONDS = 300.0  # for one picture of an imported database, which may exceed every limit
IDLE_SECONDS = 60.0  # until an idle child ends
CHILDREN = 2  # at most; 510 MB each with the costliest picture
WAITING = 32  # pictures in the queue, at most PICTURE_BYTES each
EACH = 4  # of one person: as many as forms they may send at once

_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)


class Images:
    """Prepare pictures in child processes, which live while there is work; people take turns."""

    def __init__(self, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._decoders = [Decoder(seconds, idle_seconds) for _ in range(min(CHILDREN, _cores()))]
        self._turns = Turns(self._decoders, EACH, WAITING)
        self._adopter = Decoder(ADOPTING_SECONDS, idle_seconds, ADOPT)
        self._adoptions = Turns([self._adopter], WAITING, WAITING)

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the running children."""
        return [decoder.pid for decoder in (*self._decoders, self._adopter) if decoder.pid]

    async def prepare(self, data: bytes, name: str, person: Hashable = None) -> Prepared:
        """Re-encode an upload of a person. Raise Rejected when it is no picture or costs too much."""
        check(data)
        return _prepared(await self._queue(self._turns, "prepare", data, name, person))

    async def adopt(self, data: bytes, name: str) -> Prepared:
        """Re-encode a picture of an imported database, even if it exceeds the limits of uploads or is damaged.

        Raise Rejected when nothing of it can be shown.
        """
        return _prepared(await self._queue(self._adoptions, "adopt", data, name))

    async def verify(self, data: bytes) -> None:
        """Decode a stored picture completely. Raise Rejected when that fails."""
        await self._queue(self._turns, "verify", data)

    async def close(self) -> None:
        """End the children; pictures in progress or waiting are refused."""
        for decoder in (*self._decoders, self._adopter):
            await decoder.close()

    async def _queue(
        self, turns: Turns[Decoder], task: str, data: bytes, name: str = "", person: Hashable = None
    ) -> list[bytes]:
        try:
            async with turns.take(person) as decoder:
                return await decoder.ask(task, data, name)
        except Full:
            raise Rejected("busy.pictures") from None


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepared(answer: list[bytes]) -> Prepared:
    head, data, thumb = answer
    return Prepared(**json.loads(head), data=data, thumb=thumb)


def check(data: bytes) -> None:
    """Raise Rejected for what can be refused without decoding."""
    if not data:
        raise Rejected("picture_empty")
    if len(data) > PICTURE_BYTES:
        raise Rejected("picture_bytes", limit=PICTURE_BYTES // 2**20)
    if not _SIGNATURES.match(data):
        raise Rejected("picture_type")


def clean_name(name: str) -> str:
    """Return the last part of a path as a file name that is safe to show and to download."""
    last = re.split(r"[/\\]", name)[-1][: 4 * NAME_LIMIT]  # composing makes at most four characters into one
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in last)
    return " ".join(normalize("NFC", visible).split()).strip(". ")[:NAME_LIMIT].strip() or DEFAULT_NAME
