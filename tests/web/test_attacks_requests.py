"""Requests made by hand, byte by byte: read in two ways, leading out of the folders, or never finished."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from chatapp.cli import listen
from chatapp.operate.certificates import self_signed
from chatapp.web.assets import static
from chatapp.wire import serving
from line import line, post

SMUGGLED = {
    "two lengths in one field": "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n",
    "a length with a sign": "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "a length in hexadecimal": "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
    "a negative length": "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length beyond all numbers": "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "chunked, but not at last": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": "POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "an encoding with a twist": "POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded header": "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "lines that end with a line feed only": "GET / HTTP/1.1\nHost: x\n\n",
    "a carriage return in a header": "GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
    "a null in a header": "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "a name with a space": "GET / HTTP/1.1\r\nHost: x\r\nX Y: a\r\n\r\n",
    "a header without a name": "GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "200 headers": "GET / HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 200 + "\r\n",
    "an endless address": f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a version that there is not": "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "TLS on a plain port": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 50,
    "no words at all": "\r\n\r\nnonsense\r\n\r\n",
}


@pytest.mark.parametrize("what", SMUGGLED)
async def test_a_request_that_can_be_read_in_two_ways_is_refused_and_its_connection_closed(
    client, caplog, what: str
) -> None:
    async with line(client) as connection:
        await connection.send(SMUGGLED[what].encode("latin-1") + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await connection.status() == 400
        answer = await connection.rest()
    assert b'"ok"' not in answer, "what followed was taken for a request of its own"
    assert b"nosniff" in answer
    assert b"aiohttp" not in answer, "a version"
    assert not [record for record in caplog.records if record.exc_info], "a traceback for what a stranger made up"


async def test_the_body_of_a_refused_form_is_never_a_request_of_its_own(client) -> None:
    inner = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with line(client) as connection:
        await connection.send(post("/login", inner, Origin="http://evil.example", Connection="close"))
        assert await connection.status() == 403
        assert b'"ok"' not in await connection.rest()


async def test_the_methods_that_only_debug_are_refused(client) -> None:
    for method in ("TRACE", "TRACK", "CONNECT", "OPTIONS", "PROPFIND"):
        async with line(client) as connection:
            await connection.send(f"{method} /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Mark: echo\r\n\r\n")
            status = await connection.status()
            assert status in (400, 403, 405), method


@pytest.mark.parametrize(
    "path",
    [
        "/static/../chatapp/app.py", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/{v}/../../setup.cfg",
        "/static/{v}/..%2f..%2fsetup.cfg", "/static/{v}/..%5c..%5csetup.cfg", "/static/{v}/css/%2e%2e/%2e%2e/setup.cfg",
        "/static/{v}//etc/passwd", "/static/{v}/css", "/static/{v}/css/", "/static/{v}/", "/static/",
        "/static/{v}/.%00",
        "/static/{v}/css/base.css%00.png", "/static/{v}/.git/config", "/images/../chat.db", "/images/%2e%2e%2fchat.db",
        "/images/..%5cchat.db", "//etc/passwd", "/../../etc/passwd", "/rooms/..%2f..%2fetc", "/chat.db", "/.git/HEAD",
    ],
)  # fmt: skip
async def test_no_address_leads_out_of_the_folders_or_lists_them(client, meet, path: str) -> None:
    an = await meet("An")
    version = client.app[static.key].version
    async with line(client) as connection:
        head = f"GET {path.format(v=version)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n"
        await connection.send(f"{head}Cookie: chatapp={an.cookie}\r\nConnection: close\r\n\r\n")
        answer = await connection.rest()
    assert answer.split()[1] in (b"400", b"404"), answer[:200]
    assert b"root:" not in answer
    assert str(Path(__file__).parents[2]).encode() not in answer


async def test_a_connection_that_asks_for_nothing_is_closed_and_one_that_asked_stays(client, monkeypatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.5)
    async with line(client) as silent, line(client) as half, line(client) as polite:
        await half.send("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await polite.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await polite.status() == 200
        assert await half.rest() == b""
        assert await silent.rest() == b""
        await polite.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            assert b"200 OK" in await polite._reader.readuntil(b"200 OK")


async def test_a_handshake_of_tls_that_does_not_go_on_is_given_up(app, settings, monkeypatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.5)
    runner = serving.Runner(app)
    await runner.setup()
    try:
        [listening] = listen("127.0.0.1", 0)
        https = self_signed(settings.database, ["localhost"])
        await serving.Site(runner, listening, ssl_context=https.context).start()
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    finally:
        await runner.cleanup()


async def test_of_too_many_silent_connections_of_an_address_the_oldest_are_closed(client, monkeypatch) -> None:
    monkeypatch.setattr(serving, "SILENT", 2)
    async with line(client) as first, line(client) as second, line(client) as third:
        assert await first.rest() == b""
        for each in (second, third):
            await each.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await each.status() == 200


async def test_who_comes_while_too_many_are_closed_is_one_too_many_again(client, monkeypatch) -> None:
    monkeypatch.setattr(serving, "SILENT", 2)
    server = client.server.handler
    async with line(client) as first, line(client), line(client):
        async with asyncio.timeout(5):
            while not (server._recent and len(*server._recent.values()) == 3):
                await asyncio.sleep(0)
        [address] = server._recent
        server._thin_out(address)
        assert len(server._recent[address]) == 2  # at once, although the first one has not ended yet
        assert await first.rest() == b""


async def test_a_crowd_that_comes_at_once_is_served(client, monkeypatch) -> None:
    """As after a restart: many connections open before the first of their requests is there."""
    monkeypatch.setattr(serving, "SILENT", 2)
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(line(client)) for _ in range(8)]
        for each in crowd:
            await each.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [await each.status() for each in crowd] == [200] * len(crowd)
