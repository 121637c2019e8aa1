"""Bodies that no browser sends: each is the sender's fault, said in a sentence, and no line of trouble in the log."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import quote

import pytest

from chatapp.web import keys
from chatapp.web.bodies import SMALL
from chatapp.wire.buffers import FORMS
from line import FORM, line, post
from people import PASSWORD, Person

PARTS = "multipart/form-data; boundary=b"


def part(head: str, content: bytes = b"x", name: str = "content") -> bytes:
    """Return a form of one part with some more lines in its head."""
    named = f'Content-Disposition: form-data; name="{name}"\r\n'
    return f"--b\r\n{named}{head}\r\n".encode() + content + b"\r\n--b--\r\n"


NESTED = b"--c\r\nContent-Disposition: form-data; name=x\r\n\r\nx\r\n--c--\r\n"
UNREADABLE = {
    "a transfer encoding that is none": (PARTS, part("Content-Transfer-Encoding: foo\r\n")),
    "a transfer encoding of mails": (PARTS, part("Content-Transfer-Encoding: base64\r\n", b"eA==")),
    "an encoding of a part": (PARTS, part("Content-Encoding: gzip\r\n")),
    "parts in a part": (PARTS, part("Content-Type: multipart/mixed; boundary=c\r\n", NESTED)),
    "a foreign charset of a part": (PARTS, part("Content-Type: text/plain; charset=utf-7\r\n", b"+AGE-")),
    "a part that is no UTF-8": (PARTS, part("", b"\xff\xfe")),
    "a part with half a character": (PARTS, part("", b"\xed\xa0\x80")),
    "no boundary": ("multipart/form-data", part("")),
    "an empty boundary": ('multipart/form-data; boundary=""', part("")),
    "a boundary of a kilobyte": ("multipart/form-data; boundary=" + "b" * 1000, part("")),
    "a boundary with a line break": ('multipart/form-data; boundary="b\tc"', part("")),
    "another boundary": ("multipart/form-data; boundary=c", part("")),
    "no last boundary": (PARTS, part("")[:-9]),
    "nothing at all in it": (PARTS, b"--b"),
    "only empty lines": (PARTS, b"\r\n" * 50_000),
    "a head without an end": (PARTS, b"--b\r\nX: " + b"y" * 100_000),
    "a head of a hundred kilobytes": (PARTS, part("X: " + "y" * 100_000 + "\r\n")),
    "words after a boundary": (PARTS, b'--bcd\r\nContent-Disposition: form-data; name="content"\r\n\r\nx\r\n--b--\r\n'),
    "text that is no UTF-8": (FORM, b"content=\xff\xfe"),
    "an endless type": (FORM + ";" * 7000, b"content=x"),
    "a type of quotation marks": (FORM + '; charset="' + '"a"' * 2000, b"content=x"),
    "a type that counts": (FORM + "; a*0*=;" * 200, b"content=x"),
    "a thousand fields": (FORM, b"&".join(b"a%d=b" % number for number in range(1000))),
    "no type": ("", b"content=x"),
    "no type that can be read": ("\u00e9;;;=", b"content=x"),
} | {
    f"charset {charset}": (f"{FORM}; charset={charset}", b"content=\\ud800&username=%5Cud800&language=+AGE-")
    for charset in (
        "unicode_escape", "raw_unicode_escape", "undefined", "idna", "punycode", "utf-7", "utf-16", "rot13", "zip",
        "base64", "hex", "uu", "bz2", "mbcs", "klingon", "x" * 200, "..", "\u00e9",
    )
}  # fmt: skip
PATHS = ("/register", "/login", "/settings", "/language", "/rooms/general/messages")


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_no_form_can_be_read_from_is_a_bad_request_with_a_sentence(
    client, meet, caplog, path: str
) -> None:
    an = await meet("An")
    for what, (kind, body) in UNREADABLE.items():
        async with line(client) as connection:
            asked = post(path, body, an, Content_Type=kind, Accept="application/json", Connection="close")
            await connection.send(asked)
            assert await connection.status() == 400, what
            told = json.loads((await connection.rest()).partition(b"\r\n\r\n")[2])
        assert told["code"] == "form_unreadable", what
        assert told["reason"].startswith("The server could not read this form. Please reload"), what
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_claims_to_be_no_form_is_refused_and_changes_nothing(client, meet) -> None:
    an = await meet("An")
    others = ("application/json", "text/plain", "multipart/mixed; boundary=b", "application/x-www-form-urlencodedx")
    bodies = (b'{"content": "x", "theme": "dark"}', b"[" * 100_000, b"null", b'"\\ud800"', b"\xff\x00", b"content=x")
    for path in PATHS:
        for kind in others:
            for body in bodies:
                async with line(client) as connection:
                    asked = post(path, body, an, Content_Type=kind, Accept="application/json", Connection="close")
                    await connection.send(asked)
                    assert await connection.status() == 422, (path, kind, body[:20])
                    assert b"This address accepts only forms as browsers send them" in await connection.rest()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"username=An&password=%s"),
        (FORM + "; charset=UTF-8", b"username=An&password=%s&other="),
        (FORM.upper() + '; charset="utf-8"', b"&&username=An&x=%%ff&=&password=%s\r\n"),
        (
            "multipart/form-data; boundary=b",
            (
                b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nAn\r\n'
                b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n%s\r\n--b--\r\n'
            ),
        ),
        (
            'multipart/form-data;boundary="a (b)?=c"; charset=utf-8',
            (
                b"Words for the old.\r\n--a (b)?=c \t\r\ncontent-disposition:form-data ;NAME=username\r\n\r\nAn\r\n"
                b"--a (b)?=c\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
                b"Content-Disposition: form-data; name*=UTF-8''%%70assword\r\n\r\n%s\r\n--a (b)?=c--"
            ),
        ),
        (
            "multipart/form-data; boundary=b",
            (
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="a;b.txt"\r\n\r\n--b-\r\n\r\n'
                b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nAn\r\n--b\r\n\r\nnameless\r\n'
                b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n%s\r\n--b--\r\nand no more'
            ),
        ),
    ],
)
async def test_whatever_a_browser_or_a_program_may_rightly_send_is_read(client, meet, kind, body) -> None:
    await meet("An")
    for size in (len(body), 7, 1):  # in pieces, too
        async with line(client) as connection:
            asked = post("/login", body % PASSWORD.encode(), Content_Type=kind)
            for start in range(0, len(asked), max(size, 1)):
                await connection.send(asked[start : start + size])
            assert await connection.status() == 303, size


# Half a form


def half(path: str, kind: str, sent: bytes, person: Person | None = None) -> bytes:
    return post(path, sent, person, Content_Type=kind, Content_Length="1040000")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "kind", "sent"),
    [
        ("/login", FORM, b"username=" + b"a" * 1_000_000),
        ("/register", FORM, b"username=" + b"a" * 1_000_000),
        ("/language", FORM, b"a" * 1_000_000),
        ("/login", PARTS, b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\n' + b"a" * 14_000),
    ],
)
async def test_of_half_a_form_of_a_stranger_a_few_kilobytes_are_kept(app, client, path, kind, sent) -> None:
    kept = app[keys.limits].forms
    async with AsyncExitStack() as stack:
        for number in range(1, 21):
            await (await stack.enter_async_context(line(client))).send(half(path, kind, sent))
            await until(lambda number=number: kept.total >= number * 8_000)  # type: ignore[misc]
        assert kept.total <= 20 * SMALL.form
    await until(lambda: kept.total == 0)


async def test_parts_past_that_are_not_read_to_their_end(client) -> None:
    async with line(client) as connection:
        start = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\n'
        await connection.send(half("/login", PARTS, start + b"a" * 20_000))
        assert await connection.status() == 413


async def test_who_fills_the_server_with_half_forms_shuts_out_only_strangers_of_their_address(
    app, client, meet
) -> None:
    an, kept = await meet("An"), app[keys.limits].forms
    many, two = FORMS.person // SMALL.form + 1, b"&".join([b"a" * 8_100] * 2)
    async with AsyncExitStack() as stack:
        for _ in range(many):
            await (await stack.enter_async_context(line(client))).send(half("/login", FORM, two))
        await until(lambda: kept.total > FORMS.person - 2 * SMALL.form)
        more = [await stack.enter_async_context(line(client)) for _ in range(4)]
        for each in more:
            await each.send(half("/login", FORM, two))
        assert await more[-1].status() == 503
        told = await more[-1].rest()
        assert b"Retry-After: 5" in told
        assert b"The server is busy with other forms." in told
        assert kept.total <= FORMS.person + SMALL.form
        assert (await an.post("/rooms/general/messages", {"content": "still here"})).status == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port, local_addr=("127.0.0.2", 0))
        writer.write(post("/login", f"username=An&password={quote(an.password)}".encode()))
        async with asyncio.timeout(10):
            assert b" 303 " in await reader.readline()
        writer.close()
    await until(lambda: kept.total == 0)
    async with line(client) as connection:
        await connection.send(post("/login", f"username=An&password={quote(an.password)}".encode()))
        assert await connection.status() == 303


async def test_the_longest_name_password_and_address_fit(client) -> None:
    fields = {"username": "\u1ec7" * 200, "password": "\u1ec7" * 341, "next": "/" + "a" * 1_999}
    async with Person(client.server, "An") as stranger:
        answer = await stranger.post("/login", fields)
        assert answer.status == 422
        assert "The name or the password is wrong." in html.unescape(await answer.text())
