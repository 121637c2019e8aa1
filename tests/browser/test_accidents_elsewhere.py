"""Accidents beyond the page: the network, the server, its disk, the browser's storage, the clock.

After each of them everything that was typed and sent is there, once and in order: at its author, at its reader and
in the database.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import Page, Request, Route, expect

from browser.hold import Hold
from browser.person import Person
from browser.test_changes import two, write
from browser.test_pictures import large_file, slow_line
from browser.witness import once, until
from fault.disk import small_disk
from fault.relay import Relay
from fault.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A browser gives an origin some 5 million characters. This leaves room for none.
_FILL = """() => {
    for (let size = 2 ** 22; size >= 1; size = Math.floor(size / 2))
        try { for (let n = 0; ; n++) localStorage.setItem(`filler ${size} ${n}`, 'x'.repeat(size)) } catch {}
}"""


async def over(relay: Relay, meet, **options) -> tuple[Person, Person]:
    """Bring two who talk to each other, the first through a relay and with a clock that can be moved."""
    an, binh = await meet("An", at=relay.url, **options), await meet("Bình")
    an.excuse_outage()
    await an.page.clock.install()
    await binh.open(an.path)
    await an.open(binh.path)
    return an, binh


def break_line(relay: Relay, how: str) -> None:
    """Let no connection carry anything any more, in one of the ways that a network has."""
    if how == "goes silent":
        relay.stall()
    elif how == "carries one way only":
        relay.down.stall()
    else:
        relay.up.cut()
        relay.down.cut()
        relay.stall()


async def jump(page: Page, seconds: int) -> None:
    """Let time pass for the page alone, all at once: what was due meanwhile happens now."""
    await page.clock.fast_forward(seconds * 1000)


@pytest.mark.parametrize("how", ["goes silent", "carries one way only", "resets its connections"])
async def test_nothing_is_lost_or_doubled_on_a_line_that(meet, server, how):
    async with Relay(server.port) as relay:
        an, binh = await over(relay, meet)
        await write(an, "before")
        break_line(relay, how)
        await an.say("into the dark 1")
        if how == "carries one way only":
            await binh.sees("into the dark 1")
        await binh.say("missed")
        await binh.waits_saved("missed")
        await an.say("into the dark 2")
        await an.box.press_sequentially("half a thought")
        for _ in range(5):
            await jump(an.page, 12)  # the page gives the connection up, and finds no other
        await expect(an.page.locator("#net")).to_have_text(re.compile("Reconnecting… 2 waiting"))
        relay.resume()
        await an.page.evaluate("dispatchEvent(new Event('online'))")
        await jump(an.page, 16)
        texts = ["before", "into the dark 1", "missed", "into the dark 2"]
        if how != "carries one way only":
            texts[1:3] = reversed(texts[1:3])
        await expect(an.page.locator("#net")).to_be_hidden()
        await expect(an.box).to_have_value("half a thought")
        await once(server, an, binh, texts)


async def test_a_computer_that_changes_its_network_goes_on_by_itself(meet, server):
    """The browser says that it is offline, its connections break, and it says that it is online: no clock is moved."""
    async with Relay(server.port) as relay:
        an, binh = await meet("An", at=relay.url), await meet("Bình")
        an.excuse_outage()
        await binh.open(an.path)
        await an.open(binh.path)
        await an.context.set_offline(True)
        relay.up.cut()
        relay.down.cut()
        await an.say("between two networks")
        await an.box.press_sequentially("half a thought")
        await expect(an.message("between two networks")).to_have_attribute("data-state", "queued")
        await binh.say("missed")
        await binh.waits_saved("missed")
        await an.context.set_offline(False)
        await expect(an.box).to_have_value("half a thought")
        await once(server, an, binh, ["missed", "between two networks"])


async def test_a_server_that_is_killed_and_gone_for_a_minute(meet, server):
    """The minute passes on the clock of the author's page: it tries again all the time, less and less often.

    The reader's page has no such clock and sees a short outage.
    """
    an, binh = await meet("An"), await meet("Bình")
    for person in (an, binh):
        person.excuse_outage()
    await an.page.clock.install()
    await binh.open(an.path)
    await an.open(binh.path)
    await write(an, "before")
    await server.kill()
    for text in ("meanwhile 1", "meanwhile 2"):
        await an.say(text)
    await an.box.press_sequentially("half a thought")
    first = len(an.sockets)
    for _ in range(4):
        tries = len(an.sockets)
        await jump(an.page, 15)  # no two tries are further apart
        await until(lambda tries=tries: len(an.sockets) > tries)
    assert len(an.sockets) - first < 20
    await expect(an.page.locator("#net")).to_have_text(re.compile("Reconnecting… 2 waiting"))
    await server.start()
    await an.page.get_by_role("button", name="Try now").click()
    await expect(an.page.locator("#net")).to_be_hidden()
    await expect(an.box).to_have_value("half a thought")
    await once(server, an, binh, ["before", "meanwhile 1", "meanwhile 2"])


async def test_a_browser_without_room_for_drafts_sends_and_keeps_them_in_the_page(meet, server):
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await an.page.evaluate(_FILL)
    with pytest.raises(Exception, match="QuotaExceededError"):
        await an.page.evaluate("localStorage.setItem('one more', 'x')")
    await an.say("sent all the same")
    await an.waits_saved("sent all the same")
    await an.box.press_sequentially("half a thought")
    await an.switch("/rooms/tech")
    await expect(an.box).to_have_value("")
    await an.switch(binh.path)
    await expect(an.box).to_have_value("half a thought")
    await server.kill()
    for text in ("queued 1", "queued 2"):
        await an.say(text)
        await expect(an.message(text)).to_have_attribute("data-state", "queued")
    await an.box.press_sequentially("another thought")
    await server.start()
    await an.waits_saved("queued 2")
    await expect(an.box).to_have_value("another thought")
    await once(server, an, binh, ["sent all the same", "queued 1", "queued 2"])


async def test_what_a_full_disk_refuses_waits_in_the_page_and_goes_out_when_there_is_room(meet, tmp_path):
    (tmp_path / "small").mkdir()
    try:
        with small_disk(tmp_path / "small") as disk:
            async with Server(tmp_path, database=disk.folder / "chat.db") as server:
                an, binh = await meet("An", at=server.url), await meet("Bình", at=server.url)
                await binh.open(an.path)
                await an.open(binh.path)
                await write(an, "before")
                disk.fill()
                for text in ("no room 1", "no room 2"):
                    await an.say(text)
                await an.box.press_sequentially("half a thought")
                for person in (an, binh):
                    await expect(person.page.locator("#net")).to_contain_text("The server cannot save messages")
                await expect(an.message("no room 1")).to_have_attribute("data-state", "queued")
                await expect(binh.messages.locator(".bub")).to_have_text(["before"])
                disk.free()
                for person in (an, binh):
                    await expect(person.page.locator("#net")).to_be_hidden()
                await expect(an.box).to_have_value("half a thought")
                await once(server, an, binh, ["before", "no room 1", "no room 2"])
                await an.leave()
                await binh.leave()
    except PermissionError as error:
        pytest.skip(f"THE FULL DISK IS NOT TESTED: {error}")


async def test_what_is_sent_from_another_room_is_not_overtaken_by_what_follows_it(meet, server):
    (an, binh), hold, answered = await two(meet), Hold(), asyncio.Event()
    an.excuse_outage()
    await an.page.route_web_socket("**/ws?**", hold)
    await an.open(binh.path)

    async def slow_line(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await an.page.route(f"**{binh.path}/messages", slow_line)
    hold.towards_server = {"message"}
    await an.say("first")
    await an.say("second")
    await an.switch("/rooms/game")
    hold.towards_server = set()
    async with an.page.expect_request(f"**{binh.path}/messages"):
        await hold.page.close()  # what was not answered is sent again, now by form post
    came = len(hold.came)
    await an.switch(binh.path)
    await until(lambda: any('"unread"' in frame for frame in hold.came[came:]))  # the last word of a greeting
    answered.set()
    await once(server, an, binh, ["first", "second"])


async def test_a_computer_that_slept_catches_up_and_sends_what_waited(meet, server):
    """While it sleeps no script runs, and nobody tells it that its connection died; then its clock has jumped."""
    async with Relay(server.port) as relay:
        an, binh = await over(relay, meet)
        line = await an.context.new_cdp_session(an.page)
        relay.stall()
        await an.say("just before")
        await an.box.press_sequentially("half a thought")
        await line.send("Page.setWebLifecycleState", {"state": "frozen"})
        for text in ("missed 1", "missed 2"):
            await binh.say(text)
            await binh.waits_saved(text)
        known = len(an.sockets)
        await line.send("Page.setWebLifecycleState", {"state": "active"})
        await jump(an.page, 60)
        relay.down.cut()  # what it had sent into the old connection is lost
        await until(lambda: len(an.sockets) > known)
        relay.resume()
        await expect(an.page.locator("#net")).to_be_hidden()
        await once(server, an, binh, ["missed 1", "missed 2", "just before"])
        await expect(an.box).to_have_value("half a thought")


@pytest.mark.parametrize("names", [["whole.png"], ["first.png", "second.png"]])
async def test_an_upload_that_is_cut_off_in_the_middle_is_made_once(meet, server, names):
    async with Relay(server.port) as relay:
        an, binh = await meet("An", at=relay.url), await meet("Bình")
        an.excuse_outage()
        await binh.open(an.path)
        await an.open(binh.path)
        line = await slow_line(an.page)
        tries: list[Request] = []
        an.page.on("request", lambda request: request.method == "POST" and tries.append(request))
        await an.page.locator("#choose").set_input_files([large_file(name) for name in names])
        await an.say("with a caption")
        mine = an.message("with a caption")
        await expect(mine.locator(".percent")).to_have_text(re.compile(r"Uploading [5-8]\d%"))
        relay.stall()
        relay.up.cut()
        relay.down.cut()
        await expect(mine).to_have_attribute("data-state", "queued")
        await expect(mine.locator("img")).to_have_count(len(names))
        key = await mine.get_attribute("data-key")
        await line.detach()
        relay.resume()
        await binh.sees("with a caption")
        await once(server, an, binh, ["with a caption"])
        await expect(binh.message("with a caption").locator("img")).to_have_count(len(names))
    assert len(tries) >= 2
    with closing(sqlite3.connect(server.database)) as db:
        [(me,)] = db.execute("SELECT id FROM users WHERE username = ?", (an.name,))
        assert db.execute("SELECT key FROM message_keys WHERE author_id = ?", (me,)).fetchall() == [(key,)]
        pictures = db.execute("SELECT name FROM pictures WHERE owner_id = ? ORDER BY position", (me,)).fetchall()
        assert [name for (name,) in pictures] == names
