"""The ordered list of migrations; the first one is the schema of the original program's ``chat.db``."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import aiosqlite
from cryptography.fernet import Fernet

from chatapp import clock, names
from chatapp.records import Conversation, Rejected
from chatapp.settings import CannotStart

log = logging.getLogger("chatapp.schema")

# What a file must have to be the original program's or ours; nothing else is touched.
REQUIRED = {
    *(("users", column) for column in ("id", "username", "password")),
    *(("messages", column) for column in ("id", "room", "sender", "message")),
}
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


class Prepared(Protocol):
    """A picture as ``images.Images.prepare`` returns it."""

    @property
    def name(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def thumb_mime(self) -> str: ...
    @property
    def thumb(self) -> bytes: ...
    @property
    def thumb_width(self) -> int: ...
    @property
    def thumb_height(self) -> int: ...
    @property
    def digest(self) -> str: ...


Prepare = Callable[[bytes, str], Awaitable[Prepared]]

_ORIGINAL = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT UNIQUE NOT NULL,
    password TEXT NOT NULL,
    role TEXT DEFAULT 'user',
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    sender TEXT NOT NULL,
    message TEXT NOT NULL,
    msg_type TEXT DEFAULT 'text',
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS private_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    receiver TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
"""

_COLUMNS = {
    "users": {
        "role": "TEXT DEFAULT 'user'",
        "created_at": "TEXT",
        "name_key": "TEXT",
        "language": "TEXT",
        "theme": "TEXT",
        "last_conversation": "TEXT",
    },
    "messages": {"msg_type": "TEXT DEFAULT 'text'", "created_at": "TEXT", "rev": "INTEGER", "author_id": "INTEGER"},
    "private_messages": {
        "created_at": "TEXT",
        "msg_type": "TEXT DEFAULT 'text'",
        "rev": "INTEGER",
        "sender_id": "INTEGER",
        "receiver_id": "INTEGER",
        "conversation": "TEXT",
    },
}

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE rooms (id TEXT PRIMARY KEY, name TEXT, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    user_agent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions(user_id);
CREATE INDEX sessions_seen ON sessions(seen_at);
CREATE INDEX sessions_created ON sessions(created_at);
CREATE TABLE message_keys (
    author_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    conversation TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (author_id, key)
) WITHOUT ROWID;
CREATE INDEX message_keys_message ON message_keys(message_id);
CREATE TABLE pictures (
    id TEXT PRIMARY KEY,
    owner_id INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    message_id INTEGER,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    mime TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    thumb_mime TEXT NOT NULL,
    thumb_width INTEGER NOT NULL,
    thumb_height INTEGER NOT NULL,
    digest TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX pictures_message ON pictures(message_id, conversation, position);
CREATE INDEX pictures_orphan ON pictures(created_at) WHERE message_id IS NULL;
CREATE TABLE picture_bytes (
    picture_id TEXT NOT NULL REFERENCES pictures(id) ON DELETE CASCADE,
    size TEXT NOT NULL CHECK (size IN ('full', 'thumbnail')),
    bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX picture_bytes_picture ON picture_bytes(picture_id, size);
CREATE TABLE unreadable_pictures (conversation TEXT NOT NULL, message_id INTEGER NOT NULL, original TEXT NOT NULL);
CREATE TABLE read_marks (
    user_id INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, conversation)
) WITHOUT ROWID;
CREATE TABLE directs (
    user_id INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    other_id INTEGER NOT NULL,
    latest_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, conversation)
) WITHOUT ROWID;
"""

_INDEXES = """
CREATE UNIQUE INDEX users_name_key ON users(name_key);
CREATE INDEX messages_room ON messages(room, id, author_id);
CREATE INDEX messages_change ON messages(room, rev);
CREATE INDEX private_messages_conversation ON private_messages(conversation, id, sender_id);
CREATE INDEX private_messages_change ON private_messages(conversation, rev);
"""


async def _script(db: aiosqlite.Connection, script: str) -> None:
    # executescript() would commit the transaction that surrounds the migration.
    for statement in script.split(";\n"):
        if statement.strip():
            await db.execute(statement)


async def original(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Create what the original program had; where it ran before, everything is there already."""
    await _script(db, _ORIGINAL)


async def conversations(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Add rooms, sessions, pictures, read marks and numbered changes; give every old row its place in them."""
    for table, columns in _COLUMNS.items():
        present = {row[1] for row in await db.execute_fetchall(f"PRAGMA table_info({table})")}
        for name, kind in columns.items():
            if name not in present:
                await db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    await _script(db, _TABLES)
    for table, column, value in _BLANKS:
        await db.execute(
            f"UPDATE {table} SET {column} = ? WHERE trim(coalesce({column}, '')) = ''",  # noqa: S608
            (value,),
        )
    await _adopt_users(db)
    await _adopt_rooms(db)
    await _adopt_directs(db)
    await _script(db, _INDEXES)
    await _set_meta(db)
    await _mark_everything_read(db)


async def _adopt_users(db: aiosqlite.Connection) -> None:
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


async def _adopt_rooms(db: aiosqlite.Connection) -> None:
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
    letters = unicodedata.normalize("NFKD", folded.replace("đ", "d")).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", letters)[:_SLUG_LIMIT].strip("-") or "room"
    number, free = 2, slug
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    return free


async def _adopt_directs(db: aiosqlite.Connection) -> None:
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


async def _set_meta(db: aiosqlite.Connection) -> None:
    [(newest,)] = await db.execute_fetchall(
        "SELECT max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(id) FROM private_messages), 0))"
    )
    values = {
        "epoch": secrets.token_urlsafe(9),
        "cookie_key": Fernet.generate_key().decode(),
        "watermark": newest,
        "ceiling": newest,
    }
    await db.executemany("INSERT INTO meta VALUES (?, ?)", list(values.items()))


async def _mark_everything_read(db: aiosqlite.Connection) -> None:
    """Start everybody at the newest message: years of old history are not unread news."""
    await db.execute(
        "INSERT INTO read_marks SELECT u.id, r.id, coalesce((SELECT max(id) FROM messages WHERE room = r.id), 0)"
        " FROM users u, rooms r"
    )
    await db.execute("INSERT INTO read_marks SELECT user_id, conversation, latest_id FROM directs")


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


async def insert_picture(  # noqa: PLR0913 - one row, its parts side by side
    db: aiosqlite.Connection,
    picture_id: str,
    picture: Prepared,
    owner_id: int,
    conversation: str,
    *,
    message_id: int | None = None,
    position: int = 0,
) -> None:
    """Add one picture with its two sizes inside the caller's transaction."""
    await db.execute(
        "INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            picture_id,
            owner_id,
            conversation,
            message_id,
            position,
            picture.name,
            picture.mime,
            picture.width,
            picture.height,
            picture.thumb_mime,
            picture.thumb_width,
            picture.thumb_height,
            picture.digest,
            clock.unix_time(),
        ),
    )
    await db.execute("INSERT INTO picture_bytes VALUES (?, 'full', ?)", (picture_id, picture.data))
    await db.execute("INSERT INTO picture_bytes VALUES (?, 'thumbnail', ?)", (picture_id, picture.thumb))


_CHANGES = """
ALTER TABLE messages ADD COLUMN edited_at TEXT;
ALTER TABLE messages ADD COLUMN removed_at TEXT;
ALTER TABLE private_messages ADD COLUMN edited_at TEXT;
ALTER TABLE private_messages ADD COLUMN removed_at TEXT;
CREATE TABLE message_versions (
    conversation TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    content TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (conversation, message_id, rev)
) WITHOUT ROWID;
CREATE TABLE removals (
    conversation TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (conversation, message_id)
) WITHOUT ROWID;
CREATE INDEX removals_time ON removals(removed_at);
"""


async def changes(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Let messages be edited and removed, keeping what they said before."""
    await _script(db, _CHANGES)


MIGRATIONS: tuple[Callable[[aiosqlite.Connection, Prepare], Awaitable[None]], ...] = (
    original,
    conversations,
    embedded_pictures,
    changes,
)
