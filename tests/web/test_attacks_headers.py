"""What every kind of answer wears, and what none of them says."""

from __future__ import annotations

import re
from io import BytesIO

from aiohttp import ClientResponse, FormData, web

from line import FORM, line
from people import Person
from pictures import picture

HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}
SECRET = "SELECT password FROM users -- /home/operator/chat.db"
TELLING = re.compile(
    r"Traceback|File \"|\.py\b|/home/|/usr/|site-packages|sqlite|SELECT|aiohttp|Python/|[a-z]+Error\b|Exception"
)
POST = "/rooms/general/messages"


async def crash(request: web.Request) -> web.StreamResponse:
    raise RuntimeError(SECRET)


def upload(*pictures: bytes) -> FormData:
    form = FormData({"content": "x"})
    for each in pictures:
        form.add_field("pictures", BytesIO(each), filename="x.png")
    return form


async def answers(an: Person, stranger: Person) -> dict[str, ClientResponse]:
    """Return one answer of each kind, by a name that ends with the status it has to have."""
    sent = await an.post(POST, upload(picture()), headers=JSON)
    shot = re.search(r'class="shot" href="([^"]+)"', await (await an.get("/rooms/general")).text())[1]
    sheet = re.search(r'href="([^"]+\.css)"', await (await an.get("/")).text())[1]
    long = {"content": "x" * 4001}
    found = {
        "page 200": await an.get("/rooms/general"),
        "list 200": await an.get("/people"),
        "fragment 200": await an.get("/rooms/general/messages", headers={"HX-Request": "true"}),
        "landing 200": await stranger.get("/"),
        "JSON 200": sent,
        "health 200": await stranger.get("/healthz"),
        "ready 200": await stranger.get("/readyz"),
        "icon 200": await stranger.get("/favicon.ico"),
        "static 200": await stranger.get(sheet),
        "static 404": await stranger.get(sheet.replace(".css", ".cs")),
        "picture 200": await an.get(shot),
        "thumbnail 200": await an.get(f"{shot}/thumbnail"),
        "picture 404": await an.get(f"{shot}x"),
        "picture 401": await stranger.get(shot, headers={"Sec-Fetch-Dest": "image"}),
        "way 303": await stranger.get("/rooms", allow_redirects=False),
        "log-in 303": await an.log_in(),
        "JSON 401": await stranger.get("/rooms", headers=JSON),
        "part 401": await stranger.get("/rooms", headers={"HX-Request": "true"}),
        "origin 403": await stranger.post("/login", headers={"Origin": "http://evil.example"}),
        "socket 403": await an.get("/ws", headers={"Upgrade": "websocket", "Connection": "upgrade"}),
        "page 404": await an.get("/nowhere", headers=HTML),
        "JSON 404": await an.get("/rooms/nowhere", headers=JSON),
        "method 405": await an.get("/logout", headers=HTML),
        "form 413": await stranger.post("/login", BytesIO(b"username=" + b"x" * 2**21), headers={"Content-Type": FORM}),
        "form 422": await stranger.post("/login", {"username": "An", "password": "wrong"}),
        "message 422": await an.post(POST, long),
        "JSON 422": await an.post(POST, long, headers=JSON),
        "no socket 400": await an.get("/ws", headers={"Origin": an.origin}),
        "page 500": await an.get("/crash", headers=HTML),
        "JSON 500": await an.get("/crash", headers=JSON),
    }
    for accept in (HTML, JSON):
        while (answer := await an.post(POST, {"content": "x"}, headers=accept, allow_redirects=False)).status != 429:
            pass
        found[f"{accept['Accept']} 429"] = answer
    return found


async def test_every_answer_of_every_kind_is_sealed_and_tells_nothing_of_the_machine(start) -> None:
    client = await start(lambda app: app.router.add_get("/crash", crash), messages_per_second=0.01, message_burst=30)
    async with Person(client.server, "An") as an, Person(client.server, "Stranger") as stranger:
        await an.register()
        for name, answer in (await answers(an, stranger)).items():
            headers = answer.headers
            assert answer.status == int(name.split()[-1]), name
            assert headers["X-Content-Type-Options"] == "nosniff", name
            assert headers["X-Frame-Options"] == "DENY", name
            assert headers["Referrer-Policy"] == "same-origin", name
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
            assert "default-src 'none'" in headers["Content-Security-Policy"], name
            assert not re.search(r"unsafe-|\*|https?:(?!//)", headers["Content-Security-Policy"]), name
            assert re.fullmatch(r"[0-9a-f]{12}", headers["X-Request-Id"]), name
            assert not {"Server", "X-Powered-By", "Access-Control-Allow-Origin"} & set(headers), name
            public = name.startswith(("static 2", "icon"))
            assert headers["Cache-Control"].startswith("public" if public else "private"), name
            if "picture 2" not in name and "thumb" not in name:
                text = await answer.text()
                assert SECRET not in text, name
                assert public or not TELLING.search(text.replace("aiohttp.py", "")), (name, TELLING.search(text))
                if answer.status >= 400 and answer.content_type == "text/html" and answer.status not in (422, 429):
                    assert headers["X-Request-Id"] in text, f"{name}: the page shows the number of its request"


async def test_a_picture_is_a_picture_and_nothing_that_could_run(meet) -> None:
    an = await meet("An")
    hostile = picture() + b"<html><script>alert(1)</script>"
    await an.post(POST, upload(hostile), headers=JSON)
    shot = re.search(r'class="shot" href="([^"]+)"', await (await an.get("/rooms/general")).text())[1]
    assert re.fullmatch(r"/images/[A-Za-z0-9_-]{16,}", shot), "nobody guesses it"
    for path in (shot, f"{shot}/thumbnail"):
        answer = await an.get(path)
        assert answer.content_type in {"image/png", "image/jpeg", "image/webp", "image/gif"}
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith("inline; filename*=UTF-8''")
        assert b"<script>" not in await answer.read()


async def test_no_socket_is_ever_packed(meet) -> None:
    an = await meet("An")
    offers = ("permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame")
    for offer in offers:
        async with an.socket("/ws", headers={"Sec-WebSocket-Extensions": offer}) as socket:
            assert "Sec-WebSocket-Extensions" not in socket._response.headers


async def test_what_is_no_request_at_all_is_answered_in_few_words(client) -> None:
    async with line(client) as connection:
        await connection.send(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: chatapp=secret\x00\r\n\r\n")
        answer = await connection.rest()
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"secret" not in answer
    assert not TELLING.search(answer.decode())
