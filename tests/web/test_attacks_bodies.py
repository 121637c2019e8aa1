"""Bodies that are packed, broken or slow: unpacked to a thousand times their size, without an end, a byte at a time."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import urlencode

import brotli
import pytest

from chatapp.chat.limits import BODIES_EACH
from chatapp.web import deadlines
from line import FORM, line, post
from people import PASSWORD

FORM_OF_PARTS = "multipart/form-data; boundary=b"


def packed(kind: str, size: int) -> bytes:
    body = b"username=" + b"a" * size
    return gzip.compress(body) if kind == "gzip" else zlib.compress(body)


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
@pytest.mark.parametrize("path", ["/login", "/rooms/general/messages"])
async def test_a_form_that_unpacks_to_a_hundred_megabytes_is_too_large(client, meet, kind: str, path: str) -> None:
    an = await meet("An")
    body = packed(kind, 100 * 2**20)
    assert len(body) < 2**18
    async with line(client) as connection:
        await connection.send(post(path, body, an, Content_Encoding=kind))
        assert await connection.status() in (400, 413, 415)


@pytest.mark.parametrize(
    ("kind", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)]
)
async def test_what_is_packed_is_never_unpacked(client, meet, kind: str, pack: Callable[[bytes], bytes]) -> None:
    an = await meet("An")
    form = pack(urlencode({"username": an.name, "password": PASSWORD}).encode())
    async with line(client) as connection:
        await connection.send(post("/login", form, Content_Encoding=kind))
        assert await connection.status() in (400, 415, 422), "these bytes are no form"


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "http://evil.example"])
async def test_a_body_in_a_packing_that_is_none_is_the_senders_fault(client, caplog, origin: str) -> None:
    for kind, body in (("gzip", b"not gzip"), ("deflate", b"\xff\xff"), ("br", b"x"), ("zstd", b"x"), ("snake", b"x")):
        async with line(client) as connection:
            await connection.send(post("/login", body, Content_Encoding=kind, Origin=origin, Connection="close"))
            assert await connection.status() in (400, 403, 413, 415, 422), kind
            await connection.rest()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "http://evil.example"])
async def test_chunks_that_fall_apart_are_the_senders_fault(client, caplog, origin: str) -> None:
    for chunks in (b"zz\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"-1\r\n", b"FFFFFFFFFFFFFFFFF\r\nx"):
        async with line(client) as connection:
            head = post("/login", b"", Transfer_Encoding="chunked", Content_Length="", Origin=origin)
            await connection.send(head + chunks)
            assert await connection.status() in (400, 403), chunks[:20]
            await connection.rest()
    assert not [record for record in caplog.records if record.exc_info]


BROKEN_FORMS = {
    "no boundary": ("multipart/form-data", b"x"),
    "an endless boundary": ("multipart/form-data; boundary=" + "b" * 5000, b"x"),
    "a boundary that never comes": (FORM_OF_PARTS, b"x" * 100_000),
    "no last boundary": (FORM_OF_PARTS, b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\nx'),
    "a part without a head": (FORM_OF_PARTS, b"--b\r\n\r\nx\r\n--b--\r\n"),
    "a head without an end": (FORM_OF_PARTS, b"--b\r\nX: " + b"y" * 100_000),
    "a part in a part": (
        FORM_OF_PARTS,
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
    ),
    "a packed part": (
        FORM_OF_PARTS,
        b'--b\r\nContent-Disposition: form-data; name="content"\r\nContent-Encoding: gzip\r\n\r\nxxx\r\n--b--\r\n',
    ),
    "a part in base64 that is none": (
        FORM_OF_PARTS,
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--b--\r\n',
    ),
    "ten thousand parts": (
        FORM_OF_PARTS,
        b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n' * 10_000 + b"--b--\r\n",
    ),
    "ten thousand fields": (FORM, b"&".join(b"a%d=b" % number for number in range(10_000))),
    "an unknown charset": (f"{FORM}; charset=klingon", b"content=x"),
    "text that is none": (FORM, b"content=%ff%fe%00&key=%80"),
    "JSON": ("application/json", b'{"content": "x"}'),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/login", "/rooms/general/messages"])
@pytest.mark.parametrize("what", BROKEN_FORMS)
async def test_a_broken_form_is_the_senders_fault_and_no_line_of_trouble(client, meet, caplog, path, what) -> None:
    an = await meet("An")
    kind, body = BROKEN_FORMS[what]
    async with line(client) as connection:
        await connection.send(post(path, body, an, Content_Type=kind, Accept="application/json"))
        assert await connection.status() in (200, 303, 400, 413, 422), what
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("path", ["/login", "/rooms/general/messages"])
@pytest.mark.parametrize("kind", [FORM, FORM_OF_PARTS])
async def test_a_body_that_does_not_come_is_waited_for_half_a_minute_and_no_longer(
    client, meet, monkeypatch, path: str, kind: str
) -> None:
    assert deadlines.SECONDS == 30
    monkeypatch.setattr(deadlines, "SECONDS", 0.3)
    an = await meet("An")
    head = post(path, b"", an, Content_Type=kind, Content_Length="100000", Accept="application/json")
    async with line(client) as connection:
        await connection.send(head)
        for _ in range(40):  # a byte now and then is no body
            await connection.send(b"-")
            await asyncio.sleep(0.01)
        assert await connection.status() == 408
        answer = await connection.rest()
        assert "try again" in json.loads(answer.partition(b"\r\n\r\n")[2])["reason"]


async def test_a_slow_body_that_comes_fast_enough_is_taken(client, meet, monkeypatch) -> None:
    monkeypatch.setattr(deadlines, "SECONDS", 0.3)
    an = await meet("An")
    body = b'--b\r\nContent-Disposition: form-data; name="ignored"\r\n\r\n' + b"x" * 40_000 + b"\r\n--b\r\n"
    body += b'Content-Disposition: form-data; name="content"\r\n\r\nslowly\r\n--b--\r\n'
    async with line(client) as connection:
        await connection.send(
            post("/rooms/general/messages", b"", an, Content_Type=FORM_OF_PARTS,
                 Content_Length=str(len(body)))
        )  # fmt: skip
        for start in range(0, len(body), 4_000):
            await connection.send(body[start : start + 4_000])
            await asyncio.sleep(0.08)
        assert await connection.status() == 303


async def test_few_forms_with_pictures_of_a_person_come_in_at_once(client, meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    head = post(
        "/rooms/tech/messages", b"", an, Content_Type=FORM_OF_PARTS, Content_Length="9", Accept="application/json"
    )
    async with AsyncExitStack() as stack:
        first = [await stack.enter_async_context(line(client)) for _ in range(BODIES_EACH)]
        for each in first:
            await each.send(head + b"--b")
        await asyncio.sleep(0.2)
        async with line(client) as more:
            await more.send(head + b"--b")
            assert await more.status() == 429
        body = b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\nmine\r\n--b--\r\n'
        for person, status in ((binh, 303), (an, 429)):
            async with line(client) as another:
                await another.send(post("/rooms/tech/messages", body, person, Content_Type=FORM_OF_PARTS))
                assert await another.status() == status
        for each in first:
            await each.send(b"--\r\n-")
            assert await each.status() in (400, 422)
    async with line(client) as another:
        await another.send(post("/rooms/tech/messages", body, an, Content_Type=FORM_OF_PARTS))
        assert await another.status() == 303
