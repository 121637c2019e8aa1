"""A connection byte by byte: its handshake, its pings, its end, and what comes at the wrong moment."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft
from chatapp.model.people import User
from chatapp.operate.certificates import self_signed
from chatapp.store import Busy
from chatapp.system import clock
from chatapp.web import keys
from chatapp.wire.handshake import Upgrade
from conftest import Client, Server
from people import PASSWORD, Person
from pictures import picture
from rawsocket import CLOSE, FIN, PING, PONG, masked, said
from rawsocket import Client as Line

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3


def handshake(person: Person, **changes: str) -> bytes:
    fields = {
        "Host": person.origin.partition("//")[2],
        "Origin": person.origin,
        "Cookie": f"chatapp={person.cookie}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = ["GET /ws?room=general&since=0&epoch=x HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture
def connect(client) -> Callable[[], AbstractAsyncContextManager[Line]]:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Line]:
        reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    return connect


async def test_the_handshake_is_answered_as_the_standard_says(meet, connect) -> None:
    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an))
        head = await line.head()
        assert head.startswith("HTTP/1.1 101 ")
        assert f"Sec-WebSocket-Accept: {ACCEPT}" in head
        assert "Content-Length" not in head
        assert "Server" not in head
        await line.told("ready")


WRONG = [
    {"Sec_WebSocket_Key": "short"},
    {"Sec_WebSocket_Key": "?" * 24},
    {"Sec_WebSocket_Version": "8"},
    {"Connection": "close"},
    {"Upgrade": ""},  # as a proxy leaves it that was told half of what it needs
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_what_is_no_handshake_gets_400(meet, connect, wrong: dict[str, str]) -> None:
    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an, **wrong))
        assert (await line.head()).startswith("HTTP/1.1 400 ")


async def test_frames_that_come_with_the_handshake_are_not_lost(meet, connect) -> None:
    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an) + said("message", content="early", key="key-0000000000001") + said("beat"))
        await line.head()
        assert (await line.told("sent"))["key"] == "key-0000000000001"
        await line.told("beat")


async def test_a_flood_that_comes_with_the_handshake_is_held_back(meet, connect, client, monkeypatch) -> None:
    an = await meet("An")
    gate = Gate(monkeypatch, client.app[keys.store].accounts, "session")
    async with connect() as line:
        line.writer.write(handshake(an) + said("beat") * 20_000)
        async with asyncio.timeout(10):
            while not any(each._buffer_paused for each in client.server.handler.connections):
                await asyncio.sleep(0)
        gate.open.set()
        await line.head()
        [socket] = client.app[keys.sockets]._open
        assert socket._inbox.size > 1000  # bytes of which nothing was made yet
        assert len(socket._inbox._waiting) <= 32
        assert not socket.transport.is_reading()
        await line.told("beat")


async def test_a_ping_is_answered_with_what_it_held_and_a_pong_with_nothing(meet, connect) -> None:
    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an) + masked(FIN | PONG, b"unasked") + masked(FIN | PING, b"are you there"))
        await line.head()
        assert await line.until(lambda opcode, _: opcode == PONG) == b"are you there"


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9going away"])
async def test_a_goodbye_is_answered_with_its_code_and_the_end(meet, connect, payload: bytes) -> None:
    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an))
        await line.head()
        await line.told("ready")
        line.writer.write(masked(FIN | CLOSE, payload))
        assert await line.until(lambda opcode, _: opcode == CLOSE) == payload[:2]
        assert await line.reader.read() == b""


async def test_what_was_said_right_before_the_line_broke_is_posted(meet, connect, client) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with binh.socket("/ws?room=general&since=0&epoch=x") as ear, connect() as line:
        line.writer.write(handshake(an))
        await line.head()
        await line.told("ready")
        line.writer.write(said("message", content="last words", key="key-0000000000001"))
        line.writer.transport.abort()  # after what is written: it fits into the kernel's buffer
        async with asyncio.timeout(10):
            while "last words" not in (await ear.receive()).data:
                pass


async def test_a_peer_that_says_nothing_is_pinged_and_then_gone_and_one_that_answers_stays(start) -> None:
    client = await start(beat_seconds=1.0)
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    async with Person(client.server, "An") as an, Person(client.server, "Bình") as binh:
        await an.register()
        await binh.register()
        async with binh.socket("/ws?room=general&since=0&epoch=x") as alive:
            answering = asyncio.create_task(_close_code(alive))  # this client answers pings while it reads
            line = Line(reader, writer)
            writer.write(handshake(an))
            await line.head()
            await line.told("ready")
            await line.until(lambda opcode, _: opcode == PING)
            async with asyncio.timeout(10):
                with suppress(ConnectionError):
                    while await reader.read(65_536):
                        pass
                while client.app[keys.hub].users() != {2}:
                    await asyncio.sleep(0)
            await alive.send_str('{"type":"beat"}')
            assert not answering.done()
        await answering
    writer.close()


async def test_who_comes_while_the_database_is_locked_is_told_to_come_back(meet, connect, client, monkeypatch) -> None:
    async def locked(*_: Any) -> None:
        raise Busy("database is locked")

    an = await meet("An")
    monkeypatch.setattr(client.app[keys.store].marks, "counts", locked)
    async with connect() as line:
        line.writer.write(handshake(an))
        await line.head()
        assert await line.until(lambda opcode, _: opcode == CLOSE) == (1013).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("store", "asked", "place"),
    [
        ("accounts", "named", {"direct": "An"}),
        ("messages", "changes", {"room": "tech"}),
        ("marks", "counts", {"room": "tech"}),
    ],
)
async def test_who_moves_while_the_database_is_locked_is_told_to_come_back(
    meet, connect, client, monkeypatch, store: str, asked: str, place: dict[str, str]
) -> None:
    async def locked(*_: Any) -> None:
        raise Busy("database is locked")

    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an))
        await line.head()
        await line.told("unread")
        monkeypatch.setattr(getattr(client.app[keys.store], store), asked, locked)
        line.writer.write(said("join", **place, since=1, epoch=client.app[keys.resume].epoch))
        assert await line.until(lambda opcode, _: opcode == CLOSE) == (1013).to_bytes(2, "big")


class Gate:
    """Something of the server's that takes as long as a test wants it to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self.reached, self.open, original = asyncio.Event(), asyncio.Event(), getattr(owner, name)

        async def held(*arguments: Any, **options: Any) -> Any:
            self.reached.set()
            await self.open.wait()
            return await original(*arguments, **options)

        monkeypatch.setattr(owner, name, held)


async def test_who_is_logged_out_while_they_move_hears_nothing_after_the_goodbye(
    meet, connect, client, monkeypatch
) -> None:
    an = await meet("An")
    async with connect() as line:
        line.writer.write(handshake(an))
        await line.head()
        await line.told("unread")
        gate = Gate(monkeypatch, client.app[keys.store].accounts, "named")
        line.writer.write(said("join", direct="An", since=0))
        await gate.reached.wait()
        await an.log_out()
        gate.open.set()
        await line.until(lambda opcode, _: opcode == CLOSE)
        assert await line.reader.read() == b""
        assert client.app[keys.hub].count() == 0


async def test_who_is_logged_out_while_they_catch_up_hears_nothing_after_the_goodbye(
    meet, connect, client, monkeypatch
) -> None:
    an = await meet("An")
    async with an.socket() as socket:
        await socket.send_str('{"type":"message","content":"missed"}')
        while '"saved"' not in (await socket.receive()).data:
            pass
    gate = Gate(monkeypatch, client.app[keys.store].messages, "changes")
    epoch = client.app[keys.resume].epoch.encode()
    async with connect() as line:
        line.writer.write(handshake(an).replace(b"epoch=x", b"epoch=%b" % epoch))
        await line.head()
        await gate.reached.wait()
        await an.log_out()
        gate.open.set()
        await line.until(lambda opcode, _: opcode == CLOSE)
        assert await line.reader.read() == b""


async def test_who_is_logged_out_while_their_picture_is_prepared_does_not_post_it(meet, client, monkeypatch) -> None:
    an, binh = await meet("An"), await meet("Bình")
    gate = Gate(monkeypatch, client.app[keys.images], "prepare")
    stored = client.app[keys.store].pictures.add
    done = asyncio.Event()

    async def add(*arguments: Any) -> Any:
        try:
            return await stored(*arguments)
        finally:
            done.set()

    monkeypatch.setattr(client.app[keys.store].pictures, "add", add)
    async with an.socket() as socket:
        url = "data:image/png;base64," + base64.b64encode(picture()).decode()
        await socket.send_str(json.dumps({"type": "image", "content": url}))
        await gate.reached.wait()
        await an.log_out()
        assert await _close_code(socket) == 4401
        gate.open.set()
        await done.wait()
    async with asyncio.timeout(10):
        while client.app[keys.sockets]._open:
            await asyncio.sleep(0)
    assert not re.search(r'id="m-\d', await (await binh.get("/rooms/general")).text())


async def test_a_text_that_cannot_be_dealt_with_closes_its_connection_and_no_other(meet, client, monkeypatch) -> None:
    an, binh = await meet("An"), await meet("Bình")
    monkeypatch.setattr(client.app[keys.presence], "typing", lambda *_: 1 // 0)
    async with an.socket() as broken, binh.socket() as other:
        await broken.send_str('{"type":"typing"}')
        assert await _close_code(broken) == 1011
        await other.send_str('{"type":"beat"}')
        async with asyncio.timeout(10):
            while (await other.receive()).data != '{"type":"beat"}':
                pass


async def opened(person: Person, line: Line, client: Client) -> Any:
    """Open the only socket there is, by hand. Return what the server keeps of it."""
    line.writer.write(handshake(person))
    await line.head()
    await line.told("ready")
    [socket] = client.app[keys.sockets]._open
    return socket


async def test_nobody_is_cut_because_the_server_was_held_for_a_while(meet, connect, client) -> None:
    an = await meet("An")
    async with connect() as line:
        socket = await opened(an, line, client)
        long_after = clock.monotonic() + 1000
        socket.check_idle(long_after, 20)
        assert not socket.transport.is_closing()
        await line.until(lambda opcode, _: opcode == PING)
        socket.check_idle(long_after + 1, 20)  # pinged, and still silent
        assert socket.transport.is_closing()


@pytest.fixture
async def https(app, settings, aiohttp_client) -> Client:
    """A stranger's client of a server with a certificate, whose kernel keeps little of what is not read yet."""

    def small(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
        listening = socket.create_server((host, port), family=family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        return listening

    server = Server(app, socket_factory=small)
    await server.start_server(ssl=self_signed(settings.database, ["localhost"]).context)
    return await aiohttp_client(server)


async def test_over_tls_too_who_reads_slowly_is_waited_for(https, app, settings) -> None:
    origin = str(https.make_url("/")).rstrip("/")
    form, options = {"username": "An", "password": PASSWORD}, {"ssl": False, "allow_redirects": False}
    response = await https.post("/register", data=form, headers={"Origin": origin}, **options)
    an = SimpleNamespace(origin=origin, cookie=response.cookies["__Host-chatapp"].value)
    messaging = app[keys.messaging]
    for number in range(200):  # two frames of a catch-up, each larger than what the hub lets anybody leave unread
        draft = Draft.parse("x" * 2500, f"key-{number:016}")
        await messaging.post(User(1, "An"), Conversation("general"), draft)
    await app[keys.journal].flush()
    asked = handshake(an).replace(b"chatapp=", b"__Host-chatapp=")
    trusted = ssl.create_default_context(cafile=str(settings.database.with_name("chat.db.tls.pem")))
    reader, writer = await asyncio.open_connection("localhost", https.port, ssl=trusted)
    writer.write(asked.replace(b"epoch=x", b"epoch=%b" % app[keys.resume].epoch.encode()))
    line = Line(reader, writer)
    await line.head()
    await line.told("ready")
    writer.close()


async def test_who_does_not_read_is_cut_although_nothing_is_read_of_them_either(meet, connect, client) -> None:
    an = await meet("An")
    async with connect() as line:
        socket = await opened(an, line, client)
        socket.pause_writing()
        sending = asyncio.create_task(socket.send(b""))
        socket._paused = True
        now = clock.monotonic()
        socket.check_idle(now + 21, 20)
        assert not socket.transport.is_closing()
        socket.check_idle(now + 29, 20)
        assert socket.transport.is_closing()
        with suppress(ConnectionResetError):
            await sending


async def test_the_stop_waits_until_everybody_has_heard_the_goodbye(meet, client) -> None:
    people = [await meet(name) for name in ("An", "Bình")]
    async with people[0].socket() as one, people[1].socket() as other:
        ends = [asyncio.create_task(_close_code(socket)) for socket in (one, other)]
        await client.server.close()
        assert not client.app[keys.sockets]._open
        assert await asyncio.gather(*ends) == [1012, 1012]


async def _close_code(socket: Any) -> int | None:
    while not socket.closed:
        await socket.receive()
    return socket.close_code


async def test_nothing_of_the_request_that_opened_a_socket_stays_in_memory(meet) -> None:
    an = await meet("An")
    async with an.socket("/ws?room=general&since=0&epoch=x") as socket:
        await socket.send_str('{"type":"beat"}')
        while '"beat"' not in (await socket.receive()).data:
            pass
        gc.collect()
        assert not [held for held in gc.get_objects() if isinstance(held, web.Request | Upgrade)]
