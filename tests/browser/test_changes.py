"""Editing and removing: both people see it, the composer keeps what was in it, and no change is lost or doubled."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import expect

from browser.test_accessibility import PHONE, faults
from fault.server import Server
from pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def two(meet, **options):
    an, binh = await meet("An", **options), await meet("Bình")
    await binh.open(an.path)
    await an.open(binh.path)
    return an, binh


async def write(person, text):
    await person.box.fill(text)
    await person.page.locator(".send").click()
    await person.waits_saved(text)


async def edit_last(person, old, new):
    """Press the arrow in the empty box, and save another text."""
    await person.box.press("ArrowUp")
    await expect(person.box).to_have_value(old)
    await person.box.fill(new)
    await person.page.locator(".send").click()


def settled(person):
    """Wait until no change is on its way."""
    return expect(person.page.locator("#messages [data-change]")).to_have_count(0)


async def test_the_arrow_in_the_empty_box_edits_the_last_own_message(meet):
    an, binh = await two(meet)
    await an.say("helo **there**")
    await an.waits_saved("helo there")
    await binh.say("hi")
    await an.sees("hi")
    before = await an.page.evaluate("document.title")
    await edit_last(an, "helo **there**", "hello **there**")
    await expect(binh.message("hello there")).to_have_count(1)
    await expect(binh.message("hello there").locator("strong")).to_have_text("there")
    await settled(an)
    for person in (an, binh):
        assert await person.texts() == ["hello there", "hi"]
        await expect(person.message("hello there").locator(".edited")).to_have_text("edited")
    await expect(an.message("hello there")).to_have_attribute("data-state", "saved")
    await expect(an.box).to_be_focused()
    await expect(an.box).to_have_value("")
    assert await an.page.evaluate("document.title") == before
    await an.message("hello there").locator(".edited").click()
    await expect(an.page.locator(".versions li")).to_have_text([re.compile("helo there"), re.compile("hello there")])


async def test_the_arrow_moves_the_caret_where_there_is_text_or_another_focus(meet):
    an, _ = await two(meet)
    await write(an, "leave me")
    bar = an.page.locator("#editing")
    await an.box.fill("one\ntwo")
    await an.box.press("ArrowUp")
    await expect(an.box).to_have_value("one\ntwo")
    await an.box.fill("")
    await an.page.locator("#scroller").focus()
    await an.page.keyboard.press("ArrowUp")
    await expect(bar).to_be_hidden()


async def test_the_draft_waits_while_a_message_is_edited(meet):
    an, _ = await two(meet)
    await write(an, "first")
    await an.box.fill("a draft")
    await an.message("first").hover()
    await an.page.get_by_role("button", name="Edit", exact=True).click()
    await expect(an.box).to_have_value("first")
    await expect(an.box).to_be_focused()
    await expect(an.page.locator("#editing")).to_contain_text("Editing a message")
    await an.box.fill("first, but better")
    await an.page.reload()  # in the middle of it
    await expect(an.box).to_have_value("first, but better")
    await an.box.press("Escape")
    await expect(an.box).to_have_value("a draft")
    await expect(an.box).to_be_focused()
    await expect(an.page.locator("#editing")).to_be_hidden()
    await an.page.reload()
    await expect(an.box).to_have_value("a draft")
    assert await an.texts() == ["first"]


async def test_the_draft_waits_also_for_who_goes_back_to_a_page_that_was_not_kept(meet):
    an, _ = await two(meet)
    await write(an, "first")
    await an.page.evaluate("addEventListener('unload', () => {})")  # so the browser loads it anew and fills in the box
    await an.box.fill("a draft")
    await an.message("first").hover()
    await an.page.get_by_role("button", name="Edit", exact=True).click()
    await expect(an.page.locator("#editing")).to_contain_text("Editing a message")
    await expect(an.box).to_have_value("first")
    await an.box.fill("first, but better")
    await an.page.goto("/settings")
    await an.page.go_back()
    await expect(an.page.locator("#editing")).to_contain_text("Editing a message")
    await expect(an.box).to_have_value("first, but better")
    await an.box.press("Escape")
    await expect(an.box).to_have_value("a draft")


async def test_what_cannot_be_said_is_refused_and_stays_in_the_box(meet):
    an, _ = await two(meet)
    await write(an, "something")
    await edit_last(an, "something", "")
    await expect(an.page.locator("#refusal")).to_contain_text("cannot be empty")
    await an.box.fill("x" * 4_001)
    await an.box.press("Enter")
    await expect(an.page.locator("#refusal")).to_contain_text("too long")
    await expect(an.box).to_have_value("x" * 4_001)


async def test_a_removal_leaves_a_tombstone_and_is_undone(meet):
    an, binh = await two(meet)
    await write(an, "a slip of the tongue")
    await an.message("a slip of the tongue").hover()
    await an.page.get_by_role("button", name="Remove this message").click()
    await expect(an.page.locator("#undo")).to_have_text("Removed. Undo")
    await expect(binh.page.locator(".msg.gone")).to_have_text(re.compile("This message was removed."))
    assert "slip" not in await binh.page.content()
    await settled(an)
    await an.message("This message was removed.").hover()
    await expect(an.page.get_by_role("toolbar")).to_have_count(0)
    await an.page.get_by_role("button", name="Undo").click()
    await an.sees("a slip of the tongue")
    await binh.sees("a slip of the tongue")
    await settled(an)
    await expect(an.page.locator("#undo")).to_be_empty()


async def test_a_removal_is_undone_before_the_server_even_knows_of_it(meet, server):
    an, binh = await two(meet)
    an.excuse_outage()
    binh.excuse_outage()
    await write(an, "in two minds")
    await an.message("in two minds").hover()
    await expect(an.page.get_by_role("toolbar")).to_be_visible()
    await an.page.evaluate("""() => {
        document.querySelector('[data-act=remove]').click()
        document.querySelector('#undo button').click()
    }""")
    await settled(an)
    await an.sees("in two minds")
    await binh.sees("in two minds")
    await server.stop()
    await an.message("in two minds").hover()
    await an.page.get_by_role("button", name="Remove this message").click()
    await expect(an.message("This message was removed.")).to_have_attribute("data-change", "queued")
    await an.page.get_by_role("button", name="Undo").click()
    await settled(an)
    await an.sees("in two minds")
    await server.start()
    await write(an, "made up")
    await binh.sees("made up")
    assert await an.texts() == await binh.texts() == ["in two minds", "made up"]


async def test_an_edit_that_the_disk_refused_is_tried_again_and_the_message_stays(meet, tmp_path):
    async with Server(tmp_path, environment={"CHATAPP_HOLD_SECONDS": "1"}) as impatient:
        an, binh = await meet("An", at=impatient.url), await meet("Bình", at=impatient.url)
        await binh.open(an.path)
        await an.open(binh.path)
        await write(an, "helo")
        with closing(sqlite3.connect(impatient.database, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            await edit_last(an, "helo", "hello")
            await binh.sees("hello")
            await binh.sees("helo")  # it was taken back: nobody may believe what is not on the disk
            await an.sees("hello")
            await expect(an.message("hello").locator(".change")).to_contain_text("could not be saved")
            db.execute("ROLLBACK")
        await settled(an)
        await binh.sees("hello")
        assert await an.texts() == await binh.texts() == ["hello"]


async def test_a_change_in_a_conversation_left_behind_is_sent_all_the_same(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await write(an, "helo")
    await an.box.press("ArrowUp")
    await expect(an.box).to_have_value("helo")
    await server.kill()
    await an.box.fill("hello")
    await an.box.press("Enter")
    await expect(an.message("hello")).to_have_attribute("data-change", "queued")
    await an.page.close()
    await server.start()
    an.page = await an.open("/rooms/game", page=await an.context.new_page())
    await binh.sees("hello")
    await an.switch(binh.path)
    await settled(an)
    assert await an.texts() == ["hello"]


async def test_changes_made_while_the_server_is_down_are_sent_once_after_it(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    for text in ("one", "two"):
        await write(an, text)
    await an.box.press("ArrowUp")
    await expect(an.box).to_have_value("two")
    await server.kill()
    await an.box.fill("two *again*")
    await an.box.press("Enter")
    await expect(an.message("two *again*")).to_have_attribute("data-change", "queued")
    await edit_last(an, "two *again*", "two, at last")  # a change of what is not there yet
    await an.message("one").hover()
    await an.page.get_by_role("button", name="Remove this message").click()
    await expect(an.message("This message was removed.")).to_have_attribute("data-change", "queued")
    await an.say("three")
    await an.page.close()
    await server.start()
    an.page = await an.open(binh.path, page=await an.context.new_page())
    await an.waits_saved("three")
    await settled(an)
    await binh.sees("two, at last")
    shown = ["This message was removed.", "two, at last", "three"]
    assert await an.texts() == await binh.texts() == shown
    await binh.page.reload()
    await binh.sees("two, at last")
    assert await binh.texts() == shown
    with closing(sqlite3.connect(server.database)) as db:
        [(copies,)] = db.execute("SELECT count(*) FROM private_messages WHERE message = 'two, at last'")
    assert copies == 1


async def test_an_edit_that_nobody_will_find_on_the_disk_is_taken_back(meet, server):
    an, binh = await two(meet)
    chi = await meet("Chi")
    for person in (an, binh, chi):
        person.excuse_outage()
        await person.open("/rooms/tech")
    await write(an, "as it was")
    with closing(sqlite3.connect(server.database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        await edit_last(an, "as it was", "as it will never be")
        await binh.sees("as it will never be")
        await an.leave()
        await server.kill()
        db.execute("ROLLBACK")
    await server.start()
    await binh.sees("as it was")
    await expect(binh.message("as it will never be")).to_have_count(0)


async def test_an_own_edit_survives_a_server_that_was_killed_before_it_was_saved(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await write(an, "as it was")
    with closing(sqlite3.connect(server.database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        await edit_last(an, "as it was", "as it should be")
        await binh.sees("as it should be")
        await server.kill()
        db.execute("ROLLBACK")
    await server.start()
    await settled(an)
    await binh.page.reload()
    for person in (an, binh):
        assert await person.texts() == ["as it should be"]


async def test_a_change_from_another_page_is_not_overwritten_unseen(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await write(an, "version 1")
    other = await an.open(binh.path, page=await an.context.new_page())
    await an.box.press("ArrowUp")
    await expect(an.box).to_have_value("version 1")
    await an.box.fill("version 2, here")
    await other.locator("#text").press("ArrowUp")
    await expect(other.locator("#text")).to_have_value("version 1")
    await other.locator("#text").press("Escape")
    await other.locator("#text").press("ArrowUp")
    await expect(other.locator("#text")).to_have_value("version 1")
    await other.locator("#text").fill("version 2, there")
    await other.locator("#text").press("Enter")
    await binh.sees("version 2, there")
    await an.sees("version 2, there")
    await an.box.press("Enter")
    failed = an.message("version 2, here")
    await expect(failed).to_have_attribute("data-change", "failed")
    await expect(failed.locator(".change")).to_contain_text("changed in the meantime")
    await failed.get_by_role("button", name="Discard").click()
    await an.sees("version 2, there")
    await expect(an.box).to_have_value("version 2, here")
    assert await binh.texts() == ["version 2, there"]


async def test_a_revision_of_what_is_not_loaded_stays_away(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.chatter(f"direct={binh.name}", [f"old {number:03}" for number in range(120)])
    await binh.open(f"{an.path}?latest=1")
    await an.open(binh.path)
    await an.sees("old 119")
    oldest = await binh.page.locator("#messages [data-mid]").first.get_attribute("data-mid")
    headers = {"Origin": an.url, "Accept": "application/json"}
    page = await an.context.request.get(f"{binh.path}/messages?before={oldest}")
    far = re.search(r'data-mid="(\d+)"', await page.text()).group(1)
    shown = await binh.messages.count()
    answer = await an.context.request.post(
        f"{binh.path}/messages/{far}/edit", form={"content": "far away"}, headers=headers
    )
    assert answer.ok
    await write(an, "the newest")
    await binh.sees("the newest")
    assert await binh.messages.count() == shown + 1
    await expect(binh.message("far away")).to_have_count(0)


async def test_everything_is_reached_by_keyboard(meet):
    an, binh = await two(meet)
    await write(an, "by keyboard")
    item = an.message("by keyboard")
    await item.locator(".when").focus()
    toolbar = an.page.get_by_role("toolbar")
    await expect(toolbar).to_be_visible()
    await an.page.keyboard.press("Escape")
    await expect(toolbar).to_have_count(0)
    await an.page.locator("#scroller").focus()
    await item.locator(".when").focus()
    await an.page.keyboard.press("Tab")
    await expect(an.page.get_by_role("button", name="Edit", exact=True)).to_be_focused()
    await binh.say("something comes")
    await an.sees("something comes")
    await expect(an.page.get_by_role("button", name="Edit", exact=True)).to_be_focused()
    await an.page.keyboard.press("Enter")
    await expect(an.box).to_have_value("by keyboard")
    await an.page.keyboard.press("Escape")
    await expect(an.box).to_be_focused()
    await item.locator(".when").focus()
    await an.page.keyboard.press("Tab")
    await an.page.keyboard.press("Tab")
    await an.page.keyboard.press("Enter")
    await expect(an.page.locator(".msg.gone")).to_be_focused()
    await expect(binh.page.locator(".msg.gone")).to_have_count(1)
    await settled(an)
    await expect(an.page.locator(".msg.gone")).to_be_focused()


async def test_a_message_with_pictures_keeps_them(meet):
    an, binh = await two(meet)
    files = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": picture()} for n in ("left", "right")]
    await an.page.locator("#choose").set_input_files(files)
    await write(an, "with a caption")
    await binh.message("with a caption").locator("a.shot").first.click()
    await edit_last(an, "with a caption", "with another caption")
    await binh.sees("with another caption")
    await binh.page.keyboard.press("Escape")
    await expect(binh.message("with another caption").locator("a.shot").first).to_be_focused()
    await edit_last(an, "with another caption", "")
    await settled(an)
    for person in (an, binh):
        await expect(person.page.locator(".msg .text")).to_have_count(0)
        await expect(person.page.locator(".msg a.shot")).to_have_count(2)


WINDOWS = {
    "light, English, wide": {"color_scheme": "light", "locale": "en-GB"},
    "dark, Vietnamese, wide": {"color_scheme": "dark", "locale": "vi-VN"},
    "light, Vietnamese, phone": {"color_scheme": "light", "locale": "vi-VN", **PHONE},
}


async def offered(person, text, touch):
    """Point at an own message, or press its dots on a phone; return what offers to change it."""
    message = person.message(text)
    if not touch:
        await message.locator(".bub").hover()
        return person.page.get_by_role("toolbar")
    await message.locator(".more").tap()
    return person.page.get_by_role("dialog")


@pytest.mark.parametrize("window", WINDOWS)
async def test_the_checker_finds_nothing_in_changed_messages(meet, window):
    an, binh = await two(meet, **WINDOWS[window])
    touch = "phone" in window
    words = ("đã sửa", "Đang sửa", "đã được gỡ") if "Vietnamese" in window else ("edited", "Editing", "was removed")
    for text in ("to be removed", "helo", "and a longer message, so that there is something above"):
        await write(an, text)
    await edit_last(an, "and a longer message, so that there is something above", "an edited one")
    await settled(an)
    await expect(an.page.locator(".edited")).to_have_text(words[0])
    tools = await offered(an, "to be removed", touch)
    await expect(tools).to_be_in_viewport(ratio=1)
    found = await faults(an.page)
    button = tools.locator("[data-act=remove], [data-do=remove]")
    box = await button.bounding_box()
    assert box["width"] >= (44 if touch else 32)
    await button.click()
    await expect(an.page.locator(".gone .bub")).to_contain_text(words[2])
    await settled(an)
    tools = await offered(an, "helo", touch)
    await tools.locator("[data-act=edit], [data-do=edit]").click()
    await expect(an.page.locator("#editing")).to_contain_text(words[1])
    await offered(an, "helo", touch)
    found += await faults(an.page)
    mid = await an.page.locator(".msg:has(.edited)").get_attribute("data-mid")
    for path in ("versions", "edit"):
        await an.page.goto(f"{binh.path}/messages/{mid}/{path}")
        found += await faults(an.page)
    assert not found, "\n".join(found)


async def test_without_scripts_a_message_is_edited_and_removed_by_forms(meet):
    an = await meet("An", java_script_enabled=False)
    mid = await an.post("/rooms/general", "helo")
    await an.page.goto(f"/rooms/general/messages/{mid}")
    await an.page.get_by_role("link", name="Edit or remove this message").click()
    await an.page.locator("textarea").fill("hello")
    await an.page.get_by_role("button", name="Save").click()
    await expect(an.page.locator(f"#m-{mid} .text")).to_have_text("hello")
    await an.page.goto(f"/rooms/general/messages/{mid}/edit")
    await an.page.get_by_role("button", name="Remove this message").click()
    await an.page.get_by_role("button", name="Undo").click()
    await expect(an.page.locator(f"#m-{mid} .text")).to_have_text("hello")
