"""What tests share: a server of its own for each test, and people who use it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pytest_aiohttp.plugin import AiohttpClient

from chatapp.app import create_app
from chatapp.settings import Settings
from chatapp.wire.serving import Runner
from people import Person

Client = TestClient[web.Request, web.Application]


class Server(TestServer):
    """Serve an application over the same kind of connections as the program does."""

    async def _make_runner(self, **options: Any) -> Runner:
        return Runner(self.app, lingering_time=0.5, **options)  # what is refused need not be read for long


class Start(Protocol):
    """Start a server whose settings differ from the usual ones of tests."""

    async def __call__(self, prepare: Callable[[web.Application], Any] | None = None, **changes: Any) -> Client: ...


@pytest.fixture
def heard() -> Iterator[None]:
    """Let programs that a test starts hear Ctrl+C and a terminal that is closed.

    Where the tests run in the background of a script, or under nohup, they would inherit that both are ignored.
    """
    fresh = {signal.SIGINT: signal.default_int_handler, getattr(signal, "SIGHUP", None): signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in fresh.items() if number is not None}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that keep tests fast: the cheapest passwords, and no limits but the stated ones."""
    return Settings(
        host="127.0.0.1",
        port=0,
        database=tmp_path / "chat.db",
        password_cost="cheapest",
        messages_per_second=0,
        message_burst=0,
        login_tries=0,
        address_tries=0,
        registrations=0,
        uploads_per_minute=0,
        upload_megabytes=0,
        free_megabytes=0,
        sockets_per_person=0,
        sockets_per_address=0,
        sockets=0,
    )


@pytest.fixture
def app(settings: Settings) -> web.Application:
    """The application, not started yet: a test may still add routes to it."""
    return create_app(settings)


@pytest.fixture
async def client(app: web.Application, aiohttp_client: AiohttpClient) -> Client:
    """A stranger's client of the running application."""
    return await aiohttp_client(Server(app))


@pytest.fixture
def start(settings: Settings, aiohttp_client: AiohttpClient) -> Start:
    """Start an application with other settings, after ``prepare`` had a look at it."""

    async def start(prepare: Callable[[web.Application], Any] | None = None, **changes: Any) -> Client:
        app = create_app(replace(settings, **changes))
        if prepare is not None:
            prepare(app)
        return await aiohttp_client(Server(app))

    return start


@pytest.fixture
async def meet(client: Client) -> AsyncIterator[Callable[[str], Awaitable[Person]]]:
    """Register people at the server of ``client``, each with a browser of their own: ``an = await meet("An")``."""
    people: list[Person] = []

    async def meet(name: str) -> Person:
        people.append(Person(client.server, name))
        await people[-1].register()
        return people[-1]

    yield meet
    for person in people:
        await person.close()
