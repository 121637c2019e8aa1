"""Logging out: what waits is asked about, and a browser forgets nothing until the server has let its person go."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from browser.person import Person
from browser.test_accidents import held, state_of
from browser.witness import once, stored, waiting
from fault.relay import Relay

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_YET = "You are not logged out yet, and nothing is lost"


async def waits(meet, *texts: str) -> tuple[Person, Person]:
    """Bring two; let the first write what the server never gets, and stand before the question."""
    an, binh, line = await held(meet)
    line.towards_server = {"message"}
    for text in texts:
        await an.say(text)
    await state_of(an, texts[0], "sending")
    await ask(an)
    return an, binh


async def ask(an: Person) -> None:
    await an.page.goto("/settings")
    await an.page.get_by_role("button", name="Log out").click()


def choice(an: Person, name: str):
    return an.page.get_by_role("dialog").get_by_role("button", name=name)


async def left(an: Person) -> None:
    await expect(an.page.get_by_role("link", name="Register")).to_be_visible()


async def test_what_waits_is_sent_before_its_author_is_logged_out(meet, server):
    an, binh = await waits(meet, "one", "two", "three")
    dialog = an.page.get_by_role("dialog", name="3 messages may not have been sent yet")
    await expect(dialog).to_be_visible()
    await expect(choice(an, "Send and log out")).to_be_focused()
    await choice(an, "Send and log out").click()
    await left(an)
    await expect(binh.messages.locator(".bub")).to_have_text(["one", "two", "three"])
    assert stored(server, an, binh) == ["one", "two", "three"]
    assert await waiting(an) == []


async def test_who_stays_keeps_what_waits_and_who_discards_it_leaves_nothing(meet, server):
    an, binh = await waits(meet, "never mind")
    await expect(an.page.get_by_role("dialog", name="1 message may not have been sent yet")).to_be_visible()
    await choice(an, "Stay logged in").click()
    await expect(an.page.get_by_role("dialog")).to_be_hidden()
    assert await waiting(an) == ["never mind"]
    await an.page.get_by_role("button", name="Log out").click()
    await choice(an, "Discard and log out").click()
    await left(an)
    assert re.fullmatch(r"chatapp:out:\d+", *await an.page.evaluate("Object.keys(localStorage)"))
    assert stored(server, an, binh) == []


async def test_a_server_that_is_down_lets_nobody_go_and_takes_nothing(meet, server):
    an, binh, line = await held(meet)
    for person in (an, binh):
        person.excuse_outage()
    line.towards_server = {"message"}
    await an.say("before the storm")
    await an.box.press_sequentially("half a thought")
    await an.page.goto("/settings")
    await server.kill()
    await an.page.get_by_role("button", name="Log out").click()
    await choice(an, "Send and log out").click()
    await expect(choice(an, "Send and log out")).to_be_focused()
    await expect(an.page.get_by_role("alert").filter(has_text=NOT_YET)).to_be_visible()
    await choice(an, "Discard and log out").click()
    await expect(an.page.get_by_role("alert").filter(has_text=NOT_YET)).to_be_visible()
    await server.start()
    line.towards_server = set()
    await an.open(binh.path)
    await expect(an.box).to_have_value("half a thought")
    await once(server, an, binh, ["before the storm"])


async def test_a_server_that_does_not_answer_is_not_waited_for_for_long(meet, server):
    async with Relay(server.port) as relay:
        an = await meet("An", at=relay.url)
        an.excuse_outage()
        await an.open()
        await an.box.press_sequentially("half a thought")
        await an.page.goto("/settings")
        await an.page.wait_for_load_state("networkidle")
        relay.stall()
        await an.page.get_by_role("button", name="Log out").click()
        await expect(an.page.locator("[data-logout] button")).to_be_disabled()
        await expect(an.page.get_by_role("alert").filter(has_text=NOT_YET)).to_be_visible()
        await expect(an.page.locator("[data-logout] button")).to_be_focused()
        assert "half a thought" in await an.page.evaluate("JSON.stringify(localStorage)")
        relay.resume()


async def test_what_no_server_of_ours_says_confirms_nothing(meet):
    """A portal of some hotel answers every request with a page of its own."""
    an, _ = await waits(meet, "still here")
    await an.page.route("**/logout", lambda route: route.fulfill(body="<h1>Welcome to the hotel</h1>"))
    await choice(an, "Discard and log out").click()
    await expect(an.page.get_by_role("alert").filter(has_text=NOT_YET)).to_be_visible()
    await expect(choice(an, "Discard and log out")).to_be_enabled()
    assert await waiting(an) == ["still here"]


async def test_what_another_tab_writes_while_somebody_leaves_waits_for_their_return(meet, server):
    an, binh, line = await held(meet)
    an.excuse("status of 401|WebSocket connection to")
    leaving, answered = await an.context.new_page(), asyncio.Event()

    async def late(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await leaving.goto("/settings")
    await leaving.route("**/logout", late)
    await leaving.get_by_role("button", name="Log out").click()
    line.towards_server = {"message"}
    await an.say("at the last moment")
    await state_of(an, "at the last moment", "sending")
    answered.set()
    await expect(an.page).to_have_url(re.compile("/login"))
    assert await waiting(an) == ["at the last moment"]
    line.towards_server = set()
    await an.fill_form()
    await once(server, an, binh, ["at the last moment"])
