"""What ``chatapp.wire`` takes from the inside of aiohttp. A release that changes it fails here by name."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import logging
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from chatapp.wire import serving
from chatapp.wire.handshake import Upgrade, taken_over
from chatapp.wire.serving import Connection, Runner, Server, Site
from rawsocket import handshake

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Keeper(asyncio.Protocol):
    """Keep what comes."""

    def __init__(self) -> None:
        self.data = b""
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


class House:
    """A server with a page, a broken page, and a socket that changes hands."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.app.router.add_route("*", "/", self._page)
        self.app.router.add_get("/broken", self._broken)
        self.app.router.add_get("/ws", self._socket)
        self.runner = Runner(self.app, access_log=None, shutdown_timeout=1.0)
        self.keeper = Keeper()
        self.body = b""
        self.early: bytes | None = None
        self.lines: list[Line] = []

    async def open(self) -> None:
        await self.runner.setup()
        self.site = Site(self.runner, socket.create_server(("127.0.0.1", 0)), backlog=7)
        await self.site.start()

    async def close(self) -> None:
        for _, writer in self.lines:
            writer.close()
        await self.runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        self.body = await request.read()
        return web.Response(text="here")

    async def _broken(self, request: web.Request) -> web.Response:
        raise ZeroDivisionError

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        answer = Upgrade(request)
        await answer.prepare(request)
        self.transport = request.transport
        self.early = taken_over(request, self.keeper)
        return answer

    @property
    def server(self) -> Server:
        assert isinstance(self.runner.server, Server)
        return self.runner.server

    async def connect(self) -> Line:
        [(host, port)] = self.runner.addresses
        self.lines.append(await asyncio.open_connection(host, port))
        return self.lines[-1]

    async def ask(self, data: bytes, line: Line | None = None) -> bytes:
        """Return the head of the answer."""
        reader, writer = line or await self.connect()
        writer.write(data)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            if line:
                await reader.readexactly(len("here"))
        return head


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.open()
    yield house
    await house.close()


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.01)


# --- the runner and its site ----------------------------------------------------------------------------------------


def test_a_runner_keeps_the_options_of_its_connections() -> None:
    assert Runner(web.Application(), keepalive_timeout=9.0)._kwargs["keepalive_timeout"] == 9.0


async def test_a_runner_gets_its_server_where_we_make_ours(house: House) -> None:
    assert inspect.iscoroutinefunction(web.AppRunner._make_server)
    assert house.server.request_handler == house.app._handle
    assert house.server.request_factory == house.app._make_request


async def test_a_site_keeps_what_it_listens_with(house: House) -> None:
    assert house.site._runner is house.runner
    assert house.site._backlog == 7
    assert house.site._ssl_context is None
    assert house.site._sock.getsockname() in house.runner.addresses


async def test_the_base_of_a_site_registers_it_and_leaves_the_listening_to_us(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        site = Site(house.runner, unused)
        await web.BaseSite.start(site)
        assert site in house.runner.sites
        assert site._server is None


async def test_a_site_that_stops_closes_what_we_listen_with(house: House) -> None:
    assert house.site._server.is_serving()
    await house.site.stop()
    assert not house.site._server.is_serving()


# --- the server and its connections ---------------------------------------------------------------------------------


async def test_a_server_makes_each_connection_with_the_options_of_the_runner(house: House) -> None:
    made = house.server()
    assert isinstance(made, Connection)
    assert made._keepalive_timeout == house.server._kwargs["keepalive_timeout"] == serving.KEEPALIVE_SECONDS
    assert house.server._kwargs["auto_decompress"] is False
    assert house.server._loop is asyncio.get_running_loop()


async def test_a_packed_body_is_handed_over_as_it_came(house: House) -> None:
    body = gzip.compress(b"x" * 1000)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    await house.ask(head.encode() + body)
    assert house.body == body


async def test_a_server_is_told_of_each_connection_that_comes_and_goes(house: House) -> None:
    _, writer = await house.connect()
    await until(lambda: house.server._recent)
    [connection] = house.server._recent["127.0.0.1"]
    assert connection.peername == writer.get_extra_info("sockname")
    writer.close()
    await until(lambda: not house.server._recent)


async def test_a_connection_counts_its_requests_and_is_silent_before_the_first(house: House) -> None:
    _, writer = await house.connect()
    await until(lambda: house.server._recent)
    [connection] = house.server._recent["127.0.0.1"]
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    assert connection._request_count == 0
    assert connection.silent
    await house.ask(b"x\r\n\r\n", house.lines[-1])
    assert connection._request_count == 1
    assert not connection.silent
    await house.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", house.lines[-1])
    assert connection._request_count == 2


async def test_a_connection_that_is_gone_has_no_transport(house: House) -> None:
    _, writer = await house.connect()
    await until(lambda: house.server._recent)
    [connection] = house.server._recent["127.0.0.1"]
    assert connection.transport is not None
    writer.close()
    await until(lambda: connection.transport is None)
    assert not connection.silent


async def test_a_connection_that_is_forced_to_close_ends(house: House) -> None:
    reader, _ = await house.connect()
    await until(lambda: house.server._recent)
    [connection] = house.server._recent["127.0.0.1"]
    connection.force_close()
    async with asyncio.timeout(10):
        assert await reader.read() == b""


async def test_what_is_no_request_is_answered_by_our_words(house: House) -> None:
    given = [*inspect.signature(web.RequestHandler.handle_error).parameters]
    assert given == ["self", "request", "status", "exc", "message"]
    assert b" 400 " in (answer := await house.ask(b"nonsense\r\n\r\n"))
    assert b"Server: chatapp\r\n" in answer


async def test_a_body_that_falls_apart_is_not_logged_as_a_failure_of_ours(house: House, caplog) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n"
    await house.ask(chunked)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_failure_of_a_handler_is_logged_with_its_traceback(house: House, caplog) -> None:
    await house.ask(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


# --- a connection that becomes a socket -----------------------------------------------------------------------------


async def test_a_connection_changes_hands_with_what_has_arrived_on_it(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(handshake("http://x", "/ws", "") + b"early")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    await until(lambda: house.early is not None)
    assert house.early == b"early"
    writer.write(b"late")
    await until(lambda: house.keeper.data == b"late")


async def test_a_connection_that_changed_hands_is_forgotten_and_stays_open(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(handshake("http://x", "/ws", ""))
    await reader.readuntil(b"\r\n\r\n")
    await until(lambda: house.server.connections == [])
    assert not house.server._recent
    house.transport.write(b"still here")
    async with asyncio.timeout(10):
        assert await reader.readexactly(10) == b"still here"
    writer.close()
    await until(lambda: house.keeper.lost)
