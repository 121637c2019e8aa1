"""A browser without scripts: everything but the live part works, by links and forms."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = {"java_script_enabled": False, "viewport": {"width": 360, "height": 740}}


async def test_somebody_registers_talks_and_logs_out(meet):
    an = await meet("An", registered=False, **PLAIN)
    await an.page.goto("/")
    await an.page.get_by_role("link", name="Register").click()
    await an.fill_form()
    await expect(an.page).to_have_url(f"{an.url}/rooms/general")
    await an.box.fill("no scripts here")
    await an.page.get_by_role("button", name="Send").click()
    await expect(an.message("no scripts here")).to_be_in_viewport(ratio=1)
    await expect(an.page).to_have_url(re.compile(r"/rooms/general#m-\d+$"))
    await an.page.get_by_label("Back to the rooms").click()
    await an.page.get_by_role("link", name="Settings").click()
    await an.page.get_by_role("button", name="Log out").click()
    await an.page.get_by_role("link", name="Log in").click()
    await an.fill_form()
    await expect(an.message("no scripts here")).to_be_visible()


async def test_a_picture_is_sent_by_the_form(meet):
    an = await meet("An", **PLAIN)
    an.excuse("/images/|inline style")  # the browser's own page around a picture wants more than pictures may
    await an.page.goto("/rooms/general")
    choose = an.page.get_by_label("Add pictures")
    await expect(choose).to_be_visible()
    await choose.set_input_files({"name": "ảnh.png", "mimeType": "image/png", "buffer": picture()})
    await an.box.fill("with a caption")
    await an.page.get_by_role("button", name="Send").click()
    await expect(an.message("with a caption").get_by_role("img", name="ảnh.png")).to_be_visible()
    await an.message("with a caption").get_by_role("link", name="ảnh.png").click()
    await expect(an.page).to_have_url(re.compile("/images/"))


async def test_what_is_refused_is_explained_and_kept(meet):
    an = await meet("An", **PLAIN)
    an.excuse("status of 422")
    await an.page.goto("/rooms/general")
    await an.page.get_by_label("Add pictures").set_input_files(
        {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear all"}
    )
    await an.box.fill("my caption")
    await an.page.get_by_role("button", name="Send").click()
    await expect(an.page.locator("#refusal")).to_be_visible()
    await expect(an.box).to_have_value("my caption")
    await expect(an.box).to_have_attribute("aria-describedby", "refusal")


async def test_the_page_opens_at_the_first_unread_message_and_leads_to_the_latest(meet):
    an, binh = await meet("An", **PLAIN), await meet("Bình")
    await binh.chatter(f"direct={an.name}", [f"line {number:03}" for number in range(1, 251)])
    await an.page.goto(binh.path)
    line = an.page.locator("#messages .newline")
    await expect(line).to_contain_text(re.compile(r"^\s*250 new since \d\d:\d\d"))
    await expect(line).to_be_in_viewport()
    await expect(an.message("line 001")).to_be_in_viewport()
    await expect(an.message("line 200")).to_have_count(1)
    await expect(an.message("line 201")).to_have_count(0)
    await an.page.get_by_role("button", name="Mark as read").click()  # what is on this page
    await expect(line).to_contain_text("50 new since")
    await expect(line).to_be_in_viewport()
    assert "line 201" in await line.evaluate("line => line.nextElementSibling.textContent")
    await line.get_by_role("link", name="Jump to latest").click()
    await expect(an.message("line 250")).to_be_in_viewport()
    await an.box.fill("an answer")
    await an.page.get_by_role("button", name="Send").click()
    await expect(an.message("an answer")).to_be_in_viewport(ratio=1)
    await an.page.get_by_role("button", name="Mark as read").click()
    await expect(an.message("an answer")).to_be_in_viewport()
    await expect(line).to_have_count(0)


async def test_the_page_opens_at_the_newest_message_and_leads_back_to_the_first(meet):
    an, binh = await meet("An", **PLAIN), await meet("Bình")
    await binh.chatter(f"direct={an.name}", [f"line {number:03}" for number in range(1, 121)])
    await an.page.goto(f"{binh.path}?latest=1")
    await expect(an.message("line 120")).to_be_in_viewport()
    seen = []
    while await (older := an.page.get_by_role("link", name="Older messages")).count():
        seen = await an.texts() + seen
        await older.click()
        await an.page.wait_for_load_state()
    seen = await an.texts() + seen
    assert seen == [f"line {number:03}" for number in range(1, 121)]
    await expect(an.page.locator("#older")).to_have_text("This is where the conversation begins.")
    await an.page.get_by_role("link", name="Newer messages").click()
    await expect(an.page.get_by_role("link", name="Jump to latest")).to_be_visible()
    await an.page.get_by_role("link", name="Jump to latest").click()
    await expect(an.message("line 120")).to_be_in_viewport()


async def test_language_and_theme_are_switched(meet):
    an = await meet("An", **PLAIN)
    await an.page.goto("/settings")
    await an.page.get_by_role("radio", name="Tiếng Việt").check()
    await an.page.get_by_role("radio", name="Dark").check()
    await an.page.get_by_role("button", name="Save").click()
    await expect(an.page.locator("html")).to_have_attribute("lang", "vi")
    await expect(an.page.locator("html")).to_have_attribute("data-theme", "dark")
    await an.page.goto("/rooms/tech")
    await expect(an.page.locator("h1")).to_have_text("# Phòng Công Nghệ")


async def test_a_direct_conversation_is_had(meet):
    an, binh = await meet("An", **PLAIN), await meet("Bình", **PLAIN)
    await an.page.goto("/people")
    await an.page.locator("#main").get_by_role("link", name=binh.name, exact=True).click()
    await an.box.fill("psst")
    await an.page.get_by_role("button", name="Send").click()
    await an.sees("psst")
    await binh.page.goto("/rooms")
    await expect(binh.link(an.name).locator(".badge")).to_have_text("1 unread")
    await binh.link(an.name).locator("a").click()
    await binh.sees("psst")


async def test_the_page_renews_itself(meet):
    an = await meet("An", **PLAIN)
    await an.page.goto("/rooms/general")
    await expect(an.page.locator("meta[http-equiv=refresh]")).to_have_attribute("content", re.compile(r"^\d+"))
