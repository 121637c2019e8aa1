"""How a person wants the chat to look and speak: kept, shown, and refused when it is nonsense."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from chatapp.web import keys
from people import Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[[str], Awaitable[Person]]
Start = Callable[..., Awaitable[Client]]

LOCAL = (ipaddress.ip_network("127.0.0.0/8"),)


async def chosen(person: Person) -> set[str]:
    """Return the marked choices of the settings page."""
    page = await (await person.get("/settings")).text()
    return set(re.findall(r'name="(?:language|theme)" value="(\w+)" checked', page))


async def test_at_first_language_and_theme_follow_browser_and_system(meet: Meet) -> None:
    an = await meet("An")
    page = await (await an.get("/settings", headers={"Accept-Language": "vi"})).text()
    assert await chosen(an) == {"auto"}
    assert '<html lang="vi">' in page


async def test_settings_are_kept_for_the_person_on_every_device_and_for_nobody_else(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    response = await an.post("/settings", {"language": "vi", "theme": "dark"}, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == "/settings?saved=1"
    assert "note good" in await (await an.get("/settings?saved=1")).text()
    assert "note good" not in await (await an.get("/settings")).text()
    async with Person(client.server, "An") as phone:
        await phone.log_in()
        for device in (an, phone):
            assert await chosen(device) == {"vi", "dark"}
            assert '<html lang="vi" data-theme="dark">' in await (await device.get("/settings")).text()
    assert await chosen(binh) == {"auto"}


async def test_settings_can_be_given_back_to_browser_and_system(client: Client, meet: Meet) -> None:
    an = await meet("An")
    await an.post("/settings", {"language": "vi", "theme": "dark"})
    await an.post("/settings", {"language": "auto", "theme": "auto"})
    assert await chosen(an) == {"auto"}
    user = await client.app[keys.store].accounts.user(1)
    assert user is not None
    assert (user.language, user.theme) == (None, None)


@pytest.mark.parametrize(
    "fields",
    [{"language": "xx"}, {"theme": "pink"}, {"language": "vi'; --"}, {"language": ""}, {"theme": '"><script>'}],
)
async def test_a_setting_that_was_not_offered_is_refused_and_nothing_changes(
    meet: Meet, fields: dict[str, str]
) -> None:
    an = await meet("An")
    response = await an.post("/settings", {"language": "vi", "theme": "dark", **fields})
    assert response.status == 422
    assert "<script>" not in await response.text()
    assert await chosen(an) == {"auto"}


async def test_settings_are_for_users(client: Client) -> None:
    async with Person(client.server, "An") as stranger:
        for response in (
            await stranger.get("/settings", allow_redirects=False),
            await stranger.post("/settings", {"language": "vi"}, allow_redirects=False),
        ):
            assert response.status == 303
            assert response.headers["Location"].startswith("/login")


async def test_a_stranger_switches_the_language_and_stays_on_the_page(client: Client) -> None:
    async with Person(client.server, "An") as stranger:
        form = {"language": "vi", "next": "/login?next=/rooms/tech"}
        response = await stranger.post("/language", form, allow_redirects=False)
        assert response.status == 303
        assert response.headers["Location"] == "/login?next=/rooms/tech"
        headers = {"Accept-Language": "en"}
        assert '<html lang="vi"' in await (await stranger.get("/", headers=headers)).text()
        await stranger.post("/language", {"language": "en"})
        assert '<html lang="en"' in await (await stranger.get("/", headers=headers)).text()


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", ""])
async def test_switching_the_language_leads_nowhere_else(client: Client, wanted: str) -> None:
    async with Person(client.server, "An") as stranger:
        form = {"language": "vi", "next": wanted}
        response = await stranger.post("/language", form, allow_redirects=False)
        assert response.headers["Location"] == "/"
        headers = {"Referer": f"{stranger.origin}/register"}
        response = await stranger.post("/language", form, headers=headers, allow_redirects=False)
        assert response.headers["Location"] == "/register"
        headers = {"Referer": "http://evil.example/"}
        response = await stranger.post("/language", form, headers=headers, allow_redirects=False)
        assert response.headers["Location"] == "/"


async def test_a_user_who_switches_the_language_switches_it_everywhere(client: Client, meet: Meet) -> None:
    an = await meet("An")
    await an.post("/language", {"language": "vi"})
    assert await chosen(an) == {"vi", "auto"}


@pytest.mark.parametrize("language", ["xx", "", "vi, en"])
async def test_a_language_that_is_not_offered_is_refused(client: Client, language: str) -> None:
    async with Person(client.server, "An") as stranger:
        response = await stranger.post("/language", {"language": language})
        assert response.status == 422
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("secure", [False, True])
async def test_the_language_cookie_is_for_this_site_and_no_script(start: Start, secure: bool) -> None:
    client = await start(trusted_proxies=LOCAL, base_path="/chat")
    async with Person(client.server, "An") as stranger:
        scheme = "https" if secure else "http"
        headers = {"X-Forwarded-Proto": scheme, "Origin": stranger.origin.replace("http", scheme)}
        for language in ("vi", "auto"):
            form = {"language": language}
            response = await stranger.post("/chat/language", form, headers=headers, allow_redirects=False)
            cookie = SimpleCookie(response.headers["Set-Cookie"])["language"]
            assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == ("/chat", "Lax", True)
            assert bool(cookie["secure"]) == secure
            assert cookie["max-age"] == ("31536000" if language == "vi" else "0")
