"""A connection that a test can hold up."""

from __future__ import annotations

import json

from playwright.async_api import WebSocketRoute


class Hold:
    """Stand between a page and the server, and keep frames of some types back until told."""

    def __init__(self) -> None:
        self.towards_server: set[str] = set()
        self.towards_page: set[str] = set()
        self.came: list[str] = []
        self._kept_from_server: list[str] = []
        self._kept_from_page: list[str] = []

    def __call__(self, page: WebSocketRoute) -> None:
        self.page, self.server = page, page.connect_to_server()
        page.on_message(self._go)
        self.server.on_message(self._come)

    def _go(self, frame: str) -> None:
        if _type(frame) in self.towards_server:
            self._kept_from_server.append(frame)
        else:
            self.server.send(frame)

    def _come(self, frame: str) -> None:
        self.came.append(frame)
        if _type(frame) in self.towards_page:
            self._kept_from_page.append(frame)
        else:
            self.page.send(frame)

    def let_out(self) -> None:
        """Let the server have what was kept from it."""
        kept, self._kept_from_server, self.towards_server = self._kept_from_server, [], set()
        for frame in kept:
            self.server.send(frame)

    def forget(self) -> None:
        """Lose what was kept from the page."""
        self._kept_from_page, self.towards_page = [], set()

    def let_in(self) -> None:
        """Let the page have what was kept from it."""
        kept, self._kept_from_page, self.towards_page = self._kept_from_page, [], set()
        for frame in kept:
            self.page.send(frame)


def _type(frame: str) -> str | None:
    """Return the type of a control frame; None for a fragment."""
    return json.loads(frame)["type"] if frame.startswith("{") else None
