"""What is refused: the page says why and what to do, aloud too, and what was written or chosen is still there."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from browser.hold import Hold
from browser.person import Person
from browser.test_changes import settled, two, write
from browser.test_pictures import file
from browser.witness import once, stored, until
from fault.disk import locked
from fault.server import Server
from pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = {"CHATAPP_MESSAGES_PER_SECOND": "1", "CHATAPP_MESSAGE_BURST": "2"}
FORGETFUL = {"CHATAPP_HOLD_SECONDS": "1"}  # how long it waits for a database that somebody else holds


async def at(server: Server, meet, **options) -> tuple[Person, Person]:
    """Bring two who talk to each other on a server of the test's own."""
    an, binh = await meet("An", at=server.url, **options), await meet("Bình", at=server.url)
    await binh.open(an.path)
    await an.open(binh.path)
    return an, binh


async def told(person: Person, sentence: str) -> None:
    """Wait until the page says a sentence beside the composer, in a way that is read aloud."""
    refusal = person.page.locator("#refusal")
    await expect(refusal).to_contain_text(sentence)
    await expect(refusal).to_be_visible()
    await expect(refusal).to_have_role("alert")


async def taken_back(person: Person, text: str) -> None:
    """Press Discard below what failed, and find its words in the box."""
    await person.message(text).get_by_role("button", name="Discard").click()
    await expect(person.box).to_have_value(text)
    await expect(person.box).to_be_focused()
    await expect(person.page.locator("#refusal")).to_be_hidden()


async def elsewhere(person: Person, path: str, mid: int | str, what: str, **form: str) -> None:
    """Change a message on another device."""
    headers = {"Origin": person.url, "Accept": "application/json"}
    answer = await person.context.request.post(f"{path}/messages/{mid}/{what}", form=form, headers=headers)
    assert answer.ok, await answer.text()


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [("en-GB", "You are sending too fast."), ("vi-VN", "Bạn gửi nhanh quá.")],
    ids=["in English", "in Vietnamese"],
)
async def test_who_sends_too_fast_is_told_so_and_everything_goes_out_by_itself(meet, tmp_path, locale, sentence):
    async with Server(tmp_path, environment=SLOW) as slow:
        an, binh = await at(slow, meet, locale=locale)
        await an.page.evaluate("""() => {
            window.said = []
            new MutationObserver(() => window.said.push(refusal.textContent)).observe(refusal, { childList: true })
            const below = () => [...document.querySelectorAll(".msg .state")].map((line) => line.textContent)
            window.below = new Set()
            new MutationObserver(() => below().forEach((text) => window.below.add(text)))
                .observe(messages, { childList: true, subtree: true })
        }""")
        texts = [f"number {n}" for n in range(4)]
        for text in texts:
            await an.say(text)
        await an.box.press_sequentially("half a thought")
        await an.waits_saved(texts[-1])
        assert any(sentence in said for said in await an.page.evaluate("window.said"))
        below = await an.page.evaluate("[...window.below]")
        assert any(sentence in line for line in below)
        waiting = await an.page.evaluate("words.content.querySelector('[data-word=queued]').textContent")
        assert waiting not in below  # for there is a connection
        await expect(an.page.locator("#refusal")).to_be_hidden()
        await expect(an.box).to_have_value("half a thought")
        await once(slow, an, binh, texts)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("half \ud83d", "This text contains an invalid character. Please type it again."),
        ("\u200b", "A message cannot be empty."),
    ],
    ids=["half a character", "nothing to be seen"],
)
async def test_a_text_that_only_the_server_can_judge_is_refused_and_comes_back(meet, text, sentence):
    an, binh = await two(meet)
    code = [ord(letter) for letter in text]
    await an.box.evaluate(
        """(box, code) => {
        box.value = String.fromCharCode(...code)
        box.dispatchEvent(new Event('input', { bubbles: true }))
    }""",
        code,
    )
    await an.box.press("Enter")
    await told(an, f"Not sent. {sentence}")
    failed = an.page.locator("#messages [data-state=failed]")
    await expect(failed.locator(".state")).to_contain_text(sentence)
    await failed.get_by_role("button", name="Discard").click()
    assert (
        await an.box.evaluate("box => [...Array(box.value.length).keys()].map((n) => box.value.charCodeAt(n))") == code
    )
    assert await binh.texts() == []


async def test_what_cannot_be_saved_waits_with_its_picture_until_it_can(meet, tmp_path):
    async with Server(tmp_path, environment=FORGETFUL) as server:
        an, binh = await at(server, meet)
        an.excuse("status of 503")
        with locked(server.database):
            await an.say("words")
            await expect(an.page.locator("#net")).to_contain_text("cannot save messages")
            await expect(an.page.locator("#net")).to_have_role("status")
            await an.page.locator("#choose").set_input_files(file())
            await an.say("a caption")
            await expect(an.message("a caption").locator("img")).to_have_count(1)
        await once(server, an, binh, ["words", "a caption"])
        await expect(binh.message("a caption").locator("img")).to_have_count(1)


async def test_what_fails_while_its_author_looks_at_the_people_is_sent_from_there(meet, tmp_path):
    async with Server(tmp_path, environment={"CHATAPP_HOLD_SECONDS": "4"}) as server:  # long enough to be seen
        an, binh = await at(server, meet)
        an.excuse("status of 503")
        with locked(server.database):
            await an.say("words")
            await binh.sees("words")
            await an.page.locator("#side .more").click()
            await expect(an.page).to_have_url(an.url + "/people")
            await expect(binh.messages).to_have_count(0)
        await until(lambda: stored(server, an, binh) == ["words"])
        an.excuse("ERR_CONNECTION_RESET")  # the server ends before the page does


async def test_an_edit_of_what_was_removed_meanwhile_gives_its_words_back(meet):
    an, binh = await two(meet)
    await write(an, "helo")
    await an.box.press("ArrowUp")
    await expect(an.box).to_have_value("helo")
    await an.box.fill("hello")
    await elsewhere(an, binh.path, await an.message("helo").get_attribute("data-mid"), "remove")
    await expect(an.page.locator(".msg.gone")).to_have_count(1)
    await an.box.press("Enter")
    await told(an, "Not changed.")
    failed = an.page.locator("[data-change=failed]")
    await failed.get_by_role("button", name="Try again").click()
    await told(an, "Not changed. This message was removed.")
    await expect(failed.locator(".change")).to_contain_text("This message was removed.")
    await failed.get_by_role("button", name="Discard").click()
    await expect(an.box).to_have_value("hello")
    await settled(an)
    assert await an.texts() == await binh.texts() == ["This message was removed."]


async def test_an_edit_of_what_was_edited_meanwhile_is_refused_aloud(meet):
    an, binh = await two(meet)
    await write(an, "version 1")
    await an.box.press("ArrowUp")
    await expect(an.box).to_have_value("version 1")
    mid = await an.message("version 1").get_attribute("data-mid")
    await elsewhere(an, binh.path, mid, "edit", content="version 2")
    await an.sees("version 2")
    await expect(an.box).to_have_value("version 1")
    await an.box.fill("version 3")
    await an.box.press("Enter")
    await told(an, "Not changed. This message has changed in the meantime. Please look at it again.")
    await taken_back(an, "version 3")
    assert await an.texts() == await binh.texts() == ["version 2"]


async def test_what_is_removed_twice_is_removed(meet):
    an, binh = await two(meet)
    await write(an, "a slip")
    line, other = Hold(), await an.context.new_page()
    await other.route_web_socket("**/ws?**", line)
    await an.open(binh.path, page=other)
    line.towards_page = {None}  # the other tab does not learn of it
    for page in (an.page, other):
        await page.locator("#messages .msg").hover()
        await page.get_by_role("button", name="Remove this message").click()
    line.let_in()
    for page in (an.page, other):
        await expect(page.locator("#messages .msg.gone")).to_have_count(1)
        await expect(page.locator("#messages [data-change]")).to_have_count(0)
        await expect(page.locator("#refusal")).to_be_hidden()
    assert await binh.texts() == ["This message was removed."]


async def test_an_undo_that_comes_too_late_is_refused_and_the_message_stays_removed(meet, server):
    """A server that was restarted does not know how long ago it was."""
    an, binh = await two(meet)
    for person in (an, binh):
        person.excuse_outage()
    await write(an, "a slip")
    await an.message("a slip").hover()
    await an.page.get_by_role("button", name="Remove this message").click()
    await expect(binh.page.locator(".msg.gone")).to_have_count(1)
    await settled(an)
    await an.page.locator("#undo").hover()  # it stays while it is pointed at
    await server.kill()
    await server.start()
    await an.page.get_by_role("button", name="Undo").click()
    await told(an, "Not changed. It is too late to undo this.")
    await an.page.locator("[data-change=failed]").get_by_role("button", name="Discard").click()
    await settled(an)
    assert await an.texts() == await binh.texts() == ["This message was removed."]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("broken", "“half.jpg”: This picture is damaged or incomplete."),
        ("too large for a proxy", "Try again, or send fewer or smaller ones."),
    ],
    ids=["broken", "too large for a proxy"],
)
async def test_a_refused_upload_is_told_aloud_and_gives_caption_and_pictures_back(meet, fault, sentence):
    an, binh = await two(meet)
    an.excuse("status of 4")
    half = picture("JPEG", (900, 900))[:900]
    if fault != "broken":
        await an.page.route("**/messages", _too_large)
    await an.page.locator("#choose").set_input_files([file("whole.png"), file("half.jpg", half, "image/jpeg")])
    await an.say("a caption")
    await told(an, "Not sent. ")
    await told(an, sentence)
    await taken_back(an, "a caption")
    await expect(an.page.locator("#pictures .preview")).to_have_count(2)
    await an.page.unroute_all()
    await an.page.get_by_role("button", name="Remove half.jpg").click()
    await an.box.press("Enter")
    await an.waits_saved("a caption")
    await expect(binh.message("a caption").locator("img")).to_have_count(1)


async def _too_large(route: Route) -> None:
    """Answer as a proxy whose limit is lower than the chat's, with a page of its own."""
    await route.fulfill(status=413, content_type="text/html", body="<h1>413 Request Entity Too Large</h1>")


async def test_who_sends_too_many_pictures_is_told_to_wait_and_loses_none(meet, tmp_path):
    async with Server(tmp_path, environment={"CHATAPP_UPLOADS_PER_MINUTE": "1"}) as strict:
        an, _ = await at(strict, meet)
        an.excuse("status of 429")
        for text in ("the first", "the second"):
            await an.page.locator("#choose").set_input_files(file())
            await an.say(text)
        await told(an, "You have sent many pictures. Please wait a moment.")
        waiting = an.message("the second")
        await expect(waiting).to_have_attribute("data-state", "queued")
        await expect(waiting.locator(".state")).to_contain_text("Please wait a moment")
        await expect(waiting.locator("img")).to_have_count(1)
