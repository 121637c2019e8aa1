"""Where a conversation opens when much is unread: at the first of it, and nothing counts as read that was not seen."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


def lines(count: int) -> list[str]:
    """Return numbered messages, padded so that none is part of another."""
    return [f"line {number:04}" for number in range(1, count + 1)]


async def elsewhere(person):
    """Return what counts the unread messages of the one direct conversation on a second device."""
    phone = await person.open("/rooms/game", await person.context.new_page())
    return phone.locator("#directs .badge")


@pytest.mark.parametrize("count", [80, 120])
async def test_a_conversation_opens_at_its_first_unread_message_and_counts_down_as_it_is_read(meet, count):
    an, binh = await meet("An"), await meet("Bình")
    await an.chatter(f"direct={binh.name}", [f"old {number:02}" for number in range(20)])
    await binh.chatter(f"direct={an.name}", lines(count))
    phone = await elsewhere(an)
    await an.open(binh.path)
    line = an.page.locator("#messages .newline")
    await expect(line).to_have_text(re.compile(rf"^\s*{count} new since \d\d:\d\d\s*$"))
    await expect(line).to_be_in_viewport()
    assert "line 0001" in await line.evaluate("line => line.nextElementSibling.textContent")
    await expect(an.message("old 19")).to_have_count(1)
    await expect(an.page.locator("#jump")).to_have_text("Jump to latest")
    await expect(phone).not_to_have_text(f"{count} unread")  # what is on the screen is read
    seen = count - int((await phone.inner_text()).split()[0])
    assert 3 < seen < 40
    await expect(an.link(binh.name).locator(".badge")).to_have_text(f"{count - seen} unread")
    await an.page.reload()
    await expect(line).to_contain_text(f"{count - seen} new since")
    await an.message(f"line {count - 20:04}").evaluate("item => item.scrollIntoView({ block: 'end' })")
    await expect(phone).to_have_text(re.compile(r"^(19|20|21) unread$"))
    await expect(an.link(binh.name).locator(".badge")).to_have_text(await phone.inner_text())
    await an.page.locator("#jump").click()
    await expect(phone).to_be_hidden()
    await expect(an.link(binh.name).locator(".badge")).to_be_hidden()


async def test_nothing_is_lost_between_what_is_unread_and_what_is_said_meanwhile(meet):
    an, binh = await meet("An"), await meet("Bình")
    count = 460
    await binh.chatter(f"direct={an.name}", lines(count))
    await an.open(binh.path)
    await expect(an.page.locator("#messages .newline")).to_contain_text("460 new since")
    await expect(an.messages).to_have_count(200)
    said = lines(count)
    down = "document.getElementById('newer')?.scrollIntoView({ block: 'end' })"
    for number in range(40):  # somebody talks while An reads down to the end
        if await an.page.locator("#newer").count() == 0:
            break
        said.append(f"meanwhile {number:02}")
        shown = await an.page.evaluate("document.querySelector('#messages').lastElementChild.id")
        await an.page.evaluate(down)
        await binh.post(an.path, said[-1])
        moved = "(id) => document.querySelector('#messages').lastElementChild.id !== id"
        await an.page.wait_for_function(moved, arg=shown)
    await an.page.evaluate("scroller.scrollTop = 0")
    await binh.post(an.path, "the last word")
    await expect(an.message("the last word")).to_be_in_viewport()
    texts = await an.texts()
    assert texts == [*said, "the last word"][-len(texts) :]
    await expect(an.link(binh.name).locator(".badge")).to_be_hidden()
    await an.say("of my own")
    await an.waits_saved("of my own")


async def test_the_latest_are_a_step_away_and_the_address_stays(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(260))
    phone = await elsewhere(an)
    await an.open(binh.path)
    await expect(an.message("line 0260")).to_have_count(0)
    await an.page.locator("#jump").click()
    await expect(an.message("line 0260")).to_be_in_viewport()
    await expect(an.page).to_have_url(an.url + binh.path)
    await expect(phone).to_be_hidden()  # now the server knows
    await an.page.reload()
    await expect(an.message("line 0260")).to_be_in_viewport()


async def test_what_was_written_further_up_is_answered_at_the_latest(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", lines(230))
    await an.open(binh.path)
    await an.say("an early answer")
    await an.waits_saved("an early answer")
    await expect(an.message("an early answer")).to_be_in_viewport()
    await expect(an.message("line 0230")).to_have_count(1)


async def test_a_page_that_lost_its_line_while_it_read_on_misses_nothing(meet):
    an, binh = await meet("An"), await meet("Bình")
    an.excuse_outage()
    await binh.chatter(f"direct={an.name}", lines(230))
    await an.open(binh.path)
    await an.context.set_offline(True)
    await binh.chatter(f"direct={an.name}", ["while away 1", "while away 2"])
    await an.context.set_offline(False)
    await an.page.evaluate("document.getElementById('newer').scrollIntoView({ block: 'end' })")
    await expect(an.page.locator("#newer")).to_have_count(0)
    await an.page.evaluate("scroller.scrollTop = 0")
    await an.sees("while away 2")
    texts = await an.texts()
    assert texts == [*lines(230), "while away 1", "while away 2"][-len(texts) :]
