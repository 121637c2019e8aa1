"""Going from room to room: what is fetched for it, what stays of it, and the way back."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import CDPSession, expect

from browser.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOMS = ("/rooms/tech", "/rooms/general")
ROUNDS = 10  # of two switches
GROWTH = 200  # DOM nodes; one page that stays behind is more, and here it would be one for each of twenty switches


async def fetched_by_switch(person: Person, path: str) -> str:
    """Switch to a conversation; return what came for it."""
    async with person.page.expect_response(lambda response: response.url == f"{person.url}{path}") as caught:
        await person.switch(path)
    return await (await caught.value).text()


async def weigh(tools: CDPSession) -> int:
    """Return how many DOM nodes there are, once all is collected that nobody holds."""
    for _ in range(3):  # what the first one frees may hold more
        await tools.send("HeapProfiler.collectGarbage")
    metrics = (await tools.send("Performance.getMetrics"))["metrics"]
    return int(next(metric["value"] for metric in metrics if metric["name"] == "Nodes"))


async def test_a_tab_does_not_grow_however_often_its_person_changes_the_room(meet):
    an = await meet("An")
    await an.open()
    for path in ROOMS:
        await an.chatter(f"room={path.rpartition('/')[2]}", [f"line {number}" for number in range(30)])
    await an.open()
    tools = await an.context.new_cdp_session(an.page)
    await tools.send("Performance.enable")
    await tools.send("HeapProfiler.enable")
    weights = []
    for _ in range(3):
        for _ in range(ROUNDS):
            for path in ROOMS:
                await an.switch(path)
        await an.page.locator("#side a.more").click()
        await expect(an.page.locator("h1")).to_have_text("People")
        await an.page.go_back()
        await expect(an.messages).to_have_count(30)
        weights.append(await weigh(tools))
    assert weights[1] < weights[0] + GROWTH, weights
    assert weights[2] < weights[0] + GROWTH, weights


async def test_a_switch_fetches_the_column_that_changes_and_no_more(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open("/rooms/game")
    await binh.post("/rooms/tech", "news")
    await expect(an.link("Tech").locator(".badge")).to_have_text("1 unread")
    body = await fetched_by_switch(an, "/rooms/tech")
    assert "<html" not in body
    assert 'id="side"' not in body
    assert 'id="main"' in body
    await expect(an.page).to_have_title("# Tech · chatapp")
    await expect(an.page.locator("#side a[aria-current=page]")).to_have_text(re.compile("Tech"))
    await expect(an.link("Tech").locator(".badge")).to_be_hidden()
    await expect(an.box).to_be_focused()
    await binh.post("/rooms/tech", "more news")
    await an.sees("more news")
    assert await an.page.evaluate("document.querySelectorAll('#app > main, #app > #main').length") == 1


async def test_back_and_forward_show_whole_pages(meet):
    an = await meet("An")
    await an.open("/rooms/general")
    await an.page.evaluate("addEventListener('unload', () => {})")  # no page is kept as it stands
    await an.switch("/rooms/tech")
    await an.switch("/rooms/game")
    await an.page.go_back()
    await expect(an.page.locator("h1")).to_have_text("# Tech")
    await expect(an.page).to_have_title("# Tech · chatapp")
    await an.page.goto("/settings")
    for step, path, title in (
        (an.page.go_back, "/rooms/tech", "# Tech"),
        (an.page.go_back, "/rooms/general", "# General"),
        (an.page.go_forward, "/rooms/tech", "# Tech"),
    ):
        await step()
        await expect(an.page).to_have_url(an.url + path)
        await expect(an.page.locator("h1")).to_have_text(title)
        await expect(an.page.locator("#side .brand")).to_be_visible()
        await expect(an.page.locator("html")).to_have_attribute("lang", "en")
        assert await an.page.evaluate("document.styleSheets.length") > 0
    await an.say("from here")
    await an.waits_saved("from here")
