"""The connection goes and comes back: nothing is lost, nothing is doubled, and the reader is told only what matters."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.async_api import WebSocketRoute, expect

from browser.hold import Hold
from browser.witness import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_written_while_the_server_restarts_is_sent_once(meet, server):
    an, binh = await meet("An"), await meet("Bình")
    for person in (an, binh):
        person.excuse_outage()
        await person.open()
    await an.say("before")
    await an.waits_saved("before")
    await server.stop()
    for text in ("meanwhile 1", "meanwhile 2"):
        await an.say(text)
        await expect(an.message(text)).to_have_attribute("data-state", "queued")
    banner = an.page.locator("#net")
    await expect(banner).to_be_hidden()  # a blip is nobody's business
    await expect(banner).to_have_text(re.compile(r"Reconnecting… 2 waiting"))
    await expect(banner).to_have_attribute("role", "status")
    await expect(an.box).to_be_enabled()
    await server.start()
    await an.waits_saved("meanwhile 2")
    await expect(banner).to_be_hidden()
    await binh.sees("meanwhile 1")
    await binh.sees("meanwhile 2")
    for person in (an, binh):
        assert (await person.texts())[-3:] == ["before", "meanwhile 1", "meanwhile 2"]


async def test_a_message_waits_through_a_closed_and_opened_page(meet, server):
    an = await meet("An")
    an.excuse_outage()
    await an.open()
    await server.stop()
    await an.say("do not forget me")
    await expect(an.message("do not forget me")).to_have_attribute("data-state", "queued")
    await an.page.close()
    await server.start()
    an.page = await an.open(page=await an.context.new_page())
    await an.waits_saved("do not forget me")


async def test_a_killed_server_doubles_nothing_and_its_ghosts_go(meet, server):
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    for person in (an, binh, chi):
        person.excuse_outage()
        await person.open()
    with _unable_to_save(server.database):
        await an.say("sent and not saved")
        await binh.sees("sent and not saved")
        await expect(an.message("sent and not saved")).to_have_attribute("data-state", "sent")
        await chi.say("a ghost")
        await binh.sees("a ghost")
        await chi.leave()
        await server.kill()
    await server.start()
    await an.waits_saved("sent and not saved")
    await binh.sees("sent and not saved")
    await expect(binh.message("a ghost")).to_have_count(0)
    await expect(an.message("a ghost")).to_have_count(0)
    shown = await binh.texts()
    await binh.page.reload()
    await binh.sees("sent and not saved")
    assert await binh.texts() == shown


@contextmanager
def _unable_to_save(database: Path) -> Iterator[None]:
    """Hold the database, so that the server can tell everybody a message and cannot keep it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            db.execute("ROLLBACK")


async def test_a_lost_acknowledgement_doubles_nothing(meet):
    an = await meet("An")
    lossy = _Lossy()
    await an.page.route_web_socket("**/ws?**", lossy)
    await an.open()
    lossy.losing = True
    await an.say("only once")
    await an.waits_saved("only once")
    assert lossy.connections == 2
    await an.page.reload()
    await an.sees("only once")


async def test_of_two_messages_that_are_not_saved_the_one_without_an_answer_is_shown_once(meet):
    an, line = await meet("An"), Hold()
    an.excuse_outage()
    await an.page.route_web_socket("**/ws?**", line)
    await an.open("/rooms/game")
    line.towards_page = {"saved"}
    await an.say("answered")
    await expect(an.message("answered")).to_have_attribute("data-state", "sent")
    line.towards_page = {"saved", "sent", None}
    await an.say("without an answer")
    await until(lambda: "without an answer" in "".join(line.came))
    line.forget()
    line.towards_server = {"message"}
    await line.page.close()
    await an.page.locator("#messages .msg[data-mid]", has_text="without an answer").wait_for()
    await an.sees("without an answer")
    line.let_out()
    for text in ("answered", "without an answer"):
        await an.waits_saved(text)


async def test_trouble_with_the_disk_is_told_at_once_and_taken_back(meet):
    an, line = await meet("An"), Hold()
    await an.page.route_web_socket("**/ws?**", line)
    await an.open()
    await expect(an.page.locator("#net")).to_be_hidden()
    line.page.send('{"type":"storage","healthy":false}')
    await expect(an.page.locator("#net")).to_contain_text("cannot save")
    line.page.send('{"type":"storage","healthy":true}')
    await expect(an.page.locator("#net")).to_be_hidden()


class _Lossy(Hold):
    """A line that breaks after the first message got through, and before its answer does."""

    connections = 0
    losing = False

    def __call__(self, page: WebSocketRoute) -> None:
        self.connections += 1
        self.losing = False
        super().__call__(page)

    async def _break(self) -> None:
        await self.page.close(code=1012)

    def _come(self, frame: str) -> None:
        if not self.losing:
            super()._come(frame)
        elif "only once" in frame or '"sent"' in frame:
            self.losing = False
            self._ending = asyncio.ensure_future(self._break())


async def test_a_dead_network_holds_messages_and_gives_them_back(meet):
    an, binh = await meet("An"), await meet("Bình")
    an.excuse_outage()
    await an.open()
    await binh.open()
    await an.context.set_offline(True)
    await an.page.evaluate("dispatchEvent(new Event('offline'))")
    await binh.say("while you were away")
    await binh.waits_saved("while you were away")
    await an.box.fill("written in a tunnel")
    await an.box.press("Enter")
    await expect(an.message("written in a tunnel")).to_have_count(1)
    await an.context.set_offline(False)
    await an.waits_saved("written in a tunnel")
    await an.sees("while you were away")
    await binh.sees("written in a tunnel")
    await expect(an.page.locator("#net")).to_be_hidden()


async def test_a_silent_connection_is_given_up_and_opened_again(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.page.clock.install()
    silent = _Silent()
    await an.page.route_web_socket("**/ws?**", silent)
    await an.open()
    silent.mute = True
    await binh.post("/rooms/general", "said into the silence")
    await an.page.clock.fast_forward(50_000)
    await expect(an.page.locator("#net")).to_be_hidden()
    await an.page.clock.fast_forward(5_000)
    await an.sees("said into the silence")


class _Silent(Hold):
    """A line that looks open and carries nothing, until it is opened anew."""

    mute = False

    def __call__(self, page: WebSocketRoute) -> None:
        self.mute = False
        super().__call__(page)

    def _come(self, frame: str) -> None:
        if not self.mute:
            super()._come(frame)


async def test_a_closed_connection_is_back_before_anybody_is_told(meet):
    an, binh = await meet("An"), await meet("Bình")
    hold = Hold()
    await an.page.route_web_socket("**/ws?**", hold)
    await an.open()
    await an.page.evaluate("""() => {
        window.told = 0
        new MutationObserver(() => window.told++).observe(net, { attributes: true, childList: true })
    }""")
    first = hold.page
    await first.close(code=1012)
    await binh.post("/rooms/general", "after the break")
    await an.sees("after the break")
    assert hold.page is not first
    assert await an.page.evaluate("window.told") == 0


async def test_logging_out_in_one_tab_leads_the_others_to_the_login(meet):
    an = await meet("An")
    await an.open("/rooms/tech")
    other = await an.context.new_page()
    await other.goto("/settings")
    await other.get_by_role("button", name="Log out").click()
    await expect(an.page).to_have_url(f"{an.url}/login?next=%2Frooms%2Ftech")
    await an.fill_form()
    await expect(an.page).to_have_url(f"{an.url}/rooms/tech")


async def test_changing_rooms_keeps_the_one_connection(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    for visit, path in enumerate(("/rooms/tech", "/rooms/game", "/rooms/general", "/rooms/tech")):
        await an.switch(path)
        await binh.post(path, f"hello at visit {visit}")
        await an.sees(f"hello at visit {visit}")
    await an.say("and I answer")
    await an.waits_saved("and I answer")
    assert len(an.sockets) == 1
    await an.page.evaluate("history.back()")
    await expect(an.page).to_have_url(f"{an.url}/rooms/general")
    await binh.post("/rooms/general", "after going back")
    await an.sees("after going back")
    await an.say("still here")
    await an.waits_saved("still here")
    await binh.open()
    await binh.sees("still here")
    assert len(an.sockets) == 1


async def test_who_goes_to_and_fro_on_a_slow_line_sees_no_message_of_another_room(meet):
    an, binh = await meet("An"), await meet("Bình")
    hold = Hold()
    await an.page.route_web_socket("**/ws*", hold)
    await an.open("/rooms/game")
    hold.towards_server = {"join"}
    await an.switch("/rooms/general")
    await an.switch("/rooms/tech")
    await binh.post("/rooms/tech", "for Tech alone")
    await an.switch("/rooms/general")
    hold.let_out()
    await binh.post("/rooms/general", "for everybody here")
    await an.sees("for everybody here")
    await expect(an.message("for Tech alone")).to_have_count(0)


async def test_a_hidden_tab_stays_connected(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await an.turn_away()
    await binh.post("/rooms/general", "knock knock")
    await expect(an.page).to_have_title("(1) # General · chatapp")
    assert len(an.sockets) == 1


async def test_a_page_that_comes_back_from_the_cache_is_up_to_date(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await an.page.evaluate("addEventListener('pageshow', (event) => { window.persisted = event.persisted })")
    await an.page.goto("/settings")
    await binh.post("/rooms/general", "you missed this")
    await an.page.evaluate("setTimeout(() => history.back(), 0)")
    await expect(an.page.locator("#composer")).to_be_visible()
    assert await an.page.evaluate("window.persisted") is True
    await an.sees("you missed this")
    await an.say("now I am back")
    await an.waits_saved("now I am back")


async def test_a_page_from_the_cache_shows_nothing_to_whom_is_logged_out(meet):
    an = await meet("An")
    an.excuse("status of 401|no valid credentials")  # the page has to ask to find out
    await an.open()
    await an.page.goto("/settings")
    await an.page.get_by_role("button", name="Log out").click()
    await expect(an.page.get_by_role("link", name="Register")).to_be_visible()
    await an.page.evaluate("setTimeout(() => history.go(-2), 0)")
    await expect(an.page).to_have_url(re.compile("/login"))
