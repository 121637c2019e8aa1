"""Languages, themes, sizes of screens, and a name that is no secure address: what the page looks like to whom."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIETNAMESE = {"locale": "vi-VN", "timezone_id": "Asia/Ho_Chi_Minh"}
SIZES = [(360, 740), (768, 1024), (1280, 800)]

# Words of the English pages. Names of people, the program and what people say are not translated, nor is "Enter".
ENGLISH = re.compile(
    r"\b(the|your?|and|with|for|is|are|to|of|by|room|rooms|message|messages|people|online|offline|settings?|register|"
    r"log in|log out|password|username|account|write|send|sent|saved?|unread|new|older|newer|picture|pictures|remove|"
    r"retry|discard|cancel|close|back|language|theme|light|dark|skip|page|not found|welcome|today|yesterday|typing)\b",
    re.IGNORECASE,
)
_VISIBLE = """() => {
    const unsaid = '#messages .bub, .name, bdi, script, style, template, noscript, [lang=en]:not(html), kbd, small'
    const said = [document.title]
    const tree = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ELEMENT)
    for (let item = tree.currentNode; item; item = tree.nextNode()) {
        if (item.closest(unsaid)) continue
        for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'data-title', 'data-drop'])
            if (item.hasAttribute(name)) said.push(item.getAttribute(name))
        for (const node of item.childNodes) if (node.nodeType === Node.TEXT_NODE) said.push(node.data)
    }
    const words = document.getElementById('words')
    if (words) for (const span of words.content.querySelectorAll('[data-word]')) said.push(span.textContent)
    return said.map((text) => text.replace(/\\{\\w+\\}/g, '').trim()).filter(Boolean)
}"""


async def english_left(page: Page, *names: str) -> list[str]:
    """Return what a page says in English, on the screen or to those who listen."""
    said = [text for text in await page.evaluate(_VISIBLE) if not any(name in text for name in names)]
    said = [text.replace("chatapp", "").replace("Phóng to", "") for text in said]  # "to" is large in Vietnamese
    return [text for text in said if ENGLISH.search(text)]


async def test_a_vietnamese_browser_finds_no_english_word(meet):
    an, binh = await meet("An", registered=False, **VIETNAMESE), await meet("Bình", **VIETNAMESE)
    an.excuse("status of 4(04|22)")
    for path in ("/", "/login", "/register", "/rooms/nowhere"):
        await an.page.goto(path)
        await expect(an.page.locator("html")).to_have_attribute("lang", "vi")
        assert not await english_left(an.page), path
    await an.page.goto("/register")
    await an.fill_form("", "x")
    await expect(an.page.locator(".wrong")).to_have_count(2)
    assert not await english_left(an.page)
    await an.get_account()
    await an.page.goto("/settings")
    assert not await english_left(an.page, an.name)
    await an.page.goto("/rooms/nowhere")
    assert not await english_left(an.page)
    await an.open("/rooms/general")
    await expect(an.page.locator("h1")).to_have_text("# Phòng Chung")
    await an.page.locator("#choose").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    await expect(an.page.locator("#refusal")).to_be_visible()
    await an.say("Xin chào")
    await an.waits_saved("Xin chào")
    await expect(an.message("Xin chào").locator(".state")).to_have_text("Đã lưu")
    await expect(an.page.locator(".day time").last).to_have_text("Hôm nay")
    await binh.post(an.path, "Chào An")
    await expect(an.link(binh.name).locator(".badge")).to_have_text("1 chưa đọc")
    assert not await english_left(an.page, an.name, binh.name)
    for path in ("/people", "/rooms", binh.path):
        await an.page.goto(path)
        assert not await english_left(an.page, an.name, binh.name), path


async def test_the_language_is_switched_and_stays(meet):
    an = await meet("An", registered=False)
    await an.page.goto("/login")
    await an.page.get_by_role("button", name="Tiếng Việt").click()
    await expect(an.page.locator("html")).to_have_attribute("lang", "vi")
    await expect(an.page).to_have_url(f"{an.url}/login")
    await an.get_account()
    await an.page.goto("/settings")
    await an.page.get_by_role("radio", name="English").check()
    await an.page.locator(".choices .btn").click()
    await expect(an.page.get_by_role("status")).to_have_text("Your settings are saved.")
    await an.open()
    await expect(an.page.locator("html")).to_have_attribute("lang", "en")


async def test_times_are_those_of_the_readers_clock_and_language(meet):
    an = await meet("An", timezone_id="America/New_York", locale="en-US")
    binh = await meet("Bình", **VIETNAMESE)
    await an.open()
    await an.say("what time is it?")
    await an.waits_saved("what time is it?")
    await binh.open()
    times = [person.message("what time is it?").locator("time") for person in (an, binh)]
    stamp = await times[0].get_attribute("datetime")
    assert stamp.endswith("Z")
    assert await times[1].get_attribute("datetime") == stamp
    hour = int(stamp[11:13])
    there = [f"{(hour - shift) % 12 or 12}:{stamp[14:16]}" for shift in (4, 5)]  # summer or winter in New York
    assert (await times[0].inner_text()).replace("\u202f", " ").split()[0] in there
    await expect(times[1]).to_have_text(f"{(hour + 7) % 24:02}:{stamp[14:16]}")


async def background(page: Page) -> list[int]:
    """Return the colour of the page as three numbers up to 255."""
    return await page.evaluate("""() => {
        const canvas = document.createElement('canvas').getContext('2d')
        canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor
        canvas.fillRect(0, 0, 1, 1)
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
    }""")


async def test_the_theme_follows_the_system(meet):
    dark = await meet("An", color_scheme="dark")
    await dark.open()
    assert max(await background(dark.page)) < 64
    await dark.page.emulate_media(color_scheme="light")
    assert min(await background(dark.page)) > 200


async def test_a_chosen_theme_is_kept_and_there_at_the_first_paint(meet):
    an = await meet("An", color_scheme="light")
    await an.page.goto("/settings")
    await an.page.get_by_role("radio", name="Dark").check()
    assert max(await background(an.page)) < 64, "it is shown while it is being chosen"
    await an.page.get_by_role("button", name="Save").click()
    await expect(an.page.get_by_role("status")).to_be_visible()
    html = await (await an.context.request.get("/rooms/general")).text()
    assert re.search(r'<html[^>]* data-theme="dark"', html)
    await an.open()
    assert max(await background(an.page)) < 64
    await expect(an.page.locator("meta[name=theme-color]")).to_have_attribute("content", re.compile("^#0"))


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_no_page_scrolls_sideways(meet, width, height):
    an = await meet("Nguyễn Thị Thanh Huyền", viewport={"width": width, "height": height})
    binh = await meet("Bình")
    await an.open()
    await an.page.locator("#choose").set_input_files(
        [{"name": f"{n}.png", "mimeType": "image/png", "buffer": picture(size=(1600, 500))} for n in range(3)]
    )
    await an.say(f"{width}" * 100 + "\n```\n" + "code " * 60 + "\n```")
    await an.waits_saved(f"{width}" * 3)
    await binh.post(an.path, "hi")
    for path in ("/rooms/general", binh.path, "/rooms", "/people", "/settings"):
        await an.page.goto(path)
        assert await an.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await an.context.clear_cookies()
    for path in ("/", "/login", "/register"):
        await an.page.goto(path)
        assert await an.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_a_phone_shows_one_pane_at_a_time(meet):
    an = await meet("An", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    await an.open()
    await expect(an.page.locator("#side")).to_be_hidden()
    await an.page.get_by_label("Back to the rooms").click()
    await expect(an.page).to_have_url(f"{an.url}/rooms")
    await expect(an.page.locator("#composer")).to_be_hidden()
    await expect(an.link("General").locator("a")).to_have_attribute("aria-current", "true")  # where one comes from
    await an.link("Tech").locator("a").click()
    await expect(an.page.locator("h1")).to_have_text("# Tech")
    await expect(an.page.locator("#side")).to_be_hidden()
    await an.page.go_back()
    await expect(an.page.locator("#side")).to_be_visible()
    await expect(an.page.locator("#side [aria-current]")).to_have_text(re.compile("Tech"))


async def test_a_plain_http_name_on_the_local_network_is_no_lesser_address(meet, server):
    url = f"http://chat.lan:{server.port}"
    an, binh = await meet("An", registered=False, at=url), await meet("Bình")
    await an.page.goto("/register")
    assert await an.page.evaluate("isSecureContext") is False
    await an.fill_form()
    await an.page.wait_for_url("**/rooms/general")
    await binh.open()
    await an.say("hello over plain HTTP")
    await an.waits_saved("hello over plain HTTP")
    await binh.sees("hello over plain HTTP")
    await an.page.locator("#choose").set_input_files({"name": "lan.png", "mimeType": "image/png", "buffer": picture()})
    await an.say("and a picture")
    await an.waits_saved("and a picture")
    await expect(binh.message("and a picture").locator("img")).to_have_js_property("naturalWidth", 320)
    await an.switch("/rooms/tech")
    await an.say("and in tech")
    await an.waits_saved("and in tech")
    assert len(an.sockets) == 1
