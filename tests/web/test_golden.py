"""One session of everything that goes over the wire to a page, compared with what went over it before.

A change of the wire that is meant is recorded anew, read as a diff, and committed with what caused it:

    RECORD_GOLDEN=1 .venv/bin/python -m pytest tests/web/test_golden.py

How the record is written, and what is left out of it, stands in ``recording.py``. The session uses nothing but the
wire, and the database file where something has to go wrong: a trigger refuses rows, and a lock holds up every write.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import FormData

from chatapp.settings import Settings
from people import PASSWORD
from pictures import picture
from recording import Recording, Visitor, differences, is_mark

GOLDEN = Path(__file__).parent / "golden"
JSON = {"Accept": "application/json"}
PART = {"HX-Request": "true"}
MIDNIGHT = 60  # seconds that the session takes at most: a day that begins in it would draw one more line

_REFUSING = """
CREATE TRIGGER refuse_new BEFORE INSERT ON messages WHEN NEW.message LIKE '%unlucky%'
BEGIN SELECT RAISE(ABORT, 'refused'); END;
CREATE TRIGGER refuse_change BEFORE UPDATE ON messages WHEN NEW.message LIKE '%unlucky%'
BEGIN SELECT RAISE(ABORT, 'refused'); END;
"""


@contextmanager
def refusing(database: Path) -> Iterator[None]:
    """Let the database refuse messages that say "unlucky"."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as db:
        db.executescript(_REFUSING)
        yield
        db.executescript("DROP TRIGGER refuse_new; DROP TRIGGER refuse_change;")


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Let nobody write to the database."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def shots(*colours: str, **fields: str) -> FormData:
    """Return a form with pictures."""
    form = FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    for colour in colours:
        form.add_field("pictures", picture(colour=colour), filename=f"{colour}.png", content_type="image/png")
    return form


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def key(name: str) -> str:
    """Return a message key that can be told in the record."""
    return f"key-{name:-<16}"


class Session:
    """The people of the session, their tabs and what they have said."""

    def __init__(self, start: Any, settings: Settings, kept: AsyncExitStack) -> None:
        self.start = start
        self.database = settings.database
        self.kept = kept
        self.record = Recording()
        self.ids: dict[str, int] = {}
        self.people = 0

    async def begin(self, **changes: Any) -> None:
        """Start a server, which says nothing by itself."""
        self.client = await self.start(beat_seconds=1000.0, **changes)

    async def visitor(self, name: str, language: str, number: int | None = None) -> Visitor:
        """Return somebody who has not registered, or has logged in again if they have a number."""
        known = number is not None
        self.people += not known
        visitor = Visitor(self.client.server, name, language, number or self.people)
        await self.kept.enter_async_context(visitor)
        if known:
            await visitor.log_in()
        return visitor

    async def register(self, visitor: Visitor) -> None:
        await self.record.form(visitor, "/register", {"username": visitor.name, "password": PASSWORD})

    async def form(self, person: Visitor, place: str, path: str, data: Any) -> int:
        """Post by the form of a page that has scripts, and see it through. Return the message's number."""
        body = await self.record.form(person, f"{path}/messages", data, **JSON)
        number = int(re.findall(r'"id": ?(\d+)', body)[0])
        await self.record.posted(number, place, person)
        return number

    # --- the session ------------------------------------------------------------------------------------------------

    async def arrive(self) -> None:
        step = self.record.step
        await step("strangers are shown the way in")
        self.an, self.binh = await self.visitor("An", "vi"), await self.visitor("Bình", "en")
        self.cuong = await self.visitor("Cường", "vi")
        for path in ("/", "/login", "/register", "/rooms/general"):
            await self.record.page(self.binh, path)
        await self.record.page(self.binh, "/rooms/general", **JSON)
        await step("An registers, and enters General")
        await self.register(self.an)
        self.a = await self.record.enter(self.an, "An", "/rooms/general")
        await step("An posts more in Game than fits on a page")
        await self.fill_a_page()
        await step("Bình registers: An's list has a newcomer")
        await self.register(self.binh)
        await self.record.all_hear("newcomers:")
        await step("Bình enters General")
        self.b = await self.record.enter(self.binh, "Bình", "/rooms/general")
        await step("Bình opens Tech in another tab")
        self.tech = await self.record.enter(self.binh, "Bình in Tech", "/rooms/tech")
        await step("Cường registers: everybody's list has a newcomer")
        await self.register(self.cuong)
        await self.record.all_hear("newcomers:")
        await step("Cường looks at the rooms: a socket that shows no conversation")
        await self.record.page(self.cuong, "/rooms")
        self.c = await self.record.connect(self.cuong, "Cường", join="", author=3)

    async def fill_a_page(self) -> None:
        """Post many messages; the frames about them are not recorded, for how they are bundled depends on the time."""
        for text in range(52):
            answer = await self.an.post("/rooms/game/messages", {"content": str(text)}, headers=JSON)
        await self.record.noticed((await answer.json())["id"], "game")
        await self.a.take()

    async def talk(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("An posts a text")
        ids["hello"] = await record.post(self.a, key("hello"), content="Chào cả nhà <b>&amp; bạn bè</b>")
        await step("Bình posts markup")
        text = (
            "**bold** *slanted* ~~gone~~ `code` https://example.org/?b=c&d\n> quoted\n\n```\nwhole\n  block\n```\n- a"
        )
        ids["markup"] = await record.post(self.b, key("markup"), content=text)
        await step("Bình posts emoji alone, with blanks and control characters around")
        ids["emoji"] = await record.post(self.b, key("emoji"), content="🎉🎉\x07 \n ")
        await step("An's page sends again what was saved: its number, and that it is saved")
        await self.a.say("message", key=key("hello"), content="Chào cả nhà <b>&amp; bạn bè</b>")
        await self.a.control("saved", keys=[key("hello")])
        await step("Bình posts in Tech")
        ids["tech"] = await record.post(self.tech, key("tech"), content="a word about Tech")
        await step("An posts by a form without scripts")
        await record.form(self.an, "/rooms/general/messages", {"content": "by form", "key": key("form")})
        await record.posted(await self.newest(self.an, "/rooms/general"), "general", self.an, key("form"))
        await step("Bình posts by a form of scripts")
        ids["json"] = await self.form(
            self.binh, "general", "/rooms/general", {"content": "by JSON", "key": key("json")}
        )
        await step("An posts two pictures with a caption")
        form = shots("teal", "gold", content="Hai *ảnh*", key=key("shots"))
        ids["shots"] = await self.form(self.an, "general", "/rooms/general", form)
        await step("Bình posts a picture without one")
        form = shots("red", key=key("shot"))
        ids["shot"] = await self.form(self.binh, "general", "/rooms/general", form)
        await step("somebody types")
        await self.b.say("typing")
        await self.a.until("typing:#typing")
        await self.b.until("typing:#typing")
        await step("a sign of life is answered")
        await self.c.say("beat")

    async def newest(self, person: Visitor, path: str) -> int:
        page = await (await person.get(f"{path}?latest=1")).text()
        return int(re.findall(r'data-mid="(\d+)"', page)[-1])

    async def talk_in_private(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("Cường opens his conversation with An: it is empty")
        await record.page(self.cuong, "/direct/An", **PART)
        await self.c.say("join", direct="An", since=self.c.cursor, epoch="x")
        await record.entered(self.c)
        await step("Cường writes to An, who is elsewhere")
        ids["direct"] = await record.post(self.c, key("direct"), content="chỉ hai ta")
        await step("An answers by form, and is elsewhere")
        form = {"content": "đúng vậy", "key": key("answer")}
        ids["answer"] = await self.form(self.an, "@1-3", "/direct/C%C6%B0%E1%BB%9Dng", form)
        await step("An's list, and the conversation for An and for Cường")
        await record.page(self.an, "/rooms")
        await record.page(self.an, "/direct/C%C6%B0%E1%BB%9Dng")
        await record.page(self.cuong, "/direct/An")
        await step("nobody else finds it")
        await record.page(self.binh, f"/messages/{ids['direct']}")
        await record.page(self.an, f"/messages/{ids['direct']}")
        await step("Cường is told who wrote what in General")
        await self.c.say("join", room="general", since=0)
        await record.entered(self.c)

    async def read(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("Bình reads General: his other tab learns of it")
        await self.b.say("read", id=ids["shots"])
        await self.tech.control("unread")
        await self.b.control("unread")
        await step("An reads by form")
        await record.form(self.an, "/rooms/tech/read", {"id": str(ids["tech"])})
        await record.page(self.an, "/rooms")

    async def revise(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("An edits a message")
        rev = await record.change(
            self.a, "edit", key("edit"), id=ids["hello"], rev=ids["hello"], content="Chào **mọi** người"
        )
        await step("An's page sends the same edit again")
        await self.a.say("edit", key=key("edit"), id=ids["hello"], rev=ids["hello"], content="Chào **mọi** người")
        await self.a.control("saved", keys=[key("edit")])
        await step("An edits it by form")
        await record.page(self.an, f"/rooms/general/messages/{ids['hello']}/edit")
        await record.page(self.an, f"/rooms/general/messages/{ids['hello']}/edit", **JSON)
        fields = {"content": "Chào!", "rev": str(rev), "key": key("formedit")}
        body = await record.form(self.an, f"/rooms/general/messages/{ids['hello']}/edit", fields, **JSON)
        await record.saved(int(re.findall(r'"rev": ?(\d+)', body)[0]), "general", self.an, key("formedit"))
        await step("what it said before")
        await record.page(self.binh, f"/rooms/general/messages/{ids['hello']}/versions")
        await record.page(self.an, f"/messages/{ids['hello']}/versions")
        await step("Bình edits a caption")
        await record.change(self.b, "edit", key("caption"), id=ids["shot"], rev=ids["shot"], content="now with words")
        await step("Bình removes a message")
        ids["gone"] = await record.change(self.b, "remove", key("remove"), id=ids["json"], rev=ids["json"])
        await record.page(self.binh, f"/rooms/general/messages/{ids['json']}/edit")
        await record.page(self.binh, f"/rooms/general/messages/{ids['json']}/versions")
        await step("Bình takes the removal back")
        rev = await record.change(self.b, "restore", key("restore"), id=ids["json"], rev=ids["gone"])
        await step("Bình removes it by a form without scripts, for good")
        fields = {"rev": str(rev), "key": key("formremove")}
        await record.form(self.binh, f"/rooms/general/messages/{ids['json']}/remove", fields)
        removed = await self.b.until('class="msg gone"')
        ids["gone"] = int(re.findall(r'data-rev="(\d+)"', removed)[0])
        await record.saved(ids["gone"], "general", self.binh, key("formremove"))

    async def be_refused(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("An is refused, in Vietnamese: frames, texts and keys")
        await self.a.socket.send_str("no frame")
        await self.a.control("refused", code="not_json")
        await record.refused(self.a, "unknown_type", "dance")
        await record.refused(self.a, "content_type", key=key("refused"), content=7)
        await record.refused(self.a, "key", key="short", content="x")
        await record.refused(self.a, "content_encoding", key=key("refused"), content="half \ud83d")
        await record.refused(self.a, "empty", key=key("refused"), content=" \n\u3164")
        await record.refused(self.a, "too_long", key=key("refused"), content="x" * 4001)
        await record.refused(self.a, "key_conflict", key=key("hello"), content="another text")
        await step("Bình is refused, in English: changes and places")
        change: dict[str, Any] = {"key": key("refused"), "content": "x"}
        await record.refused(self.b, "not_found", "edit", id=1, rev=1, **change)
        await record.refused(self.b, "not_found", "remove", id="x", rev=1, **change)
        await record.refused(self.b, "not_yours", "edit", id=ids["hello"], rev=ids["hello"], **change)
        await record.refused(self.b, "changed", "edit", id=ids["shot"], rev=ids["shot"], **change)
        await record.refused(self.b, "removed", "edit", id=ids["json"], rev=ids["gone"], **change)
        await record.refused(self.b, "not_found", "join", room="nowhere")
        await record.refused(self.b, "not_found", "join", direct="Nobody")
        await record.refused(self.b, "not_found", "private_message", to="Nobody", **change)
        await record.refused(self.b, "content_type", "image", content="no picture")
        await record.refused(self.b, "damaged", "image", content="data:image/png;base64,!")
        await record.refused(self.b, "picture_type", "image", content=data_url(b"no picture"))
        await step("forms are refused: as a page, and as JSON")
        await record.form(self.an, "/rooms/general/messages", {"content": " "})
        await record.form(self.binh, "/rooms/general/messages", {"content": "x" * 4001}, **JSON)
        await record.form(self.binh, "/rooms/general/messages", {"content": "mine", "author": "1"})
        fields = {"content": "late", "rev": str(ids["shot"])}
        await record.form(self.binh, f"/rooms/general/messages/{ids['shot']}/edit", fields)
        await record.form(self.binh, f"/rooms/general/messages/{ids['hello']}/remove", {})
        await record.page(self.an, "/rooms/nowhere")
        await record.page(self.binh, "/direct/Nobody", **JSON)

    async def move(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("An moves to Tech, as the scripts do: the part of the page, then the socket")
        page = await record.page(self.an, "/rooms/tech", **PART)
        [since], [self.epoch] = re.findall(r'data-cursor="(\d+)"', page), re.findall(r'data-epoch="([^"]+)"', page)
        await self.a.say("join", room="tech", since=int(since), epoch=self.epoch)
        await record.entered(self.a)
        await step("An posts there")
        ids["moved"] = await record.post(self.a, key("moved"), content="giờ ở đây")
        await step("Cường shows no conversation any more, and may not post into none")
        await self.c.say("join")
        await record.entered(self.c)
        await record.refused(self.c, "nowhere", key=key("refused"), content="x")
        await step("An comes back to General: nothing was missed")
        await self.a.say("join", room="general", since=self.a.cursor, epoch=self.epoch)
        await record.entered(self.a)

    async def resume(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        cursor = self.b.cursor
        await step("one of Bình's tabs loses its connection, and misses some")
        await record.leave(self.b)
        ids["missed"] = await record.post(self.a, key("missed"), content="trong lúc bạn đi vắng")
        await step("An edits an older message meanwhile")
        await record.change(self.a, "edit", key("meanwhile"), id=ids["missed"], rev=ids["missed"], content="đã sửa")
        await step("Bình comes back: everything that was missed")
        self.b = await record.connect(
            self.binh, "Bình", room="general", since=cursor, epoch=self.epoch, author=self.binh.number
        )
        await step("with the cursor of another epoch")
        await self.b.say("join", room="general", since=cursor, epoch="another")
        await record.entered(self.b)
        await step("with one of the future")
        await self.b.say("join", room="general", since=2**53 - 1, epoch=self.epoch)
        await record.entered(self.b)
        await step("with one that is no number")
        await self.b.say("join", room="general", since="x", epoch=self.epoch)
        await record.entered(self.b)
        await step("with none")
        await self.b.say("join", room="general")
        await record.entered(self.b)
        await step("a page that was drawn for somebody else is told to go")
        stale = await record.connect_only(self.binh, "Bình, stale", room="general", since=0, epoch="x", author=1)
        await stale.gone()
        await step("who breaks the protocol, or says too much at once, is told to go")
        broken = await record.connect_only(self.binh, "Bình, binary", join="")
        await record.entered(broken)
        await broken.socket.send_bytes(b"binary")
        await broken.gone()
        broken = await record.connect_only(self.binh, "Bình, too long", join="")
        await record.entered(broken)
        await broken.say("message", content="x" * 70_000)
        await broken.gone()

    async def lose(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        with refusing(self.database):
            await step("a message cannot be saved: it is taken back")
            await self.b.say("message", key=key("lost"), content="unlucky")
            number = int((await self.b.control("failed", key=key("lost")))["id"])
            await record.noticed(number, "general")
            await record.in_room("general", "removed:#messages")
            await record.all_hear('{"type":"unread"')
            await step("a change cannot be saved: what stood before stands again")
            rev = await self.rev(self.an, ids["missed"])
            await self.a.say("edit", key=key("lostedit"), id=ids["missed"], rev=rev, content="unlucky edit")
            await self.a.control("failed", key=key("lostedit"))
            await record.all_hear('{"type":"unread"')
        await step("the page sends the lost message again: it is saved, under a new number")
        ids["lost"] = await record.post(self.b, key("lost"), content="unlucky")

    async def rev(self, person: Visitor, number: int) -> int:
        answer = await person.get(f"/rooms/general/messages/{number}/edit", headers=JSON)
        return int((await answer.json())["rev"])

    async def fill_the_disk(self) -> None:
        record, step = self.record, self.record.step
        await step("nothing can be saved: what waits is taken back, and nothing more is taken")
        with locked(self.database):
            await self.b.say("message", key=key("waiting"), content="waits in vain")
            number = int((await self.b.control("failed", key=key("waiting")))["id"])
            await record.noticed(number, "general")
            await record.all_hear('{"type":"storage"')
            await record.in_room("general", "removed:#messages")
            await record.all_hear('{"type":"unread"')
            await step("meanwhile everything is refused")
            await record.refused(self.b, "storage", key=key("refused"), content="x")
            rev = await self.rev(self.an, self.ids["missed"])
            await record.refused(self.a, "storage", "remove", key=key("refused"), id=self.ids["missed"], rev=rev)
            await record.form(self.an, "/rooms/general/messages", {"content": "giữ lại chữ này"})
            await record.form(self.binh, "/rooms/general/messages", {"content": "x"}, **JSON)
            await step("who comes meanwhile learns of it")
            await self.c.say("join", room="general", since=self.b.cursor, epoch=self.epoch)
            await record.entered(self.c)
            await step("it can be saved again")
        await record.all_hear('{"type":"storage","healthy":true}')
        await record.all_hear(is_mark)
        await step("what was taken back is sent again")
        self.ids["waiting"] = await record.post(self.b, key("waiting"), content="waits in vain")

    async def bring_the_old_client(self) -> None:
        record, step = self.record, self.record.step
        await step("the original program's client comes: it says neither where it is nor what it has")
        self.old = await record.connect(self.cuong, "Cường's old client")
        await step("it posts a text")
        await self.old.say("message", content="Hello from 2024")
        number = int((await self.old.control("sent"))["id"])
        await record.posted(number, "general", self.cuong)
        await self.old.until('"keys"')
        await self.c.until('"keys"')
        await step("it posts a picture")
        await self.old.say("image", content=data_url(picture(colour="navy")))
        number = int((await self.old.control("sent"))["id"])
        await record.posted(number, "general", self.cuong)
        await self.old.until('"keys"')
        await self.c.until('"keys"')
        await step("a relative of it moves by the name of a room, and writes in private")
        await self.old.say("switch_room", room="Game")
        await record.entered(self.old)
        await self.old.say("private_message", to="Bình", message="psst")
        number = int((await self.old.control("sent"))["id"])
        await record.posted(number, "@2-3", self.cuong)
        await self.old.until('"keys"')
        await self.c.until('"keys"')
        await record.refused(self.old, "not_found", "switch_room", room="Nowhere")
        await step("it goes")
        await record.leave(self.old)

    async def show_pages(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("the pages, in both languages")
        for person in (self.an, self.binh):
            for path in ("/rooms/general", "/rooms/general?latest=1&pause=1", "/people", "/settings"):
                await record.page(person, path)
        await record.page(self.binh, "/rooms")
        await record.page(self.an, "/people?q=c")
        await record.page(self.binh, f"/rooms/general/messages/{ids['emoji']}")
        for query in (f"before={ids['emoji']}", f"after={ids['shots']}"):
            await record.page(self.binh, f"/rooms/general/messages?{query}", **PART)
        await record.page(self.binh, f"/rooms/general/messages?before={ids['emoji']}")
        page = await record.page(self.binh, "/rooms/game")
        older = re.findall(r"\?before=\d+", page)[0]
        await record.page(self.binh, f"/rooms/game/messages{older}", **PART)
        await record.page(self.an, "/people", **PART)
        await record.page(self.an, "/settings/account")
        await record.form(self.an, "/settings", {"language": "en", "theme": "dark"})
        await record.page(self.an, "/rooms")

    async def end_sessions(self) -> None:
        record, step = self.record, self.record.step
        await step("Cường logs out: his socket is closed, and he is not here any more")
        await record.form(self.cuong, "/logout", {})
        await self.c.gone()
        await record.left(self.cuong)
        await step("Dung registers, and comes")
        self.dung = await self.visitor("Dung", "en")
        await self.register(self.dung)
        await record.all_hear("newcomers:")
        self.d = await record.enter(self.dung, "Dung", "/rooms/general")
        await step("Dung writes")
        await record.post(self.d, key("dung"), content="I will leave")
        await step("Em registers, and comes")
        self.em = await self.visitor("Em", "vi")
        await self.register(self.em)
        await record.all_hear("newcomers:")
        self.e = await record.enter(self.em, "Em", "/rooms/general")
        await step("Em writes")
        await record.post(self.e, key("em"), content="tôi cũng vậy")

    async def delete_accounts(self) -> None:
        record, step = self.record, self.record.step
        for person, tab, messages in ((self.dung, self.d, "stay"), (self.em, self.e, "go")):
            await step(f"{person.name} deletes the account; the messages {messages}")
            await record.form(person, "/settings/account", {"messages": messages, "current": PASSWORD})
            await tab.gone()
            await record.all_hear("departed:#side")
            await record.left(person)
            shown = await self.a.until(lambda frame, n=person.number: f'data-author="{n}" data-name=""' in frame)
            await record.saved(int(re.findall(r'data-rev="(\d+)"', shown)[0]), "general", person)
            await record.page(person, "/goodbye")
        await step("Phi registers, and writes to Bình in private without ever being here")
        phi = await self.visitor("Phi", "vi")
        await self.register(phi)
        await record.all_hear("newcomers:")
        await self.form(phi, "@2-6", "/direct/B%C3%ACnh", {"content": "chào bạn", "key": key("phi")})
        await step("Bình looks at it")
        await self.tech.say("join", direct="Phi", since=0, epoch=self.epoch)
        await record.entered(self.tech)
        await step("Phi deletes the account, too")
        await record.form(phi, "/settings/account", {"messages": "stay", "current": PASSWORD})
        await record.all_hear("departed:#side")
        shown = await self.tech.until('data-author="6" data-name=""')
        await record.saved(int(re.findall(r'data-rev="(\d+)"', shown)[0]), "@2-6", phi)
        await step("nobody would read what is written to them")
        page = await record.page(self.binh, "/rooms")
        [address] = set(re.findall(r'href="/direct/([^"]+)"[^>]*>(?:(?!</a>).)*Former member', page, re.DOTALL))
        await record.page(self.binh, f"/direct/{address}")
        await self.tech.say("join", direct=unquote(address), since=0, epoch=self.epoch)
        await record.entered(self.tech)
        await record.refused(self.tech, "left", key=key("refused"), content="are you there?")
        await step("who stays, and what stands")
        await record.page(self.binh, "/people")
        await record.page(self.an, "/rooms/general")

    async def restart(self) -> None:
        record, step, ids = self.record, self.record.step, self.ids
        await step("the server is restarted")
        cursor = self.b.cursor
        await self.client.close()
        for tab in record.tabs:
            await tab.gone()
        await step("Bình comes back: nothing was missed, and another boot")
        await self.begin(messages_per_second=0.0001, message_burst=3, uploads_per_minute=1, free_megabytes=2**30,
                         sockets_per_person=2, queue_messages=1)  # fmt: skip
        self.an, self.binh = await self.visitor("An", "vi", 1), await self.visitor("Bình", "en", 2)
        place = {"room": "general", "epoch": self.epoch}
        self.b = await record.connect(self.binh, "Bình", **place, since=cursor)
        self.a = await record.connect(self.an, "An", **place, since=cursor)
        await step("it is too late to undo what was removed before")
        await record.refused(self.b, "too_late", "restore", key=key("refused"), id=ids["json"], rev=ids["gone"])
        await step("one tab too many is told to go")
        other = await record.connect(self.binh, "Bình's second tab", **place, since=cursor)
        await record.leave(other)
        other = await record.connect(self.binh, "Bình's second tab", join="")
        third = await record.connect_only(self.binh, "Bình's third tab", join="")
        await third.gone()
        await step("the disk is almost full, then pictures come too fast")
        await record.refused(self.a, "disk_full", "image", content=data_url(picture()))
        await record.refused(self.a, "rate_limited", "image", content=data_url(picture()))
        await step("more waits than may")
        with locked(self.database):
            await self.b.say("message", key=key("first"), content="waits")
            number = int((await self.b.control("sent", key=key("first")))["id"])
            await record.refused(self.a, "busy", key=key("second"), content="too much")
        await record.posted(number, "general", self.binh, key("first"))
        await step("Bình has sent three messages")
        await record.refused(self.b, "too_late", "restore", key=key("refused"), id=ids["json"], rev=ids["gone"])
        await record.refused(self.b, "rate_limited", key=key("fourth"), content="too fast")
        await record.form(self.binh, "/rooms/general/messages", {"content": "too fast"})
        await record.form(self.binh, "/rooms/general/messages", {"content": "too fast"}, **JSON)

    async def stop(self) -> None:
        record, step = self.record, self.record.step
        await step("An goes to Game")
        await self.a.say("join", room="game", since=self.a.cursor, epoch=self.epoch)
        await record.entered(self.a)
        await step("the server stops: what is accepted is saved, nothing more is taken, everybody is told to come back")
        with locked(self.database):
            await self.a.say("message", key=key("last"), content="lời cuối")
            number = int((await self.a.control("sent", key=key("last")))["id"])
            await record.noticed(number, "game")
            stopping = asyncio.create_task(self.client.close())
            await self.stops_listening()
            await record.refused(self.a, "restarting", key=key("late"), content="muộn rồi")
        await stopping
        for tab in record.tabs:
            await tab.gone()
        await step("the end")

    async def stops_listening(self) -> None:
        port, turns = self.client.server.port, 0
        async with asyncio.timeout(10):
            while turns < 20:  # it takes nothing more some turns of the loop after it has stopped listening
                with suppress(OSError):  # the port is still taken; to connect would leave it one connection more
                    socket.create_server(("127.0.0.1", port)).close()
                    turns += 1
                await asyncio.sleep(0)


@asynccontextmanager
async def session(start: Any, settings: Settings) -> AsyncIterator[Session]:
    async with AsyncExitStack() as kept:
        yield Session(start, settings, kept)


@pytest.mark.timeout(240)
async def test_what_goes_over_the_wire_is_what_was_recorded(start, settings) -> None:
    now = datetime.now(UTC)
    left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    if left < MIDNIGHT:
        await asyncio.sleep(left + 1)
    async with session(start, settings) as chat:
        await chat.begin(hold_seconds=1.0)
        await chat.arrive()
        await chat.talk()
        await chat.talk_in_private()
        await chat.read()
        await chat.revise()
        await chat.be_refused()
        await chat.move()
        await chat.resume()
        await chat.lose()
        await chat.fill_the_disk()
        await chat.bring_the_old_client()
        await chat.show_pages()
        await chat.end_sessions()
        await chat.delete_accounts()
        await chat.restart()
        await chat.stop()
    compare(dict(zip(("session.txt", "pages.txt"), chat.record.texts(), strict=True)))


def compare(texts: dict[str, str]) -> None:
    """Compare what was recorded with what is stored, or store it where that was asked for."""
    if "RECORD_GOLDEN" in os.environ:
        assert "CI" not in os.environ, "a record is made by somebody who reads what changed"
        GOLDEN.mkdir(exist_ok=True)
        for name, now in texts.items():
            (GOLDEN / name).write_text(now, encoding="utf-8")
        return
    changed = [
        line for name, now in texts.items() for line in differences((GOLDEN / name).read_text(encoding="utf-8"), now)
    ]
    if changed:
        pytest.fail("\n".join(["something else goes over the wire than was recorded:", *changed]), pytrace=False)
