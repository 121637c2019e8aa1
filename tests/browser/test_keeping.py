"""A browser that keeps nothing, or from which what it kept is taken: the page says so and asks before it closes."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Dialog, Page, expect

from browser.person import PATIENCE
from browser.test_accidents import held, state_of
from browser.test_changes import two
from browser.witness import holds, once, waiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

SENTENCE = "This browser's storage is full or blocked"
_REFUSALS = {
    "is full": """Storage.prototype.setItem = () => {
        throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')
    }""",
    "is blocked": """Object.defineProperty(window, 'localStorage', { get() {
        throw new DOMException('Access is denied for this document.', 'SecurityError')
    } })""",
    "is not there": "Object.defineProperty(window, 'localStorage', { value: null })",
}


async def asks(page: Page) -> None:
    """Close a tab as people do; stay when the page asks."""
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def stay(dialog: Dialog) -> None:
        await dialog.dismiss()
        asked.set_result(dialog.type)

    page.on("dialog", stay)
    await page.close(run_before_unload=True)
    async with asyncio.timeout(PATIENCE / 1000):
        assert await asked == "beforeunload"
    page.remove_listener("dialog", stay)


@pytest.mark.parametrize("how", _REFUSALS)
async def test_where_the_storage(meet, server, how):
    an, binh, line = await held(meet)
    await an.context.add_init_script(_REFUSALS[how])
    await an.open(binh.path)
    await expect(an.page.locator("#net")).to_be_hidden()
    line.towards_server = {"message"}
    await an.say("only here")
    await state_of(an, "only here", "sending")
    await expect(an.page.locator("#net")).to_have_text(re.compile(SENTENCE))
    await an.box.press_sequentially("half a thought")
    await asks(an.page)
    await expect(an.box).to_have_value("half a thought")
    line.let_out()
    await an.waits_saved("only here")
    await asks(an.page)  # for the draft
    await an.page.get_by_role("button", name="Got it").click()
    await expect(an.page.locator("#net")).to_be_hidden()
    await an.box.press("Enter")
    await an.waits_saved("half a thought")
    async with an.page.expect_event("close"):
        await an.page.close(run_before_unload=True)
    an.page = await an.open(binh.path, page=await an.context.new_page())
    await once_here(server, an, binh)


async def once_here(server, an, binh):
    """The same as everywhere, but that this browser has no storage to look into."""
    await expect(an.messages.locator(".bub")).to_have_text(["only here", "half a thought"])
    await expect(binh.messages.locator(".bub")).to_have_text(["only here", "half a thought"])


async def test_what_waits_is_kept_again_after_somebody_cleared_the_storage(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await server.kill()
    await an.say("still here")
    await state_of(an, "still here", "queued")
    await an.page.evaluate("localStorage.clear()")
    await holds(an.page, "JSON.stringify(localStorage).includes('still here')")
    assert await waiting(an) == ["still here"]
    await an.say("and this one")
    await an.page.close()
    await server.start()
    an.page = await an.open(binh.path, page=await an.context.new_page())
    await once(server, an, binh, ["still here", "and this one"])
