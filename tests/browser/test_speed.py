"""A flood of messages: the page stays light, keeps its reader's place, loses nothing and remembers nothing."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from browser.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEPT = 320  # messages at most in a page whose reader is at the newest
HELD = 660  # and below one who reads further up
AT_ONCE = 200  # of a flood; a connection that lets too much wait is cut, and would begin again
STILL = 2  # px that what is read may move


def lines(count: int, word: str = "line") -> list[str]:
    """Return numbered messages, padded so that none is part of another."""
    return [f"{word} {number:04}" for number in range(1, count + 1)]


async def flood(person: Person, query: str, texts: list[str]) -> None:
    """Send many messages as fast as the server takes them."""
    for start in range(0, len(texts), AT_ONCE):
        await person.chatter(query, texts[start : start + AT_ONCE])


async def test_after_a_flood_the_page_holds_the_newest_messages_once_and_in_order(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open(binh.path)
    await flood(binh, f"direct={an.name}", lines(1000))
    await expect(an.message("line 1000")).to_be_in_viewport()
    shown = await an.texts()
    assert 300 <= len(shown) <= KEPT
    assert shown == lines(1000)[-len(shown) :]
    marks = "all => all.map((one) => ['first', 'last'].filter((mark) => one.classList.contains(mark)).join())"
    grouped = await an.messages.evaluate_all(marks)
    assert grouped == ["first", *[""] * (len(shown) - 2), "last"]
    await expect(an.page.locator("#messages .day")).to_have_count(1)
    for more in (50, 100):
        await an.page.evaluate("scroller.scrollTop = -1e6")
        await expect(an.messages).to_have_count(len(shown) + more)
    again = await an.texts()
    assert again == lines(1000)[-len(again) :]
    await an.page.evaluate("scroller.scrollTop = 0")
    await expect(an.messages).to_have_count(300)  # what was read is let go again


async def test_who_reads_further_up_keeps_their_place_in_a_flood_and_the_page_ends_where_it_has_to(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(50, "old"))  # one page: none older come in meanwhile
    await an.open(binh.path)
    await expect(an.messages).to_have_count(50)
    await an.page.evaluate("scroller.scrollTop = 0")
    await an.scroll_up(600)
    read = await an.first_in_sight()
    before = await an.top_of(read)
    await an.box.fill("half a sentence")
    await flood(binh, f"direct={an.name}", lines(1000))
    pill = an.page.locator("#jump")
    await expect(pill).to_have_text("1000 new messages")
    assert abs(await an.top_of(read) - before) < STILL
    held = await an.texts()
    assert 300 < len(held) <= HELD
    assert held == [*lines(50, "old"), *lines(1000)][: len(held)]
    # The way on leads from exactly there.
    newer, newest = await an.page.locator("#newer a").all()
    last = await an.messages.last.get_attribute("data-mid")
    assert await newer.get_attribute("href") == f"{binh.path}/messages?after={last}"
    assert await newest.get_attribute("href") == f"{binh.path}?latest=1"
    await pill.click()
    await expect(an.message("line 1000")).to_be_in_viewport()
    await expect(pill).to_be_hidden()
    await expect(an.box).to_have_value("half a sentence")
    await binh.post(an.path, "and on")
    await expect(an.message("and on")).to_be_in_viewport()
    assert await an.messages.count() <= KEPT


async def test_in_a_page_that_ended_in_a_flood_one_reads_on_and_writes(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(60, "old"))
    await an.open(binh.path)
    await an.page.evaluate("scroller.scrollTop = 0")
    await an.scroll_up(600)
    await flood(binh, f"direct={an.name}", lines(800))
    await expect(an.page.locator("#jump")).to_have_text("800 new messages")
    last = (await an.texts())[-1]
    following = lines(800)[lines(800).index(last) + 1]
    await an.page.evaluate("scroller.scrollTop = 0")
    await expect(an.message(following)).to_have_count(1)  # who reads down to the end gets those after it
    await expect(an.message(last)).to_have_count(1)
    await an.open(f"{binh.path}?latest=1")
    await an.page.evaluate("scroller.scrollTop = 0")
    await an.scroll_up(600)
    await flood(binh, f"direct={an.name}", lines(800, "more"))
    await expect(an.page.locator("#newer a")).to_have_count(2)
    await an.say("I was away")  # what is written stands at the newest
    await an.waits_saved("I was away")
    await expect(an.message("I was away")).to_be_in_viewport()
    await expect(an.page.locator("#newer")).to_have_count(0)


async def test_what_is_typed_and_sent_during_a_flood_is_all_there(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open(binh.path)
    running = asyncio.create_task(flood(binh, f"direct={an.name}", lines(1000)))
    await expect(an.messages.last).to_be_visible()
    for number in range(3):
        await an.say(f"mine {number}")
    await an.box.focus()
    typed = ""
    while not running.done() or not typed:
        await an.page.keyboard.type("gõ ")
        typed += "gõ "
    await running
    await expect(an.box).to_have_value(typed)
    await expect(an.page.locator("#messages .own:not([data-state=saved])")).to_have_count(0)
    await expect(an.message("line 1000")).to_have_count(1)
    shown = await an.texts()
    assert len(shown) == len(set(shown)) <= KEPT
    await an.open(f"{binh.path}?latest=1")
    assert await an.texts() == shown[-50:]


async def test_what_is_removed_in_the_middle_of_a_flood_is_removed_in_the_page(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open(binh.path)
    ids = [await binh.post(an.path, f"regretted {number}") for number in range(5)]
    await expect(an.message("regretted")).to_have_count(5)
    running = asyncio.create_task(flood(binh, f"direct={an.name}", lines(200)))
    await expect(an.message("line 0001")).to_have_count(1)
    for number in ids:
        headers = {"Origin": binh.url, "Accept": "application/json"}
        answer = await binh.context.request.post(f"{an.path}/messages/{number}/remove", headers=headers)
        assert answer.ok, await answer.text()
    await running
    await expect(an.message("line 0200")).to_be_in_viewport()
    await expect(an.page.locator("#messages .gone")).to_have_count(5)
    await expect(an.message("regretted")).to_have_count(0)
    assert (await an.texts())[5:] == lines(200)


async def test_messages_that_left_the_page_leave_its_memory(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open(binh.path)
    await flood(binh, f"direct={an.name}", lines(400))
    await expect(an.message("line 0400")).to_be_in_viewport()
    before = await kept(an)
    await flood(binh, f"direct={an.name}", lines(1200, "more"))
    await expect(an.message("more 1200")).to_be_in_viewport()
    await expect(an.page.locator("#announcer")).to_contain_text("new messages")  # it holds what it says until then
    await expect(an.page.locator("#announcer")).to_be_empty()
    after = await kept(an)
    assert after["Nodes"] <= 1.3 * before["Nodes"], "nodes of removed messages are held"
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 20
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 2e6


async def kept(person: Person) -> dict[str, float]:
    """Return what the page holds once everything that can go is gone."""
    tools = await person.context.new_cdp_session(person.page)
    await tools.send("Performance.enable")
    for _ in range(3):
        await tools.send("HeapProfiler.collectGarbage")
    metrics = (await tools.send("Performance.getMetrics"))["metrics"]
    await tools.detach()
    return {metric["name"]: metric["value"] for metric in metrics}
