"""Behind nginx and behind Caddy, configured with the lines of the README."""

from __future__ import annotations

import asyncio
import io
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from PIL import Image

from fault.address import Address
from fault.figures import amount
from fault.page import PASSWORD
from fault.people import People
from fault.proxies import PROXIES, Nginx, Proxy

ROUNDS = amount("PROXY_ROUNDS", 5)
BEAT = amount("IDLE_BEAT_MS", 1000) / 1000
IDLE = amount("IDLE_SECONDS", 6)
SILENCE = amount("IDLE_TIMEOUT", 3)  # seconds after which nginx gives a silent server up; 60 is its own default
BACK = 5.0  # seconds until everybody is back after a reload
TRUSTING = {"CHATAPP_TRUSTED_PROXY": "127.0.0.1"}
STRANGER, NEIGHBOUR = "127.0.0.3", "127.0.0.4"
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}

both = pytest.mark.parametrize("kind", PROXIES)


@pytest.fixture
async def behind(start, tmp_path) -> AsyncIterator[Any]:
    """Start a server and a proxy in front of it: ``proxy = await behind(Nginx, environment)``."""
    proxies: list[Proxy] = []

    async def behind(kind: type[Proxy], environment: dict[str, str], **options: str) -> Proxy:
        server = await start(environment=environment)
        folder = tmp_path / f"proxy{len(proxies)}"
        folder.mkdir()
        proxies.append(kind(server, folder, environment.get("CHATAPP_BASE_PATH", ""), **options))
        await proxies[-1].start()
        return proxies[-1]

    yield behind
    for proxy in proxies:
        await proxy.stop()


@asynccontextmanager
async def browsing(address: Address, source: str = "127.0.0.1", **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a browser that follows no redirects by itself."""
    async with aiohttp.ClientSession(
        address.url, connector=address.connector(source), headers={"Origin": address.url} | headers
    ) as browser:
        yield browser


def ask(browser: aiohttp.ClientSession, path: str, form: dict[str, str] | aiohttp.FormData | None = None) -> Any:
    """Get a page, or post a form."""
    return browser.request("POST" if form else "GET", path, data=form, allow_redirects=False)


async def register(browser: aiohttp.ClientSession, base: str = "") -> aiohttp.ClientResponse:
    """Make an account. Return the answer."""
    form = {"username": f"p{secrets.token_hex(4)}", "password": PASSWORD}
    async with ask(browser, f"{base}/register", form) as answer:
        assert answer.status == 303
        return answer


def outages(people: People, since: float) -> Iterator[float]:
    """Yield how many seconds each lost connection took to be replaced and up to date."""
    for page in people.pages:
        down = None
        for event in page.log.events:
            if event.kind == "down" and event.at >= since:
                down = down or event.at
            elif event.kind == "ready" and down:
                yield event.at - down
                down = None


@both
@pytest.mark.timeout(120 + 10 * ROUNDS)
async def test_nothing_is_lost_when_the_proxy_is_restarted_and_reloaded(behind, gather, figures, kind):
    proxy = await behind(kind, TRUSTING)
    people = await gather(proxy.address)
    slowest, cut = {}, {}
    async with people.chatting(rate=5):
        for what in ("restart", "reload"):
            began, before = time.monotonic(), people.total("down")
            for number in range(1, ROUNDS + 1):
                await getattr(proxy, what)()
                if what == "restart":
                    least = before + number * len(people.pages)
                    await people.wait(lambda least=least: people.total("down") >= least)
                invoked = people.total("invoke")
                await people.wait(lambda invoked=invoked: people.total("invoke") >= invoked + 30)
                await people.wait(lambda: people.live == len(people.pages))
            slowest[what], cut[what] = max(outages(people, began), default=0.0), people.total("down") - before
    verdict = await people.verdict()
    figures(rounds=ROUNDS, restart_back_after_s=slowest["restart"], reload_back_after_s=slowest["reload"])
    figures(cut_by_restarts=cut["restart"], cut_by_reloads=cut["reload"])
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert slowest["reload"] <= BACK
    if kind is Nginx:
        assert cut["reload"] == 0, "its old workers go on until the last of their connections has ended"


@both
@pytest.mark.timeout(60 + 3 * IDLE)
async def test_an_idle_socket_outlives_the_patience_of_the_proxy(behind, figures, kind):
    # nginx gives up after 60 seconds by itself: no line of the README is needed for that.
    options = {"silence": f"proxy_read_timeout {SILENCE}s;" if SILENCE != 60 else ""} if kind is Nginx else {}
    proxy = await behind(kind, TRUSTING | {"CHATAPP_BEAT_SECONDS": str(BEAT)}, **options)
    async with browsing(proxy.address) as browser:
        await register(browser)
        async with browser.ws_connect("/ws?room=general&epoch=x") as ws:
            began, heard = time.monotonic(), []
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE):
                    async for message in ws:
                        heard.append(message.data)
            seconds, beats = time.monotonic() - began, heard.count('{"type":"beat"}')
            figures(idle_s=seconds, beats=beats)
            assert seconds >= IDLE, "it was closed"
    assert beats >= IDLE // BEAT - 1


@both
async def test_everything_works_below_a_path(behind, kind):
    proxy = await behind(kind, TRUSTING | {"CHATAPP_BASE_PATH": "/chat"})
    async with browsing(proxy.address) as browser:
        async with ask(browser, "/chat") as answer:
            assert answer.status in {301, 302, 303, 308}
            assert answer.headers["Location"].removeprefix(proxy.address.url) == "/chat/"
        async with ask(browser, "/chat/") as answer:
            assert answer.status == 200
        async with ask(browser, "/chat/rooms/general") as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/chat/login?next=/chat/rooms/general")

        cookie = (await register(browser, "/chat")).cookies["__Secure-chatapp"]
        assert (cookie["path"], cookie["secure"]) == ("/chat", True)

        async with ask(browser, "/chat/rooms/general") as answer:
            page = await answer.text()
        files = re.findall(r'(?:src|href)="([^"]*/static/[^"]+)"', page)
        assert files
        assert all(file.startswith("/chat/static/") for file in files)
        async with ask(browser, files[0]) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"]

        async with browser.ws_connect("/chat/ws?room=general&epoch=x") as ws:
            key = re.findall(r'name="key" value="([^"]+)"', page)[0]
            async with ask(browser, "/chat/rooms/general/messages", {"content": "xin chào", "key": key}) as answer:
                assert answer.status == 303
                assert answer.headers["Location"].startswith("/chat/rooms/general")
            async with asyncio.timeout(10):
                while "xin chào" not in (await ws.receive_str()):
                    pass


@both
async def test_a_picture_larger_than_nginx_takes_by_itself_passes(behind, kind):
    picture = io.BytesIO()
    Image.frombytes("RGB", (800, 800), secrets.token_bytes(3 * 800 * 800)).save(picture, "PNG")
    assert picture.tell() > 2**20
    picture.seek(0)
    proxy = await behind(kind, TRUSTING)
    async with browsing(proxy.address, Accept="application/json") as browser:
        await register(browser)
        form = aiohttp.FormData({"content": "", "key": secrets.token_urlsafe(16)})
        form.add_field("pictures", picture, filename="noise.png", content_type="image/png")
        async with ask(browser, "/rooms/general/messages", form) as answer:
            assert answer.status == 200, await answer.text()


@both
@pytest.mark.parametrize(
    ("trusted", "believed"),
    [("127.0.0.1", True), ("", False), ("192.0.2.0/24", False)],
    ids=["this proxy is trusted", "no proxy is trusted", "another proxy is trusted"],
)
async def test_only_a_trusted_proxy_is_believed(behind, kind, trusted, believed):
    proxy = await behind(kind, {"CHATAPP_TRUSTED_PROXY": trusted})
    async with browsing(proxy.address, STRANGER, **FORGED) as browser:
        cookie = (await register(browser)).cookies["__Host-chatapp" if believed else "chatapp"]
    [address] = re.findall(r"registered .*address=(\S+)", proxy.server.log)
    assert bool(cookie["secure"]) is believed
    assert address == (STRANGER if believed else "127.0.0.1")


async def test_nobody_becomes_a_proxy_by_saying_so(start):
    server = await start(environment={"CHATAPP_TRUSTED_PROXY": "192.0.2.1"})
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    async with browsing(Address(server, server.url), **said) as browser:
        cookie = (await register(browser)).cookies["chatapp"]
    assert not cookie["secure"]
    assert "203.0.113.9" not in server.log


@both
async def test_made_up_addresses_do_not_get_past_the_limit_of_log_ins(behind, kind):
    tries = 5
    proxy = await behind(kind, TRUSTING | {"CHATAPP_ADDRESS_TRIES": str(tries), "CHATAPP_LOGIN_TRIES": "5"})

    async def guess(number: int, source: str) -> int:
        form = {"username": f"name{number}", "password": secrets.token_hex(8)}
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        async with browsing(proxy.address, source, **headers) as browser, ask(browser, "/login", form) as answer:
            return answer.status

    assert [await guess(number, STRANGER) for number in range(2 * tries)] == [422] * tries + [429] * tries
    assert await guess(0, NEIGHBOUR) == 422
