"""Small screens and large text: nothing reaches beyond the window, no word is cut, edges line up."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Meet
from browser.person import PASSWORD, Person
from browser.test_accessibility import PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

LANGUAGES = {"vi-VN": "Phòng Chung", "en-US": "General"}
LARGE = "html { font-size: 32px !important }"

# Words that reach beyond the window or beyond a box that hides what is outside of it. Boxes that scroll are fine, and
# so is what is there for listeners only.
_CUT = """() => {
    const found = []
    const edge = document.documentElement.clientWidth
    if (document.documentElement.scrollWidth > edge) found.push(`the page: ${document.documentElement.scrollWidth} px`)
    const tree = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = tree.nextNode(); node; node = tree.nextNode()) {
        const item = node.parentElement
        if (!node.data.trim() || !item.checkVisibility({ visibilityProperty: true })) continue
        if (item.closest('.sr, .skip, svg')) continue
        const range = document.createRange()
        range.selectNodeContents(node)
        const box = range.getBoundingClientRect()
        if (!box.width || getComputedStyle(item).fontSize === '0px') continue
        let [left, right] = [0, edge]
        let scrolls = false
        for (let one = item; one && !scrolls; one = one.parentElement) {
            const style = getComputedStyle(one)
            if (style.clipPath !== 'none') left = right = null
            const inner = one.getBoundingClientRect()
            const isScroller = ['auto', 'scroll'].includes(style.overflowX)
            if (isScroller && one.scrollWidth > one.clientWidth) scrolls = true
            else if (left !== null && style.overflowX !== 'visible') {
                left = Math.max(left, inner.left)
                right = Math.min(right, inner.right)
            }
        }
        if (left === null || scrolls) continue
        const isCut = box.left < left - 1 || box.right > right + 1
        if (isCut) found.push(`${node.data.trim().slice(0, 40)} (${item.className})`)
    }
    return found
}"""
# Lines of a text, by the tops of their boxes.
_LINES = """item => {
    const tops = new Set()
    const tree = document.createTreeWalker(item, NodeFilter.SHOW_TEXT)
    for (let node = tree.nextNode(); node; node = tree.nextNode()) {
        const range = document.createRange()
        range.selectNodeContents(node)
        for (const line of range.getClientRects()) tops.add(Math.round(line.top))
    }
    return tops.size
}"""


async def cut(page: Page, path: str, *, large: bool) -> list[str]:
    """Open a page and return what does not fit on it."""
    await page.goto(path)
    if large:
        await page.add_style_tag(content=LARGE)
    found: list[str] = await page.evaluate(_CUT)
    return [f"{path}: {text}" for text in found]


async def left_edge(page: Page, selector: str) -> float:
    """Return where the content of a thing begins."""
    edge: float = await page.locator(selector).first.evaluate("""item => {
        const range = document.createRange()
        range.selectNodeContents(item)
        return range.getBoundingClientRect().left
    }""")
    return edge


async def come(meet: Meet, language: str, width: int) -> Person:
    # A touch screen, for its buttons are the larger ones; the styles of the test need a page without its policy.
    window: dict[str, Any] = PHONE | {"viewport": {"width": width, "height": 740}}
    return await meet("Nguyễn Thị Thanh Huyền", registered=False, locale=language, bypass_csp=True, **window)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [320, 360])
async def test_every_page_fits_a_small_screen_also_with_text_of_twice_the_size(
    meet: Meet, width: int, language: str
) -> None:
    an, binh = await come(meet, language, width), await meet("Bình")
    an.excuse("status of 404")
    found = []
    for large in (False, True):
        for path in ("/", "/?logged-out=1", "/login", "/register", "/rooms/nowhere", "/goodbye"):
            found += await cut(an.page, path, large=large)
    await an.get_account()
    await binh.post(an.path, "Chủ nhật này ai đi Bà Đen không? https://example.org/mot-duong-dan-rat-dai-khong-co-dau")
    mid = await an.post(binh.path, "Có mình, mình mang theo bếp ga và máy ảnh")
    await an.context.request.post(
        f"{binh.path}/messages/{mid}/edit",
        form={"content": "Có mình 👍", "rev": str(mid)},
        headers={"Origin": an.url, "Accept": "application/json"},
    )
    settings = ("/settings", "/settings?saved=1", "/settings/devices", "/settings/password", "/settings/account")
    chat = ("/rooms", "/people", "/rooms/general", "/rooms/game", binh.path)
    change = (f"{binh.path}/messages/{mid}/edit", f"{binh.path}/messages/{mid}/versions")
    for large in (False, True):
        for path in settings + chat + change:
            found += await cut(an.page, path, large=large)
        await an.open(binh.path)
        if large:
            await an.page.add_style_tag(content=LARGE)
        await an.message("👍").locator(".more").tap()
        await expect(an.page.get_by_role("dialog")).to_be_visible()
        assert await an.page.locator("#actions").evaluate("sheet => sheet.scrollWidth <= sheet.clientWidth")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", [768, 1280])
async def test_with_large_text_the_conversation_keeps_the_widest_part_of_a_wide_screen(meet: Meet, width: int) -> None:
    an = await meet("An", bypass_csp=True, viewport={"width": width, "height": 800})
    for path in ("/rooms/general", "/rooms", "/people", "/settings"):
        assert not await cut(an.page, path, large=True)
        if path == "/rooms/general":
            sizes = await an.page.evaluate(
                "['side', 'main', 'people'].map((id) => document.getElementById(id).getBoundingClientRect().width)"
            )
            assert max(sizes) == sizes[1]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_choices_and_ways_of_the_settings_stand_on_one_line_each(meet: Meet, language: str) -> None:
    an = await come(meet, language, 320)
    await an.get_account()
    for width in (320, 360, 768, 1280):
        await an.page.set_viewport_size({"width": width, "height": 740})
        await an.page.goto("/settings")
        for one in await an.page.locator(".segments span, .ways b, .ways small, .btn:visible").all():
            assert await one.evaluate(_LINES) == 1, (width, await one.inner_text())


async def test_brand_heading_and_footer_of_the_landing_page_share_one_left_edge(meet: Meet) -> None:
    an = await meet("An", registered=False)
    for width in (320, 360, 768, 1280, 1920):
        await an.page.set_viewport_size({"width": width, "height": 800})
        await an.page.goto("/")
        edges = {
            await left_edge(an.page, selector)
            for selector in (".plain-head .brand", "h1", ".lead", ".facts", ".plain-foot .link")
        }
        assert max(edges) - min(edges) < 1, (width, edges)


async def test_a_time_of_a_twelve_hour_clock_is_not_cut(meet: Meet) -> None:
    an, binh = await meet("An", locale="en-US", viewport={"width": 768, "height": 800}), await meet("Bình")
    for text in ("one", "two"):
        await binh.post(an.path, text)
    await an.open(binh.path)
    await an.message("two").hover()
    time = an.message("two").locator("time")
    await time.evaluate("item => (item.textContent = '12:59 PM')")
    await expect(time).to_be_in_viewport(ratio=1)
    assert not await an.page.evaluate(_CUT)
    bubble = an.message("two").locator(".bub")
    ends, begins = [await one.evaluate("item => item.getBoundingClientRect().toJSON()") for one in (time, bubble)]
    assert ends["right"] <= begins["left"]


async def test_the_list_of_rooms_beside_no_conversation_paints_none_as_open(meet: Meet) -> None:
    an = await meet("An")
    await an.open("/rooms/tech")
    await an.page.goto("/rooms")
    painted = await an.page.locator("#room-links .room").evaluate_all(
        """links => links.map((link) => getComputedStyle(link))
            .map((style) => `${style.backgroundColor} ${style.boxShadow}`)"""
    )
    assert len(painted) == 3
    assert len(set(painted)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_empty_conversation_says_what_can_be_done_until_the_first_word(meet: Meet, language: str) -> None:
    an, binh = await meet("An", locale=language), await meet("Bình")
    await an.open("/rooms/game")
    await expect(an.page.locator(".nothing")).to_be_visible()
    await expect(an.page.locator("#older")).to_be_hidden()  # a beginning of nothing
    await an.open(binh.path)
    await expect(an.page.locator(".nothing")).to_contain_text(binh.name)
    await an.say("the first word")
    await an.waits_saved("the first word")
    await expect(an.page.locator(".nothing")).to_be_hidden()
    await expect(an.page.locator("#older")).to_be_visible()
    await an.page.reload()
    await an.sees("the first word")
    await expect(an.page.locator(".nothing")).to_have_count(0)


async def test_a_few_emoji_are_large_on_their_way_live_in_history_and_without_scripts(meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    plain = await meet("Chi", java_script_enabled=False)
    await binh.open(an.path)
    await an.open(binh.path)
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    await an.page.evaluate("""() => {
        window.shapes = []
        const look = () => document.querySelectorAll('.msg .text').forEach((one) => window.shapes.push(one.className))
        new MutationObserver(look).observe(messages, { childList: true, subtree: true })
    }""")
    await an.say(f"{family}👍🏽🇻🇳")
    await an.waits_saved(family)
    assert set(await an.page.evaluate("window.shapes")) == {"text large"}
    size = "item => parseFloat(getComputedStyle(item.querySelector('.text')).fontSize)"
    for person in (an, binh):
        assert await person.message(family).evaluate(size) >= 36
        await person.page.reload()
        assert await person.message(family).evaluate(size) >= 36
    await binh.say("👍👍👍👍")
    await an.sees("👍👍👍👍")
    assert await an.message("👍👍👍👍").evaluate(size) < 20
    await plain.post("/rooms/tech", "❤\ufe0f")
    await plain.page.goto("/rooms/tech")
    assert await plain.message("❤").evaluate(size) >= 36


@pytest.mark.parametrize("scripts", [True, False])
async def test_who_logged_out_is_told_so(meet: Meet, scripts: bool) -> None:
    an = await meet("An", java_script_enabled=scripts)
    await an.page.goto("/settings")
    await an.page.get_by_role("button", name="Log out", exact=True).click()
    await expect(an.page.get_by_role("status")).to_have_text("You are logged out. See you soon!")


# --- passwords in clear ---------------------------------------------------------------------------------------------


async def test_a_password_is_shown_while_its_writer_wants_to_see_it(meet: Meet) -> None:
    an = await meet("An", registered=False)
    an.excuse("status of 422")
    await an.page.goto("/register")
    button = an.page.get_by_role("button", name="Show password")
    field = an.page.locator("#password")
    await an.page.locator("#username").fill("")
    await field.fill("short")
    await expect(button).to_have_attribute("aria-pressed", "false")
    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "true")
    await expect(field).to_have_attribute("type", "text")
    await expect(field).to_have_value("short")
    await expect(field).to_have_attribute("autocomplete", "new-password")
    types = "document.addEventListener('htmx:config:request', () => (window.sent = password.type))"
    await an.page.evaluate(types)
    await an.page.locator("main form .btn").click()
    await expect(an.page.locator(".wrong")).to_have_count(2)  # the form came anew, with its button
    assert await an.page.evaluate("window.sent") == "password"
    await expect(field).to_have_attribute("type", "password")
    await expect(button).to_have_count(1)
    await expect(button).to_have_attribute("aria-pressed", "false")
    await button.click()
    await an.fill_form()
    await an.page.wait_for_url("**/rooms/general")


async def test_every_field_of_a_password_has_its_button_and_pages_without_scripts_lack_it(meet: Meet) -> None:
    an, plain = await meet("An"), await meet("Bình", java_script_enabled=False)
    for person, is_shown in ((an, True), (plain, False)):
        for path in ("/settings/password", "/settings/account"):
            await person.page.goto(path)
            fields = await person.page.locator("input[type=password]").count()
            await expect(person.page.get_by_role("button", name="Show password")).to_have_count(fields * is_shown)
    await an.page.goto("/settings/password")
    new = an.page.locator(".field", has=an.page.locator("#new"))
    await new.get_by_role("button", name="Show password").click()
    await expect(an.page.locator("#new")).to_have_attribute("type", "text")
    await expect(an.page.locator("#current")).to_have_attribute("type", "password")
    await an.page.locator("#current").fill(PASSWORD)
    for name in ("new", "again"):
        await an.page.locator(f"#{name}").fill("một con vịt khác")
    await an.page.locator("main form .btn").click()
    await expect(an.page.get_by_role("status")).to_contain_text("Your password is changed.")


# --- the counter ----------------------------------------------------------------------------------------------------


async def test_the_counter_says_in_words_how_much_is_too_much(meet: Meet) -> None:
    an = await meet("An")
    await an.open()
    counter = an.page.locator("#counter")
    for text, words in (
        ("x" * 3_999, "1 character left"),
        ("x" * 4_000, "0 characters left"),
        ("x" * 4_001, "1 character too many"),
        ("e\u0323\u0302" * 4_100, "100 characters too many"),  # ệ as some keyboards write it
        ("👨\u200d👩" * 1_334, "2 characters too many"),
    ):
        await an.box.fill(text)
        await expect(counter).to_have_text(words)
