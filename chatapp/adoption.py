"""What the original program left behind, given its place: users, rooms, direct conversations, times, pictures."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import secrets
from datetime import UTC, datetime

import aiosqlite

from chatapp import clock, names
from chatapp.normal import normalize
from chatapp.pictures import Prepare, insert_picture
from chatapp.records import Conversation, Rejected
from chatapp.settings import CannotStart

log = logging.getLogger("chatapp.schema")

DEFAULT_ROOMS = ("general", "tech", "game")

LOCKED = "!"  # stored as the password of a name that wrote messages but never had an account
# What stands where the original program left a blank: a room or a person without a name has no address.
_BLANKS = (
    ("messages", "room", "general"),
    ("messages", "sender", "?"),
    ("messages", "message", ""),
    ("private_messages", "sender", "?"),
    ("private_messages", "receiver", "?"),
    ("private_messages", "message", ""),
)
# What the original program may have stored as the room of a message, in either language.
_ROOM_NAMES = {
    "general": "general",
    "phòng chung": "general",
    "phong chung": "general",
    "chung": "general",
    "tech": "tech",
    "phòng công nghệ": "tech",
    "phong cong nghe": "tech",
    "công nghệ": "tech",
    "game": "game",
    "phòng game": "game",
    "phong game": "game",
}
_SLUG_LIMIT = 40  # characters of a room's id, which is part of addresses
_SECONDS = re.compile(r"[0-9]{9,}(\.[0-9]+)?")
_YEARS = range(1970, 9999)  # of a believable moment, which can also be shown in any time zone
_UNREADABLE = "[Ảnh không đọc được · This picture cannot be read]"
_DATA_URL = re.compile(r"data:image/[^,]*;base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
# One pixel. If even this cannot be read, the fault is not the pictures'.
_SAMPLE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)


async def blanks(db: aiosqlite.Connection) -> None:
    """Give every row that lacks a name or a room one that can be shown."""
    for table, column, value in _BLANKS:
        await db.execute(
            f"UPDATE {table} SET {column} = ? WHERE trim(coalesce({column}, '')) = ''",  # noqa: S608
            (value,),
        )


async def users(db: aiosqlite.Connection) -> None:
    """Give every user a name key, and every name that wrote or received without an account a locked row."""
    await db.execute(
        "INSERT INTO users (username, password, role)"
        " SELECT DISTINCT name, ?, 'user' FROM (SELECT sender AS name FROM messages"
        " UNION SELECT sender FROM private_messages UNION SELECT receiver FROM private_messages)"
        " WHERE NOT EXISTS (SELECT 1 FROM users WHERE username = name)",
        (LOCKED,),
    )
    taken: set[str] = set()
    changes: list[tuple[str, int]] = []
    for user_id, username in await db.execute_fetchall("SELECT id, username FROM users ORDER BY id"):
        key = names.key(str(username))
        if key in taken:  # "An" and "an" were two people in the original program; both keep their own name
            key = f"{key}\x00{user_id}"
        taken.add(key)
        changes.append((key, user_id))
    await db.executemany("UPDATE users SET name_key = ? WHERE id = ?", changes)
    await _normalise_times(db, "users")


async def rooms(db: aiosqlite.Connection) -> None:
    """Point every room message at a room's id, making rooms for names that we do not know."""
    for position, room in enumerate(DEFAULT_ROOMS):
        await db.execute("INSERT INTO rooms VALUES (?, NULL, ?)", (room, position))
    ids = dict(_ROOM_NAMES)
    for [name] in list(await db.execute_fetchall("SELECT DISTINCT room FROM messages ORDER BY room")):
        folded = names.key(name).strip(" #")
        if folded not in ids:
            ids[folded] = _slug(folded, set(ids.values()))
            await db.execute("INSERT INTO rooms VALUES (?, ?, ?)", (ids[folded], name.strip(), len(ids)))
        # The mark in front keeps a room that was moved from being moved again under its new id.
        await db.execute("UPDATE messages SET room = ? WHERE room = ?", (f"\x01{ids[folded]}", name))
    await db.execute("UPDATE messages SET room = substr(room, 2)")
    await db.execute(
        "UPDATE messages SET rev = id, author_id = (SELECT min(id) FROM users WHERE username = messages.sender)"
    )
    await _normalise_times(db, "messages")


def _slug(folded: str, taken: set[str]) -> str:
    """Return an id for a room that can be read in its address: ``am-nhac`` for "Âm nhạc"."""
    letters = normalize("NFKD", folded.replace("đ", "d")).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", letters)[:_SLUG_LIMIT].strip("-") or "room"
    number, free = 2, slug
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    return free


async def directs(db: aiosqlite.Connection) -> None:
    users = await db.execute_fetchall("SELECT username, min(id) FROM users GROUP BY username")
    ids = {str(row[0]): int(row[1]) for row in users}
    places: list[tuple[int, int, str, int]] = []
    latest: dict[tuple[int, str], tuple[int, int]] = {}
    for message_id, sender, receiver in await db.execute_fetchall(
        "SELECT id, sender, receiver FROM private_messages ORDER BY id"
    ):
        one, other = ids[sender], ids[receiver]
        conversation = Conversation.direct(one, other).key
        places.append((one, other, conversation, message_id))
        latest[one, conversation] = other, message_id
        latest[other, conversation] = one, message_id
    await db.executemany(
        "UPDATE private_messages SET rev = id, sender_id = ?, receiver_id = ?, conversation = ? WHERE id = ?", places
    )
    await db.executemany(
        "INSERT INTO directs VALUES (?, ?, ?, ?)", [(*place, *newest) for place, newest in latest.items()]
    )
    await _normalise_times(db, "private_messages")


async def _normalise_times(db: aiosqlite.Connection, table: str) -> None:
    """Write every time as we do. A row without one happened when the row before it did."""
    rows = list(await db.execute_fetchall(f"SELECT id, created_at FROM {table} ORDER BY id"))  # noqa: S608
    moments = [(_iso(moment), row_id) for row_id, moment in rows]
    last = next((moment for moment, _ in moments if moment), clock.timestamp())
    changes: list[tuple[str, int]] = []
    for moment, row_id in moments:
        last = moment or last
        changes.append((last, row_id))
    await db.executemany(f"UPDATE {table} SET created_at = ? WHERE id = ?", changes)  # noqa: S608


def _iso(moment: object) -> str | None:
    """Return the original program's time (UTC text, or seconds) as ours; None if it is neither."""
    text = str(moment).strip()
    try:
        if _SECONDS.fullmatch(text):
            parsed = datetime.fromtimestamp(float(text), UTC)
        else:
            parsed = datetime.fromisoformat(text)
        parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return clock.timestamp(parsed) if parsed.year in _YEARS else None
    except (ValueError, OverflowError, OSError):
        return None


async def embedded_pictures(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Turn pictures that the original program kept as base64 text into pictures; keep what cannot be read aside."""
    for table, place, author in (("messages", "room", "author_id"), ("private_messages", "conversation", "sender_id")):
        rows = list(
            await db.execute_fetchall(
                f"SELECT id, {place}, {author}, coalesce(msg_type, '') = 'image' FROM {table}"  # noqa: S608
                " WHERE msg_type = 'image' OR message LIKE 'data:image/%'"
            )
        )
        if rows:
            log.info("turning the pictures among %d messages into files of their own; this can take a while", len(rows))
            await _try_out(prepare)
        for message_id, conversation, author_id, declared in rows:
            [(stored,)] = await db.execute_fetchall(f"SELECT message FROM {table} WHERE id = ?", (message_id,))  # noqa: S608
            if not declared and not _is_data_url(stored):
                continue  # somebody wrote about such addresses
            try:
                picture = await prepare(_decoded(stored), f"picture-{message_id}")
            except Rejected as refusal:
                log.warning("the picture of message %d in %s cannot be read: %s", message_id, conversation, refusal)
                await db.execute("INSERT INTO unreadable_pictures VALUES (?, ?, ?)", (conversation, message_id, stored))
                kind, caption = "text", _UNREADABLE
            else:
                await insert_picture(
                    db, secrets.token_urlsafe(16), picture, author_id, conversation, message_id=message_id
                )
                kind, caption = "image", ""
            await db.execute(
                f"UPDATE {table} SET msg_type = ?, message = ? WHERE id = ?",  # noqa: S608
                (kind, caption, message_id),
            )


async def _try_out(prepare: Prepare) -> None:
    try:
        await prepare(_SAMPLE, "sample")
    except Rejected as refusal:
        raise CannotStart(
            f"The pictures in this database cannot be upgraded, as this computer cannot read any: {refusal}"
        ) from refusal


def _is_data_url(text: str) -> bool:
    start = _DATA_URL.match(text)
    return start is not None and _BASE64.fullmatch(text, start.end()) is not None


def _decoded(stored: str | bytes) -> bytes:
    if isinstance(stored, bytes):
        return stored
    try:
        return base64.b64decode(_DATA_URL.sub("", stored, count=1))
    except (binascii.Error, ValueError) as error:
        raise Rejected("damaged", "This picture is damaged.") from error
