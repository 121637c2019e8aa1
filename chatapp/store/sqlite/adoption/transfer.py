"""Writing everything from another program's database into a new one of the newest schema."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import aiosqlite

from chatapp.model.adoption import Report
from chatapp.model.conversations import Conversation
from chatapp.model.pictures import Prepare
from chatapp.store.sqlite.adoption import LOCKED, times
from chatapp.store.sqlite.adoption.people import Account, People
from chatapp.store.sqlite.adoption.pictures import Gallery, Place
from chatapp.store.sqlite.adoption.reading import Old, Row, is_blank
from chatapp.store.sqlite.adoption.rooms import DEFAULT, Rooms
from chatapp.store.sqlite.adoption.talk import Said, Talk
from chatapp.store.sqlite.adoption.values import Text, Value, is_true, text, tidy
from chatapp.store.sqlite.adoption.wrappings import is_picture, looks_like_picture
from chatapp.system import clock
from chatapp.workers import inherited

_BATCH = 500  # rows written at once
_GUESSING_SECONDS = 60.0  # spent on looking for default passwords in all; a log-in looks again

_INSERT_ROOM = (
    "INSERT INTO messages (id, rev, room, author_id, sender, message, msg_type, created_at, removed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_DIRECT = (
    "INSERT INTO private_messages (id, rev, conversation, sender_id, sender, receiver_id, receiver, message, msg_type,"
    " created_at, removed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(slots=True)
class Transfer:
    """Write an old database into a new, empty one, inside the transaction of the caller."""

    old: Old
    db: aiosqlite.Connection
    prepare: Prepare
    written: datetime  # when the old file was last written to: used for messages without a time
    report: Report = field(default_factory=Report)
    _waiting: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    _latest: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)

    async def run(self) -> Report:
        """Write it all. Errors are SQLite's."""
        rows = list(self.old.rows(self.old.users))
        people = People([Account(text(row.first("id")).strip(), text(row.first("name"))) for row in rows])
        rooms = Rooms(self._own_rooms())
        talks = [
            Talk(self.old, self.old.messages, private=False, people=people, rooms=rooms),
            Talk(self.old, self.old.private, private=True, people=people, rooms=rooms),
        ]
        for talk in talks:
            talk.look_through()
        if talks[0].has_directs:
            talks[1].shift(max(talks[0].ids, default=0))  # both go into one table
        rooms.make({*rooms.by_number.values()}.union(*(talk.titles for talk in talks)))
        people.settle()
        self._date(talks)
        await self._write_people(people, rows)
        await self._write_rooms(rooms)
        for talk in talks:
            await self._write(talk)
        await self._write_marks()
        self._tell(people, rooms, talks)
        return self.report

    def _own_rooms(self) -> dict[str, str]:
        """Return the rooms of the old program's own table, by id, where it has one."""
        found: dict[str, str] = {}
        for row in self.old.rows(self.old.rooms):
            title = text(row.first("name")).strip()
            if title:
                found[text(row.first("id")).strip() or title] = title
        return found

    def _date(self, talks: Iterable[Talk]) -> None:
        known = [talk.latest for talk in talks if talk.latest]
        for talk in talks:
            talk.date(max(known, default=self.written))
            self.report.untimed += talk.unread

    async def _write_people(self, people: People, rows: list[Row]) -> None:
        values = [row.all("time") for row in rows]
        american = times.month_first(value for each in values for value in each)
        reads = [times.joined([times.read(value, american) for value in each]) for each in values]
        moments, _ = times.filled(reads, self.written)
        for account, row, moment in zip(people.accounts, rows, moments, strict=True):
            password = await self._password(account, row)
            await self._add(account, password, _role(row), moment)
        for ghost in people.ghosts:
            await self._add(ghost, LOCKED, "user", self.written)

    async def _add(self, account: Account, password: str, role: str, moment: datetime) -> None:
        await self.db.execute(
            "INSERT INTO users (id, username, name_key, password, role, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (account.id, account.name, account.key, password, role, clock.timestamp(moment)),
        )

    async def _password(self, account: Account, row: Row) -> str:
        """Return what to store as an account's password; note those with whom it cannot stay so."""
        value = row.first("password")
        salted = not is_blank(row.first("salt"))  # in a column of its own: nothing says how it was used
        stored = inherited.text(None if salted else bytes(value) if type(value) is bytes else _plain(value))
        if not inherited.readable(stored):
            self.report.unreadable_passwords.append(account.name)
        elif await self._is_well_known(account.name, stored):
            self.report.known_passwords.append(account.name)
            return inherited.marked(stored)
        return stored

    async def _is_well_known(self, name: str, stored: str) -> bool:
        if self.report.guessing > _GUESSING_SECONDS:
            return False
        began = clock.monotonic()
        found = await asyncio.to_thread(inherited.is_well_known, name, stored)
        self.report.guessing += clock.monotonic() - began
        return found

    async def _write_rooms(self, rooms: Rooms) -> None:
        made = [(slug, "room", title, place) for place, (slug, title) in enumerate(rooms.made.items(), len(DEFAULT))]
        await self.db.executemany("INSERT INTO conversations (key, kind, name, position) VALUES (?, ?, ?, ?)", made)

    async def _write(self, talk: Talk) -> None:
        gallery = Gallery(self.db, self.prepare)
        for said in talk.said():
            await self._write_one(said, gallery)
        await self._flush()
        self.report.pictures += gallery.taken
        self.report.unreadable_pictures += gallery.unreadable

    async def _write_one(self, said: Said, gallery: Gallery) -> None:
        pair = Conversation.direct(said.author.id, said.receiver.id) if said.receiver else None
        conversation = pair.key if pair else said.room or DEFAULT[0]
        kind, words = "text", ""
        if said.removed:
            self.report.removed += 1
        else:
            kind, words = await _content(said.row, gallery, Place(conversation, said.id, said.author.id))
        at = clock.timestamp(said.at)
        end = (words, kind, at, at if said.removed else None)
        if said.receiver:
            one, other = said.author, said.receiver
            await self._add_row(
                _INSERT_DIRECT, (said.id, said.id, conversation, one.id, one.name, other.id, other.name, *end)
            )
            for mine, theirs in ((one.id, other.id), (other.id, one.id)):
                latest = self._latest.get((mine, conversation), (0, 0))[1]
                self._latest[mine, conversation] = theirs, max(said.id, latest)
            self.report.directs += 1
        else:
            self.report.messages += 1
            await self._add_row(_INSERT_ROOM, (said.id, said.id, conversation, said.author.id, said.author.name, *end))

    async def _add_row(self, statement: str, row: tuple[object, ...]) -> None:
        self._waiting.append((statement, row))
        if len(self._waiting) >= _BATCH:
            await self._flush()

    async def _flush(self) -> None:
        for statement in (_INSERT_ROOM, _INSERT_DIRECT):
            await self.db.executemany(statement, [row for each, row in self._waiting if each == statement])
        self._waiting.clear()

    async def _write_marks(self) -> None:
        """Mark everything as read: years of history are not news."""
        await self.db.executemany(
            "INSERT INTO directs VALUES (?, ?, ?, ?)", [(*place, *newest) for place, newest in self._latest.items()]
        )
        await self.db.executemany(
            "INSERT INTO conversations (key, kind) VALUES (?, 'direct')",
            [(key,) for key in sorted({key for _, key in self._latest})],
        )
        await self.db.execute(
            "INSERT INTO read_marks SELECT u.id, r.key, coalesce((SELECT max(id) FROM messages WHERE room = r.key), 0)"
            " FROM users u, conversations r WHERE r.kind = 'room'"
        )
        await self.db.execute("INSERT INTO read_marks SELECT user_id, conversation, latest_id FROM directs")
        await self.db.execute(
            "UPDATE meta SET value = (SELECT max(coalesce((SELECT max(id) FROM messages), 0),"
            " coalesce((SELECT max(id) FROM private_messages), 0))) WHERE name IN ('watermark', 'ceiling')"
        )

    def _tell(self, people: People, rooms: Rooms, talks: Iterable[Talk]) -> None:
        report = self.report
        report.people, report.ghosts = len(people.accounts), len(people.ghosts)
        report.renamed = [(each.old_name, each.name) for each in people.renamed]
        report.shared = len({each.old_name for each in people.accounts}) < len(people.accounts)
        report.rooms = list(rooms.made.values())
        report.aside = list(self.old.aside)
        if report.messages + report.directs != sum(len(talk.ids) for talk in talks):
            raise sqlite3.IntegrityError("something is missing from the new database")


async def _content(row: Row, gallery: Gallery, place: Place) -> tuple[str, str]:
    """Return the type and the text of a message, whose picture may stand in a column of its own."""
    kind, value, image = text(row.first("type")), row.first("content"), row.first("image")
    if image is None:
        return await gallery.take(_stored(value), place, declared=is_picture(kind))
    shown, words = await gallery.take(_stored(image), place, declared=True)
    said = "" if value is None or text(value) == text(image) else tidy(text(value))
    return shown, "\n".join(filter(None, (said, words)))


def _stored(value: Value) -> str | bytes:
    """Return the content of a message: text, or bytes, which a picture is even where the table calls it text."""
    if isinstance(value, bytes) and (not isinstance(value, Text) or looks_like_picture(value)):
        return value
    return text(value)


def _plain(value: Value) -> object:
    return text(value) if isinstance(value, Text) else value


def _role(row: Row) -> str:
    """Return the role that an account keeps."""
    is_admin = text(row.first("role")).strip().casefold() == "admin" or is_true(row.first("admin"))
    return "admin" if is_admin else "user"
