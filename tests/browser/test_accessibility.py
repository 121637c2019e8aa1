"""The chat for everybody: what a checker finds on every page, what is announced, and where the keyboard leads."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
# Each theme, language and size at least once with each of the others.
WINDOWS = {
    "light, English, wide": {"color_scheme": "light", "locale": "en-GB"},
    "dark, Vietnamese, wide": {"color_scheme": "dark", "locale": "vi-VN"},
    "dark, English, phone": {"color_scheme": "dark", "locale": "en-GB", **PHONE},
    "light, Vietnamese, phone": {"color_scheme": "light", "locale": "vi-VN", **PHONE},
}


# Half-drawn things have half their contrast: wait for what moves and ends, until two frames in a row have none of it.
_SETTLE = """async () => {
    for (let still = 0; still < 2; still += 1) {
        const moving = document.getAnimations().filter((one) =>
            one.playState !== "finished" && one.effect.getComputedTiming().endTime < Infinity);
        if (moving.length) still = -1;
        await Promise.all(moving.map((one) => one.finished.catch(() => null)));
        await new Promise(requestAnimationFrame);
    }
}"""


async def faults(page: Page) -> list[str]:
    """Return what the checker finds on a page, one line for each kind of fault."""
    await page.evaluate(_SETTLE)
    found: list[dict[str, Any]] = (await Axe().run(page, options=RULES)).response["violations"]
    return [f"{page.url}: {one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes']]}" for one in found]


@pytest.mark.parametrize("window", WINDOWS)
async def test_the_checker_finds_nothing_on_the_pages_for_strangers(meet, window):
    an = await meet("An", registered=False, **WINDOWS[window])
    an.excuse("status of 4(04|22)")
    found = []
    for path in ("/", "/login", "/register", "/rooms/nowhere"):
        await an.page.goto(path)
        found += await faults(an.page)
    await an.page.goto("/register")
    await an.fill_form("", "x")
    await expect(an.page.locator(".wrong")).to_have_count(2)
    found += await faults(an.page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("window", WINDOWS)
async def test_the_checker_finds_nothing_in_the_chat(meet, window):
    an, binh = await meet("An", **WINDOWS[window]), await meet("Bình")
    an.excuse("status of 404")
    await binh.open()
    await binh.page.locator("#choose").set_input_files(
        [{"name": f"{n}.png", "mimeType": "image/png", "buffer": picture()} for n in ("left", "right")]
    )
    await binh.say(f"{window}: two pictures, `code`, https://example.org and\n```\na block\n```\n> a quote")
    await binh.waits_saved(f"{window}: two pictures")
    await an.post("/rooms/general", "my own")
    await binh.post("/rooms/tech", "unread")
    await binh.post(an.path, "unread too")
    await an.open()
    await an.page.locator("#choose").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    await an.page.locator("#choose").set_input_files({"name": "next.png", "mimeType": "image/png", "buffer": picture()})
    await an.box.fill("x" * 3_990)
    await expect(an.page.locator("#pictures .preview")).to_have_count(1)
    found = await faults(an.page)
    await an.message(f"{window}: two pictures").locator("a.shot").first.click()
    await expect(an.page.locator("#lightbox img")).to_have_js_property("naturalWidth", 320)
    found += await faults(an.page)
    for path in (binh.path, "/people", "/rooms", "/settings", "/rooms/nowhere"):
        await an.page.goto(path)
        found += await faults(an.page)
    assert not found, "\n".join(found)


async def test_new_messages_are_announced_and_neither_own_ones_nor_history(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.chatter(f"direct={an.name}", [f"old {number:03}" for number in range(80)])
    await an.open(binh.path)
    await expect(an.page.get_by_role("log")).to_have_attribute("aria-live", "off")
    region = an.page.locator("#announcer")
    await expect(region).to_have_attribute("role", "status")
    await an.page.evaluate("""() => {
        window.announced = []
        new MutationObserver(() => announcer.textContent && window.announced.push(announcer.textContent))
            .observe(announcer, { childList: true, characterData: true, subtree: true })
    }""")
    await an.page.evaluate("scroller.scrollTop = -1e6")
    await expect(an.messages).to_have_count(80)
    await an.page.evaluate("scroller.scrollTop = 0")
    await an.say("my own words")
    await an.waits_saved("my own words")
    await binh.post(an.path, "listen to **this**")
    await expect(region).to_have_text(f"{binh.name}: listen to this")
    await binh.chatter(f"direct={an.name}", [f"many {number}" for number in range(20)])
    await expect(region).to_have_text("20 new messages")
    assert await an.page.evaluate("window.announced") == [f"{binh.name}: listen to this", "20 new messages"]


async def test_the_first_key_leads_to_the_box_to_write_in(meet):
    an = await meet("An")
    await an.open()
    await an.page.keyboard.press("Tab")
    skip = an.page.get_by_role("link", name="Skip to the message box")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport(ratio=1)
    await an.page.keyboard.press("Enter")
    await expect(an.box).to_be_focused()


async def test_every_stop_of_the_keyboard_is_seen(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.post("/rooms/general", "with a https://example.org link")
    await an.open()
    await an.sees("with a https://example.org link")
    stops = []
    for _ in range(60):
        await an.page.keyboard.press("Tab")
        stop = await an.page.evaluate("""() => {
            const item = document.activeElement
            const shown = item.closest('label') ?? item
            const box = shown.getBoundingClientRect()
            const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
            const style = [item, item.parentElement, item.closest('.composer')].filter(Boolean)
                .flatMap((one) => [getComputedStyle(one), getComputedStyle(one, '::after')])
            const ring = style.some((one) => (one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) >= 2)
                || one.boxShadow.includes('0px 0px 0px 1px'))
            const name = item === document.body ? 'BODY' : item.matches('.msg') ? 'a message' : item.id
            return { name: name || item.textContent.trim() || item.getAttribute('aria-label') || item.tagName,
                     seen: Boolean(top && (shown.contains(top) || top.contains(shown))), ring }
        }""")
        if stop["name"] == "BODY" or (stops and stop["name"] == stops[0]["name"]):
            break
        stops.append(stop)
    names = [stop["name"] for stop in stops]
    assert {"a message", "text", "choose"} <= set(names)
    assert names.count("a message") == 1  # the log is one stop; the arrow keys lead on in it
    assert not [stop["name"] for stop in stops if not stop["seen"]]
    assert not [stop["name"] for stop in stops if not stop["ring"]]


async def test_the_focus_stays_where_it_is_whatever_comes(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await an.box.fill("half a thought")
    await an.box.evaluate("box => box.setSelectionRange(2, 6)")
    await binh.open()
    await binh.box.press_sequentially("t")
    await binh.box.fill("")
    await binh.chatter("room=general", [f"push {number}" for number in range(50)])
    await binh.post("/rooms/tech", "elsewhere")
    await binh.post(an.path, "in private")
    await an.sees("push 49")
    await expect(an.link("Tech").locator(".badge")).to_have_text("1 unread")
    await expect(an.box).to_be_focused()
    assert await an.box.evaluate("box => [box.value, box.selectionStart, box.selectionEnd]") == ["half a thought", 2, 6]


async def test_large_text_and_wide_spacing_break_nothing(meet):
    an = await meet("An", viewport={"width": 640, "height": 512}, bypass_csp=True)  # for the styles of the test
    await an.open()
    await an.say("Ế Ỗ Ự ỹ g and some more words to be wrapped somewhere")
    await an.waits_saved("Ế Ỗ Ự ỹ g")
    await an.page.add_style_tag(
        content="html { font-size: 200% } * { line-height: 1.5 !important; letter-spacing: .12em !important;"
        " word-spacing: .16em !important } p { margin-block-end: 2em !important }"
    )
    assert await an.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(an.page.locator("#composer")).to_be_in_viewport(ratio=0.99)
    await an.page.set_viewport_size({"width": 320, "height": 256})
    await an.page.reload()
    assert await an.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(an.page.locator("#composer")).to_be_in_viewport(ratio=0.99)
    assert await an.page.locator("#scroller").evaluate("box => box.clientHeight") >= 80


async def test_nothing_moves_for_those_who_asked_for_no_motion(meet):
    an, binh = await meet("An", reduced_motion="reduce"), await meet("Bình")
    await an.open()
    await binh.post("/rooms/general", "no fireworks")
    await an.sees("no fireworks")
    assert (
        await an.page.evaluate("document.getAnimations().filter((one) => one.effect.getTiming().duration > 0).length")
        == 0
    )
