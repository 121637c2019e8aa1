"""What a page costs to open: requests and bytes on the wire, as the browser counts them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Meet
from browser.person import PATIENCE, Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 12
BYTES = 110_000
# As people write: mostly short, every third one longer. A page shows the last fifty of them.
TEXTS = [
    "Chiều nay họp lúc ba giờ, ở phòng bên cạnh cửa sổ; ai bận thì nhắn lại nhé. " * (2 if n % 3 == 0 else 0)
    + f"Được, cảm ơn bạn! ({n})"
    for n in range(60)
]


@dataclass
class Meter:
    """Counts what a page asks the server for; what a cache has costs nothing."""

    paths: dict[str, str] = field(default_factory=dict)  # by the number of the request
    free: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)  # with headers, as they came over the wire

    @classmethod
    async def on(cls, page: Page) -> Self:
        """Begin to count."""
        meter = cls()
        session = await page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", lambda event: meter._asked(event["requestId"], event["request"]["url"]))
        session.on("Network.webSocketCreated", meter._connected)
        session.on("Network.requestServedFromCache", lambda event: meter.free.add(event["requestId"]))
        session.on("Network.responseReceived", meter._answered)
        session.on("Network.loadingFinished", meter._ended)
        session.on("Network.loadingFailed", meter._ended)
        await session.send("Network.enable")
        return meter

    def _asked(self, number: str, url: str) -> None:
        self.paths[number] = url.split("/", 3)[3]

    def _connected(self, event: dict[str, Any]) -> None:
        self._asked(event["requestId"], event["url"])
        self._ended(event)  # it stays open, and what it carries is not the page

    def _answered(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache") or event["response"].get("fromPrefetchCache"):
            self.free.add(event["requestId"])

    def _ended(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = int(event.get("encodedDataLength", 0))

    async def bill(self) -> dict[str, int]:
        """Return the bytes of each path that the server was asked for, once all are answered."""
        async with asyncio.timeout(PATIENCE / 1000):
            while self.paths.keys() - self.sizes.keys():
                await asyncio.sleep(0.05)
        return {path: self.sizes[number] for number, path in self.paths.items() if number not in self.free}


async def weigh(person: Person) -> dict[str, int]:
    """Open a room and wait until all that its page asked for is there. Return the bytes of each path."""
    meter = await Meter.on(person.page)
    await person.open()
    await person.page.wait_for_load_state("networkidle")
    assert await person.messages.count() == 50
    return await meter.bill()


async def test_a_room_opens_with_few_requests_and_the_second_time_without_any_for_files(meet: Meet) -> None:
    an = await meet("An")
    await an.open()
    await an.chatter("room=general", TEXTS)
    binh = await meet("Bình")  # to whom none of it is unread
    cold = await weigh(binh)
    cold.setdefault("icon", 1_000)  # a browser without windows does not ask for it
    assert len(cold) <= REQUESTS, cold
    assert sum(cold.values()) <= BYTES, cold
    await binh.page.goto("/people")
    warm = await weigh(binh)
    assert "rooms/general" in warm
    assert not [path for path in warm if path.startswith("static/")], warm


async def test_what_changes_own_messages_comes_on_demand_and_within_the_same_bounds(meet: Meet) -> None:
    an = await meet("An")
    meter = await Meter.on(an.page)
    await an.open()
    await an.say("of my own")
    await an.waits_saved("of my own")
    assert not [path for path in await meter.bill() if "toolbar" in path]
    await an.message("of my own").hover()
    await expect(an.message("of my own").get_by_role("toolbar")).to_be_attached()
    bill = await meter.bill()
    assert [path for path in bill if "toolbar" in path]
    assert len(bill) < REQUESTS, bill
