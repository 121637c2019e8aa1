"""Two people talk: what each sees of the other's messages and of their own, at every moment of their way."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from browser.hold import Hold
from browser.person import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_stranger_registers_and_is_in_the_first_room(meet):
    an = await meet("An", registered=False)
    await an.page.goto("/")
    await an.page.get_by_role("link", name="Register").click()
    await an.fill_form()
    await expect(an.page).to_have_url(f"{an.url}/rooms/general")
    await expect(an.page.locator("h1")).to_have_text("# General")
    await an.say("hello everybody")
    await an.waits_saved("hello everybody")


async def test_a_form_says_beside_the_field_what_is_wrong_and_keeps_what_was_typed(meet):
    an = await meet("An", registered=False)
    an.excuse("status of 422")
    await an.page.goto("/register")
    await an.fill_form(password="short")
    password = an.page.locator("#password")
    await expect(password).to_be_focused()
    await expect(password).to_have_attribute("aria-invalid", "true")
    await expect(password).to_have_accessible_description(re.compile("8"))
    await expect(an.page.locator("#username")).to_have_value(an.name)


async def test_somebody_who_logs_in_goes_on_where_they_wanted_to_go(meet):
    an = await meet("An")
    await an.context.clear_cookies()
    await an.page.goto("/rooms/tech")
    await expect(an.page).to_have_url(re.compile(r"/login\?next="))
    await an.fill_form(password=PASSWORD)
    await expect(an.page).to_have_url(f"{an.url}/rooms/tech")


async def test_two_people_talk(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.open()
    await an.say("Chào Bình, khoẻ không?")
    await binh.sees("Chào Bình, khoẻ không?")
    await an.waits_saved("Chào Bình, khoẻ không?")
    await binh.say("Khoẻ lắm!")
    await an.sees("Khoẻ lắm!")
    await expect(an.message("Khoẻ lắm!")).not_to_have_class(re.compile(r"\bown\b"))
    await expect(binh.message("Khoẻ lắm!")).to_have_class(re.compile(r"\bown\b"))
    await expect(an.message("Khoẻ lắm!").locator(".name")).to_have_text(binh.name)
    before = await an.texts()
    await an.page.reload()
    await an.sees("Khoẻ lắm!")
    assert await an.texts() == before


async def test_ones_own_message_is_there_at_once_and_says_how_far_it_is(meet):
    an = await meet("An")
    hold = Hold()
    await an.page.route_web_socket("**/ws?**", hold)
    await an.open()
    hold.towards_server = {"message"}
    await an.say("on its way")
    mine = an.message("on its way")
    await expect(mine).to_be_visible()
    await expect(mine).to_have_attribute("data-state", "sending")
    await expect(mine.locator(".state")).to_have_text("Sending…")
    assert await mine.get_attribute("data-mid") is None
    hold.towards_page = {"saved"}
    hold.let_out()
    await expect(mine).to_have_attribute("data-state", "sent")
    await expect(mine.locator(".state")).to_have_text("Sent")
    hold.let_in()
    await expect(mine).to_have_attribute("data-state", "saved")
    await expect(mine.locator(".state")).to_have_text("Saved")
    await expect(mine).to_have_count(1)


async def test_of_two_rooms_that_are_chosen_quickly_the_last_one_opens(meet):
    an = await meet("An")
    await an.open()
    await an.page.route("**/rooms/tech", lambda route: None)  # its answer would take a while
    async with an.page.expect_request("**/rooms/tech"):
        await an.page.locator('#side a[href="/rooms/tech"]').click()
    async with an.page.expect_event("requestfailed", lambda request: request.url.endswith("/rooms/tech")):
        await an.page.locator('#side a[href="/rooms/game"]').click()  # nobody waits for the other one any more
    await expect(an.page.locator("#composer")).to_have_attribute("action", "/rooms/game/messages")
    await expect(an.page).to_have_url(an.url + "/rooms/game")


async def test_messages_stand_in_the_order_of_their_ids_whatever_order_they_come_in(meet):
    an, binh = await meet("An"), await meet("Bình")
    hold = Hold()
    await an.page.route_web_socket("**/ws?**", hold)
    await an.open()
    await binh.post("/rooms/general", "number 0")
    await an.sees("number 0")
    fragment = next(frame for frame in hold.came if "number 0" in frame)
    mid = int(re.search(r'data-mid="(\d+)"', fragment)[1])
    for step in (5, 7, 6, 6):
        hold.page.send(fragment.replace(str(mid), str(mid + step)).replace("number 0", f"number {step}"))
    await an.sees("number 7")
    assert [text for text in await an.texts() if text.startswith("number")] == [
        "number 0",
        "number 5",
        "number 6",
        "number 7",
    ]


HOSTILE = [
    "<script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 1">',
    '<b hx-get="/settings" hx-trigger="load" hx-target="body">let htmx load this</b>',
    '<form action="/logout" method="post"><button>win a prize</button></form>',
    "[click](javascript:window.hacked=1) javascript:window.hacked=1",
    '" onmouseover="window.hacked=1',
    "{{ 7 * 7 }} {% include 'base.html' %} &lt;b&gt;",
    "right to left \u202e esrever \u2066 and isolated",
    "Z̷̡̛͕̙̪͈͇͓̳̗̈́̄͊̽͐̈́̏͑a̶l̷̨̛g̵o " * 20,
    "w" * 3000,
    "👩‍👩‍👧‍👦" * 500,
]


async def test_hostile_text_is_shown_as_text_and_the_layout_holds(meet):
    an, binh = await meet("An"), await meet("Bình", viewport={"width": 360, "height": 740})
    await an.open()
    await binh.open()
    for text in HOSTILE:
        await an.say(text)
    await an.say("the end of it")
    await an.waits_saved("the end of it")
    await binh.sees("the end of it")
    for person in (an, binh):
        shown = "\n".join(await person.messages.locator(".bub").all_text_contents())
        for text in HOSTILE:
            assert text.strip() in shown
        assert await person.page.evaluate("window.hacked") is None
        inside = person.page.locator("#messages .bub :is(script, img, form, b, [hx-get], [onmouseover], [style])")
        await expect(inside).to_have_count(0)
        await expect(person.page.locator('#messages a[href^="javascript"]')).to_have_count(0)
        assert await person.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await person.page.evaluate("scroller.scrollWidth <= scroller.clientWidth")


async def test_a_hostile_name_is_shown_as_text_wherever_names_stand(meet):
    mallory, an = await meet("<img src onerror=alert()>\"'&"), await meet("An")
    await mallory.open()
    await an.open()
    await mallory.box.press_sequentially("typ")
    await expect(an.page.locator("#typing")).to_contain_text(mallory.name)
    await mallory.say("what a name")
    await an.sees("what a name")
    await expect(an.message("what a name").locator(".name")).to_have_text(mallory.name)
    await expect(an.page.locator("#people").get_by_role("link", name=mallory.name, exact=True)).to_be_visible()
    await mallory.post(an.path, "psst")
    await expect(an.link(mallory.name)).to_be_visible()
    await an.message("what a name").locator(".name").click()
    await expect(an.page.locator("h1")).to_have_text(mallory.name)


async def test_marks_become_formatting_and_addresses_links(meet):
    an = await meet("An")
    await an.open()
    await an.say("**bold** _leaning_ ~~gone~~ `code` (see https://example.org/a_b).")
    await an.waits_saved("bold leaning")
    text = an.message("bold leaning").locator(".text")
    for tag, inside in (("strong", "bold"), ("em", "leaning"), ("s", "gone"), ("code", "code")):
        await expect(text.locator(tag)).to_have_text(inside)
    link = text.get_by_role("link", name="https://example.org/a_b", exact=True)
    await expect(link).to_have_attribute("href", "https://example.org/a_b")
    await expect(link).to_have_attribute("rel", re.compile("noopener"))


async def test_others_see_who_is_typing_until_the_message_is_there(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.open()
    await binh.box.press_sequentially("so")
    await expect(an.page.locator("#typing")).to_have_text(f"{binh.name} is typing…")
    await expect(binh.page.locator("#typing .names")).to_be_empty()
    await binh.say("so it was")
    await an.sees("so it was")
    await expect(an.page.locator("#typing .names")).to_be_empty()


async def test_a_dot_and_a_word_tell_who_is_here(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    row = an.page.locator("#people li").filter(has_text=binh.name)
    await expect(row.locator("small")).to_have_text("Offline")
    await binh.open()
    await expect(row.locator("small")).to_have_text("Online")
    await expect(row.locator(".av")).to_have_class(re.compile(r"\bon\b"))
    await binh.leave()
    await expect(row.locator("small")).to_have_text("Offline")


async def test_the_name_of_somebody_who_leaves_for_good_goes_from_open_lists(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.post(an.path, "bye")
    await an.open(binh.path)
    await expect(an.page.locator("#people")).to_contain_text(binh.name)
    await binh.delete_account()
    await expect(an.page.locator("#people")).not_to_contain_text(binh.name)
    await expect(an.page.locator("#directs .n")).to_have_text("Former member")
    await expect(an.page.get_by_role("heading", name="Former member")).to_be_visible()
    await an.link("Former member").click()
    await an.sees("bye")
