"""People who use one browser after the other: nobody sees or says what is another one's."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from browser.person import PASSWORD
from browser.test_accidents import held
from browser.test_changes import two, write
from browser.witness import end_session, holds, once, stored, waiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Notes every page whose messages could be seen when its document was complete, or when it came back from a cache.
_NOTE_MESSAGES = """for (const type of ['DOMContentLoaded', 'pageshow']) addEventListener(type, () => {
    if (document.querySelector('#messages .msg')?.checkVisibility({ visibilityProperty: true }))
        sessionStorage.seen = type
})"""


async def test_what_waits_in_a_page_is_not_sent_by_somebody_who_logged_in_since(meet, server):
    chi, binh, line = await held(meet)
    chi.excuse("status of 401|WebSocket connection to")
    an = await meet("An")
    line.towards_server = {"message"}
    await chi.say("Chi's, queued")
    await chi.box.press_sequentially("Chi's draft")
    end_session(server, chi)
    form = {"username": an.name, "password": PASSWORD}
    answer = await chi.context.request.post("/login", form=form, headers={"Origin": chi.url}, max_redirects=0)
    assert answer.status == 303
    line.towards_server = set()
    await line.page.close(code=1012)  # the page connects again, as it would after a moment without a network
    await expect(chi.page.locator("body")).to_have_attribute("data-name", an.name)
    await write(chi, "An's own")
    assert stored(server, chi, binh) == []
    assert await waiting(chi) == ["Chi's, queued"]
    await chi.page.goto("/settings")
    await chi.page.get_by_role("button", name="Log out").click()
    await expect(chi.page.get_by_role("link", name="Register")).to_be_visible()
    await chi.page.goto(f"/login?next={binh.path}")
    await chi.fill_form()
    await expect(chi.box).to_have_value("Chi's draft")
    await once(server, chi, binh, ["Chi's, queued"])


async def test_back_after_logging_out_never_shows_a_message(meet, server):
    an, binh = await two(meet)
    an.excuse("status of 401|WebSocket connection to")
    await write(an, "for Bình only")
    await an.context.add_init_script(_NOTE_MESSAGES)
    await an.page.reload()
    await holds(an.page, "sessionStorage.seen")
    await an.page.goto("/settings")
    await an.page.evaluate("sessionStorage.clear()")
    await an.page.get_by_role("button", name="Log out").click()
    await expect(an.page.locator("body")).not_to_have_attribute("data-user", re.compile("."))
    for _ in range(2):  # to the settings, and to the conversation
        await an.page.go_back()
        await expect(an.page).to_have_url(re.compile("/login"))
        assert await an.page.evaluate("sessionStorage.seen ?? null") is None
    assert binh.trouble == []


async def test_who_deletes_their_account_leaves_nothing_on_the_computer_and_takes_nothing_of_others(meet, server):
    an, binh = await two(meet)
    an.excuse("status of 401|WebSocket connection to")
    await an.box.press_sequentially("An's draft")
    await an.page.evaluate("localStorage['chatapp:draft:999999:general'] = '\"of somebody else\"'")
    await an.delete_account()
    kept = await an.page.evaluate("JSON.stringify(localStorage)")
    assert "An's draft" not in kept
    assert "of somebody else" in kept
    assert binh.trouble == []
