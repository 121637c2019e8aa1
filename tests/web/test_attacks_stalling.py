"""Nobody holds the server: whatever text comes in wherever, as much as is let in, others are answered meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from urllib.parse import quote_from_bytes

import pytest

import entrances
from chatapp.model.pictures import PICTURE_BYTES
from chatapp.web import acts
from chatapp.web.legacy import acts as legacy
from chatapp.web.parts import FIELDS_BYTES
from entrances import COOKIES, FILES, FORMS, FRAMES, HEADERS, HOSTILE, QUERIES, SHORT
from fault.server import Server
from line import FORM
from people import PASSWORD
from rawsocket import FIN, TEXT, masked
from stalling import Watch

ALLOWED = 0.1  # seconds
TRIES = 6  # of which the best counts: the machine has other things to do
TOGETHER = 12  # requests, one after the other, that are looked at one by one only if any of them held the server
LINE = 8_000  # bytes of an address or a header; the framework takes 8,190
FRAME = 64 * 2**10  # bytes
OLD_FRAME = PICTURE_BYTES * 4 // 3  # of the original program's client, whose pictures are frames
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
Case = tuple[str, bytes]  # what it is called, and what is sent


# The tables are whole


def test_every_form_every_kind_of_frame_and_all_that_is_read_of_a_request_is_listed() -> None:
    posts = {path for method, path in entrances.table() if method == "POST"}
    assert posts == set(FORMS), "list the fields of a new form in tests/entrances.py"
    assert {*acts.KINDS, *legacy.KINDS} <= set(FRAMES)
    fields = {name for names in FORMS.values() for name in names}
    assert entrances.read_of("field") <= fields | {"next", "username"}
    assert entrances.fields_of_pages() <= fields | set(FILES.values()) | set(QUERIES)
    assert entrances.read_of("frame") <= {name for names in FRAMES.values() for name in names} | {"type"}
    assert entrances.read_of("query") <= set(QUERIES)
    assert entrances.read_of("header") <= set(HEADERS)
    assert entrances.read_of("cookie") <= set(COOKIES)


@pytest.mark.parametrize(
    ("what", "known"),
    [("field", "password"), ("query", "before"), ("header", "Origin"), ("cookie", "zone"), ("frame", "content")],
)
def test_what_is_read_is_found_in_the_code(what: str, known: str) -> None:
    """Else the test above would compare nothing."""
    assert known in entrances.read_of(what)


# Requests


class Visitor:
    """Somebody who is logged in, and asks by hand."""

    def __init__(self, port: int, name: str) -> None:
        self.port = port
        self.cookie = ""
        form = f"username={name}&password={quote_from_bytes(PASSWORD.encode())}".encode()
        answer = self.ask(self.post("/register", form))
        assert b" 303 " in answer.split(b"\r\n")[0], answer[:500]
        self.cookie = re.findall(rb"chatapp=([^;]+)", answer)[0].decode()
        self.posted = ""

    def head(self, method: str, path: str | bytes, *headers: str | bytes) -> bytes:
        """Return the head of a request; a header replaces the usual one of that name."""
        asked = path if isinstance(path, bytes) else path.encode()
        lines = {
            b"host": b"Host: 127.0.0.1",
            b"origin": b"Origin: http://127.0.0.1",
            b"cookie": f"Cookie: chatapp={self.cookie}".encode(),
            b"accept": b"Accept: text/html",
        }
        if "Upgrade" not in str(headers):
            lines[b"connection"] = b"Connection: close"
        for header in headers:
            line = header if isinstance(header, bytes) else header.encode()
            lines[line.partition(b":")[0].lower()] = line
        return method.encode() + b" " + asked + b" HTTP/1.1\r\n" + b"\r\n".join(lines.values()) + b"\r\n\r\n"

    def post(self, path: str, body: bytes, kind: str = FORM) -> bytes:
        return self.head("POST", path, f"Content-Type: {kind}", f"Content-Length: {len(body)}") + body

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the whole answer; what becomes a socket is left at once."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as line:
            answer = bytearray()
            try:
                line.sendall(request)
            except ConnectionError:
                pass  # it was refused before it was read to its end
            try:
                while not whole(answer) and (chunk := line.recv(2**16)):
                    answer += chunk
            except ConnectionError:
                pass
            return bytes(answer)


def whole(answer: bytes | bytearray) -> bool:
    """Tell whether an answer is there to its end, or is the beginning of a socket."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
    return bool(end) and (b" 101 " in head[:20] or (length is not None and len(body) >= int(length[1])))


def measured(server: Server, cases: Iterator[Case], ask: Callable[[bytes], object]) -> dict[str, float]:
    """Return what held the server for longer than is allowed, and for how long at best."""
    held: dict[str, float] = {}
    with Watch(server.port, server.pid) as watch:
        while some := list(islice(cases, TOGETHER)):
            if watch.held(lambda: [ask(request) for _, request in some]) <= ALLOWED:
                continue
            for name, request in some:
                best = best_of(partial(watch.held, partial(ask, request)))
                if best > ALLOWED:
                    held[name] = round(best, 3)
    return held


def best_of(measure: Callable[[], float]) -> float:
    best = measure()
    for _ in range(TRIES - 1):
        if best <= ALLOWED:
            break
        best = min(best, measure())
    return best


@pytest.fixture
async def server(tmp_path):
    environment = {"CHATAPP_TRUSTED_PROXY": "127.0.0.1", "CHATAPP_UPLOADS_PER_MINUTE": "0"}
    async with Server(tmp_path, environment=environment) as server:
        yield server
        assert not server.trouble


# Forms

SAFE = {
    "username": b"An",
    "password": b"wrong password",
    "current": b"wrong password",
    "new": b"hai con th%E1%BA%B1n l%E1%BA%B1n con",
    "again": b"hai con th%E1%BA%B1n l%E1%BA%B1n con",
    "messages": b"stay",
    "language": b"vi",
    "theme": b"dark",
    "content": b"x",
}


def escaped(text: bytes) -> bytes:
    """Return a text for a form; percent signs are left alone, so that they mean nothing or something."""
    return text.replace(b"&", b"%26").replace(b"+", b"%2B")


def fitting(text: Callable[[int], bytes], size: int, encode: Callable[[bytes], bytes]) -> bytes:
    """Return a text that fills a number of bytes once it is encoded."""
    encoded = encode(text(size))
    return encoded if len(encoded) <= size else encode(text(size * size // len(encoded)))


def filled(path: str, message: str) -> str:
    return path.format(room="general", direct="An", id=message, version="x", path="css/base.css", more="edit")


def forms(me: Visitor) -> Iterator[Case]:
    for path, names in sorted(FORMS.items(), key=lambda item: item[0] == "/logout"):  # after that nobody is let in
        at = filled(path, me.posted)
        safe = {name: SAFE[name] for name in names if name in SAFE}
        for name in names:
            rest = b"".join(b"&%s=%s" % (other.encode(), value) for other, value in safe.items() if other != name)
            for what, text in HOSTILE.items():
                value = fitting(text, FIELDS_BYTES - len(rest) - 100, escaped)
                yield f"{what} as {name} at {path}", me.post(at, name.encode() + b"=" + value + rest)
        for what, text in HOSTILE.items():
            yield f"{what} as a form at {path}", me.post(at, fitting(text, FIELDS_BYTES - 100, bytes))


def form_of_parts(head: bytes, content: bytes, count: int = 1, before: bytes = b"") -> bytes:
    part = b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"
    return before + part * count + b"--b--\r\n"


def uploads(me: Visitor) -> Iterator[Case]:
    kind = "multipart/form-data; boundary=b"
    for path, files in FILES.items():
        at = filled(path, me.posted)
        for what, text in HOSTILE.items():
            in_line = text(3_900).replace(b"\r\n", b" ").replace(b'"', b"'")
            bodies = {
                "as content": form_of_parts(b'name="content"', text(FIELDS_BYTES - 200)),
                "as the names of parts": form_of_parts(b'name="' + in_line + b'"', b"x", 30),
                "as the names of files": form_of_parts(
                    f'name="{files}"; filename="'.encode() + in_line + b'"', b"\x89PNG\r\n\x1a\n", 30
                ),
                "as the other names of files": form_of_parts(
                    f"name={files}; filename*=UTF-8''".encode() + in_line.replace(b" ", b""), b"\x89PNG\r\n\x1a\n", 30
                ),
                "as heads of parts": form_of_parts(b'name="x"\r\n' + in_line, b"x", 30),
                "as dispositions": form_of_parts(in_line, b"x", 30),
                "as types of parts": form_of_parts(b'name="content"\r\nContent-Type: ' + in_line, b"x", 30),
                "before all parts": form_of_parts(b'name="content"', b"x", before=text(3 * FIELDS_BYTES) + b"\r\n"),
                "as a picture": form_of_parts(f'name="{files}"; filename="x.png"'.encode(), text(3 * FIELDS_BYTES)),
            }
            for where, body in bodies.items():
                yield f"{what} {where} at {path}", me.post(at, body, kind)
            boundary = b"Content-Type: multipart/form-data; boundary=" + text(LINE - 100).replace(b"\r\n", b" ")
            yield f"{what} as a boundary at {path}", me.head("POST", at, boundary, "Content-Length: 2") + b"--"


async def test_no_form_holds_the_server(server: Server) -> None:
    def walk() -> dict[str, float]:
        me = arrived(server)
        return measured(server, forms(me), me.ask)

    assert await asyncio.to_thread(walk) == {}


async def test_no_upload_holds_the_server(server: Server) -> None:
    def walk() -> dict[str, float]:
        me = arrived(server)
        return measured(server, uploads(me), me.ask)

    assert await asyncio.to_thread(walk) == {}


def arrived(server: Server) -> Visitor:
    """Return somebody who has written a message."""
    me = Visitor(server.port, "An")
    answer = me.ask(me.post("/rooms/general/messages", b"content=first"))
    me.posted = re.findall(rb"#m-([0-9]+)", answer)[0].decode()
    return me


# Addresses and headers


def addresses(me: Visitor) -> Iterator[Case]:
    for method, path in entrances.table():
        for name in re.findall(r"\{(\w+)\}", path):
            before, _, after = path.partition(f"{{{name}}}")
            for what, text in HOSTILE.items():
                segment = fitting(text, LINE - 200, lambda raw: quote_from_bytes(raw, safe="").encode())
                at = filled(before, me.posted).encode() + segment + filled(after, me.posted).encode()
                yield f"{what} as {name} of {method} {path}", me.head(method, at, "Content-Length: 0")
    for name, paths in QUERIES.items():
        for path in paths:
            upgrade = HANDSHAKE.strip().split("\r\n") if path == "/ws" else []
            for what, text in HOSTILE.items():
                value = fitting(text, LINE - 200, lambda raw: quote_from_bytes(raw, safe="%").encode())
                asked = f"{path}?{name}=".encode() + value
                yield f"{what} as ?{name}= of {path}", me.head("GET", asked, *upgrade)
    for what, text in HOSTILE.items():
        value = fitting(text, LINE - 200, lambda raw: quote_from_bytes(raw, safe="%&;=+/").encode())
        yield f"{what} as a query", me.head("GET", b"/rooms/general?" + value)
        yield f"{what} as a path", me.head("GET", b"/" + value)


def headers(me: Visitor) -> Iterator[Case]:
    for what, text in HOSTILE.items():
        value = text(LINE - 100).replace(b"\r\n", b" ")
        given = {name: name.encode() + b": " + value for name in HEADERS}
        given |= {f"cookie {name}": b"Cookie: " + name.encode() + b"=" + value for name in COOKIES}
        given |= {"Referer of ours": b"Referer: http://127.0.0.1/" + value, "X": b"X-Anything: " + value}
        for name, header in given.items():
            yield f"{what} as {name} of a page", me.head("GET", "/login", header)
            yield f"{what} as {name} of a form", me.head("POST", "/language", header, "Content-Length: 0")
            yield f"{what} as {name} of a file", me.head("GET", "/static/x/css/base.css", header)
            yield f"{what} as {name} of a socket", me.head("GET", "/ws", *HANDSHAKE.strip().split("\r\n"), header)
        for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Cookie", "Accept-Language", "If-None-Match"):
            lines = b"\r\n".join([name.encode() + b": " + value] * 100)
            yield f"{what} as a hundred headers {name}", me.head("GET", "/login", lines)


@pytest.mark.parametrize("where", [addresses, headers])
async def test_no_address_and_no_header_holds_the_server(
    server: Server, where: Callable[[Visitor], Iterator[Case]]
) -> None:
    def walk() -> dict[str, float]:
        me = arrived(server)
        return measured(server, where(me), me.ask)

    assert await asyncio.to_thread(walk) == {}


# Frames


def frame(payload: bytes) -> bytes:
    """Return a text frame under a mask of zeros."""
    return masked(FIN | TEXT, payload)


BEAT = frame(b'{"type":"beat"}')


class Talk:
    """A socket, each time of somebody else after some frames: one person is made to wait, or sent away for nonsense."""

    def __init__(self, port: int, query: str, turns: int) -> None:
        self._port = port
        self._query = query
        self._turns = turns
        self._said = self._people = 0
        self._line: socket.socket | None = None

    def say(self, said: bytes) -> None:
        """Send a frame and wait until it is dealt with."""
        if self._said % self._turns == 0:
            self.close()
        self._said += 1
        line, heard = self._line or self._open(), b""
        try:
            line.sendall(said + BEAT)
            while b'{"type":"beat"}' not in heard:
                chunk = line.recv(2**16)
                if not chunk:
                    raise ConnectionResetError
                heard = heard[-20:] + chunk
        except ConnectionError:
            self.close()

    def _open(self) -> socket.socket:
        self._people += 1
        me = Visitor(self._port, f"person{self._people}")
        self._line = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._line.sendall(me.head("GET", f"/ws{self._query}", *HANDSHAKE.strip().split("\r\n")))
        assert self._line.recv(12) == b"HTTP/1.1 101"
        return self._line

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def said(kind: str, name: str, text: Callable[[int], bytes], size: int, safe: dict[str, object]) -> Iterator[bytes]:
    """Yield frames with a hostile field: as a text, and as it is."""
    rest = json.dumps({"type": kind, **{each: value for each, value in safe.items() if each != name}})[:-1]
    room = size - len(rest) - len(name) - 20

    def quoted(raw: bytes) -> bytes:
        return json.dumps(raw.decode("utf-8", "ignore"), ensure_ascii=False).encode()

    for value in (fitting(text, room, quoted), text(room)):
        whole = f'{rest}, "{name}": '.encode() + value + b"}"
        yield frame(whole[: size - 1] + b"}" if len(whole) > size else whole)


def frames(me: Visitor) -> Iterator[Case]:
    safe: dict[str, object] = {"key": "k" * 20, "id": int(me.posted), "rev": int(me.posted), "room": "general"}
    for kind, names in FRAMES.items():
        for name in ("type", *names):
            for what, text in HOSTILE.items():
                for form, frame_ in zip(("text", "value"), said(kind, name, text, FRAME, safe), strict=True):
                    yield f"{what} as a {form} {name} of a frame {kind}", frame_


def large_frames(me: Visitor) -> Iterator[Case]:
    for what in ("marks of two classes", "digits", "brackets"):
        text = HOSTILE[what]
        for kind in ("message", "image"):
            for form, whole in zip(("text", "value"), said(kind, "content", text, OLD_FRAME, {}), strict=True):
                yield f"{what} as a large {form} of a frame {kind}", whole
        picture = b'{"type":"image","content":"data:image/png;base64,' + text(OLD_FRAME - 100).replace(b'"', b"'")
        yield f"{what} as a large picture", frame(picture + b'"}')


@pytest.mark.parametrize(
    ("frames", "query", "turns"), [(frames, "?room=general&epoch=x&since=0", 10), (large_frames, "", 1)]
)
async def test_no_frame_holds_the_server(
    server: Server, frames: Callable[[Visitor], Iterator[Case]], query: str, turns: int
) -> None:
    def walk() -> dict[str, float]:
        me, talk = arrived(server), Talk(server.port, query, turns)
        try:
            return measured(server, frames(me), talk.say)
        finally:
            talk.close()

    assert await asyncio.to_thread(walk) == {}


# What is accepted, and shown to everybody


def messages(me: Visitor) -> Iterator[Case]:
    for what, text in HOSTILE.items():
        content = text(4 * SHORT).decode("utf-8", "ignore")[:SHORT].strip()
        form = b"content=" + quote_from_bytes(content.encode()).encode()
        yield f"{what} as a message", me.post("/rooms/general/messages", form)
        yield f"{what} as another text", me.post(f"/rooms/general/messages/{me.posted}/edit", form)
        yield f"a page with {what}", me.head("GET", "/rooms/general")
        yield f"the list with {what}", me.head("GET", "/rooms/general/messages", "HX-Request: true")
        yield f"the versions with {what}", me.head("GET", f"/rooms/general/messages/{me.posted}/versions")


async def test_no_message_holds_the_server_nor_do_pages_full_of_them(server: Server) -> None:
    def walk() -> dict[str, float]:
        me = arrived(server)
        slow = measured(server, messages(me), me.ask)
        return slow | measured(server, messages(me), me.ask)

    assert await asyncio.to_thread(walk) == {}
