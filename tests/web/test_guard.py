"""What every request passes and every response wears: origins, proxies, errors, headers, languages, the log."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse, FormData, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient
from multidict import CIMultiDict

from chatapp.html.language import current, zone
from chatapp.model.refusals import Close, NotFound, Rejected
from chatapp.store import Busy, Unwritable
from chatapp.web import keys, origins, pages
from chatapp.web.assets import static
from chatapp.web.redirects import safe
from people import Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[[str], Awaitable[Person]]
Start = Callable[..., Awaitable[Client]]

LOCAL = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8"))
SECRET = "SELECT * FROM /home/operator/secret.db"
TOO_FAST = "You are sending too fast. This goes out in a moment."


async def raise_anything(request: web.Request) -> web.StreamResponse:
    """Raise what the address asks for."""
    errors: dict[str, Exception] = {
        "crash": RuntimeError(SECRET),
        "gone": NotFound(SECRET),
        "refused": Rejected("key_conflict"),
        "fast": Rejected("rate_limited", retry_after=1.2),
        "later": Rejected("restarting"),
        "busy": Busy(SECRET),
        "full": Unwritable(SECRET),
        "forbidden": web.HTTPForbidden(),
        "large": web.HTTPRequestEntityTooLarge(1, 2),
        "many": web.HTTPTooManyRequests(),
        "teapot": web.HTTPExpectationFailed(),
        "gateway": web.HTTPBadGateway(),
        "moved": web.HTTPSeeOther("/"),
    }
    raise errors[request.match_info["error"]]


async def tell(request: web.Request) -> web.StreamResponse:
    """Tell what the guard found out."""
    facts = {"remote": request.remote, "scheme": request.scheme, "language": current.get(), "zone": zone.get()}
    return web.json_response(facts | {"id": request[keys.request_id]})


def add_routes(app: web.Application) -> None:
    base = app[keys.settings].base_path
    app.router.add_route("*", f"{base}/raise/{{error}}", raise_anything)
    app.router.add_route("*", f"{base}/tell", tell)


@pytest.fixture
def app(app: web.Application) -> web.Application:
    add_routes(app)
    return app


async def facts(client: Client, headers: object = None, path: str = "/tell") -> dict[str, str]:
    found = await (await client.get(path, headers=headers)).json()  # type: ignore[arg-type]
    assert isinstance(found, dict)
    return found


def host_of(client: Client) -> str:
    return str(client.make_url("/").authority)


# Errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("crash", 500), ("gone", 404), ("refused", 422), ("fast", 429), ("later", 503), ("busy", 503), ("full", 503),
        ("forbidden", 403), ("large", 413), ("many", 429), ("teapot", 417), ("gateway", 502),
    ],
)  # fmt: skip
async def test_whatever_goes_wrong_gets_a_page_that_says_so_and_nothing_secret(
    client: Client, error: str, status: int
) -> None:
    response = await client.get(f"/raise/{error}")
    page = await response.text()
    assert response.status == status
    assert response.content_type == "text/html"
    assert "<h1>" in page
    assert f">{status}<" in page
    for word in (SECRET, "Traceback", "RuntimeError", "aiohttp", ".py"):
        assert word not in page
    assert response.headers["X-Request-Id"]


async def test_a_crash_is_written_to_the_log_under_the_number_that_the_page_shows(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/raise/crash")
    number = response.headers["X-Request-Id"]
    assert number in await response.text()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.__dict__["request"] == number
    assert record.exc_info is not None


async def test_a_program_gets_errors_as_json(client: Client) -> None:
    headers = {"Accept": "application/json"}
    response = await client.get("/raise/fast", headers=headers)
    assert response.status == 429
    assert response.headers["Retry-After"] == "2"
    told = await response.json()
    assert told["request"] == response.headers["X-Request-Id"]
    del told["request"]
    assert told == {"code": "rate_limited", "reason": TOO_FAST, "retry": True, "retry_after": 1.2}
    for path in ("/raise/crash", "/nowhere"):
        response = await client.get(path, headers=headers)
        assert set(await response.json()) == {"code", "reason", "retry", "retry_after", "request"}
        assert SECRET not in await response.text()


async def test_an_unknown_address_and_a_wrong_method_get_pages_too(client: Client) -> None:
    response = await client.get("/nowhere/<script>")
    assert response.status == 404
    assert "<script>" not in await response.text()
    response = await client.get("/logout")
    assert response.status == 405
    assert response.headers["Allow"] == "POST"
    assert (await client.request("TRACE", "/")).status == 405


async def test_errors_are_told_in_the_language_of_the_reader(client: Client) -> None:
    for language in ("vi", "en"):
        for path in ("/nowhere", "/raise/crash"):
            response = await client.get(path, headers={"Accept-Language": language})
            assert f'<html lang="{language}"' in await response.text()


async def test_an_error_page_that_cannot_be_rendered_is_told_in_plain_words(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> web.Response:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(pages, "page", broken)
    response = await client.get("/raise/crash")
    assert response.status == 500
    assert response.content_type == "text/plain"
    assert SECRET not in await response.text()
    assert "Content-Security-Policy" in response.headers


async def test_a_database_that_cannot_be_read_is_an_error_page_and_no_more(
    client: Client, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    an = await meet("An")

    async def broken(*args: object, **named: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(client.app[keys.store].accounts, "session", broken)
    response = await an.get("/settings", headers={"Accept-Language": "vi"})
    assert response.status == 500
    assert '<html lang="vi"' in await response.text()


# Headers


async def one_of_each(client: Client, an: Person) -> dict[str, ClientResponse]:
    return {
        "page": await an.get("/settings"),
        "landing": await client.get("/"),
        "redirect": await client.get("/settings", allow_redirects=False),
        "form error": await an.post("/login", {}),
        "forbidden": await client.post("/login"),
        "missing": await client.get("/nowhere"),
        "wrong method": await client.get("/logout"),
        "crash": await client.get("/raise/crash"),
        "raised redirect": await client.get("/raise/moved", allow_redirects=False),
        "json": await client.get("/tell"),
        "health": await client.get("/healthz"),
        "static": await client.get(client.app[static.key].url("css/base.css")),
        "expectation": await client.get("/", headers={"Expect": "something-else"}),
    }


async def test_every_response_wears_the_security_headers(client: Client, meet: Meet) -> None:
    for kind, response in (await one_of_each(client, await meet("An"))).items():
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff", kind
        assert headers["Referrer-Policy"] == "same-origin", kind
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", kind
        assert headers["X-Frame-Options"] == "DENY", kind
        assert "Server" not in headers, kind
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        host = host_of(client)
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' blob: data:",
            "font-src": "'self'",
            "connect-src": f"'self' ws://{host} wss://{host}",
            "manifest-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }, kind


async def test_pages_are_kept_by_nobody_but_their_reader(client: Client) -> None:
    for path in ("/", "/login", "/nowhere"):
        headers = (await client.get(path)).headers
        assert headers["Cache-Control"] == "private, no-cache"
        assert {"Cookie", "HX-Request", "Accept-Language"} <= set(headers["Vary"].split(", "))


@pytest.mark.parametrize("host", ["evil.example;script-src *", "a b", "x'y", "*"])
async def test_a_strange_host_header_does_not_get_into_the_policy(client: Client, host: str) -> None:
    response = await client.get("/", headers={"Host": host})
    assert host not in response.headers.get("Content-Security-Policy", "")


async def test_a_socket_tells_no_version_either(meet: Meet) -> None:
    an = await meet("An")
    async with an.socket() as socket:
        assert "Server" not in socket._response.headers


# Where a request comes from


def multipart() -> FormData:
    form = FormData()
    form.add_field("username", "An", content_type="text/plain")
    return form


BODIES: dict[str, Callable[[], tuple[object, dict[str, str]]]] = {
    "form": lambda: ({"username": "An"}, {}),
    "text": lambda: ("username=An", {"Content-Type": "text/plain"}),
    "multipart": lambda: (multipart(), {}),
    "nothing": lambda: (None, {}),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "path", ["/login", "/register", "/logout", "/settings", "/language", "/rooms/general/messages"]
)
async def test_a_change_asked_for_by_another_site_is_refused_and_has_no_effect(
    meet: Meet, path: str, body: str
) -> None:
    an = await meet("An")
    data, headers = BODIES[body]()
    response = await an.post(path, data, headers={**headers, "Origin": "http://evil.example"}, allow_redirects=False)
    assert response.status == 403
    assert "Set-Cookie" not in response.headers
    assert await an.is_logged_in()


@pytest.mark.parametrize(
    ("origin", "fetched", "referer", "allowed"),
    [
        ("http://{host}", None, None, True),
        ("http://{host}", "same-origin", None, True),
        ("http://{host}", "none", None, True),
        ("https://{host}", None, None, True),  # TLS may have ended at a proxy
        ("HTTP://{host}", None, None, False),
        ("http://{host}", "cross-site", None, False),
        ("http://{host}", "same-site", None, False),
        ("http://{host}", "nonsense", None, False),
        ("null", None, None, False),
        ("null", "same-origin", None, False),
        ("", None, None, False),
        ("{host}", None, None, False),
        ("http://", None, None, False),
        ("http://{host}.evil.example", None, None, False),
        ("http://evil.example/{host}", None, None, False),
        ("http://evil.example#{host}", None, None, False),
        ("http://{host}@evil.example", None, None, False),
        ("http://evil@{host}", None, None, False),
        ("http://{name}:1", None, None, False),
        ("http://{name}", None, None, False),
        ("http://{name}:port", None, None, False),
        ("ftp://{host}", None, None, False),
        ("http://{host}", None, "http://evil.example/", True),  # Origin says enough
        (None, "same-origin", None, True),
        (None, "none", None, True),
        (None, "same-site", "http://{host}/login", False),
        (None, "cross-site", None, False),
        (None, None, "http://{host}/login", True),
        (None, None, "http://evil.example/{host}", False),
        (None, None, "http://{host}@evil.example/", False),
        (None, None, "{host}", False),
        (None, None, "http://[", False),
        (None, None, None, False),
    ],
)
async def test_a_form_must_come_from_our_own_page(
    client: Client, origin: str | None, fetched: str | None, referer: str | None, allowed: bool
) -> None:
    host = host_of(client)
    given = {"Origin": origin, "Sec-Fetch-Site": fetched, "Referer": referer}
    headers = {
        name: value.format(host=host, name=host.split(":")[0]) for name, value in given.items() if value is not None
    }
    response = await client.post("/language", data={"language": "vi"}, headers=headers, allow_redirects=False)
    assert response.status == (303 if allowed else 403)
    assert ("Set-Cookie" in response.headers) == allowed


async def test_looking_is_free_wherever_the_link_was(client: Client) -> None:
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/"}
    assert (await client.get("/login", headers=headers)).status == 200
    assert (await client.head("/login", headers=headers)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_that_changes_something_is_checked(client: Client, method: str) -> None:
    assert (await client.request(method, "/tell", headers={"Origin": "http://evil.example"})).status == 403
    assert (await client.request(method, "/tell")).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://chat.example.evil.com"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_socket_of_another_site_is_refused_before_it_opens(meet: Meet, headers: dict[str, str]) -> None:
    an = await meet("An")
    with pytest.raises(WSServerHandshakeError) as refused:
        await an.socket(headers=headers)
    assert refused.value.status == 403


async def test_a_socket_that_does_not_say_where_it_comes_from_is_refused_with_a_sentence(
    client: Client, meet: Meet
) -> None:
    an = await meet("An")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    for headers in ({}, {"Referer": f"{an.origin}/"}, {"Sec-Fetch-Site": "same-origin"}):
        response = await an.get("/ws", headers={**upgrade, **headers})
        assert response.status == 403
        assert response.content_type == "text/plain"
        assert (await response.text()).endswith(".")


async def test_a_socket_without_a_session_is_told_so_before_it_opens(client: Client) -> None:
    async with Person(client.server, "An") as stranger:
        with pytest.raises(WSServerHandshakeError) as refused:
            await stranger.socket()
        assert refused.value.status == 401


async def test_a_socket_of_our_own_page_opens(meet: Meet) -> None:
    an = await meet("An")
    async with an.socket(headers={"Sec-Fetch-Site": "same-origin"}) as socket:
        assert not socket.closed


@pytest.mark.parametrize(
    ("origin", "host", "secure", "same"),
    [
        ("https://chat.example", "chat.example", True, True),
        ("https://chat.example", "chat.example:443", True, True),
        ("http://chat.example", "chat.example:80", False, True),
        ("https://chat.example:443", "chat.example", True, True),
        ("https://chat.example", "CHAT.example", True, True),
        ("http://[::1]:8765", "[::1]:8765", False, True),
        ("http://chat.example", "chat.example", True, False),
        ("https://chat.example", "chat.example:80", True, False),
        ("http://chat.example:8765", "chat.example", False, False),
        ("http://chat.example", "", False, False),
        ("http://xn--ht-1ia18f.example", "xn--ht-1ia18f.example", False, True),
        ("http://may_tinh:9316", "may_tinh:9316", False, True),
        ("http://_may_tinh_", "MAY_TINH", False, False),
        ("http://may_tinh:9316", "may_tinh:9317", False, False),
        ("http://may_tinh", "may-tinh", False, False),
        ("http://chat.local.:9316", "chat.local.:9316", False, True),
        ("http://chat.local.", "chat.local", False, False),
        ("http://lan's-pc~1", "LAN'S-PC~1", False, True),
        ("https://[2001:db8::7]", "[2001:DB8::7]:443", True, True),
        ("http://[::1]:8765", "[::1]:8766", False, False),
        ("http://chat.example:", "chat.example", False, True),
        ("http://chat.example/", "chat.example", False, False),
        ("http://user@chat.example", "user@chat.example", False, False),
        ("http://chat.example", "chat.example#", False, False),
        ("http://ch%61t.example", "ch%61t.example", False, False),
        ("http://chat\\.example", "chat\\.example", False, False),
        ("null", "null", False, False),
        ("file://", "", False, False),
        ("http://a" + "\u0315\u0316" * 4000, "a" + "\u0315\u0316" * 4000, False, False),
    ],
)
def test_an_origin_is_the_same_when_scheme_host_and_port_are(origin: str, host: str, secure: bool, same: bool) -> None:
    assert origins.is_same_origin(origin, host, secure=secure) is same


async def test_over_https_a_plain_page_of_the_same_host_is_another_site(start: Start) -> None:
    client = await start(trusted_proxies=LOCAL)
    for scheme, status in (("http", 403), ("https", 303)):
        headers = {"Origin": f"{scheme}://{host_of(client)}", "X-Forwarded-Proto": "https"}
        response = await client.post("/language", data={"language": "vi"}, headers=headers, allow_redirects=False)
        assert response.status == status


# Proxies


async def test_forwarded_headers_of_a_stranger_mean_nothing(client: Client) -> None:
    found = await facts(client, {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"})
    assert (found["remote"], found["scheme"]) == ("127.0.0.1", "http")


@pytest.mark.parametrize(
    ("hops", "client_address"),
    [
        ([], "127.0.0.1"),
        (["192.0.2.1"], "192.0.2.1"),
        (["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        (["6.6.6.6", "192.0.2.1"], "192.0.2.1"),
        (["6.6.6.6, 192.0.2.1, 10.0.0.7"], "192.0.2.1"),
        (["10.0.0.7"], "10.0.0.7"),
        (["2001:db8::1"], "2001:db8::1"),
        (["6.6.6.6, <script>"], "127.0.0.1"),
        (["6.6.6.6, , 10.0.0.7"], "10.0.0.7"),
        ([""], "127.0.0.1"),
        (["6.6.6.6, 198.51.100.7:50123", "[2001:db8::7]:443"], "2001:db8::7"),
        (["6.6.6.6", *["1," * 4000] * 100, "198.51.100.7:50123"], "198.51.100.7"),
        (["6.6.6.6", *["10.0.0.7" + ",10.0.0.7" * 800] * 100, "10.0.0.8"], "10.0.0.7"),
    ],
)
async def test_a_trusted_proxy_tells_who_asks_and_the_rightmost_stranger_counts(
    start: Start, hops: list[str], client_address: str
) -> None:
    client = await start(add_routes, trusted_proxies=LOCAL)
    headers = CIMultiDict([("X-Forwarded-For", hop) for hop in hops])
    assert (await facts(client, headers))["remote"] == client_address


@pytest.mark.parametrize(
    ("hops", "client_address"),
    [
        (["198.51.100.7:50123"], "198.51.100.7"),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (['"[2001:db8::7]:443"'], "2001:db8::7"),
        (['  "198.51.100.7:50123"\t'], "198.51.100.7"),
        (["2001:DB8:0:0::7"], "2001:db8::7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["[::ffff:198.51.100.7]:443"], "198.51.100.7"),
        (["fe80::1%eth0"], "fe80::1"),
        (["6.6.6.6:1, 198.51.100.7:2, 10.0.0.7:3"], "198.51.100.7"),
        (["6.6.6.6, unknown"], "127.0.0.1"),
        (["6.6.6.6, _hidden"], "127.0.0.1"),
        (["6.6.6.6, 198.51.100.7:x"], "127.0.0.1"),
        (["6.6.6.6, 198.51.100.7:123456"], "127.0.0.1"),
        (["6.6.6.6, 198.51.100.7:1:2"], "127.0.0.1"),
        (["6.6.6.6, [198.51.100.7"], "127.0.0.1"),
        (["6.6.6.6, 2001:db8::7]:443"], "127.0.0.1"),
        (["6.6.6.6, 198.51.100.999"], "127.0.0.1"),
        (["6.6.6.6, 198.51.100"], "127.0.0.1"),
        (["6.6.6.6, 0x7f.1"], "127.0.0.1"),
        (["6.6.6.6, 198.51.100.07"], "127.0.0.1"),
        (["6.6.6.6, \u0661.2.3.4"], "127.0.0.1"),
    ],
)
def test_an_address_is_found_with_a_port_too_and_junk_is_nobodys(hops: list[str], client_address: str) -> None:
    said = [hop.strip() for line in hops for hop in line.split(",")]
    assert origins.client_address("127.0.0.1", said, LOCAL) == client_address


async def test_people_behind_a_proxy_that_adds_ports_have_limits_of_their_own(start: Start) -> None:
    client = await start(trusted_proxies=LOCAL, address_tries=3)

    async def log_in(hop: str) -> int:
        async with Person(client.server, "An") as an:
            form = {"username": "An", "password": "wrong"}
            return (await an.post("/login", form, headers={"X-Forwarded-For": hop})).status

    tries = [await log_in(f"198.51.100.7:{port}") for port in range(50_123, 50_128)]
    assert tries == [422, 422, 422, 429, 429], "a port is no other client"
    assert await log_in("198.51.100.9:50123") == 422
    assert await log_in("[2001:db8::7]:443") == 422


@pytest.mark.parametrize("host", ["may_tinh:9316", "May_Tinh", "may.tinh.", "lan's~pc:80", "[2001:db8::7]:9316"])
async def test_forms_and_sockets_work_under_whatever_name_a_browser_can_ask_for(client: Client, host: str) -> None:
    async with Person(client.server, "An") as an:
        an.origin = f"http://{host.lower()}"
        named = {"Host": host}
        form = {"username": "An", "password": an.password}
        assert (await an.post("/register", form, headers=named, allow_redirects=False)).status == 303
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        asked = {**named, **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": an.origin}
        async with client.session.get(client.make_url("/ws"), headers=asked) as response:
            assert response.status == 401, "it is let in as far as a stranger comes"


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        ("https", "https"),
        ("http", "http"),
        ("http, https", "https"),
        ("javascript", "http"),
        ("", "http"),
        ("HTTPS", "http"),
    ],
)
async def test_a_trusted_proxy_tells_the_scheme(start: Start, said: str, scheme: str) -> None:
    client = await start(add_routes, trusted_proxies=LOCAL)
    assert (await facts(client, {"X-Forwarded-Proto": said}))["scheme"] == scheme


async def test_a_socket_opens_through_a_trusted_proxy_and_ends_with_its_session(start: Start) -> None:
    client = await start(trusted_proxies=LOCAL)
    async with Person(client.server, "An") as an:
        await an.register()
        headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
        async with an.socket(headers=headers) as socket:
            await an.log_out()
            while (await socket.receive(timeout=5)).type is WSMsgType.TEXT:
                pass
            assert socket.close_code == Close.SIGNED_OUT


def test_an_ipv4_proxy_seen_through_an_ipv6_socket_is_the_same_proxy() -> None:
    assert origins.client_address("::ffff:10.0.0.1", ["192.0.2.1"], LOCAL) == "192.0.2.1"
    assert origins.client_address("::ffff:10.0.0.1", ["192.0.2.1", "::ffff:10.0.0.2"], LOCAL) == "192.0.2.1"


# Below a path


async def test_everything_works_below_a_path(start: Start) -> None:
    client = await start(add_routes, base_path="/chat")
    async with Person(client.server, "An") as an:
        form = {"username": "An", "password": an.password}
        response = await an.post("/chat/register", {**form, "next": "/chat/settings"}, allow_redirects=False)
        assert response.headers["Location"] == "/chat/settings"
        assert (await an.get("/chat/settings")).status == 200
        assert (await an.get("/chat/", allow_redirects=False)).headers["Location"] == "/chat/rooms/general"
        assert (await an.post("/chat/logout", allow_redirects=False)).headers["Location"] == "/chat/?logged-out=1"
        response = await an.get("/chat/settings", allow_redirects=False)
        assert response.headers["Location"] == "/chat/login?next=/chat/settings"
        response = await an.post("/chat/login", {**form, "next": "/outside"}, allow_redirects=False)
        assert response.headers["Location"] == "/chat/"
        assert (await an.get("/settings")).status == 404


@pytest.mark.parametrize(
    ("address", "base", "expected"),
    [
        ("/", "", "/"),
        ("/rooms/tech", "", "/rooms/tech"),
        ("/rooms/tech?before=1&x=%26#m-1", "", "/rooms/tech?before=1&x=%26#m-1"),
        ("/direct/Trần Bình", "", "/direct/Tr%E1%BA%A7n%20B%C3%ACnh"),
        ("/direct/100%25", "", "/direct/100%25"),
        ("/chat/rooms", "/chat", "/chat/rooms"),
        ("/chat", "/chat", "/chat"),
        ("/a?next=//evil.example", "", "/a?next=//evil.example"),
        ("/chatter", "/chat", None),
        ("/rooms", "/chat", None),
        ("/chat/../rooms", "/chat", None),
        ("/chat/%2e%2E/rooms", "/chat", None),
        ("/chat/.%2e/rooms", "/chat", None),
        (None, "", None),
        ("", "", None),
        ("rooms", "", None),
        ("//evil.example", "", None),
        ("///evil.example", "", None),
        ("/\\evil.example", "", None),
        ("\\\\evil.example", "", None),
        ("/\t/evil.example", "", None),
        ("/\n/evil.example", "", None),
        ("/rooms\r\nSet-Cookie: a=b", "", None),
        ("/\x00", "", None),
        ("/\x7f", "", None),
        (" //evil.example", "", None),
        ("https://evil.example", "", None),
        ("https:evil.example", "", None),
        ("javascript:alert(1)", "", None),
        ("/" + "x" * 2000, "", None),
    ],
)
def test_only_addresses_of_this_site_are_gone_on_to(address: str | None, base: str, expected: str | None) -> None:
    assert safe(address, base) == expected


# Who must log in first


@pytest.mark.parametrize("path", ["/settings", "/rooms", "/rooms/general", "/people", "/direct/An"])
async def test_a_stranger_is_sent_to_the_log_in(client: Client, path: str) -> None:
    response = await client.get(path, headers={"Sec-Fetch-Dest": "document"}, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == f"/login?next={path}"


@pytest.mark.parametrize(
    "headers", [{"Accept": "application/json"}, {"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "empty"}]
)
async def test_a_program_or_a_picture_is_not_sent_to_a_page(client: Client, headers: dict[str, str]) -> None:
    response = await client.get("/rooms/general", headers=headers, allow_redirects=False)
    assert response.status == 401


async def test_a_part_of_a_page_sends_the_whole_page_to_the_log_in_and_back(client: Client) -> None:
    headers = {"HX-Request": "true", "Sec-Fetch-Dest": "empty", "HX-Current-URL": str(client.make_url("/rooms/tech"))}
    response = await client.get("/rooms/tech/messages?before=1", headers=headers, allow_redirects=False)
    assert response.status == 401
    assert response.headers["HX-Redirect"] == "/login?next=/rooms/tech"


async def test_a_form_sent_without_a_session_leads_back_to_its_page(client: Client) -> None:
    origin = str(client.make_url("/")).rstrip("/")
    headers = {"Origin": origin, "Referer": f"{origin}/rooms/tech"}
    response = await client.post("/rooms/tech/messages", headers=headers, allow_redirects=False)
    assert response.headers["Location"] == "/login?next=/rooms/tech"
    headers["Referer"] = "http://evil.example/"
    response = await client.post("/rooms/tech/messages", headers=headers, allow_redirects=False)
    assert response.headers["Location"] == "/login"


# Language and zone


@pytest.mark.parametrize(
    ("accepted", "cookie", "expected"),
    [
        (None, None, "vi"),  # what the operator chose
        ("fr", None, "vi"),
        ("en-US,en;q=0.9", None, "en"),
        ("vi-VN,vi;q=0.9,en;q=0.8", None, "vi"),
        ("vi", "en", "en"),
        ("en", "vi", "vi"),
        ("en", "xx", "en"),
        ("xx;q=;;,,;q=9,", "", "vi"),
    ],
)
async def test_the_language_is_the_cookies_then_the_browsers_then_the_operators(
    start: Start, accepted: str | None, cookie: str | None, expected: str
) -> None:
    client = await start(add_routes, language="vi")
    headers = {"Accept-Language": accepted} if accepted else {}
    if cookie is not None:
        headers["Cookie"] = f"language={cookie}"
    assert (await facts(client, headers))["language"] == expected


async def test_a_persons_own_choice_goes_above_browser_and_cookie(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await client.app[keys.store].accounts.set_language(1, "vi")
    headers = {"Accept-Language": "en"}
    for person, expected in ((an, "vi"), (binh, "en"), (an, "vi")):
        assert (await (await person.get("/tell", headers=headers)).json())["language"] == expected


async def test_readers_at_the_same_moment_each_keep_their_language(client: Client) -> None:
    async def language(wanted: str) -> str:
        return (await facts(client, {"Accept-Language": wanted}))["language"]

    wanted = ["vi", "en"] * 20
    assert await asyncio.gather(*(language(each) for each in wanted)) == wanted


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("Asia/Ho_Chi_Minh", "Asia/Ho_Chi_Minh"),
        ("Asia%2FHo_Chi_Minh", "Asia/Ho_Chi_Minh"),
        ("UTC", "UTC"),
        ("", "UTC"),
        ("Mars/Olympus", "UTC"),
        ("America", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("/etc/localtime", "UTC"),
        ("%00", "UTC"),
        ("\udcff", "UTC"),
        ("x" * 4000, "UTC"),
    ],
)
async def test_the_zone_is_the_browsers_if_there_is_such_a_zone(client: Client, cookie: str, expected: str) -> None:
    assert (await facts(client, {"Cookie": f"zone={cookie}"}))["zone"] == expected


# The log


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, object]]]:
    caplog.set_level(logging.INFO, "chatapp.access")
    return lambda: [record.__dict__ for record in caplog.records if record.name == "chatapp.access"]


async def test_each_request_is_one_line_without_its_query(
    client: Client, lines: Callable[[], list[dict[str, object]]]
) -> None:
    response = await client.get("/nowhere/a b?token=secret")
    [line] = lines()
    assert (line["method"], line["path"], line["status"]) == ("GET", "/nowhere/a%20b", 404)
    assert line["request"] == response.headers["X-Request-Id"]
    assert isinstance(line["ms"], float)
    assert "secret" not in json.dumps(line, default=str)


async def test_a_path_cannot_forge_a_line(client: Client, lines: Callable[[], list[dict[str, object]]]) -> None:
    await client.get("/a%0A2026-11-22 ERROR chatapp: forged")
    [line] = lines()
    assert "\n" not in str(line["path"])


async def test_probes_leave_no_line(client: Client, lines: Callable[[], list[dict[str, object]]]) -> None:
    await client.get("/healthz")
    await client.get("/readyz")
    assert lines() == []


async def test_neither_password_nor_cookie_is_ever_logged(
    client: Client, meet: Meet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    an = await meet("An")
    await an.log_out()
    await an.log_in(password="a wrong password")
    await an.log_in()
    assert an.cookie
    for record in caplog.records:
        line = json.dumps(record.__dict__, default=str, ensure_ascii=False)
        if record.name.startswith("chatapp"):
            assert an.password not in line
            assert "a wrong password" not in line
            assert an.cookie not in line


async def test_two_requests_have_two_numbers(client: Client) -> None:
    first, second = await facts(client), await facts(client)
    assert first["id"] != second["id"]
    assert re.fullmatch(r"[0-9a-f]{12}", first["id"])


# Raw requests


@pytest.mark.parametrize(
    "request_head",
    [
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: " + "x" * 9000 + "\r\n\r\n",
    ],
)
async def test_a_request_that_two_servers_could_read_differently_is_refused(client: Client, request_head: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request_head.encode())
    async with asyncio.timeout(5):
        answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.")
    assert answer.split()[1] == b"400"


async def test_a_request_without_a_host_is_no_crash(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b" 500 " not in answer
