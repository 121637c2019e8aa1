"""Somebody before a page of the chat, in a browser of their own."""

from __future__ import annotations

import itertools
import re
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.async_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

PASSWORD = "một con vịt xoè ra"
PATIENCE = 15_000  # ms until a condition counts as never coming; a busy machine is slow, not wrong

_numbers = itertools.count(1)  # the tests of a module share a server, and a name belongs to one account

# Violations of the content policy are seen as errors on the console, which every test looks for.
_WATCH = "addEventListener('securitypolicyviolation', (event) => console.error('POLICY: ' + event.violatedDirective \
+ ' ' + event.blockedURI + ' ' + event.sourceFile + ':' + event.lineNumber + ' ' + event.sample))"
_OWN = ("", "data", "blob", "about")  # schemes that leave nobody's machine

# Talk to the server without a page in between: for a hundred messages nobody needs a page that draws them.
_CHATTER = """([query, texts]) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws?${query}`)
  const keys = new Set()
  socket.onclose = () => reject(new Error('the socket closed'))
  socket.onmessage = ({ data }) => {
    if (!data.startsWith('{')) return
    const frame = JSON.parse(data)
    if (frame.type === 'refused') reject(new Error(data))
    if (frame.type === 'ready') {
      texts.forEach((content, n) => {
        const key = `chatter-${Date.now()}-${Math.random()}-${n}`.replaceAll('.', '')
        keys.add(key)
        socket.send(JSON.stringify({ type: 'message', content, key }))
      })
    }
    for (const key of frame.type === 'saved' ? frame.keys ?? [] : []) keys.delete(key)
    if (frame.type === 'saved' && !keys.size) {
      socket.onclose = null
      socket.close()
      resolve()
    }
  }
})"""


class Person:
    """A name, a browser and a page; what the page shows is found by what people see of it."""

    def __init__(self, context: BrowserContext, page: Page, url: str, name: str) -> None:
        self.context = context
        self.page = page
        self.url = url
        self.name = name
        self.path = f"/direct/{quote(name, safe='')}"  # where others write to this person
        self.trouble: list[str] = []
        self.sockets: list[WebSocket] = []
        self._excused: list[re.Pattern[str]] = []

    @classmethod
    async def come(cls, chromium: Browser, url: str, name: str, **options: Any) -> Person:
        """Open a browser window, which speaks English unless the options say otherwise.

        ``at`` is another address of the same server.
        """
        url = options.pop("at", url)
        options = {"locale": "en-GB", "timezone_id": "Asia/Ho_Chi_Minh"} | options
        context = await chromium.new_context(base_url=url, **options)
        return await cls.sit_down(context, url, f"{name} {next(_numbers)}")

    @classmethod
    async def sit_down(cls, context: BrowserContext, url: str, name: str) -> Person:
        """Come to a browser that is open already, as somebody with this very name."""
        context.set_default_timeout(PATIENCE)
        await context.add_init_script(_WATCH)
        person = cls(context, await context.new_page(), url, name)
        for page in context.pages:
            person._watch(page)
        context.on("page", person._watch)
        return person

    async def leave(self) -> None:
        """Close the browser window."""
        await self.context.close()

    # --- trouble ----------------------------------------------------------------------------------------------------

    def excuse(self, pattern: str) -> None:
        """Expect trouble that matches a pattern: this test is about it."""
        self._excused.append(re.compile(pattern))
        self.trouble = [line for line in self.trouble if not re.search(pattern, line)]

    def excuse_outage(self) -> None:
        """Expect that the server cannot be reached for a while."""
        self.excuse(r"WebSocket connection to|net::ERR_|status of 503")

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._blame(f"script error: {error}"))
        page.on("console", lambda line: line.type == "error" and self._blame(f"console: {line.text}"))
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", self._connected)

    def _connected(self, socket: WebSocket) -> None:
        self._check(socket.url)
        self.sockets.append(socket)

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _OWN and parts.netloc != urlsplit(self.url).netloc:
            self._blame(f"request to a stranger: {url}")

    def _blame(self, line: str) -> None:
        if not any(pattern.search(line) for pattern in self._excused):
            self.trouble.append(f"{self.name}: {line}")

    # --- accounts and places ----------------------------------------------------------------------------------------

    async def get_account(self) -> None:
        """Register without looking at the form."""
        form = {"username": self.name, "password": PASSWORD}
        answer = await self.context.request.post("/register", form=form, headers={"Origin": self.url}, max_redirects=0)
        assert answer.status == 303, await answer.text()

    async def delete_account(self) -> None:
        """Leave the chat for good; the messages stay."""
        await self.page.goto("/settings/account")
        await self.page.get_by_label("Keep").check()
        await self.page.get_by_label("Current password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Delete my account").click()
        await expect(self.page.get_by_role("heading", name="Goodbye")).to_be_visible()

    async def fill_form(self, name: str | None = None, password: str = PASSWORD) -> None:
        """Fill in the form to register or to log in, and send it."""
        await self.page.locator("#username").fill(self.name if name is None else name)
        await self.page.locator("#password").fill(password)
        await self.page.locator("main form .btn").click()

    async def open(self, path: str = "/rooms/general", page: Page | None = None) -> Page:
        """Open a conversation and wait until the page follows it."""
        page = page or self.page
        await page.goto(path)
        await page.locator("#people [data-told]").first.wait_for(state="attached")
        return page

    async def switch(self, path: str) -> None:
        """Go to another conversation of the side list."""
        await self.page.locator(f'#side a[href="{path}"]').click()
        await expect(self.page).to_have_url(self.url + path)
        await expect(self.page.locator("#composer")).to_have_attribute("action", f"{path}/messages")

    async def turn_away(self) -> None:
        """Look at another window: the page is hidden and has no focus. (The driver keeps every page in front.)"""
        await self.page.evaluate("""() => {
            for (const [name, value] of [['hidden', true], ['visibilityState', 'hidden']])
                Object.defineProperty(document, name, { value, configurable: true })
            document.hasFocus = () => false
            dispatchEvent(new Event('blur'))
            document.dispatchEvent(new Event('visibilitychange'))
        }""")

    async def turn_back(self) -> None:
        """Look at the page again."""
        await self.page.evaluate("""() => {
            for (const name of ['hidden', 'visibilityState', 'hasFocus']) delete document[name]
            document.dispatchEvent(new Event('visibilitychange'))
            dispatchEvent(new Event('focus'))
        }""")

    # --- talking ----------------------------------------------------------------------------------------------------

    @property
    def box(self) -> Locator:
        """The box to write in."""
        return self.page.locator("#text")

    @property
    def messages(self) -> Locator:
        """Every message in the log, those on their way too."""
        return self.page.locator("#messages .msg")

    def message(self, text: str) -> Locator:
        """The messages that hold a text."""
        return self.messages.filter(has=self.page.locator(".bub", has_text=text))

    def link(self, title: str) -> Locator:
        """The entry of a conversation in the side list."""
        return self.page.locator("#side li[data-conversation]").filter(has_text=title)

    async def say(self, text: str) -> None:
        """Write a message and send it."""
        await self.box.fill(text)
        await self.box.press("Enter")

    async def sees(self, text: str) -> None:
        """Wait until a message is shown, exactly once."""
        await expect(self.message(text)).to_have_count(1)
        await expect(self.message(text)).to_be_visible()

    async def waits_saved(self, text: str) -> None:
        """Wait until an own message has its tick, exactly once."""
        await expect(self.message(text)).to_have_count(1)
        await expect(self.message(text)).to_have_attribute("data-state", "saved")

    async def post(self, path: str, text: str) -> int:
        """Send a message without the page; return its id once it is saved."""
        headers = {"Origin": self.url, "Accept": "application/json"}
        answer = await self.context.request.post(f"{path}/messages", form={"content": text}, headers=headers)
        assert answer.ok, await answer.text()
        return int((await answer.json())["id"])

    async def chatter(self, query: str, texts: list[str]) -> None:
        """Send many messages without the page, to ``room=general`` or ``direct=An``; return once all are saved."""
        if self.page.url == "about:blank":
            await self.page.goto("/settings")
        await self.page.evaluate(_CHATTER, [query, texts])

    async def texts(self) -> list[str]:
        """Return what the messages of the log say, from top to bottom."""
        return [text.strip() for text in await self.messages.locator(".bub").all_inner_texts()]

    # --- where things are -------------------------------------------------------------------------------------------

    async def gap(self) -> float:
        """Return how many pixels the end of the log is below the lower edge of what is seen of it."""
        return float(
            await self.page.evaluate("""() => {
                const edge = document.getElementById('scroller').getBoundingClientRect().bottom
                return [...document.querySelectorAll('#messages .msg')].at(-1).getBoundingClientRect().bottom - edge
            }""")
        )

    async def scroll_up(self, pixels: int) -> None:
        """Scroll the log up from where it is."""
        await self.page.evaluate(
            """(by) => new Promise((done) => {
                const box = document.getElementById('scroller')
                box.addEventListener('scroll', () => requestAnimationFrame(done), { once: true })
                box.scrollTop -= by
            })""",
            pixels,
        )

    async def first_in_sight(self) -> str:
        """Return the text of the uppermost message that is seen from its beginning."""
        text: str = await self.page.evaluate("""() => {
            const top = scroller.getBoundingClientRect().top
            const all = [...document.querySelectorAll('#messages .msg')]
            return all.find((item) => item.getBoundingClientRect().top > top).querySelector('.bub').textContent.trim()
        }""")
        return text

    async def top_of(self, text: str) -> float:
        """Return where the top of a message is."""
        return float(await self.message(text).evaluate("item => item.getBoundingClientRect().top"))
