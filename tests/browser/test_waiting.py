"""A message that finds no way: the page says so in time, at its bubble; its author tries again or takes it back."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from browser.person import Person
from browser.test_accidents import held, state_of
from browser.test_accidents_elsewhere import over
from browser.test_changes import two, write
from browser.witness import once
from fault.relay import Relay

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFFLINE = "You are offline. Messages will be sent when the connection is back."
LOST = "No connection. Reconnecting…"


async def pass_time(page: Page, seconds: float) -> None:
    """Let time pass for the page alone, one timer after the other."""
    await page.clock.run_for(int(seconds * 1000))


def button(message: Locator, name: str) -> Locator:
    return message.get_by_role("button", name=name)


async def is_late(person: Person, *texts: str) -> None:
    """Wait until messages offer to be tried again or discarded."""
    for text in texts:
        await expect(person.message(text).locator(".state")).to_have_text("Not sent yet. Try again Discard")


async def test_a_browser_that_goes_offline_says_so_within_three_seconds(meet):
    an = await meet("An")
    an.excuse_outage()
    await an.page.clock.install()
    await an.open()
    banner = an.page.locator("#net")
    await an.context.set_offline(True)
    await pass_time(an.page, 2.9)
    await expect(banner).to_have_text(re.compile(OFFLINE))
    await an.context.set_offline(False)
    await expect(banner).to_be_hidden()


async def test_a_send_that_fails_and_a_server_that_is_silent_are_told_in_time(meet, server):
    async with Relay(server.port) as relay:
        an, binh = await over(relay, meet)
        banner = an.page.locator("#net")
        for n in range(3):  # who only reads is asked for nothing, and the server answers what the page asks
            await pass_time(an.page, 25.5)
            await write(an, f"not silent {n}")
            await expect(banner).to_be_hidden()
        relay.stall()
        await pass_time(an.page, 34)
        await expect(banner).to_have_text(re.compile(LOST))
        relay.resume()
        await an.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(banner).to_be_hidden()
        relay.stall()
        await an.say("into the dark")
        await pass_time(an.page, 2.9)
        await expect(banner).to_have_text(re.compile(LOST))
        relay.resume()
        await binh.sees("into the dark")
        await expect(banner).to_be_hidden()


async def test_what_waits_says_so_below_its_own_bubble_and_goes_out_once_when_it_can(meet, server):
    async with Relay(server.port) as relay:
        an, binh = await over(relay, meet)
        await write(an, "before")
        relay.stall()
        for text in ("waiting 1", "waiting 2"):
            await an.say(text)
        await pass_time(an.page, 11)
        await is_late(an, "waiting 1", "waiting 2")
        await expect(an.page.locator("#announcer")).to_have_text("Not sent yet.")
        for text in ("waiting 1", "waiting 2"):
            bubble = await an.message(text).locator(".bub").bounding_box()
            state = await an.message(text).locator(".state").bounding_box()
            assert state["y"] >= bubble["y"] + bubble["height"]
        await button(an.message("waiting 2"), "Try again").click()
        await expect(an.message("waiting 2").locator(".state")).not_to_contain_text("Discard")
        relay.resume()
        await an.page.evaluate("dispatchEvent(new Event('online'))")
        await once(server, an, binh, ["before", "waiting 1", "waiting 2"])


async def test_what_is_discarded_though_the_server_has_it_is_shown_and_stays_one_message(meet, server):
    async with Relay(server.port) as relay:
        an, binh = await over(relay, meet)
        relay.down.stall()
        await an.say("did you get this?")
        await binh.sees("did you get this?")
        await pass_time(an.page, 11)
        await is_late(an, "did you get this?")
        await button(an.message("did you get this?"), "Discard").click()
        await expect(an.messages).to_have_count(0)
        await expect(an.box).to_have_value("did you get this?")
        await expect(an.page.locator("#undo")).to_have_text(re.compile("it will still appear"))
        relay.resume()
        await an.page.evaluate("dispatchEvent(new Event('online'))")
        await an.sees("did you get this?")
        await an.box.press("Enter")
        await once(server, an, binh, ["did you get this?"])


async def test_what_is_discarded_by_a_slip_comes_back_and_what_is_meant_is_gone(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await an.page.clock.install()
    await an.open(binh.path)
    other = await an.open(binh.path, page=await an.context.new_page())
    await server.kill()
    for text in ("a slip", "never mind", "goes out"):
        await an.say(text)
    await an.box.press_sequentially("half a thought")
    await pass_time(an.page, 11)
    await is_late(an, "a slip", "never mind", "goes out")
    await button(an.message("a slip"), "Discard").click()
    await expect(an.message("a slip")).to_have_count(0)
    await an.page.get_by_role("button", name="Undo").click()
    await expect(an.messages.locator(".bub")).to_have_text(["a slip", "never mind", "goes out"])
    there = other.locator("#messages .msg").filter(has_text="never mind")
    await is_late_there(there)
    await button(there, "Discard").click()  # in another tab than it was written in
    await expect(other.locator("#text")).to_have_value("never mind")
    await expect(an.message("never mind")).to_have_count(0)
    await other.locator("#text").fill("")
    await expect(an.box).to_have_value("half a thought")
    await server.start()
    await once(server, an, binh, ["a slip", "goes out"])


async def is_late_there(message: Locator) -> None:
    """The other page has a clock of its own, which nobody moves: ten seconds there are ten seconds."""
    await expect(message.locator(".state")).to_have_text("Not sent yet. Try again Discard")


async def test_a_finger_finds_what_to_do_with_what_waits(meet):
    an, binh, line = await held(meet, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    await an.page.clock.install()
    await an.open(binh.path)
    line.towards_server = {"message"}
    await an.box.fill("waiting")
    await an.page.locator(".send").tap()
    await state_of(an, "waiting", "sending")
    await pass_time(an.page, 11)
    await is_late(an, "waiting")
    for name in ("Try again", "Discard"):
        box = await button(an.message("waiting"), name).bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 44
    await button(an.message("waiting"), "Discard").tap()
    await expect(an.box).to_have_value("waiting")
