"""Liveness and readiness, for supervisors and proxies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from chatapp.store import Busy, Unwritable
from chatapp.system import clock

_FRESH_SECONDS = 1.0  # an answer is good for this long: anybody may ask, and each look writes to the disk


class Readiness:
    """Tell whether the database can be written and the journal keeps up, looking at most once a second."""

    def __init__(self, probe: Callable[[], Awaitable[None]], journal: Callable[[], bool]) -> None:
        """``probe`` writes something harmless; ``journal`` tells whether the journal keeps up."""
        self._probe = probe
        self._journal = journal
        self._writable = False
        self._looked = float("-inf")

    async def check(self) -> dict[str, bool]:
        """Return what works."""
        if clock.monotonic() - self._looked > _FRESH_SECONDS:
            self._looked = clock.monotonic()
            try:
                await self._probe()
                self._writable = True
            except (Busy, Unwritable):
                self._writable = False
        return {"database": self._writable, "journal": self._journal()}


key: web.AppKey[Readiness] = web.AppKey("readiness", Readiness)


async def healthz(request: web.Request) -> web.StreamResponse:
    """Answer 200 while the process runs and its event loop turns."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.StreamResponse:
    """Answer 200 if messages can be taken and saved, else 503 and what is failing."""
    works = await request.app[key].check()
    ready = all(works.values())
    words = {name: "ok" if good else "failing" for name, good in works.items()}
    return web.json_response({"status": "ok" if ready else "unavailable", **words}, status=200 if ready else 503)
