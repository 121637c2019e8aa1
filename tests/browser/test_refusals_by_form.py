"""What is refused in a browser without scripts: the form says why and what to do, and what was written is in it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.test_pictures import file
from browser.test_refusals import FORGETFUL, SLOW, elsewhere, told
from fault.disk import locked
from fault.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = {"java_script_enabled": False}
MANY = [file(f"{n}.png") for n in range(11)]
LARGE = [file("huge.png", bytes(10 * 2**20 + 1))]


@pytest.mark.parametrize(
    ("text", "files", "english", "vietnamese"),
    [
        (" ", [], "cannot be empty", "không được để trống"),
        ("x" * 4_001, [], "at most 4000 characters; this one has 4001", "4001"),
        ("my caption", MANY, "at most 10 pictures", "10 ảnh"),
        ("my caption", LARGE, "“huge.png” is larger than 10 MB.", "“huge.png”"),
    ],
    ids=["empty", "too long", "too many pictures", "too large a picture"],
)
async def test_a_refused_message_is_kept_in_the_form(meet, text, files, english, vietnamese):
    for locale, sentence in (("en-GB", english), ("vi-VN", vietnamese)):
        an = await meet("An", locale=locale, **PLAIN)
        an.excuse("status of 422")
        await an.page.goto("/rooms/tech")
        await an.page.locator("#choose").set_input_files(files)
        await an.box.fill(text)
        await an.page.locator(".send").click()
        await told(an, sentence)
        if text.strip():
            await expect(an.box).to_have_value(text)
        await expect(an.box).to_have_attribute("aria-describedby", "refusal")


async def test_who_is_too_fast_or_finds_a_full_disk_sends_again_by_hand(meet, tmp_path):
    async with Server(tmp_path, environment=FORGETFUL | SLOW | {"CHATAPP_MESSAGE_BURST": "1"}) as slow:
        an = await meet("An", at=slow.url, **PLAIN)
        an.excuse("status of (429|503)")
        await an.page.goto("/rooms/tech")
        await an.post("/rooms/tech", "the first")
        await an.box.fill("the second")
        await an.page.locator(".send").click()
        await told(an, "That was too fast. Please wait a moment, then send it again.")
        await expect(an.box).to_have_value("the second")
        with locked(slow.database):
            while "too fast" in (await an.page.locator("#refusal").text_content() or ""):
                await an.page.locator(".send").click()
            await told(an, "Please send it again in a moment.")
            await expect(an.box).to_have_value("the second")
        while await an.page.locator("#refusal").is_visible():
            await an.page.locator(".send").click()
        assert await an.texts() == ["the first", "the second"]


@pytest.mark.parametrize(
    ("text", "meanwhile", "sentence"),
    [
        ("", None, "cannot be empty"),
        ("x" * 4_001, None, "at most 4000 characters"),
        ("hello", "edit", "This message has changed in the meantime."),
        ("hello", "remove", "This message was"),
    ],
    ids=["empty", "too long", "edited meanwhile", "removed meanwhile"],
)
async def test_a_refused_edit_keeps_its_words(meet, text, meanwhile, sentence):
    an = await meet("An", **PLAIN)
    an.excuse("status of 422")
    mid = await an.post("/rooms/game", "helo")
    await an.page.goto(f"/rooms/game/messages/{mid}/edit")
    if meanwhile:
        await elsewhere(an, "/rooms/game", mid, meanwhile, content="hallo")
    await an.page.locator("textarea").fill(text)
    await an.page.get_by_role("button", name="Save").click()
    await expect(an.page.get_by_role("alert")).to_contain_text(sentence)
    await expect(an.page.locator("textarea")).to_have_value(text)


async def test_a_late_undo_is_refused(meet, server):
    an = await meet("An", **PLAIN)
    an.excuse("status of 422")
    mid = await an.post("/rooms/game", "a slip")
    await an.page.goto(f"/rooms/game/messages/{mid}/edit")
    await an.page.get_by_role("button", name="Remove this message").click()
    await server.kill()
    await server.start()
    await an.page.get_by_role("button", name="Undo").click()
    await expect(an.page.get_by_role("alert")).to_contain_text("too late")
    await expect(an.page.locator("textarea")).to_have_count(0)
