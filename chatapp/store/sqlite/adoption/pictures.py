"""Pictures that another program kept inside its messages: stored as ours, or set aside if unreadable."""

from __future__ import annotations

import logging
import secrets
from base64 import b64decode
from dataclasses import dataclass

import aiosqlite

from chatapp.model.pictures import Prepare
from chatapp.model.refusals import Rejected
from chatapp.model.texts import CONTENT_LIMIT
from chatapp.store.sqlite.adoption import wrappings
from chatapp.store.sqlite.adoption.values import Text, decoded, is_binary, tidy
from chatapp.store.sqlite.picture_rows import insert_picture
from chatapp.system.startup import CannotStart

log = logging.getLogger("chatapp.schema")

_UNREADABLE = "[Ảnh không đọc được · This picture cannot be read]"
# One pixel. If even this cannot be read, the fault is not the pictures'.
_SAMPLE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands, and whose it is."""

    conversation: str
    message_id: int
    author_id: int


@dataclass(slots=True)
class Gallery:
    """Take pictures out of messages into a database."""

    db: aiosqlite.Connection
    prepare: Prepare
    taken: int = 0
    unreadable: int = 0

    async def take(self, stored: str | bytes, place: Place, *, declared: bool) -> tuple[str, str]:
        """Return the type and the text of a message as they are to be stored; its picture is stored already.

        ``declared``: the old program says that it is a picture.
        """
        found = wrappings.unwrap(stored, declared=declared)
        if found is None:
            return "text", _words(stored)
        if not self.taken and not self.unreadable:
            log.info("turning pictures inside messages into files of their own; this can take a while")
            await _try_out(self.prepare)
        try:
            picture = await self.prepare(found.data, found.name or f"picture-{place.message_id}")
        except Rejected as refusal:
            return await self._put_aside(stored, found, place, refusal, declared=declared)
        await insert_picture(
            self.db,
            secrets.token_urlsafe(16),
            picture,
            place.author_id,
            place.conversation,
            message_id=place.message_id,
        )
        self.taken += 1
        return "image", tidy(found.words)

    async def _put_aside(
        self, stored: str | bytes, found: wrappings.Found, place: Place, refusal: Rejected, *, declared: bool
    ) -> tuple[str, str]:
        words = _words(stored)
        if not declared and found.data and _may_be_words(stored, words):
            return "text", words  # somebody's words, which look like a picture only to a program
        log.warning("the picture of message %d in %s cannot be read: %s", place.message_id, place.conversation, refusal)
        original = bytes(stored) if isinstance(stored, bytes) else stored
        await self.db.execute(
            "INSERT INTO unreadable_pictures VALUES (?, ?, ?)", (place.conversation, place.message_id, original)
        )
        self.unreadable += 1
        said = tidy(found.words) if any(map(str.isalnum, found.words)) else ""  # remnants of damage are not text
        return "text", "\n".join(filter(None, (said, _UNREADABLE)))


def _words(stored: str | bytes) -> str:
    return tidy(decoded(stored) if isinstance(stored, bytes) else stored)


def _may_be_words(stored: str | bytes, words: str) -> bool:
    """Return whether content that starts like a picture, but is not one, may be text."""
    if isinstance(stored, str):
        return len(words) <= CONTENT_LIMIT
    if not isinstance(stored, Text) and is_binary(stored):
        return False
    try:  # pictures have bytes that no text has, but for the oldest formats, and those soon too
        stored.decode()
    except UnicodeDecodeError:
        return False
    return True


async def _try_out(prepare: Prepare) -> None:
    try:
        await prepare(_SAMPLE, "sample")
    except Rejected as refusal:
        raise CannotStart(
            f"The pictures in this database cannot be upgraded, as this computer cannot read any: {refusal}"
        ) from refusal


async def embedded_pictures(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Move pictures out of the messages of a database that an earlier version of ours upgraded this far."""
    gallery = Gallery(db, prepare)
    for table, place, author in (("messages", "room", "author_id"), ("private_messages", "conversation", "sender_id")):
        rows = await db.execute_fetchall(
            f"SELECT id, {place}, {author}, coalesce(msg_type, '') = 'image' FROM {table}"  # noqa: S608
            " WHERE msg_type = 'image' OR message LIKE 'data:image/%'"
        )
        for message_id, conversation, author_id, declared in list(rows):
            [(stored,)] = await db.execute_fetchall(f"SELECT message FROM {table} WHERE id = ?", (message_id,))  # noqa: S608
            kind, words = await gallery.take(
                stored, Place(conversation, message_id, author_id), declared=bool(declared)
            )
            await db.execute(
                f"UPDATE {table} SET msg_type = ?, message = ? WHERE id = ?",  # noqa: S608
                (kind, words, message_id),
            )
