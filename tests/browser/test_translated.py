"""A page that the browser translates: every text lies in elements of the browser's, and what is news still shows."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from browser.hold import Hold

pytestmark = pytest.mark.asyncio(loop_scope="session")

# As Chrome does it: each text goes into two <font> elements, that of the title too, and so does what comes later.
_TRANSLATE = """() => {
    const wrap = (root) => {
        const tree = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
        const texts = []
        while (tree.nextNode()) texts.push(tree.currentNode)
        if (root.nodeType === Node.TEXT_NODE) texts.push(root)
        for (const text of texts) {
            if (!text.data.trim() || text.parentElement?.closest('script, style, template, textarea, font')) continue
            const outer = document.createElement('font')
            text.replaceWith(outer)
            outer.appendChild(document.createElement('font')).append(text)
        }
    }
    wrap(document.documentElement)
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes) for (const node of addedNodes) if (node.isConnected) wrap(node)
    }).observe(document.body, { childList: true, subtree: true })
}"""


async def translate(page: Page) -> None:
    await page.evaluate(_TRANSLATE)
    assert await page.locator("font font").count() > 10


async def test_a_translated_page_counts_what_comes_and_who_is_there(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.post("/rooms/tech", "before")
    await expect(an.link("Tech").locator(".badge")).to_have_text("1 unread")
    await translate(an.page)
    for n in range(2):
        await binh.post("/rooms/tech", f"news {n}")
    await expect(an.link("Tech").locator(".badge")).to_have_text("3 unread")
    await expect(an.page).to_have_title("(3) # General · chatapp")
    await binh.post(an.path, "hello An")
    await expect(an.link(binh.name).locator(".badge")).to_have_text("1 unread")
    await binh.open()
    await expect(an.page.locator("[data-online-count]")).to_have_text("2 online")
    row = an.page.locator("#people li").filter(has_text=binh.name)
    await expect(row.locator("small")).to_have_text("Online")
    await binh.box.press_sequentially("I am ty")
    await expect(an.page.locator("#typing .names")).to_have_text(f"{binh.name} is typing…")
    await binh.box.press("Enter")
    await an.sees("I am ty")
    await expect(an.page.locator("#typing .names")).to_have_text("")
    await binh.leave()
    await expect(an.page.locator("[data-online-count]")).to_have_text("1 online")
    await expect(row.locator("small")).to_have_text("Offline")
    await an.switch("/rooms/tech")
    await expect(an.page).to_have_title("(1) # Tech · chatapp")
    await expect(an.link("Tech").locator(".badge")).to_be_hidden()


async def test_a_translated_page_says_how_far_ones_own_messages_are(meet):
    an = await meet("An")
    line = Hold()
    await an.page.route_web_socket("**/ws?**", line)
    await an.page.clock.install()
    await an.open()
    await translate(an.page)
    counter = an.page.locator("#counter")
    for text, left in (("x" * 3_999, "1 character left"), ("x" * 3_990, "10 characters left")):
        await an.box.fill(text)
        await expect(counter).to_have_text(re.compile(left.replace(" character ", " characters? ")))
    line.towards_server = {"message"}
    await an.say("in any language")
    state = an.message("in any language").locator(".state")
    await expect(state).to_have_text("Sending…")
    await an.page.clock.fast_forward(10_500)
    await expect(state).to_have_text("Not sent yet. Try again Discard")
    line.let_out()
    await expect(state).to_have_text("Saved")
    await an.message("in any language").hover()
    await an.page.get_by_role("button", name="Edit", exact=True).click()
    await expect(an.box).to_have_value("in any language")
    await an.box.fill("in every language")
    await an.box.press("Enter")
    await an.sees("in every language")
    await expect(an.message("in every language").locator(".edited")).to_have_text("edited")


async def test_a_translated_form_says_what_is_wrong_and_what_is_wrong_next(meet):
    an = await meet("An", registered=False)
    an.excuse("status of 422")
    await an.page.goto("/register")
    await translate(an.page)
    await an.fill_form("", "một con vịt")
    await expect(an.page.locator("#username-error")).to_be_visible()
    await an.fill_form("An", "x")
    await expect(an.page.locator("#username-error")).to_have_count(0)
    await expect(an.page.locator("#password-error")).to_be_visible()
    await expect(an.page.locator("label[for=username]")).to_have_text("Username")


async def test_names_counts_and_code_are_not_for_translation(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.post("/rooms/tech", "one")
    await an.say("`let it = be`")
    await an.waits_saved("let it = be")
    for text in ("[data-person]", "#side .brand", ".who .name", "#side .badge .count", ".bub code", ".members .n bdi"):
        for element in await an.page.locator(text).all():
            assert await element.evaluate("element => !element.translate"), text
