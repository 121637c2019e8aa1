"""The log: where it opens, how it is read backwards, and what moves while new messages come. Nothing should."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

STILL = 2  # px that what is read may move


def lines(count: int, word: str = "line") -> list[str]:
    """Return numbered messages, padded so that none is part of another."""
    return [f"{word} {number:03}" for number in range(1, count + 1)]


# Scroll to the very top, then note in every frame where a message is.
_WATCH_AT_THE_TOP = """(text) => new Promise((begun) => {
    const item = [...document.querySelectorAll('#messages .msg')].find((one) => one.textContent.includes(text))
    const seen = []
    let stopped = null
    const look = () => {
        seen.push(item.getBoundingClientRect().top)
        if (stopped && --stopped.frames === 0) return stopped.tell(seen)
        requestAnimationFrame(look)
    }
    window.stop = () => new Promise((tell) => { stopped = { tell, frames: 3 } })
    document.getElementById('scroller').scrollTop = -1e6
    requestAnimationFrame(() => { look(); begun() })
})"""


async def ids(person) -> list[int]:
    """Return the ids of the messages in the log from top to bottom."""
    return await person.page.evaluate(
        "[...document.querySelectorAll('#messages [data-mid]')].map((item) => Number(item.dataset.mid))"
    )


async def test_a_conversation_opens_at_the_newest_message(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.chatter(f"direct={binh.name}", lines(60))
    await an.open(binh.path)
    await expect(an.messages).to_have_count(50)
    await expect(an.message("line 060")).to_be_in_viewport()
    assert abs(await an.gap()) <= 32
    await an.page.set_viewport_size({"width": 360, "height": 380})  # as when a phone shows its keyboard
    await expect(an.message("line 060")).to_be_in_viewport()
    await expect(an.page.locator("#composer")).to_be_in_viewport(ratio=1)


async def test_older_messages_come_by_scrolling_up_back_to_the_first_and_nothing_moves(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(170))
    await an.open(f"{binh.path}?latest=1")
    for shown, expected in ((50, 100), (100, 150), (150, 170)):
        await expect(an.messages).to_have_count(shown)
        top = f"line {170 - shown + 1:03}"
        await an.page.evaluate(_WATCH_AT_THE_TOP, top)
        await expect(an.messages).to_have_count(expected)
        seen = await an.page.evaluate("window.stop()")
        assert max(seen) - min(seen) < STILL, f"{top} moved while older messages came: {seen}"
    assert await an.texts() == lines(170)
    assert await ids(an) == sorted(set(await ids(an)))
    await expect(an.page.locator("#older")).to_have_text("This is where the conversation begins.")


@pytest.mark.parametrize("anchoring", ["with", "without"])
async def test_what_is_read_stays_still_while_messages_come_below(meet, anchoring):
    an, binh = await meet("An"), await meet("Bình")
    if anchoring == "without":  # as in Safari
        await an.page.route("**/style.css", _without_anchoring)
    await binh.chatter(f"direct={an.name}", lines(50))
    await an.open(binh.path)
    await an.page.evaluate("scroller.scrollTop = 0")
    await an.scroll_up(600)
    read = await an.first_in_sight()
    before = await an.top_of(read)
    await binh.chatter(f"direct={an.name}", lines(3, "news"))
    await expect(an.message("news")).to_have_count(3)
    assert abs(await an.top_of(read) - before) < STILL
    pill = an.page.locator("#jump")
    await expect(pill).to_have_text("3 new messages")
    await binh.post(an.path, "one more")
    await expect(pill).to_have_text("4 new messages")
    await an.box.focus()
    await pill.click()
    await expect(an.message("one more")).to_be_in_viewport()
    await expect(pill).to_be_hidden()
    await expect(an.box).to_be_focused()
    assert await an.gap() <= 32


async def _without_anchoring(route: Route) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, body=await answer.text() + "#scroller { overflow-anchor: none }")


async def test_at_the_bottom_new_messages_are_followed(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(40))
    await an.open(binh.path)
    await an.page.evaluate("scroller.scrollTop = 0")
    await binh.chatter(f"direct={an.name}", lines(5, "news"))
    await expect(an.message("news 005")).to_be_in_viewport(ratio=1)
    await expect(an.page.locator("#jump")).to_be_hidden()


async def test_a_link_to_a_message_shows_it_in_the_middle_of_what_was_said_around_it(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(120))
    await an.open(f"{binh.path}?before=99999999999999")
    await an.page.goto(binh.path)
    link = an.message("line 080").locator(".when")
    await an.page.goto(await link.get_attribute("href"))
    found = an.message("line 080")
    await expect(found).to_have_class(re.compile(r"\bfocus\b"))
    await expect(found).to_be_in_viewport(ratio=1)
    middle = await found.evaluate(
        "item => { const box = item.getBoundingClientRect(); return box.top + box.height / 2 }"
    )
    height = await an.page.evaluate("innerHeight")
    assert 0.2 * height < middle < 0.8 * height
    await expect(an.message("line 079")).to_be_visible()
    await expect(an.message("line 081")).to_be_visible()
    await expect(an.message("line 120")).to_have_count(0)
    assert await found.locator(".bub").evaluate("bubble => getComputedStyle(bubble).boxShadow") != await an.message(
        "line 081"
    ).locator(".bub").evaluate("bubble => getComputedStyle(bubble).boxShadow"), "it stands out"
    await binh.post(an.path, "far below")
    await expect(an.page.locator("#jump")).to_have_text("1 new message")
    await expect(an.message("far below")).to_have_count(0)
    await an.page.locator("#jump").click()
    await expect(an.page.locator("#jump")).to_be_hidden()  # even if all of it was unread
    await expect(an.message("far below")).to_be_in_viewport()
    await expect(an.page).to_have_url(an.url + binh.path)


async def test_a_line_stands_above_what_is_new_until_it_was_read(meet):
    an, binh = await meet("An"), await meet("Bình")
    phone = await an.open(page=await an.context.new_page())
    elsewhere = phone.locator("#directs .badge")
    await binh.chatter(f"direct={an.name}", lines(3, "old"))
    await an.open(binh.path)
    await expect(an.link(binh.name).locator(".badge")).to_be_hidden()
    await an.switch("/rooms/general")
    await binh.chatter(f"direct={an.name}", lines(30, "news"))
    await expect(an.link(binh.name).locator(".badge")).to_contain_text("30")
    await an.switch(binh.path)
    line = an.page.locator("#messages .newline")
    await expect(line).to_have_count(1)
    await expect(line).to_be_in_viewport()
    assert "news 001" in await line.evaluate("line => line.nextElementSibling.textContent")
    await an.page.locator("#jump").click()
    await expect(an.link(binh.name).locator(".badge")).to_be_hidden()
    await expect(line).to_have_count(1)
    await an.say("my own")
    await an.waits_saved("my own")
    await expect(elsewhere).to_be_hidden()  # now the server knows
    await an.page.reload()
    await an.sees("my own")
    await expect(line).to_have_count(0)


async def test_the_page_stays_light_after_many_messages(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open(binh.path)
    await binh.chatter(f"direct={an.name}", lines(500))
    await expect(an.message("line 500")).to_be_in_viewport()
    assert await an.messages.count() <= 320
    shown = await an.texts()
    assert shown == lines(500)[-len(shown) :]
    await an.page.evaluate("scroller.scrollTop = -1e6")
    await expect(an.messages).to_have_count(len(shown) + 50)
    again = await an.texts()
    assert again == lines(500)[-len(again) :]


async def test_messages_of_a_run_stand_together_and_say_their_author_once(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open(binh.path)
    for text in ("run 1", "run 2"):
        await an.say(text)
        await an.waits_saved(text)
    await binh.post(an.path, "between")
    await an.sees("between")
    await an.say("run 3")
    await an.waits_saved("run 3")
    marks = "all => all.map((one) => ['first', 'last'].map((mark) => one.classList.contains(mark)).join())"
    grouped = ["true,false", "false,true", "true,true", "true,true"]
    assert await an.messages.evaluate_all(marks) == grouped
    await an.page.reload()
    await an.sees("run 3")
    assert await an.messages.evaluate_all(marks) == grouped
    await expect(an.message("run 2").locator(".name")).to_have_text(an.name)  # for those who listen
