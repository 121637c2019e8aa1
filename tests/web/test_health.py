"""What supervisors and proxies are told."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from chatapp.store import Busy, Unwritable
from chatapp.web import health, keys
from chatapp.web.health import Readiness

Client = TestClient[web.Request, web.Application]


class Disk:
    """A disk that can be full, and counts how often it is tried."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.tries = 0

    async def probe(self) -> None:
        self.tries += 1
        if self.error:
            raise self.error


async def test_a_living_server_says_so(client: Client) -> None:
    response = await client.get("/healthz")
    assert response.status == 200
    assert await response.json() == {"status": "ok"}


async def test_a_ready_server_says_what_works(client: Client) -> None:
    response = await client.get("/readyz")
    assert response.status == 200
    assert await response.json() == {"status": "ok", "database": "ok", "journal": "ok"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_need_no_session_and_are_not_kept(client: Client, path: str) -> None:
    response = await client.get(path, headers={"Cookie": "chatapp=broken"})
    assert response.status == 200
    assert "Set-Cookie" not in response.headers
    assert "no-cache" in response.headers["Cache-Control"]


@pytest.mark.parametrize("error", [Unwritable("the disk is full"), Busy("locked")])
async def test_a_database_that_cannot_be_written_is_said_to_fail(client: Client, error: Exception) -> None:
    disk = Disk()
    disk.error = error
    client.app[health.key]._probe = disk.probe
    response = await client.get("/readyz")
    assert response.status == 503
    assert await response.json() == {"status": "unavailable", "database": "failing", "journal": "ok"}
    assert (await client.get("/healthz")).status == 200


async def test_a_journal_in_trouble_is_said_to_fail(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(client.app[keys.journal]), "healthy", False)
    response = await client.get("/readyz")
    assert response.status == 503
    assert await response.json() == {"status": "unavailable", "database": "ok", "journal": "failing"}


async def test_asking_often_does_not_write_often_and_trouble_is_noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    now, disk = time.monotonic(), Disk()
    monkeypatch.setattr("chatapp.system.clock.monotonic", lambda: now)
    readiness = Readiness(disk.probe, lambda: True)
    await asyncio.gather(*(readiness.check() for _ in range(100)))
    assert disk.tries == 1
    disk.error = Unwritable("the disk is full")
    now += 1.1
    assert await readiness.check() == {"database": False, "journal": True}
    disk.error = None
    now += 1.1
    assert await readiness.check() == {"database": True, "journal": True}
    assert disk.tries == 3
