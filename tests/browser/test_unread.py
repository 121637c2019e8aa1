"""Direct conversations, and what is unread: exact, the same everywhere, and gone once it was really read."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import WebSocketRoute, expect

from browser.hold import Hold
from browser.witness import holds, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


class _Line(Hold):
    """A line that can be cut, and is then dead until it is mended."""

    is_cut = False

    def __call__(self, page: WebSocketRoute) -> None:
        if self.is_cut:
            self._closing = asyncio.ensure_future(page.close())
        else:
            super().__call__(page)

    async def cut(self) -> None:
        self.is_cut, self.came = True, []
        await self.page.close()

    def mend(self) -> None:
        self.is_cut = False


async def icon(person) -> str:
    """Return the address of the icon in the tab."""
    return await person.page.locator("link[rel~=icon]").get_attribute("href")


async def test_a_direct_conversation_begins_in_the_list_of_people(meet):
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    await binh.open("/rooms/tech")
    await an.open()
    await an.page.get_by_role("link", name="Write to somebody").click()
    await expect(an.page.locator("h1")).to_have_text("People")
    await an.page.locator("#main").get_by_role("link", name=binh.name, exact=True).click()
    await expect(an.page).to_have_url(an.url + binh.path)
    await expect(an.page.locator("h1")).to_have_text(binh.name)
    await an.say("just between us")
    await an.waits_saved("just between us")
    own = an.page.locator("#directs > li")
    await expect(own).to_have_count(1)  # in An's own list too, without a new page
    await expect(own.locator("a")).to_have_attribute("aria-current", "page")
    await expect(own.locator(".badge")).to_be_hidden()
    await an.link("General").click()
    await expect(own.locator("a[aria-current]")).to_have_count(0)
    await own.click()
    await an.sees("just between us")
    await expect(own).to_have_count(1)
    row = binh.link(an.name)
    await expect(row).to_have_count(1)  # at once, though Bình is elsewhere and never heard of this conversation
    await expect(row.locator(".badge")).to_have_text("1 unread")
    await row.click()
    await binh.sees("just between us")
    await chi.open()
    await expect(chi.link(an.name)).to_have_count(0)
    chi.excuse("status of 404")
    answer = await chi.page.goto(await an.message("just between us").locator(".when").get_attribute("href"))
    assert answer.status == 404


async def test_a_direct_conversation_begins_at_a_name_in_the_log(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.post("/rooms/general", "I am Bình")
    await an.sees("I am Bình")
    await an.message("I am Bình").locator(".name").click()
    await expect(an.page.locator("h1")).to_have_text(binh.name)
    await expect(an.page.locator("#composer")).to_have_attribute("action", f"{binh.path}/messages")


async def test_unread_messages_are_counted_in_the_list_the_title_and_the_icon(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await expect(an.page).to_have_title("# General · chatapp")
    plain = await icon(an)
    for number in range(3):
        await binh.post("/rooms/tech", f"news {number}")
    await binh.post(an.path, "and you?")
    await expect(an.link("Tech").locator(".badge")).to_have_text("3 unread")
    await expect(an.link(binh.name).locator(".badge")).to_have_text("1 unread")
    await expect(an.page).to_have_title("(4) # General · chatapp")
    assert await icon(an) != plain
    weight = "link => Number(getComputedStyle(link).fontWeight)"
    assert await an.link("Tech").locator("a").evaluate(weight) >= 600
    await an.page.reload()
    await expect(an.link("Tech").locator(".badge")).to_have_text("3 unread")
    await expect(an.page).to_have_title("(4) # General · chatapp")
    await an.switch("/rooms/tech")
    await expect(an.link("Tech").locator(".badge")).to_be_hidden()
    await expect(an.page).to_have_title("(1) # Tech · chatapp")
    await an.switch(binh.path)
    await expect(an.page).to_have_title(f"{binh.name} · chatapp")
    assert await icon(an) == plain


async def test_ones_own_messages_are_never_unread(meet):
    an = await meet("An")
    await an.open()
    await an.post("/rooms/tech", "note to all")
    await an.post("/rooms/general", "the last one")
    await an.sees("the last one")
    await expect(an.link("Tech").locator(".badge")).to_be_hidden()
    await expect(an.page).to_have_title("# General · chatapp")


async def test_what_comes_while_nobody_looks_is_unread_until_somebody_does(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await an.turn_away()
    await binh.post("/rooms/general", "are you there?")
    await expect(an.link("General").locator(".badge")).to_have_text("1 unread")
    await expect(an.page).to_have_title("(1) # General · chatapp")
    await an.turn_back()
    await expect(an.link("General").locator(".badge")).to_be_hidden()
    await expect(an.page).to_have_title("# General · chatapp")
    await an.page.reload()
    await an.sees("are you there?")
    await expect(an.page.locator("#messages .newline")).to_have_count(0)


async def test_what_is_read_on_one_device_is_read_on_the_other(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    phone = await an.context.new_page()
    await an.open("/rooms/game", phone)
    badge = phone.locator('#side li[data-conversation="tech"] .badge')
    await binh.post("/rooms/tech", "one")
    await binh.post("/rooms/tech", "two")
    await expect(badge).to_have_text("2 unread")
    await expect(an.link("Tech").locator(".badge")).to_have_text("2 unread")
    await an.switch("/rooms/tech")
    await expect(badge).to_be_hidden()
    await expect(phone).to_have_title("# Game · chatapp")
    await binh.post("/rooms/tech", "three")
    await an.sees("three")
    await expect(badge).to_be_hidden()


async def test_reading_further_up_is_not_reading_the_newest(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", [f"line {number:03}" for number in range(50)])
    await an.open(binh.path)
    await an.page.evaluate("scroller.scrollTop = 0")
    await expect(an.link(binh.name).locator(".badge")).to_be_hidden()
    await an.scroll_up(700)
    await binh.post(an.path, "down here")
    await expect(an.link(binh.name).locator(".badge")).to_have_text("1 unread")
    await an.page.locator("#jump").click()
    await expect(an.link(binh.name).locator(".badge")).to_be_hidden()


async def test_what_was_read_stays_read_when_its_reader_turns_away_or_goes_elsewhere(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", ["one", "two"])
    await an.open(binh.path)
    badge = an.link(binh.name).locator(".badge")
    await expect(badge).to_be_hidden()
    await an.turn_away()
    await binh.post("/rooms/tech", "a sign that everything before it was heard")
    await expect(an.link("Tech").locator(".badge")).to_have_text("1 unread")
    await expect(badge).to_be_hidden()
    await an.turn_back()
    for number in range(3):
        await binh.post(an.path, f"quickly {number}")
    await an.sees("quickly 2")
    await an.switch("/rooms/tech")
    await expect(an.link("Tech").locator(".badge")).to_be_hidden()
    await binh.post("/rooms/game", "another sign")
    await expect(an.link("Game").locator(".badge")).to_have_text("1 unread")
    await expect(badge).to_be_hidden()


async def test_what_was_read_while_the_line_broke_marks_nothing_in_the_next_conversation(meet):
    an, binh = await meet("An"), await meet("Bình")
    an.excuse_outage()
    line = _Line()
    await an.page.route_web_socket("**/ws?**", line)
    await binh.chatter(f"direct={an.name}", [f"line {number:03}" for number in range(60)])
    await an.open("/rooms/tech")
    await an.page.evaluate("performance.now = () => 0")  # the moment of the last mark: the next one waits
    await binh.post("/rooms/tech", "seen")
    await an.sees("seen")
    await binh.post("/rooms/tech", "just seen")
    await an.sees("just seen")
    await line.cut()
    await an.switch(binh.path)
    await holds(an.page, "scroller.scrollTop < -100")  # at the first of what is new
    line.mend()
    await until(lambda: any('"unread"' in frame for frame in line.came))  # the last word of a greeting
    phone = await an.open("/rooms/game", await an.context.new_page())
    await expect(phone.locator("#directs .badge")).to_have_text("60 unread")


async def test_a_thousand_unread_messages_are_more_than_anybody_counts(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.chatter(f"direct={an.name}", [f"line {number}" for number in range(999)])
    badge = an.link(binh.name).locator(".badge")
    await expect(badge).to_have_text("999 unread")
    await binh.post(an.path, "one too many")
    await expect(badge).to_have_text("999+ unread")
    await expect(an.page).to_have_title(re.compile(r"^\(999\+\) "))
    await an.page.reload()
    await expect(badge).to_have_text("999+ unread")
