"""Made-up requests for every route: bodies, headers and addresses of which each alone, or two together, make no sense.

A longer run by hand: ``CHATAPP_FAULT_REQUESTS=50000 CHATAPP_FAULT_SEED=7 pytest tests/web/test_attacks_everywhere.py
--timeout 0``.
"""

from __future__ import annotations

import gzip
import json
import logging
import random
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

import entrances
from chatapp.web import deadlines
from entrances import COOKIES, FILES, FORMS, HEADERS, HOSTILE, QUERIES
from fault.figures import amount
from line import FORM, line
from pictures import picture

REQUESTS, SEED = amount("REQUESTS", 1500), amount("SEED", 1)
PARTS = "multipart/form-data; boundary=b"
WORDS = [
    "", "x", "An", "general", "1", "0", "-1", "1e3", "9" * 30, "１", "stay", "go", "vi", "auto", "dark", "k" * 16,
    "/", "//x", "/\\x", "..", ".", "%", "%00", "\0", "\r\n", "\ud800", "\U0010ffff", "\ufdfa", "a\u0315\u0316",
    "null", "true", "[]", "{}", "'", '"', "<b>", "{{7*7}}", "%s", "é", "http://127.0.0.1/rooms", "🦊" * 40, "a" * 5000,
]  # fmt: skip
KINDS = [
    FORM, PARTS, "application/json", "multipart/form-data", "multipart/mixed; boundary=b", "text/plain", "", "/", ";",
    PARTS + '"', 'multipart/form-data; boundary=""', "multipart/form-data; boundary=" + "b" * 80, "multipart/",
    *(f"{FORM}; charset={name}" for name in ("unicode_escape", "idna", "undefined", "rot13", "utf-16", "zip", "é")),
    PARTS + "; charset=utf-7", FORM + "; a*0*=;", FORM + ';"' * 50, "é" * 50, "multipart/form-data; boundary*0*=b",
]  # fmt: skip
DISPOSITIONS = [
    'form-data; name="{}"', 'form-data; name="{}"; filename="{}"', "form-data; name={}", "form-data; name*=UTF-8''{}",
    "form-data; name*=idna''{}; filename*=rot13''{}", 'form-data; name*0="{}"; name*1="x"', "form-data;;;={}", "{}", "",
]  # fmt: skip
EXTRAS = [
    "", "", "Content-Transfer-Encoding: foo\r\n", "Content-Transfer-Encoding: base64\r\n", "Content-Encoding: br\r\n",
    "Content-Type: multipart/mixed; boundary=c\r\n", "Content-Type: text/plain; charset=punycode\r\n",
    "Content-Length: 99999999\r\n", "Content-Length: x\r\n", "X\r\n", ": x\r\n", "\0\r\n", "é: é\r\n",
]  # fmt: skip
METHODS = ["GET", "POST", "POST", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]
UPGRADE = [
    ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]  # fmt: skip


class Maker:
    """Make requests of a seed."""

    def __init__(self, seed: int, cookies: list[str | None]) -> None:
        self._chance = random.Random(seed)
        self._cookies = cookies
        self._routes = list(entrances.table())
        self._forms = [route for route in self._routes if route[0] == "POST"]

    def word(self) -> str:
        chance = self._chance
        if chance.random() < 0.7:
            return chance.choice(WORDS)
        if chance.random() < 0.5:
            return HOSTILE[chance.choice(list(HOSTILE))](chance.randrange(500)).decode()
        return "".join(chr(chance.randrange(1, 0x2FFF)) for _ in range(chance.randrange(30)))

    def encoded(self) -> str:
        return quote(self.word().encode("utf-8", "surrogatepass"), safe=self._chance.choice(["", "%/?#", "&=+;%"]))

    def request(self) -> bytes:
        chance = self._chance
        method, path = chance.choice(self._routes if chance.random() < 0.4 else self._forms)
        if chance.random() < 0.2:
            method = chance.choice(METHODS)
        address = re.sub(
            r"\{\w+\}",
            lambda _: chance.choice(["general", "An", "1", *[self.encoded() or "x"][: chance.randrange(2)]]),
            path,
        )
        if chance.random() < 0.3:
            address += "?" + "&".join(f"{chance.choice(list(QUERIES))}={self.encoded()}" for _ in range(3))
        kind, body = self.body(path) if method not in ("GET", "HEAD") or chance.random() < 0.1 else ("", b"")
        lines = dict(self.headers(path, kind, body))
        head = "\r\n".join(f"{name}: {value}" for name, value in lines.items())
        asked = f"{method} {address} HTTP/1.1\r\n{head}\r\n\r\n".encode("utf-8", "surrogateescape")
        return asked + (self.chunked(body) if "Transfer-Encoding" in lines else body)

    def headers(self, path: str, kind: str, body: bytes) -> Iterator[tuple[str, str]]:
        chance = self._chance
        yield from (("Host", "127.0.0.1"), ("Origin", "http://127.0.0.1"), ("Accept", chance.choice(["*/*", JSON])))
        ends = path in ("/logout", "/login", "/register")  # these end the session that others go on with
        cookie = None if ends else chance.choice(self._cookies)
        if cookie is not None:
            yield "Cookie", f"chatapp={cookie}; {chance.choice(COOKIES[1:])}={self.encoded()}"
        if path == "/ws" and chance.random() < 0.7:
            yield from UPGRADE
        yield "Content-Type", kind if chance.random() < 0.6 else chance.choice(KINDS)
        if chance.random() < 0.1:
            yield "Content-Encoding", chance.choice(["gzip", "br", "deflate", "zstd", "snake", ""])
        if chance.random() < 0.15:
            yield "Transfer-Encoding", chance.choice(["chunked", "chunked", "chunked", "gzip, chunked", "identity"])
        else:
            lie = chance.choice([0] * 12 + [1, -1, 1000])
            yield "Content-Length", str(max(0, len(body) + lie))
        for _ in range(chance.choice([0, 0, 0, 0, 1, 2, 5])):
            value = (
                re.sub(r"[\r\n\0]", " ", self.word())
                .encode("utf-8", "surrogatepass")
                .decode("utf-8", "surrogateescape")
            )
            yield chance.choice(HEADERS), value

    def body(self, path: str) -> tuple[str, bytes]:
        chance = self._chance
        names = [*FORMS.get(path, ()), *([FILES[path]] if path in FILES else []), "content", self.word()]
        form = {chance.choice(names): self.word().encode("utf-8", "surrogatepass") for _ in range(chance.randrange(5))}
        made = chance.choice(["form", "form", "parts", "parts", "json", "packed", "bytes", "nothing"])
        if made == "form":
            body = self.typed(form) if chance.random() < 0.8 else b"&".join(form.values())
        elif made == "parts":
            body = b"".join(self.part(name, value) for name, value in form.items()) + b"--b--\r\n"
        elif made == "json":
            body = json.dumps(chance.choice([form.keys().__len__(), WORDS, {"content": [None]}, [[[]]], "x"])).encode()
        elif made == "packed":
            body = gzip.compress(self.typed(form))
        else:
            body = chance.randbytes(chance.randrange(300)) if made == "bytes" else b""
        return PARTS if made == "parts" else FORM, self.spoiled(body) if chance.random() < 0.3 else body

    def typed(self, form: dict[str, bytes]) -> bytes:
        return urlencode({name.encode("utf-8", "surrogatepass"): value for name, value in form.items()}).encode()

    def part(self, name: str, value: bytes) -> bytes:
        chance = self._chance
        content = chance.choice([value, value, picture("PNG", (8, 8)), b"--b\r\n", b"--b--", b"\r\n--b"])
        disposition = chance.choice(DISPOSITIONS).format(name, self.word())
        head = f"--b\r\nContent-Disposition: {disposition}\r\n{chance.choice(EXTRAS)}\r\n"
        return head.encode("utf-8", "surrogatepass") + content + b"\r\n"

    def spoiled(self, body: bytes) -> bytes:
        chance, data = self._chance, bytearray(body or b"x")
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] = chance.randrange(256)
                case 1:
                    data[place:place] = chance.choice([b"\r\n", b"--b", b"\0", b"%", b"\xff", b"&", b";", b'"'])
                case 2:
                    del data[place:]
                case _:
                    data[place:place] = data[:place]
            data = data or bytearray(b"x")
        return bytes(data)

    def chunked(self, body: bytes) -> bytes:
        chance = self._chance
        whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        return whole if chance.random() < 0.5 else self.spoiled(whole)


JSON = "application/json"


@pytest.fixture
def trouble(caplog):
    """Return what was logged as an error, or with a traceback, since the last look."""

    def trouble() -> list[str]:
        found = [each.getMessage() for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
        caplog.clear()
        return found

    return trouble


async def test_no_made_up_request_is_the_servers_fault(client, meet, trouble, monkeypatch) -> None:
    monkeypatch.setattr(deadlines, "SECONDS", 0.05)  # for bodies shorter than they claim to be
    an = await meet("An")
    await an.post("/rooms/general/messages", {"content": "first"})
    maker, statuses = Maker(SEED, [None, *[an.cookie] * 4]), set()
    for number in range(REQUESTS):
        request = maker.request()
        async with line(client) as connection:
            try:
                await connection.send(request)
                status = await connection.status(30)
            except ConnectionError:
                status = 0  # it was refused before it was read to its end
        found = trouble()
        assert (status < 500, found) == (True, []), (
            f"seed {SEED}, request {number}: {status} {found} {request[:3000]!r}"
        )
        statuses.add(status)
    assert {200, 303, 400, 401, 403, 404, 405, 422} <= statuses, "it tried all kinds of requests"
    assert await an.is_logged_in()
