"""Somebody who uses the chat in a test, with a browser of their own."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar, hdrs
from aiohttp.client import _WSRequestContextManager
from aiohttp.test_utils import BaseTestServer

PASSWORD = "một con vịt xoè ra"


class Person:
    """A name, a password and a browser: it keeps cookies, follows redirects and says where its posts come from."""

    def __init__(self, server: BaseTestServer[Any], name: str, password: str = PASSWORD) -> None:
        self.name = name
        self.password = password
        self.origin = str(server.make_url("/")).rstrip("/")
        self._browser = ClientSession(server.make_url("/"), cookie_jar=CookieJar(unsafe=True))

    async def __aenter__(self) -> Person:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the browser."""
        await self._browser.close()

    async def get(self, path: str, **options: Any) -> ClientResponse:
        """Open a page; the answer is the one at the end of the redirects."""
        return await self._browser.get(path, **options)

    async def head(self, path: str, **options: Any) -> ClientResponse:
        """Ask what a page would be, without the page."""
        return await self._browser.head(path, **options)

    async def post(self, path: str, data: Any = None, **options: Any) -> ClientResponse:
        """Send a form of our own pages."""
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        return await self._browser.post(path, data=data, headers=headers, **options)

    def socket(self, path: str = "/ws", **options: Any) -> _WSRequestContextManager:
        """Open the socket of a page of ours, to be used as ``async with person.socket() as socket``."""
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        return self._browser.ws_connect(path, headers=headers, **options)

    async def register(self, **fields: str) -> ClientResponse:
        """Make an account, which logs in."""
        return await self._enter("/register", fields)

    async def log_in(self, **fields: str) -> ClientResponse:
        """Log in."""
        return await self._enter("/login", fields)

    async def log_out(self) -> ClientResponse:
        """Log out, without following the way to the start."""
        return await self.post("/logout", allow_redirects=False)

    async def _enter(self, path: str, fields: dict[str, str]) -> ClientResponse:
        form = {"username": self.name, "password": self.password, **fields}
        return await self.post(path, form, allow_redirects=False)

    @property
    def cookie(self) -> str | None:
        """The session cookie's value, to be stolen by tests."""
        found = [cookie.value for cookie in self._browser.cookie_jar if cookie.key.endswith("chatapp")]
        return found[0] if found else None

    async def is_logged_in(self) -> bool:
        """Tell whether the server knows who this is."""
        response = await self.get("/settings", headers={hdrs.ACCEPT: "text/html"}, allow_redirects=False)
        return response.status == 200
