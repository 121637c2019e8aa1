"""Accidents on this side of the line: tabs, browsers, sessions and storage go in the middle of sending.

After each of them everything that was typed and sent is there, once and in order: at its author, at its reader and
in the database.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from browser.conftest import ARGUMENTS
from browser.hold import Hold
from browser.person import Person
from browser.test_changes import edit_last, settled, two, write
from browser.witness import end_session, holds, once, until, waiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWERS = {"sent", "saved", None}  # None: the fragment that shows the message


async def held(meet, **options) -> tuple[Person, Person, Hold]:
    """Bring two who talk to each other, the first over a line that can be held up."""
    an, binh = await meet("An", **options), await meet("Bình")
    line = Hold()
    await an.page.route_web_socket("**/ws?**", line)
    await binh.open(an.path)
    await an.open(binh.path)
    return an, binh, line


async def state_of(person: Person, text: str, state: str) -> None:
    await expect(person.message(text)).to_have_attribute("data-state", state)


async def close(page: Page) -> None:
    """Close a tab as people do: the page is told."""
    async with page.expect_event("close"):
        await page.close(run_before_unload=True)


@pytest.mark.parametrize("lost", ["the message", "the answer"])
@pytest.mark.parametrize("accident", ["the tab is closed", "the page is loaded anew"])
async def test_a_message_on_its_way_survives_when(meet, server, accident, lost):
    an, binh, line = await held(meet)
    await write(an, "before")
    if lost == "the message":
        line.towards_server = {"message"}
    else:
        line.towards_page = ANSWERS
    await an.say("under way")
    await state_of(an, "under way", "sending")
    if lost == "the answer":
        await binh.sees("under way")
    await an.say("right behind it")
    await an.box.press_sequentially("half a thought")
    line.towards_server, line.towards_page = set(), set()
    if accident == "the tab is closed":
        await close(an.page)
        an.page = await an.open(binh.path, page=await an.context.new_page())
    else:
        await an.page.reload()
    await expect(an.box).to_have_value("half a thought")
    await once(server, an, binh, ["before", "under way", "right behind it"])
    await expect(an.box).to_have_value("half a thought")


async def test_changes_on_their_way_survive_a_reload_and_are_made_once(meet, server):
    an, binh, line = await held(meet)
    for text in ("to be removed", "helo"):
        await write(an, text)
    line.towards_server = {"edit", "remove"}
    await edit_last(an, "helo", "hello")
    await expect(an.message("hello")).to_have_attribute("data-change", "sending")
    await an.message("to be removed").hover()
    await an.page.get_by_role("button", name="Remove this message").click()
    await expect(an.message("This message was removed.")).to_have_attribute("data-change", "queued")
    await expect(binh.messages.locator(".bub")).to_have_text(["to be removed", "helo"])
    line.towards_server = set()
    await an.page.reload()
    shown = ["This message was removed.", "hello"]
    for person in (an, binh):
        await expect(person.messages.locator(".bub")).to_have_text(shown)
    await settled(an)
    assert await waiting(an) == []
    with closing(sqlite3.connect(server.database)) as db:
        [(versions,)] = db.execute("SELECT count(*) FROM message_versions WHERE content = 'helo'")
    assert versions == 1


async def test_a_browser_that_is_killed_forgets_nothing(meet, server, chromium, executable, tmp_path):
    """The browser may not have written its cookies yet, so that people log in again in the new one."""
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await an.page.close()
    browser = await _start(chromium, executable, tmp_path)
    here = await _log_in(browser, an, binh.path)
    await write(here, "before")
    await server.kill()
    for text in ("queued 1", "queued 2"):
        await here.say(text)
    await here.box.press_sequentially("half a thought")
    await until(lambda: all(_is_kept(tmp_path, text) for text in (b"queued 2", b'"half a thought"')))
    async with browser.expect_event("close"):
        os.kill(_process_of(tmp_path), signal.SIGKILL)
    await server.start()
    browser = await _start(chromium, executable, tmp_path)
    here = await _log_in(browser, an, binh.path)
    await expect(here.box).to_have_value("half a thought")
    await binh.sees("queued 2")
    await once(server, here, binh, ["before", "queued 1", "queued 2"])
    await expect(here.box).to_have_value("half a thought")
    await browser.close()
    assert not here.trouble


async def _start(chromium: Browser, executable: str, profile: Path) -> BrowserContext:
    """Start a browser of its own on a profile that outlives it."""
    return await chromium.browser_type.launch_persistent_context(
        profile, executable_path=executable, args=ARGUMENTS, locale="en-GB"
    )


async def _log_in(browser: BrowserContext, an: Person, path: str) -> Person:
    here = await Person.sit_down(browser, an.url, an.name)
    here.excuse_outage()
    await browser.clear_cookies()
    await here.page.goto(f"{an.url}{path}")
    await here.fill_form()
    await expect(here.page).to_have_url(an.url + path)
    await here.page.locator("#people [data-told]").first.wait_for(state="attached")
    return here


def _is_kept(profile: Path, text: bytes) -> bool:
    """Tell whether a browser has written a text to the disk: it takes its time, and a killed one writes no more."""
    return any(text in file.read_bytes() for file in profile.glob("Default/Local Storage/leveldb/*.log"))


def _process_of(profile: Path) -> int:
    """Return the process id of the browser itself that runs on a profile."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        words = command.read_bytes().split(b"\0")
        if f"--user-data-dir={profile}".encode() in words and not any(word.startswith(b"--type=") for word in words):
            return int(command.parent.name)
    raise AssertionError("no such browser")


async def test_a_session_that_ends_in_the_middle_costs_a_log_in_and_nothing_else(meet, server):
    an, binh, line = await held(meet)
    an.excuse("status of 401|WebSocket connection to")
    line.towards_server = {"message"}
    for text in ("under way", "right behind it"):
        await an.say(text)
    await an.box.press_sequentially("half a thought")
    await _lose_session(server, an, line)
    await expect(an.page).to_have_url(f"{an.url}/login?next={binh.path.replace('%', '%25').replace('/', '%2F')}")
    await an.fill_form()
    await expect(an.box).to_have_value("half a thought")
    await once(server, an, binh, ["under way", "right behind it"])


async def _lose_session(server, person: Person, line: Hold) -> None:
    """End a session on the server, and let the page notice; what it was about to send goes nowhere."""
    end_session(server, person)
    line.towards_server = set()
    await line.page.close(code=1012)


async def test_of_two_tabs_with_messages_waiting_one_is_closed(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await write(an, "before")
    other = await an.open(binh.path, page=await an.context.new_page())
    await server.kill()
    for page, text in ((an.page, "here 1"), (other, "there 1"), (an.page, "here 2"), (other, "there 2")):
        await page.locator("#text").fill(text)
        await page.locator("#text").press("Enter")
        await state_of(an, text, "queued")
    await close(other)
    await server.start()
    await binh.sees("there 2")
    await once(server, an, binh, ["before", "here 1", "there 1", "here 2", "there 2"])


async def test_a_tab_that_overwrites_what_another_one_keeps_takes_nothing_from_it(meet, server):
    """Tabs read and write their common storage without a lock; what one of them adds may be gone a moment later."""
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    other = await an.open(binh.path, page=await an.context.new_page())
    await server.kill()
    for text in ("queued 1", "queued 2"):
        await an.say(text)
        await expect(other.locator("#messages .msg").filter(has_text=text)).to_have_count(1)
    await other.evaluate("""() => {
        const name = Object.keys(localStorage).find((name) => name.startsWith('chatapp:outbox:'))
        localStorage.setItem(name, JSON.stringify(JSON.parse(localStorage[name]).slice(0, 1)))
    }""")
    await holds(other, "JSON.stringify(localStorage).includes('queued 2')")  # it was put back
    await other.close()
    await an.page.close()
    await server.start()
    an.page = await an.open(binh.path, page=await an.context.new_page())
    await once(server, an, binh, ["queued 1", "queued 2"])


async def test_logging_out_in_another_tab_takes_what_is_ones_own_and_nothing_of_others(meet, server):
    chi, binh, line = await held(meet)
    chi.excuse("status of 401|WebSocket connection to")
    an = await meet("An")
    line.towards_server = {"message"}
    await chi.say("Chi's, queued")
    await chi.box.press_sequentially("Chi's draft")
    await _lose_session(server, chi, line)
    await chi.fill_form(an.name)  # An, at the same computer
    await expect(chi.page.locator("body")).to_have_attribute("data-name", an.name)
    await write(chi, "An's, sent")
    await chi.box.press_sequentially("An's draft")
    await chi.message("An's, sent").hover()
    await chi.page.get_by_role("button", name="Edit", exact=True).click()
    await expect(chi.box).to_have_value("An's, sent")
    await chi.box.fill("An's, edited")
    line.towards_server = {"message"}
    await chi.switch("/rooms/general")
    await chi.say("An's, queued")
    await state_of(chi, "An's, queued", "sending")
    kept = await _kept(chi)
    assert all(text in kept for text in ("An's draft", "An's, edited", "An's, queued", "Chi's draft", "Chi's, queued"))
    other = await chi.context.new_page()
    await other.goto("/settings")
    await other.get_by_role("button", name="Log out").click()
    await other.get_by_role("button", name="Discard and log out").click()
    await expect(chi.page).to_have_url(re.compile("/login"))
    await expect(chi.messages).to_have_count(0)
    kept = await _kept(chi)
    assert "An's" not in kept
    line.towards_server = set()
    await chi.page.goto(binh.path)
    await chi.fill_form()
    await expect(chi.box).to_have_value("Chi's draft")
    await once(server, chi, binh, ["Chi's, queued"])
    with closing(sqlite3.connect(server.database)) as db:
        assert not db.execute("SELECT 1 FROM messages WHERE message LIKE 'An%s, queued'").fetchall()


async def _kept(person: Person) -> str:
    return await person.page.evaluate("JSON.stringify(localStorage)")


@pytest.mark.parametrize("path", ["/settings", "/rooms"])
async def test_a_page_that_comes_back_from_the_cache_has_its_draft_its_messages_and_what_it_missed(meet, server, path):
    """Of these two pages, the second is one of the chat: it sends what waits while the first only keeps it."""
    an, binh, line = await held(meet)
    an.excuse("Page entered Back-Forward Cache")  # what stands between page and server has not closed its own socket
    await an.page.evaluate("addEventListener('pageshow', (event) => { window.persisted = event.persisted })")
    line.towards_server = {"message"}
    await an.say("mine")
    await state_of(an, "mine", "sending")
    await an.box.press_sequentially("half a thought")
    await an.page.locator(f'#side a[href="{path}"]').click()
    await expect(an.page).to_have_url(an.url + path)
    texts = ["theirs", "mine"]
    if path == "/rooms":
        await binh.sees("mine")
        texts.reverse()
    await binh.post(an.path, "theirs")
    line.towards_server = set()
    await an.page.evaluate("setTimeout(() => history.back(), 0)")
    await expect(an.page.locator("#composer")).to_be_visible()
    assert await an.page.evaluate("window.persisted") is True
    await expect(an.box).to_have_value("half a thought")
    await expect(an.messages.locator(".bub")).to_have_text(texts)
    await binh.say("live")
    await an.sees("live")
    await once(server, an, binh, [*texts, "live"])
    await expect(an.box).to_have_value("half a thought")


async def test_what_is_saved_in_one_conversation_says_nothing_about_messages_of_another(meet):
    an, _, line = await held(meet)
    line.towards_page = {"saved"}
    await an.say("waits for the disk")
    await state_of(an, "waits for the disk", "sent")
    cursor = await an.page.locator("#messages").get_attribute("data-cursor")
    mark = {"type": "saved", "upto": 2**52}
    line.page.send(json.dumps(mark | {"conversation": "tech"}))
    line.page.send(json.dumps({"type": "refused", "reason": "Every frame before this one was read."}))
    await expect(an.page.get_by_text("Every frame before this one was read.")).to_be_visible()
    await state_of(an, "waits for the disk", "sent")
    await expect(an.page.locator("#messages")).to_have_attribute("data-cursor", cursor)
    line.let_in()
    await state_of(an, "waits for the disk", "saved")


async def test_counts_of_one_conversation_say_nothing_about_news_of_another(meet):
    an, _, line = await held(meet)
    counts = {"type": "unread", "counts": {"general": 1, "tech": 2}, "reads": {}, "upto": 0}
    line.page.send(json.dumps(counts | {"covers": {"general": 100, "tech": 50}}))
    for room in ("general", "tech"):
        news = f'<ul hx-swap-oob="unread:#side" data-conversation="{room}" data-ids="60:99999"></ul>'
        line.page.send(news)
    await expect(an.page.locator('#side li[data-conversation="tech"] .count')).to_have_text("3")
    await expect(an.page.locator('#side li[data-conversation="general"] .count')).to_have_text("1")
