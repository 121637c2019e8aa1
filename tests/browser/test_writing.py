"""The box to write in: what Enter does on which device, Vietnamese keyboards, its size, its draft and its limits."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from playwright.async_api import Route, expect

from browser.hold import Hold

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

# A page cannot be told by the driver that it runs on a laptop with a touch screen; this is what one looks like.
TOUCH_LAPTOP = """
    Object.defineProperty(navigator, 'maxTouchPoints', { get: () => 10 })
    window.ontouchstart = null
"""


async def test_enter_sends_and_shift_enter_begins_a_line(meet):
    an = await meet("An")
    await an.open()
    await an.box.press_sequentially("first")
    await an.box.press("Shift+Enter")
    await an.box.press_sequentially("second")
    await expect(an.box).to_have_value("first\nsecond")
    await expect(an.message("first")).to_have_count(0)
    await an.box.press("Enter")
    await an.waits_saved("second")
    assert (await an.texts())[-1] == "first\nsecond"
    await expect(an.box).to_have_value("")
    await expect(an.box).to_be_focused()
    await an.box.fill("by control")
    await an.box.press("Control+Enter")
    await an.waits_saved("by control")


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    if x:\n        return 1",
        "Tên      Điểm\nLan        10",
        "   /\\_/\\\n  ( o.o )",
        "\tthụt\tbảng",
        "- một\n  - hai\n\n3. ba\n7. bảy\n\nhết",
        "(a+b)*(c+d)*(e+f) rm *.pyc *.log và **/*.js",
    ],
)
async def test_what_was_typed_is_what_is_shown_before_and_after_it_is_saved(meet, text: str):
    """Spaces, tabs, indentation, empty lines and numbers, in the page's own drawing and in the server's."""
    an = await meet("An")
    hold = Hold()
    hold.towards_server = {"message"}
    await an.page.route_web_socket("**/ws?**", hold)
    await an.open()
    mine = an.messages.last.locator(".text")
    await an.say(text)
    await expect(an.messages.last).to_have_attribute("data-state", "sending")
    assert await mine.evaluate("item => item.innerText") == text
    hold.let_out()
    await an.waits_saved(text.rsplit("\n", 1)[-1].strip())
    assert await mine.evaluate("item => item.innerText") == text


async def test_nothing_but_spaces_is_not_sent(meet):
    an = await meet("An")
    await an.open()
    before = await an.messages.count()
    await an.say("  \n ")
    await an.page.get_by_role("button", name="Send").click()
    await an.say("something")
    await an.waits_saved("something")
    await expect(an.messages).to_have_count(before + 1)


async def test_enter_during_a_composition_never_sends(meet):
    an = await meet("An")
    await an.open()
    keyboard = await an.context.new_cdp_session(an.page)
    await an.box.focus()
    await an.box.evaluate("box => box.addEventListener('keydown', event => { window.composed = event.isComposing })")
    await keyboard.send("Input.imeSetComposition", {"text": "tiế", "selectionStart": 3, "selectionEnd": 3})
    # The keyboard's program takes this Enter for itself; the page is only told.
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    assert await an.page.evaluate("window.composed") is True
    # Safari: the composition is over already, and only the key code tells.
    await an.box.evaluate("""box => {
        const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })
        Object.defineProperty(enter, 'keyCode', { get: () => 229 })
        box.dispatchEvent(enter)
    }""")
    await expect(an.message("tiế")).to_have_count(0)
    await keyboard.send("Input.insertText", {"text": "tiếng"})
    await expect(an.box).to_have_value("tiếng")
    await an.box.press("Enter")
    await an.waits_saved("tiếng")


async def test_a_keyboard_that_corrects_by_backspace_writes_what_it_means(meet):
    an = await meet("An")
    await an.open()
    await an.box.press_sequentially("ca")
    await an.box.press("Backspace")
    await an.page.keyboard.insert_text("a\u0302")  # decomposed, as some keyboards write
    await an.page.keyboard.insert_text("n")
    assert unicodedata.normalize("NFC", await an.box.input_value()) == "cân"
    await an.box.press("Enter")
    await an.waits_saved("cân")
    assert (await an.texts())[-1] == "cân"


async def test_on_a_laptop_with_a_touch_screen_enter_sends(meet):
    an = await meet("An")
    await an.context.add_init_script(TOUCH_LAPTOP)
    await an.open()
    await expect(an.box).to_have_attribute("enterkeyhint", "send")
    await an.say("from a laptop")
    await an.waits_saved("from a laptop")


async def test_on_a_phone_enter_begins_a_line_and_the_button_sends(meet):
    an = await meet("An", **PHONE)
    await an.open()
    await expect(an.box).to_have_attribute("enterkeyhint", "enter")
    await an.box.press_sequentially("from a")
    await an.box.press("Enter")
    await an.box.press_sequentially("phone")
    await expect(an.box).to_have_value("from a\nphone")
    for name in ("Send", "Add pictures", "Back to the rooms"):
        button = an.page.locator("#main .icon").filter(has=an.page.get_by_label(name, exact=True))
        button = button.or_(an.page.locator("#main").get_by_label(name, exact=True).and_(an.page.locator(".icon")))
        size = await button.bounding_box()
        assert min(size["width"], size["height"]) >= 44, name
    assert await an.box.evaluate("box => parseFloat(getComputedStyle(box).fontSize)") >= 16, "iOS zooms into less"
    await an.page.get_by_role("button", name="Send").tap()
    await an.waits_saved("phone")
    assert (await an.texts())[-1] == "from a\nphone"


@pytest.mark.parametrize("by", ["the style sheet", "the script"])
async def test_the_box_grows_with_its_text_and_shrinks_again(meet, by):
    an = await meet("An")
    if by == "the script":  # as in browsers that do not know field-sizing
        await an.context.add_init_script("CSS.supports = () => false")
        await an.page.route("**/style.css", _without_field_sizing)
    await an.open()
    height = "box => box.getBoundingClientRect().height"
    one = await an.box.evaluate(height)
    assert 36 <= one <= 44
    await an.box.fill("a\nb\nc")
    assert await an.box.evaluate(height) > one * 1.8
    await an.box.fill("\n".join("abcdefghij" * 3))
    assert await an.box.evaluate(height) <= 0.4 * await an.page.evaluate("innerHeight") + 1
    assert await an.box.evaluate("box => box.scrollHeight > box.clientHeight + 100"), "it scrolls now"
    assert await an.gap() <= 16, "the newest message stays in sight"
    await an.box.press("Enter")
    await expect(an.box).to_have_value("")
    assert await an.box.evaluate(height) == one


async def _without_field_sizing(route: Route) -> None:
    answer = await route.fetch()
    css = await answer.text()
    assert "field-sizing: content;" in css
    await route.fulfill(response=answer, body=css.replace("field-sizing: content;", ""))


async def test_a_draft_survives_a_reload_and_a_change_of_room(meet):
    an = await meet("An")
    await an.open()
    await an.box.press_sequentially("half a thought")
    await an.page.reload()
    await expect(an.box).to_have_value("half a thought")
    assert await an.box.evaluate("box => box.selectionStart") == len("half a thought")
    await an.switch("/rooms/tech")
    await expect(an.box).to_have_value("")
    await an.box.press_sequentially("about tech")
    await an.switch("/rooms/general")
    await expect(an.box).to_have_value("half a thought")
    await an.box.press("Enter")
    await an.waits_saved("half a thought")
    await an.switch("/rooms/tech")
    await expect(an.box).to_have_value("about tech")
    await an.switch("/rooms/general")
    await expect(an.box).to_have_value("")


async def test_logging_out_leaves_no_draft_on_the_computer(meet):
    an = await meet("An")
    await an.open()
    await an.box.press_sequentially("a secret")
    await an.page.get_by_role("link", name="Settings").click()
    await an.page.wait_for_url("**/settings")
    assert "a secret" in await an.page.evaluate("JSON.stringify(localStorage)")
    await an.page.get_by_role("button", name="Log out").click()
    await expect(an.page.get_by_role("link", name="Register")).to_be_visible()
    left = await an.page.evaluate("Object.keys(localStorage)")  # so that Back shows nothing either
    assert re.fullmatch(r"chatapp:out:\d+", *left)


async def test_a_counter_appears_near_the_limit_and_a_text_beyond_it_is_refused_and_kept(meet):
    an = await meet("An")
    await an.open()
    counter = an.page.locator("#counter")
    await an.box.fill("x" * 3_600)
    await expect(counter).to_be_hidden()
    await an.box.fill("x" * 3_601)
    await expect(counter).to_have_text("399 characters left")
    await an.box.fill("👍" * 3_990)  # one character each for people, two for the script's language
    await expect(counter).to_have_text("10 characters left")
    await an.box.fill("y" * 4_003)
    await expect(counter).to_have_class(re.compile("bad"))
    await an.box.press("Enter")
    await expect(an.page.locator("#refusal")).to_have_text("This message is too long: 3 characters over the limit.")
    await expect(an.box).to_have_value("y" * 4_003)
    await expect(an.message("yyy")).to_have_count(0)
    await an.box.fill("z" * 4_000)
    await an.box.press("Enter")
    await an.waits_saved("zzz")
    await expect(an.page.locator("#refusal")).to_be_hidden()


async def test_on_a_phone_the_counter_takes_no_room_from_the_text(meet):
    an = await meet("An", viewport={"width": 360, "height": 740}, locale="vi-VN")
    await an.open()
    before = (await an.box.bounding_box())["width"]
    await an.box.fill("word " * 800)
    await expect(an.page.locator("#counter")).to_be_in_viewport()
    assert (await an.box.bounding_box())["width"] == before


async def test_a_message_that_was_refused_is_sent_again_or_taken_back(meet):
    an = await meet("An")
    refusing = _Refusing()
    await an.page.route_web_socket("**/ws?**", refusing)
    await an.open()
    for text in ("try me again", "take me back"):
        await an.say(text)
        await expect(an.message(text)).to_have_attribute("data-state", "failed")
        await expect(an.message(text).locator(".state")).to_contain_text("Not sent. The server is in a mood.")
    await an.page.reload()
    await expect(an.message("try me again")).to_have_attribute("data-state", "failed")
    refusing.mood = False
    await an.message("try me again").get_by_role("button", name="Try again").click()
    await an.waits_saved("try me again")
    await an.message("take me back").get_by_role("button", name="Discard").click()
    await expect(an.message("take me back")).to_have_count(0)
    await expect(an.box).to_have_value("take me back")
    await expect(an.box).to_be_focused()


class _Refusing(Hold):
    """A server in a mood: it refuses every message for good."""

    mood = True

    def _go(self, frame: str) -> None:
        sent = json.loads(frame)
        if not self.mood or sent["type"] != "message":
            return super()._go(frame)
        refusal = {"code": "mood", "reason": "The server is in a mood.", "retry": False, "retry_after": None}
        return self.page.send(json.dumps({"type": "refused", "key": sent["key"]} | refusal))
