"""A recorded session: every frame that sockets receive and every answer to a request, as text that can be compared.

What differs from one run to the next is replaced; nothing else is:

* Message numbers (ids and revs) become n1, n2, ... in ascending order, so the record shows which is larger.
  A watermark ``n7+`` is n7 or above it, and below n8; and who has read up to n7 has not read n8.
* Random values (keys that the server made, picture ids, epochs, boots) are numbered by appearance.
* Moments, waits of rate limits, request ids, the port, the version of the program, and the paths of static files are
  blanked out.

Control frames are written as JSON with sorted keys. HTML is broken between two tags; a line that begins with a tab
continues the one before it. A frame that somebody else heard in the same step, and a long line that is on an earlier
page, are not written again: "= An: <ol ..." is the frame that begins like this under An, to the last character.

Frames that the server paces come in a step of the session as soon as the pace allows, so where they stand among the
others of that step depends on the time. They are recorded behind the others, under "paced". What their place must
still guarantee is asserted by ``Tab``: a ``saved`` mark never overtakes a message that it covers.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientResponse, ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import BaseTestServer

from chatapp import __version__
from people import Person

BEAT = '{"type":"beat"}'
_BEGINNING = 60  # characters by which what stands in the record already can be told
HEADERS = ("Location", "Content-Type", "Cache-Control", "Retry-After", "HX-Redirect")

_NUMBER = re.compile(r"(?<![\w.\x01])\d{15,16}(?!\w)")
_FLOORS = (  # numbers that need not be those of messages, as watermarks
    (re.compile(r'( data-cursor=")(\d{15,16})(?=")'), "\\1\x01\\2\x01+"),
    (re.compile(r'( data-read=")(\d{15,16})(?=")'), "\\1\x01\\2\x01"),
)
_FLOORED = re.compile(r"\x01(\d+)\x01")
_NAMED = {  # random values by what stands before them
    "picture": re.compile(r"(/images/)([\w-]+)"),
    "epoch": re.compile(r'(data-epoch="|"epoch": ")([\w-]+)'),
    "boot": re.compile(r'("boot": ")([\w-]+)'),
    "key": re.compile(r'(name="key" value="|"key": "|"keys": \[")((?!key-)[\w-]{22,23})(?=")'),
}
_BLANKS = (
    (re.compile(r'(<time datetime=")[^"]*(">)[^<]*(?=</time>)'), r"\1…\2…"),
    (re.compile(r'((?:src|href|data-unread)="/static/)[^."]+'), r"\1…"),
    (re.compile(rf"(?<=chatapp ){re.escape(__version__)}"), "…"),
)


def blanked(text: str) -> str:
    """Return text without moments, paths of static files and the version of the program."""
    for pattern, instead in _BLANKS:
        text = pattern.sub(instead, text)
    return text


class Visitor(Person):
    """Somebody whose browser asks for a language. ``number`` is the id of their account."""

    def __init__(self, server: BaseTestServer[Any], name: str, language: str, number: int) -> None:
        super().__init__(server, name)
        self.number = number
        self._language = {"Accept-Language": language}

    async def get(self, path: str, **options: Any) -> ClientResponse:
        return await super().get(path, **{**options, "headers": self._language | options.get("headers", {})})

    async def post(self, path: str, data: Any = None, **options: Any) -> ClientResponse:
        return await super().post(path, data, **{**options, "headers": self._language | options.get("headers", {})})

    def socket(self, path: str = "/ws", **options: Any) -> Any:
        return super().socket(path, **{**options, "headers": self._language | options.get("headers", {})})


class Tab:
    """One socket: it keeps every frame and knows which conversation it shows."""

    def __init__(self, name: str, owner: Visitor, socket: ClientWebSocketResponse) -> None:
        self.name = name
        self.owner = owner
        self.socket = socket
        self.conversation: str | None = None
        self.cursor = 0  # the largest watermark that it was told in its conversation
        self.closed = False
        self._overtaken = False
        self._frames: list[str] = []  # of this step of the session
        self._came = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while not self.closed:
            message = await self.socket.receive()
            if message.type is WSMsgType.TEXT:
                self._frames.append(message.data)
                self._follow(message.data)
            else:
                self.closed = True
                self._frames.append(f"closed {self.socket.close_code} {message.extra or ''}".rstrip())
            self._came.set()

    def _follow(self, frame: str) -> None:
        if not frame.startswith("{"):
            if frame.startswith('<ol hx-swap-oob="timeline'):
                revs = [int(rev) for rev in re.findall(r'data-rev="(\d+)"', frame)]
                self._overtaken = self._overtaken or min(revs) <= self.cursor
            return
        told = json.loads(frame)
        if told["type"] == "hello":
            self.conversation, self.cursor = told["conversation"], 0
        elif told["type"] == "ready" or (is_mark(frame) and told.get("conversation", "") in ("", self.conversation)):
            self.cursor = max(self.cursor, told["upto"])

    async def until(self, wanted: str | Callable[[str], Any], seconds: float = 30) -> str:
        """Return the first frame of this step that holds a text, or that a function accepts."""
        accepts = wanted if callable(wanted) else lambda frame: wanted in frame
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for frame in self._frames:
                        if accepts(frame):
                            return frame
                    assert not self.closed, "it was closed"
                    self._came.clear()
                    await self._came.wait()
        except (TimeoutError, AssertionError) as error:
            heard = "\n".join(self._frames)
            raise AssertionError(f"{self.name} waited in vain for {wanted}; it heard:\n{heard}") from error

    async def control(self, kind: str, **values: Any) -> dict[str, Any]:
        """Return the first control frame of a type with some values."""

        def accepts(frame: str) -> bool:
            told = json.loads(frame) if frame.startswith("{") else {}
            return told.get("type") == kind and all(told.get(name) == value for name, value in values.items())

        found: dict[str, Any] = json.loads(await self.until(accepts))
        return found

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a frame."""
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def gone(self) -> None:
        """Wait for the end of the socket."""
        await self.until(lambda frame: frame.startswith("closed "))
        await self._task

    async def close(self) -> None:
        """Close the socket as a browser does whose page is left; nothing of that is recorded."""
        self._task.cancel()
        self.closed = True
        await self.socket.close()

    async def take(self) -> list[str]:
        """Return what came since the last call; the answer to a sign of life is the last of it, and left out."""
        assert not self._overtaken, f"{self.name} was told that a message is saved before it was shown"
        if not self.closed:
            before = self._frames.count(BEAT)
            await self.say("beat")
            await self.until(lambda _: self._frames.count(BEAT) > before)
            self._frames.reverse()
            self._frames.remove(BEAT)
            self._frames.reverse()
        taken, self._frames = self._frames, []
        return taken


def is_mark(frame: str) -> bool:
    """Tell whether a frame is a saved mark of a conversation."""
    return frame.startswith('{"type":"saved"') and '"upto":' in frame


def is_paced(frame: str) -> bool:
    """Tell whether the server holds frames of this kind back, so that they come only so often."""
    kinds = ("unread:", "newcomers:")
    moves = frame.startswith('<ul hx-swap-oob="presence:') and "data-online" not in frame
    return is_mark(frame) or moves or frame.startswith(tuple(f'<ul hx-swap-oob="{kind}' for kind in kinds))


class Recording:
    """The session as it goes: its steps, and who hears what in each of them."""

    def __init__(self) -> None:
        self.tabs: list[Tab] = []
        self._session: list[str] = []
        self._pages: list[str] = []
        self._drawings: dict[str, int] = {}  # lines, and the page that has each of them first

    # --- what is recorded -------------------------------------------------------------------------------------------

    async def step(self, title: str) -> None:
        """End a step of the session, once everything that was sent has arrived, and begin another one."""
        heard: dict[str, str] = {}  # who heard a frame first in this step
        for tab in self.tabs:
            frames = await tab.take()
            first = [frame for frame in frames if not is_paced(frame)]
            paced = sorted((frame for frame in frames if is_paced(frame)), key=lambda frame: frame[:24])
            if frames:
                self._session.append(f"-- {tab.name}")
                self._session += [_heard(frame, tab.name, heard) for frame in first]
                self._session += ["paced:"] * bool(paced) + [_heard(frame, tab.name, heard) for frame in paced]
        self.tabs = [tab for tab in self.tabs if not tab.closed]
        self._session.append(f"\n== {title}")

    async def answer(self, who: str, what: str, response: ClientResponse) -> str:
        """Record the answer to a request. Return its body."""
        body = await response.text()
        headers = response.headers.copy()
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            headers["Retry-After"] = "…"
        told = [f"{name}: {headers[name]}" for name in HEADERS if name in headers]
        self._session.append(f"-- {who} {what}\n{response.status} {'; '.join(told)}")
        shown = body.replace(str(response.url.origin()), "<origin>")
        if number := response.headers.get("X-Request-Id"):
            shown = shown.replace(number, "<request>")
        if response.content_type == "application/json":
            self._session.append(written(shown))
        elif body:
            self._session.append(f"page {len(self._pages) + 1}")
            self._pages.append(f"\n== page {len(self._pages) + 1}: {who} {what}\n{self._drawn(shown)}")
        return body

    def _drawn(self, page: str) -> str:
        """Return a page as it is recorded: of long lines that an earlier one has, only how they begin."""
        lines = []
        for line in page.splitlines():
            text, number = blanked(line), len(self._pages) + 1
            where = self._drawings.setdefault(text, number)
            repeated = where < number and len(text) > 2 * _BEGINNING
            lines.append(f"= page {where}: {_beginning(text)}" if repeated else written(line))
        return "\n".join(lines)

    async def page(self, person: Visitor, path: str, **headers: str) -> str:
        """Record the answer to a GET. Return its body."""
        response = await person.get(path, allow_redirects=False, headers=headers)
        asked = "".join(f" ({name}: {value})" for name, value in headers.items())
        return await self.answer(person.name, f"GET {path}{asked}", response)

    async def form(self, person: Visitor, path: str, data: Any, **headers: str) -> str:
        """Record the answer to a form. Return its body."""
        response = await person.post(path, data, allow_redirects=False, headers=headers)
        return await self.answer(person.name, f"POST {path}", response)

    def texts(self) -> tuple[str, str]:
        """Return the record of the session and that of the pages, without what differs between two runs."""
        border = "\x00"
        text = border.join(["\n".join(self._session).lstrip(), "\n".join(self._pages).lstrip()])
        for name, pattern in _NAMED.items():
            text = _numbered(text, pattern, name)
        known = sorted({int(number) for number in _NUMBER.findall(text)})
        ranks = {number: rank for rank, number in enumerate(known, 1)}
        text = _NUMBER.sub(lambda match: f"n{ranks[int(match[0])]}", text)
        text = _FLOORED.sub(lambda match: f"n{sum(each <= int(match[1]) for each in known)}", text)
        session, _, pages = text.partition(border)
        return session + "\n", pages + "\n"

    # --- who is here, and what they wait for -----------------------------------------------------------------------

    async def connect(self, person: Visitor, name: str, **query: Any) -> Tab:
        """Open the socket of a page and wait until it is up to date. Everybody hears of somebody who was not here."""
        here = any(tab.owner is person for tab in self.tabs if not tab.closed)
        tab = await self.connect_only(person, name, **query)
        await self.entered(tab)
        if not here:
            await self.all_hear(lambda frame: f" {person.number} " in f" {_attribute(frame, 'data-came')} ")
        return tab

    async def connect_only(self, person: Visitor, name: str, **query: Any) -> Tab:
        """Open a socket, and wait for nothing."""
        tab = Tab(name, person, await person.socket(f"/ws?{urlencode(query)}" if query else "/ws"))
        self.tabs.append(tab)
        return tab

    async def enter(self, person: Visitor, name: str, path: str) -> Tab:
        """Open the page of a conversation, and its socket as its scripts do."""
        page = await self.page(person, path)
        place = {kind: _attribute(page, f"data-{kind}") for kind in ("room", "direct")}
        place = {kind: value for kind, value in place.items() if value}
        since, epoch = _attribute(page, "data-cursor"), _attribute(page, "data-epoch")
        return await self.connect(person, name, **place, since=since, epoch=epoch, author=person.number)

    async def entered(self, tab: Tab) -> None:
        """Wait for the last frame of a catch-up."""
        await tab.control("ready")
        await tab.until("data-online")
        await tab.control("unread")

    async def leave(self, tab: Tab) -> None:
        """Close a socket; everybody hears of it if it was the last one of its person."""
        await tab.close()
        self.tabs.remove(tab)
        if not any(other.owner is tab.owner for other in self.tabs if not other.closed):
            await self.left(tab.owner)

    async def left(self, person: Visitor) -> None:
        """Wait until everybody has heard that somebody is not here any more."""
        await self.all_hear(lambda frame: f" {person.number} " in f" {_attribute(frame, 'data-left')} ")

    async def all_hear(self, wanted: str | Callable[[str], Any]) -> None:
        """Wait until every open socket has heard something."""
        for tab in self.tabs:
            if not tab.closed:
                await tab.until(wanted)

    async def in_room(self, place: str, wanted: str) -> None:
        """Wait until every open socket that shows a conversation has heard something."""
        for tab in self.tabs:
            if tab.conversation == place and not tab.closed:
                await tab.until(wanted)

    async def saved(self, number: int, place: str, author: Visitor, key: str = "") -> None:
        """Wait until all who show a conversation know that a number is saved, and its author under which key."""
        for tab in self.tabs:
            if tab.closed:
                continue
            if tab.conversation == place:
                await tab.until(lambda frame: is_mark(frame) and json.loads(frame)["upto"] >= number)
            if key and tab.owner is author:
                await tab.until(lambda frame: frame.startswith('{"type":"saved"') and f'"{key}"' in frame)

    async def posted(self, number: int, place: str, author: Visitor, key: str = "") -> None:
        """Wait until a new message is saved, and those who are elsewhere and may read it know that there is one."""
        await self.saved(number, place, author, key)
        await self.noticed(number, place)

    async def noticed(self, number: int, place: str) -> None:
        """Wait until those who are elsewhere, and may read a new message, know that there is one."""
        for tab in self.tabs:
            may_read = not place.startswith("@") or str(tab.owner.number) in place[1:].split("-")
            if may_read and tab.conversation != place and not tab.closed:
                await tab.until(lambda frame: "unread:#side" in frame and f"{number}:" in frame)

    async def post(self, tab: Tab, key: str, kind: str = "message", **fields: Any) -> int:
        """Post a message and see it through. Return its number."""
        await tab.say(kind, key=key, **fields)
        number = int((await tab.control("sent", key=key))["id"])
        await self.posted(number, str(tab.conversation), tab.owner, key)
        return number

    async def change(self, tab: Tab, kind: str, key: str, **fields: Any) -> int:
        """Change a message and see that through. Return the number of the change."""
        await tab.say(kind, key=key, **fields)
        rev = int((await tab.control("sent", key=key))["rev"])
        await self.saved(rev, str(tab.conversation), tab.owner, key)
        return rev

    async def refused(self, tab: Tab, code: str, kind: str = "message", **fields: Any) -> None:
        """Send a frame that is refused."""
        before = sum('"refused"' in frame for frame in tab._frames)
        await tab.say(kind, **fields)
        await tab.until(lambda _: sum('"refused"' in frame for frame in tab._frames) > before)
        told = json.loads([frame for frame in tab._frames if '"refused"' in frame][-1])
        assert told["code"] == code, told


def _heard(frame: str, name: str, heard: dict[str, str]) -> str:
    first = heard.setdefault(frame, name) if frame.startswith("<") else name
    return written(frame) if first == name else f"= {first}: {_beginning(frame)}"


def _beginning(text: str) -> str:
    return re.sub(r"[\w-]+$", "", text[:_BEGINNING])  # no number is cut in two


def _attribute(html: str, name: str) -> str:
    found = re.search(rf' {name}="([^"]*)"', html)
    return found[1] if found else ""


def _numbered(text: str, pattern: re.Pattern[str], name: str) -> str:
    seen: dict[str, str] = {}
    return pattern.sub(lambda match: match[1] + seen.setdefault(match[2], f"<{name} {len(seen) + 1}>"), text)


def written(text: str) -> str:
    """Return a frame or a page as it stands in the record, but for what is numbered over all of it."""
    if not text.startswith("{"):
        text = blanked(text)
        for pattern, instead in _FLOORS:
            text = pattern.sub(instead, text)
        return text.replace("><", ">\n\t<")
    told = json.loads(text)
    if told.get("code") == "rate_limited":
        told["retry_after"] = "…"
    for name, mark in (("upto", "+"), ("covers", "+"), ("reads", "")):
        if name in told:
            told[name] = _floored(told[name], mark)
    plain = json.dumps(told, ensure_ascii=False, sort_keys=True)
    return re.sub(r'"\\u0001(\d+)\\u0001(\+?)"', "\x01\\1\x01\\2", plain)


def _floored(number: Any, mark: str) -> Any:
    if isinstance(number, dict):
        return {name: _floored(value, mark) for name, value in number.items()}
    return f"\x01{number}\x01{mark}" if number else number


def differences(recorded: str, now: str) -> Iterable[str]:
    """Return what differs between a record and the session of today, each hunk under the step that it belongs to."""
    lines = now.splitlines()
    for line in difflib.unified_diff(recorded.splitlines(), lines, "recorded", "now", lineterm="", n=3):
        if line.startswith("@@"):
            at = int(line.split("+")[1].split(",")[0].split(" ")[0])
            step = next((each for each in reversed(lines[:at]) if each.startswith("== ")), "")
            yield f"{line} {step}"
        else:
            yield line
