"""How browsers reach the server: HTTPS, its certificate and cookies, the one public address, and keys that change."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ipaddress
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, TCPConnector, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient
from cryptography.fernet import Fernet

from chatapp.settings import Settings
from people import PASSWORD, Person

ROOT = Path(__file__).resolve().parents[2]
LOCAL = (ipaddress.ip_network("127.0.0.1"),)
PUBLIC = "https://chat.example.org"
YEAR = "max-age=31536000"
HSTS = "Strict-Transport-Security"

Client = TestClient[web.Request, web.Application]
Start = Callable[..., Awaitable[Client]]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATAPP_")}
    return kept | {"PYTHONPATH": str(ROOT), "CHATAPP_PASSWORD_COST": "cheapest", "PYTHONIOENCODING": "utf-8"}


def run(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chatapp", *argv],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


class Running:
    """A server in a process of its own, and what it has said."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self.database = folder / "chat.db"
        self._log = folder / "server.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "chatapp", "--host", "127.0.0.1", "--port", "0", *argv],
                cwd=folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl+C" in line:
                break
        self.banner = "".join(lines)
        assert lines, self.log

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    @property
    def port(self) -> int:
        """Return the port that the banner names."""
        found = re.search(r"https?://localhost:(\d+)", self.banner)
        assert found, self.banner
        return int(found[1])

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def trust(self, certificate: Path) -> ssl.SSLContext:
        """Return what a browser knows once somebody has told it to go on."""
        return ssl.create_default_context(cafile=str(certificate))

    def browser(self) -> ClientSession:
        context = self.trust(self.database.with_name("chat.db.tls.pem"))
        return ClientSession(
            self.origin, connector=TCPConnector(ssl=context), cookie_jar=CookieJar(), headers={"Origin": self.origin}
        )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def running(folder: Path, *argv: str) -> Iterator[Running]:
    server = Running(folder, *argv)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a certificate of its own, for all tests of this file."""
    with running(tmp_path_factory.mktemp("https"), "--tls", "self-signed") as server:
        yield server
        assert server.stop() == 0
        for word in ("Traceback", "ERROR", "exception"):
            assert word not in server.log


def session_cookie(response: ClientResponse) -> Morsel[str]:
    [line] = [line for line in response.headers.getall("Set-Cookie") if "chatapp=" in line]
    [cookie] = SimpleCookie(line).values()
    return cookie


async def enter(browser: ClientSession, name: str, path: str = "/register") -> ClientResponse:
    form = {"username": name, "password": PASSWORD}
    return await browser.post(path, data=form, allow_redirects=False)


# HTTPS of the server itself


async def test_the_banner_shows_https_and_the_fingerprint_that_browsers_see(https: Running) -> None:
    seen = ssl.DER_cert_to_PEM_cert(_peer_certificate(https.port))
    printed = hashlib.sha256(ssl.PEM_cert_to_DER_cert(seen)).hexdigest().upper()
    assert ":".join(re.findall("..", printed)) in https.banner
    assert "http://" not in https.banner
    assert "warn" in https.banner


def _peer_certificate(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as wrapped:
        found = wrapped.getpeercert(binary_form=True)
        assert found
        return found


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_a_browser_that_knows_the_certificate_finds_the_right_name_in_it(https: Running, name: str) -> None:
    async with https.browser() as browser:
        response = await browser.get(f"https://{name}:{https.port}/")
        assert response.status == 200
        assert HSTS not in response.headers, "browsers that remember it let nobody past the warning"
        assert "Cross-Origin-Opener-Policy" in response.headers


async def test_the_policy_lets_a_page_open_its_encrypted_socket_only(https: Running) -> None:
    async with https.browser() as browser:
        policy = (await browser.get("/")).headers["Content-Security-Policy"]
    assert f"connect-src 'self' wss://localhost:{https.port};" in policy


async def test_the_cookie_is_for_https_and_this_host_only_at_log_in_and_at_log_out(https: Running) -> None:
    async with https.browser() as browser:
        given = [session_cookie(await enter(browser, "An"))]
        response = await browser.post("/logout", allow_redirects=False)
        taken = session_cookie(response)
        given.append(session_cookie(await enter(browser, "An", "/login")))
    for cookie in (*given, taken):
        assert cookie.key == "__Host-chatapp"
        assert cookie["secure"] is cookie["httponly"] is True
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert (taken.value, taken["max-age"]) == ("", "0")


async def test_a_plain_cookie_of_a_network_in_between_is_nobodys(https: Running) -> None:
    async with https.browser() as browser:
        cookie = session_cookie(await enter(browser, "Bình"))
        browser.cookie_jar.clear()
        for name, status in (("chatapp", 303), ("__Host-chatapp", 200)):
            headers = {"Cookie": f"{name}={cookie.value}"}
            assert (await browser.get("/settings", headers=headers, allow_redirects=False)).status == status


async def test_messages_go_through_the_encrypted_socket(https: Running) -> None:
    async with https.browser() as browser:
        await enter(browser, "Cúc")
        async with browser.ws_connect("/ws") as tab:
            await tab.send_json({"type": "join", "room": "general", "since": 0, "epoch": ""})
            await tab.send_json({"type": "message", "content": "xin chào", "key": "k" * 22})
            heard = ""
            while "saved" not in heard:
                heard = await tab.receive_str(timeout=10)
        assert "xin chào" in await (await browser.get("/rooms/general")).text()


@pytest.mark.parametrize("origin", ["http://localhost:{port}", "https://evil.example", "null", "https://localhost"])
async def test_another_site_opens_no_encrypted_socket_and_sends_no_form(https: Running, origin: str) -> None:
    async with https.browser() as browser:
        await enter(browser, "Dũng")
        await enter(browser, "Dũng", "/login")
        headers = {"Origin": origin.format(port=https.port)}
        with pytest.raises(WSServerHandshakeError) as refused:
            await browser.ws_connect("/ws", headers=headers)
        assert refused.value.status == 403
        assert (await browser.post("/logout", headers=headers, allow_redirects=False)).status == 403


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused_and_new_ones_spoken(https: Running) -> None:
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")  # or this end would already refuse to speak it
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", https.port)) as plain:
            if version < ssl.TLSVersion.TLSv1_2:
                with pytest.raises(OSError, match=r"EOF|ALERT|reset"):
                    context.wrap_socket(plain)
            else:
                with context.wrap_socket(plain) as wrapped:
                    assert (wrapped.version() or "").replace(".", "_") == version.name


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 99]
)
def test_who_speaks_no_tls_gets_no_page_and_leaves_nothing_in_the_log(https: Running, sent: bytes) -> None:
    before = https.log
    with socket.create_connection(("127.0.0.1", https.port), timeout=10) as plain:
        plain.sendall(sent)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := plain.recv(4096):
                answer += part
    assert b"HTTP/1" not in answer
    assert b"<" not in answer
    assert https.log == before


async def test_a_log_out_lets_the_browser_forget_what_it_kept_unless_that_would_take_seconds(https: Running) -> None:
    async with https.browser() as browser:
        await enter(browser, "Em")
        for headers, cleared in (({}, '"cache"'), ({"Sec-CH-UA": '"Chromium";v="140"'}, None)):
            await enter(browser, "Em", "/login")
            response = await browser.post("/logout", headers=headers, allow_redirects=False)
            assert response.headers.get("Clear-Site-Data") == cleared
        assert "Clear-Site-Data" not in (await browser.get("/login")).headers


def test_a_restart_keeps_the_certificate_that_people_have_accepted(tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        with running(tmp_path, "--tls", "self-signed") as server:
            seen.add(_peer_certificate(server.port))
    assert len(seen) == 1
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("chat.db*")} == {0}


async def test_a_given_certificate_is_served_and_browsers_may_remember_https(tmp_path: Path) -> None:
    with running(tmp_path, "--tls", "self-signed") as server:
        pass
    given = server.database.with_name("chat.db.tls.pem").rename(tmp_path / "given.pem")
    with running(tmp_path, "--tls-cert", "given.pem", "--tls-key", "given.pem") as server:
        assert "fingerprint" not in server.banner
        connector = TCPConnector(ssl=server.trust(given))
        async with ClientSession(server.origin, connector=connector) as browser:
            for path, status in (("/", 200), ("/nowhere", 404), ("/settings", 303), ("/healthz", 200)):
                response = await browser.get(path, allow_redirects=False)
                assert (response.status, response.headers[HSTS]) == (status, YEAR)


def test_a_certificate_that_cannot_be_used_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    answer = run("--port", "0", "--tls-cert", "no.pem", "--tls-key", "no.key", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "chatapp: Cannot read no.pem: No such file or directory.\n"


# HTTPS of a proxy, and none


@pytest.mark.parametrize(
    ("changes", "headers", "promised"),
    [
        ({}, {}, None),
        ({"trusted_proxies": LOCAL}, {"X-Forwarded-Proto": "https"}, None),
        ({"trusted_proxies": LOCAL, "public_url": PUBLIC}, {"X-Forwarded-Proto": "https"}, YEAR),
        ({"trusted_proxies": LOCAL, "public_url": "http://chat.example.org"}, {"X-Forwarded-Proto": "https"}, None),
    ],
)
async def test_browsers_are_told_to_remember_https_only_where_it_is_certain(
    start: Start, changes: dict[str, Any], headers: dict[str, str], promised: str | None
) -> None:
    client = await start(**changes)
    for path in ("/", "/nowhere", "/healthz"):
        response = await client.get(path, headers={**headers, "Host": "chat.example.org"})
        assert response.headers.get(HSTS) == promised


async def test_behind_a_proxy_with_https_pages_are_as_strict_as_with_https_of_the_server(start: Start) -> None:
    client = await start(trusted_proxies=LOCAL)
    headers = (await asked(client, "chat.example.org", "/", **{"X-Forwarded-Proto": "https"})).headers
    assert "connect-src 'self' wss://chat.example.org;" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_over_plain_http_nothing_is_said_that_only_https_may_say(start: Start) -> None:
    client = await start()
    async with Person(client.server, "An") as an:
        assert session_cookie(await an.register()).key == "chatapp"
        response = await an.log_out()
    assert session_cookie(response)["secure"] == ""
    assert "Clear-Site-Data" not in response.headers


# The public address


async def asked(client: Client, host: str, path: str = "/login", **headers: str) -> ClientResponse:
    return await client.get(path, headers={"Host": host, **headers}, allow_redirects=False)


@pytest.mark.parametrize(
    ("url", "host", "right"),
    [
        (PUBLIC, "chat.example.org", True),
        (PUBLIC, "chat.example.org:443", True),
        (PUBLIC, "CHAT.example.org", True),
        (PUBLIC, "chat.example.org:80", False),
        (PUBLIC, "chat.example.org:8765", False),
        (PUBLIC, "evil.example", False),
        (PUBLIC, "chat.example.org.evil.example", False),
        (PUBLIC, "evil@chat.example.org", False),
        (PUBLIC, "127.0.0.1", False),
        (PUBLIC, "", False),
        ("http://192.168.1.20:8765", "192.168.1.20:8765", True),
        ("http://192.168.1.20:8765", "192.168.1.20", False),
        ("http://[fd00::1]:8765", "[fd00::1]:8765", True),
        ("", "evil.example", True),
        ("", "anything:1", True),
    ],
)
async def test_only_the_public_address_is_answered_if_there_is_one(
    start: Start, url: str, host: str, right: bool
) -> None:
    client = await start(public_url=url)
    assert (await asked(client, host)).status == (200 if right else 421)
    for path in ("/healthz", "/readyz"):
        assert (await asked(client, host, path)).status == 200


async def test_another_address_gets_a_sentence_that_tells_the_right_one(start: Start) -> None:
    client = await start(public_url=f"{PUBLIC}/chat", base_path="/chat")
    response = await asked(client, "evil.example", "/chat/rooms/general")
    page = await response.text()
    assert response.status == 421
    assert "This chat is found at https://chat.example.org/chat only." in page
    assert 'href="https://chat.example.org/chat/"' in page
    [style] = re.findall(r'rel="stylesheet" href="([^"]+)"', page)[:1]
    assert (await asked(client, "evil.example", style)).status == 200, "or the sentence would look broken"
    program = await asked(client, "evil.example", "/chat/ws", Upgrade="websocket", Connection="Upgrade")
    assert (program.status, program.content_type) == (421, "text/plain")


@pytest.mark.parametrize(
    ("origin", "right"),
    [
        (PUBLIC, True),
        ("http://chat.example.org", False),
        ("https://chat.example.org:443", False),  # no browser writes it so
        ("https://chat.example.org:8443", False),
        ("https://www.chat.example.org", False),
        ("null", False),
    ],
)
async def test_forms_and_sockets_come_from_the_public_address_exactly(start: Start, origin: str, right: bool) -> None:
    client = await start(public_url=PUBLIC)
    headers = {"Host": "chat.example.org", "Origin": origin}
    form = {"username": "An", "password": PASSWORD}
    response = await client.post("/register", data=form, headers=headers, allow_redirects=False)
    assert response.status == (303 if right else 403)
    referred = {"Host": "chat.example.org", "Referer": f"{origin}/login"}
    response = await client.post("/language", data={"language": "vi"}, headers=referred, allow_redirects=False)
    assert response.status == (303 if right else 403)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    assert (await client.get("/ws", headers={**headers, **upgrade})).status == (401 if right else 403)


@pytest.mark.parametrize(("base", "name"), [("", "__Host-chatapp"), ("/chat", "__Secure-chatapp")])
async def test_a_public_address_with_https_makes_cookies_for_https_only(start: Start, base: str, name: str) -> None:
    client = await start(public_url=PUBLIC + base, base_path=base)
    headers = {"Host": "chat.example.org", "Origin": PUBLIC}
    form = {"username": "An", "password": PASSWORD}
    response = await client.post(f"{base}/register", data=form, headers=headers, allow_redirects=False)
    cookie = session_cookie(response)
    assert (cookie.key, cookie["secure"], cookie["path"]) == (name, True, base or "/")
    assert response.headers[HSTS] == YEAR


# Keys of the cookies


async def registered(client: Client) -> str:
    async with Person(client.server, "An") as an:
        await an.register()
        assert an.cookie
        return an.cookie


async def visit(client: Client, cookie: str, path: str = "/settings") -> ClientResponse:
    return await client.get(path, headers={"Cookie": f"chatapp={cookie}"}, allow_redirects=False)


async def test_a_cookie_of_an_older_key_stays_good_and_comes_back_under_the_newest(start: Start) -> None:
    old, new = (Fernet.generate_key() for _ in range(2))
    first = await start(secret_keys=(old,))
    cookie = await registered(first)
    Fernet(old).decrypt(cookie)
    await first.close()
    second = await start(secret_keys=(new, old))
    response = await visit(second, cookie)
    assert response.status == 200
    again = session_cookie(response)
    Fernet(new).decrypt(again.value)
    assert (again["httponly"], again["samesite"], again["path"]) == (True, "Lax", "/")
    assert again["max-age"] == str(90 * 86_400)
    assert "Set-Cookie" not in (await visit(second, again.value)).headers
    await second.close()
    third = await start(secret_keys=(new,))
    assert (await visit(third, again.value)).status == 200
    assert (await visit(third, cookie)).status == 303


async def test_keys_may_move_from_the_database_to_the_environment(start: Start) -> None:
    first = await start()
    cookie = await registered(first)
    await first.close()
    key = Fernet.generate_key()
    response = await visit(await start(secret_keys=(key,)), cookie)
    assert response.status == 200
    Fernet(key).decrypt(session_cookie(response).value)


async def test_logging_out_with_a_cookie_of_an_older_key_ends_it(start: Start) -> None:
    first = await start()
    cookie = await registered(first)
    await first.close()
    client = await start(secret_keys=(Fernet.generate_key(),))
    headers = {"Cookie": f"chatapp={cookie}", "Origin": str(client.make_url("/")).rstrip("/")}
    response = await client.post("/logout", headers=headers, allow_redirects=False)
    assert session_cookie(response).value == ""
    assert (await visit(client, cookie)).status == 303


def rotate(settings: Settings) -> str:
    """Exchange the key of a database that no server uses; return what the command says."""
    answer = run("rotate-key", "--database", str(settings.database), cwd=settings.database.parent)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


async def test_the_command_exchanges_the_key_and_nobody_has_to_log_in_again(start: Start, settings: Settings) -> None:
    first = await start()
    cookie = await registered(first)
    answer = run("rotate-key", "--database", str(settings.database), cwd=settings.database.parent)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "Another chatapp is already using" in answer.stderr
    await first.close()
    assert "nobody has to log in again" in rotate(settings)
    second = await start()
    response = await visit(second, cookie)
    assert response.status == 200
    again = session_cookie(response).value
    await second.close()
    rotate(settings)
    third = await start()
    assert (await visit(third, cookie)).status == 303, "its key was the one before the last"
    assert (await visit(third, again)).status == 200


async def test_a_key_that_was_lost_is_replaced_by_the_command(start: Start, settings: Settings) -> None:
    await (await start()).close()
    with contextlib.closing(sqlite3.connect(settings.database)) as database, database:
        database.execute("DELETE FROM meta WHERE name = 'cookie_key'")
    rotate(settings)
    assert await registered(await start())


def test_no_key_is_exchanged_where_there_is_no_database(tmp_path: Path) -> None:
    answer = run("rotate-key", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "chatapp: There is no database at chat.db.\n"
    assert not list(tmp_path.iterdir())


def test_a_key_made_with_openssl_is_taken() -> None:
    raw = b"\xfb\xff" * 16
    standard, other = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw)
    assert Settings.read([], {"CHATAPP_SECRET_KEY": f"{standard}, {other.decode()}"}).secret_keys == (other, other)
