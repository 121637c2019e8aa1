"""Strangers by the hundred: connections that say half a word, bodies that crawl, forms in a hundred thousand pieces."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack
from itertools import count

import pytest

from chatapp.wire.serving import SILENT
from fault.figures import amount
from fault.server import Server

HALF_OPEN = amount("HALF_OPEN", 500)
CRAWLING = 100
PIECES = amount("PIECES", 100_000)
WAIT = 1.0  # seconds for somebody new to be served meanwhile
LATE = 1000.0  # milliseconds; 150 is the aim, and in the table is what was measured
HEADS = [
    b"",
    b"GET",
    b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nCookie: chatapp=",
    b"POST /login",
]
BODY = b"POST /login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Type: %b\r\nContent-Length: 100000\r\n\r\nu"
KINDS = [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=b"]


def opened(stack: ExitStack, server: Server, data: bytes) -> socket.socket:
    """Open a connection, say something, and keep it."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
    connection.sendall(data)
    return connection


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def served(server: Server) -> float:
    """Return the seconds that a new page takes."""
    began = time.monotonic()
    assert await server.answers("/login")
    return time.monotonic() - began


async def test_hundreds_of_half_open_requests_and_slow_bodies_keep_nobody_out(start, gather, figures):
    server = await start()
    people = await gather(server, 5)
    resident, descriptors = server.resident, server.descriptors
    async with people.chatting(rate=5):
        with ExitStack() as stack:
            silent = [
                await asyncio.to_thread(opened, stack, server, HEADS[number % len(HEADS)])
                for number in range(HALF_OPEN)
            ]
            bodies = [
                await asyncio.to_thread(opened, stack, server, BODY % KINDS[number % 2]) for number in range(CRAWLING)
            ]
            waits = [await served(server) for _ in range(5)]
            await people.wait(lambda: sum(is_open(each) for each in silent) <= SILENT, patience=10)
            waits += [await served(server) for _ in range(5)]
            assert all(is_open(each) for each in bodies), "a body has half a minute"
            grown = server.resident - resident
            kept = sum(is_open(each) for each in silent)
        await people.wait(lambda: people.total("saved") > 50)
        seconds = await people.wait(lambda: server.descriptors <= descriptors + 2, patience=20)
    verdict = await people.verdict()
    figures(half_open=HALF_OPEN, crawling=CRAWLING, kept=kept, slowest_page_s=max(waits), memory_grown_mb=grown)
    figures(gone_after_s=seconds, p99_ms=people.latency(0.99), messages=verdict.messages, verdict=verdict.counts)
    assert max(waits) <= WAIT
    assert people.latency(0.99) <= LATE
    assert grown <= 30
    assert verdict.clean, str(verdict)


def pieces(cookie: str, server: Server, path: str, how: str) -> bytes:
    """Return a form whose body is a hundred thousand chunks of a byte, or as many fields."""
    body = b"--b\r\n" + b'Content-Disposition: form-data; name="content"\r\n\r\n' + b"x" * PIECES
    if how == "fields":
        field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(field), field) for _ in range(PIECES // 10))
    else:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.url}\r\nCookie: {cookie}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + chunks + b"7\r\n\r\n--b--\r\n0\r\n\r\n"


def sent(server: Server, data: bytes) -> int:
    """Send a request whatever the server says to it. Return the status of the answer, 0 if there is none."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        try:
            return int(connection.recv(64).split()[1])
        except (ConnectionError, IndexError):
            return 0


@pytest.mark.parametrize("how", ["bytes", "fields"])
async def test_forms_in_a_hundred_thousand_pieces_disturb_nobody(start, gather, figures, how):
    server = await start()
    people = await gather(server, 5)
    statuses = []
    async with people.chatting(rate=10):
        await people.wait(lambda: people.total("saved") > 50)
        usual, marks = people.latency(0.99), [len(page.latencies) for page in people.pages]
        for _, path in zip(count(), ("/login", "/rooms/tech/messages"), strict=False):
            request = pieces(people.pages[0].cookie, server, path, how)
            statuses.append(await asyncio.to_thread(sent, server, request))
        late = people.latency(0.99, since=min(marks))
    verdict = await people.verdict()
    figures(pieces=PIECES, statuses=statuses, p99_before_ms=usual, p99_ms=late, verdict=verdict.counts)
    assert set(statuses) <= {0, 400, 413, 422}, statuses
    assert late <= LATE
    assert verdict.clean, str(verdict)
