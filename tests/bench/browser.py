"""People of a bench: they register, open pages and post forms as a browser does."""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlencode

from measure import Server

PASSWORD = "một con vịt xoè ra"


class Browser:
    """One kept connection that asks for pages, and the cookie of the person it was given to."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        self.cookie = ""

    def get(self, path: str, headers: dict[str, str] | None = None) -> bytes:
        """Return a page."""
        return self._ask("GET", path, None, headers or {})

    def post(self, path: str, **fields: str) -> bytes:
        """Post a form as a page of the server does."""
        headers = {"Origin": self._server.origin, "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(fields), headers)

    def register(self, name: str) -> str:
        """Become a new person. Return their cookie."""
        self.cookie = ""
        self.post("/register", username=name, password=PASSWORD)
        return self.cookie

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        self._connection.request(method, path, body, headers | {"Cookie": self.cookie})
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status not in (200, 303):
            sys.exit(f"{self._server.name} answered {answer.status} to {method} {path}")
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]
        return data


def people(server: Server, count: int) -> list[str]:
    """Register people. Return their cookies."""
    browser = Browser(server)
    cookies = [browser.register(f"person {number}") for number in range(count)]
    browser.close()
    return cookies
