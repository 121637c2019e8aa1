"""What can be done with a message: the sheet of a phone, the menu of the keyboard, and the one tab stop of the log."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import Meet
from browser.person import Person
from browser.test_accessibility import PHONE, WINDOWS, faults
from fault.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What is focused: the text of a message, or else the id or the name of the thing.
_FOCUSED = """() => {
    const item = document.activeElement
    if (item.matches('.msg')) return item.querySelector('.bub').textContent.trim()
    return item.id || item.getAttribute('aria-label') || item.textContent.trim()
}"""
_STOPS = """() => [...document.querySelectorAll('#scroller, #scroller *')]
    .filter((item) => item.tabIndex >= 0 && item.getClientRects().length)
    .map((item) => item.matches('.msg') ? item.querySelector('.bub').textContent.trim() : item.outerHTML)"""


def sheet(page: Page) -> Locator:
    return page.get_by_role("dialog")


def row(page: Page, name: str) -> Locator:
    return sheet(page).get_by_role("button", name=name, exact=True)


async def two(meet: Meet, **options: object) -> tuple[Person, Person]:
    an, binh = await meet("An", **options), await meet("Bình")
    for number in range(12):
        await binh.post(an.path, f"theirs {number} https://example.org/{number}")
    await an.post(binh.path, "my own")
    await an.open(binh.path)
    await an.sees("my own")
    await an.page.evaluate("scroller.scrollTop = 0")  # it opened at the first unread message
    await expect(an.page.locator("#jump")).to_be_hidden()
    return an, binh


async def tops(person: Person) -> list[float]:
    """Return where every message of the log stands."""
    found: list[float] = await person.messages.evaluate_all(
        "items => items.map((item) => item.querySelector('.bub').getBoundingClientRect().top)"
    )
    return found


async def dots(person: Person, text: str) -> Locator:
    return person.message(text).get_by_role("button", name="Message actions")


# --- the sheet of a phone -------------------------------------------------------------------------------------------


async def test_on_a_phone_every_message_has_a_button_that_opens_a_sheet_and_nothing_moves(meet: Meet) -> None:
    an, _ = await two(meet, **PHONE)
    for text, count in (("theirs 11", 3), ("my own", 5)):
        button = await dots(an, text)
        await button.scroll_into_view_if_needed()
        before = await tops(an)
        box = await button.bounding_box()
        assert box is not None
        assert round(min(box["width"], box["height"]), 2) >= 44  # layout counts in 1/64 pixel, and the tool in floats
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        await button.tap()
        await expect(sheet(an.page)).to_be_visible()
        assert await tops(an) == before
        assert await sheet(an.page).get_by_role("button").count() == count
        for one in await sheet(an.page).get_by_role("button").all():
            size = await one.bounding_box()
            assert size is not None
            assert round(size["height"], 2) >= 44
            await expect(one).to_be_in_viewport(ratio=1)
        await row(an.page, "Close").tap()
        await expect(sheet(an.page)).to_have_count(0)
        await expect(button).to_be_focused()
        assert await tops(an) == before
    await expect(an.page.get_by_role("toolbar")).to_have_count(0)


async def test_dots_and_bubbles_do_not_cover_each_other(meet: Meet) -> None:
    an, _ = await two(meet, **PHONE)
    await an.post("/rooms/tech", "a longer text, so that its bubble is as wide as a bubble can be at all here")
    for path in (an.page.url, "/rooms/tech"):
        await an.page.goto(path)
        await expect(an.page.locator(".more").last).to_be_visible()
        overlaps = await an.page.evaluate("""() => [...document.querySelectorAll('.msg')].filter((item) => {
            const [bubble, dots] = ['.bub', '.more'].map((one) => item.querySelector(one).getBoundingClientRect())
            return bubble.left < dots.right && dots.left < bubble.right
        }).length""")
        assert overlaps == 0


async def test_the_sheet_closes_by_escape_by_a_press_beside_it_and_by_back(meet: Meet) -> None:
    an, _ = await two(meet, **PHONE)
    url, length = an.page.url, await an.messages.count()
    await an.page.evaluate("messages.dataset.same = 'yes'")
    button = await dots(an, "theirs 11")

    async def escape() -> None:
        await an.page.keyboard.press("Escape")

    async def beside() -> None:
        await an.page.touchscreen.tap(180, 60)

    async def back() -> None:
        await an.page.go_back()

    for close in (escape, beside, back, back, escape):
        await button.tap()
        await expect(sheet(an.page)).to_be_visible()
        await expect(row(an.page, "Copy text")).to_be_focused()
        await close()
        await expect(sheet(an.page)).to_have_count(0)
        await expect(button).to_be_focused()
        assert an.page.url == url
    await expect(an.page.locator("#messages")).to_have_attribute("data-same", "yes")  # nothing was fetched for it
    assert await an.messages.count() == length


async def test_going_back_after_a_switch_of_rooms_still_leads_to_the_room_before(meet: Meet) -> None:
    an, _ = await two(meet)
    url = an.page.url
    await an.switch("/rooms/tech")
    await an.say("in tech")
    await an.waits_saved("in tech")
    await an.page.keyboard.press("Shift+Tab")
    await an.page.keyboard.press("Shift+Tab")
    await an.page.keyboard.press("Enter")
    await expect(sheet(an.page)).to_be_visible()
    await an.page.keyboard.press("Escape")
    await expect(an.message("in tech")).to_be_focused()  # the way back through the sheet is behind it
    await an.page.go_back()
    await expect(an.page).to_have_url(url)
    await an.sees("my own")


async def test_edit_and_remove_from_the_sheet(meet: Meet) -> None:
    an, binh = await two(meet, **PHONE)
    await (await dots(an, "my own")).tap()
    await row(an.page, "Edit").tap()
    await expect(an.box).to_have_value("my own")
    await expect(an.box).to_be_focused()
    await an.box.fill("my own, better")
    await an.page.locator(".send").tap()
    await expect(an.page.locator(".edited")).to_have_text("edited")
    await (await dots(an, "my own, better")).tap()
    await row(an.page, "Earlier versions of this message").tap()
    await expect(an.page.locator(".versions li")).to_have_count(2)
    await an.open(binh.path)
    await (await dots(an, "my own, better")).tap()
    await row(an.page, "Remove this message").tap()
    await expect(an.page.locator("#undo")).to_have_text("Removed. Undo")
    await expect(an.page.locator("#messages [data-change]")).to_have_count(0)
    await expect(an.page.locator(".msg.gone .more")).to_have_count(0)


@pytest.mark.parametrize("modern", [True, False])
async def test_text_and_link_are_copied_over_plain_http_too(meet: Meet, server: Server, modern: bool) -> None:
    at = server.url if modern else f"http://chat.lan:{server.port}"
    an, binh = await meet("An", registered=False, at=at, **PHONE), await meet("Bình")
    if modern:
        await an.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await an.page.goto("/register")
    await an.fill_form()
    await an.page.wait_for_url("**/rooms/general")
    await binh.post(an.path, "theirs 11 https://example.org/11")
    await an.open(binh.path)
    assert await an.page.evaluate("isSecureContext") is modern
    mid = await an.message("theirs 11").get_attribute("data-mid")
    for name, text in (("Copy link", f"{an.url}/messages/{mid}"), ("Copy text", "theirs 11 https://example.org/11")):
        await (await dots(an, "theirs 11")).tap()
        await row(an.page, name).tap()
        await expect(row(an.page, "Copied")).to_be_visible()
        await expect(sheet(an.page).get_by_role("status")).to_have_text("Copied")
        await expect(sheet(an.page)).to_have_count(0)
        await an.box.tap()
        await an.page.keyboard.press("Control+V")
        await expect(an.box).to_have_value(text)
        await an.box.fill("")
    await binh.page.goto(f"/messages/{mid}")
    await expect(binh.page.locator(f"#m-{mid}")).to_have_class(re.compile("focus"))


async def test_the_sheet_says_so_when_it_cannot_be_had(meet: Meet) -> None:
    an, _ = await two(meet, **PHONE)
    an.excuse("net::ERR_|Failed to load")
    await an.page.route("**/message/sheet.js", lambda route: route.abort())
    await (await dots(an, "theirs 11")).tap()
    await expect(an.page.locator("#refusal")).to_have_text("That did not work. Please try again.")


@pytest.mark.parametrize("window", WINDOWS)
async def test_the_checker_finds_nothing_in_the_sheet(meet: Meet, window: str) -> None:
    an, _ = await two(meet, **WINDOWS[window])
    if "phone" in window:
        await an.messages.last.locator(".more").tap()
    else:
        await an.box.focus()
        await an.page.keyboard.press("Shift+Tab")
        await an.page.keyboard.press("Shift+Tab")
        await an.page.keyboard.press("Enter")
    await expect(sheet(an.page)).to_be_visible()
    found = await faults(an.page)
    await an.page.keyboard.press("Escape")
    await expect(sheet(an.page)).to_have_count(0)
    found += await faults(an.page)
    assert not found, "\n".join(found)


# --- the keyboard ---------------------------------------------------------------------------------------------------


async def press(person: Person, *keys: str) -> str:
    """Press some keys; return what is focused then."""
    for key in keys:
        await person.page.keyboard.press(key)
    focused: str = await person.page.evaluate(_FOCUSED)
    return focused


async def enter_log(person: Person) -> None:
    """Go from the box to write in back to the log: past the button of pictures, and the way to the newest message."""
    await person.box.focus()
    for _ in range(4):
        await person.page.keyboard.press("Shift+Tab")
        if await person.page.evaluate("document.activeElement.matches('.msg')"):
            return
    raise AssertionError(await press(person))


async def test_the_log_is_one_stop_of_the_keyboard(meet: Meet) -> None:
    an, _ = await two(meet)
    assert await an.page.evaluate(_STOPS) == ["my own"]
    await an.box.focus()
    assert await press(an, "Shift+Tab") == "choose"
    assert await press(an, "Shift+Tab") == "my own"
    await expect(an.page.get_by_role("toolbar")).to_be_visible()
    assert await press(an, "Tab") == "choose"
    assert await press(an, "Shift+Tab", "ArrowUp") == "theirs 11 https://example.org/11"
    assert await an.page.evaluate(_STOPS) == ["theirs 11 https://example.org/11"]
    assert await press(an, "Tab", "Shift+Tab") == "theirs 11 https://example.org/11"  # it is where its reader left it
    assert await press(an, "Home") == "theirs 0 https://example.org/0"
    await expect(an.message("theirs 0 ")).to_be_in_viewport(ratio=1)
    assert await press(an, "ArrowDown", "ArrowDown") == "theirs 2 https://example.org/2"
    assert await press(an, "End") == "my own"
    assert await press(an, "ArrowDown") == "my own"
    assert await press(an, "Escape") == "text"


async def test_the_toolbar_offers_on_each_message_what_can_be_done_with_it_whoever_wrote_it(meet: Meet) -> None:
    an, _ = await two(meet)
    await an.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await an.page.evaluate("""() => {
        const bar = document.getElementById('toolbar').content.firstElementChild
        const button = bar.firstElementChild.cloneNode(true)
        button.dataset.act = 'link'
        bar.append(button)
    }""")
    shown = "bar => [...bar.children].filter((one) => one.getClientRects().length).map(({ dataset }) => dataset.act)"
    toolbar = an.page.get_by_role("toolbar")
    await an.message("theirs 11").hover()
    await expect(toolbar).to_be_visible()
    assert await toolbar.evaluate(shown) == ["link"]
    await an.message("my own").hover()
    await expect(an.message("my own").get_by_role("toolbar")).to_be_visible()
    assert await toolbar.evaluate(shown) == ["edit", "remove", "link"]
    await an.message("theirs 10").hover()
    await an.message("theirs 10").get_by_role("toolbar").locator("[data-act=link]").click()
    mid = await an.message("theirs 10").get_attribute("data-mid")
    await an.page.wait_for_function(
        "async (link) => await navigator.clipboard.readText() === link", arg=f"{an.url}/messages/{mid}"
    )


async def test_enter_opens_the_actions_and_escape_leads_back_step_by_step(meet: Meet) -> None:
    an, _ = await two(meet)
    await enter_log(an)
    await press(an, "Enter")
    await expect(row(an.page, "Copy text")).to_be_focused()
    await press(an, "ArrowDown")
    await expect(row(an.page, "Copy link")).to_be_focused()
    await press(an, "End")
    await expect(row(an.page, "Remove this message")).to_be_focused()
    await press(an, "Escape")
    await expect(an.message("my own")).to_be_focused()
    assert await press(an, "ArrowRight", "ArrowRight") != "my own"  # its name, its time
    assert await press(an, "Escape") == "my own"
    assert await press(an, "Escape") == "text"
    await press(an, "Shift+Tab", "Shift+Tab", "Enter")
    await row(an.page, "Edit").press("Enter")
    await expect(an.box).to_have_value("my own")
    await expect(an.box).to_be_focused()


async def test_a_message_is_said_in_words(meet: Meet) -> None:
    an, binh = await two(meet)
    time = await an.message("my own").locator("time").inner_text()
    await expect(an.message("my own")).to_have_attribute("aria-label", f"You, {time}: my own Saved")
    await enter_log(an)
    await press(an, "ArrowUp")
    theirs = an.message("theirs 11")
    await expect(theirs).to_have_attribute("aria-label", re.compile(f"^{binh.name}, {time[:2]}.*: theirs 11 https"))
    await expect(an.message("my own")).not_to_have_attribute("aria-label", re.compile("."))


async def test_links_in_a_message_are_reached_with_the_arrows(meet: Meet) -> None:
    an, _ = await two(meet)
    await enter_log(an)
    assert await press(an, "ArrowUp", "ArrowLeft") == "https://example.org/11"
    assert await press(an, "ArrowRight") == "theirs 11 https://example.org/11"
    assert await press(an, "ArrowLeft", "ArrowUp") == "theirs 10 https://example.org/10"


async def test_what_comes_and_goes_leaves_one_valid_stop_and_the_focus(meet: Meet) -> None:
    an, binh = await two(meet)
    await binh.post(an.path, "with a [link] https://example.org/new")
    await an.sees("with a [link]")
    assert len(await an.page.evaluate(_STOPS)) == 1
    await enter_log(an)
    assert await press(an) == "with a [link] https://example.org/new"
    mid = await an.message("with a [link]").get_attribute("data-mid")
    headers = {"Origin": binh.url, "Accept": "application/json"}
    for act, text in (("edit", "an edited one"), ("remove", "")):
        rev = await an.page.locator(f"#m-{mid}").get_attribute("data-rev")
        answer = await binh.context.request.post(
            f"{an.path}/messages/{mid}/{act}", form={"content": text, "rev": rev}, headers=headers
        )
        assert answer.ok, await answer.text()
        await an.sees(text or "This message was removed.")
        await expect(an.page.locator(f"#m-{mid}")).to_be_focused()
        assert await an.page.evaluate(_STOPS) == [text or "This message was removed."]
    await an.switch("/rooms/game")
    assert len(await an.page.evaluate(_STOPS)) == 1  # the empty log itself
    await an.say("the first word")
    await an.waits_saved("the first word")
    assert await an.page.evaluate(_STOPS) == ["the first word"]


async def test_at_the_top_older_messages_come_and_the_focus_stays(meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await an.chatter(f"direct={binh.name}", [f"old {number:03}" for number in range(120)])
    await an.open(binh.path)
    await an.sees("old 119")
    count = await an.messages.count()
    await enter_log(an)
    first = await press(an, "Home")
    await expect(an.messages).not_to_have_count(count)
    assert await press(an) == first
    assert await an.page.evaluate(_STOPS) == [first]
    assert await press(an, "ArrowUp") == f"old {int(first[-3:]) - 1:03}"
    before = await an.page.evaluate("scroller.scrollTop")
    await an.page.keyboard.press("PageDown")
    await an.page.wait_for_function("before => scroller.scrollTop > before", arg=before)


async def test_who_scrolled_away_comes_back_to_what_is_in_sight(meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", [f"old {number:03}" for number in range(45)])
    await an.open(binh.path)
    await an.sees("old 044")
    await an.scroll_up(600)
    await enter_log(an)
    assert await an.page.locator(".msg:focus").evaluate(
        "item => item.getBoundingClientRect().top < scroller.getBoundingClientRect().bottom"
    )
    await expect(an.message("old 044")).not_to_be_in_viewport()


async def test_without_scripts_there_are_no_dots_and_every_link_is_a_stop(meet: Meet) -> None:
    an = await meet("An", java_script_enabled=False, **PHONE)
    mid = await an.post("/rooms/general", "plain")
    await an.page.goto(f"/rooms/general/messages/{mid}")
    await expect(an.page.locator(f"#m-{mid}")).to_be_visible()
    await expect(an.page.locator(".more:visible")).to_have_count(0)
    await expect(an.page.get_by_role("link", name="Edit or remove this message")).to_be_visible()
