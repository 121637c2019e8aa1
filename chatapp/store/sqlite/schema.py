"""The ordered list of migrations; the first makes the original program's ``chat.db``."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import aiosqlite
from cryptography.fernet import Fernet

from chatapp.model.pictures import Prepare
from chatapp.store.sqlite.adoption import rooms
from chatapp.store.sqlite.adoption.pictures import embedded_pictures

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
        "name_key": "TEXT",
        "language": "TEXT",
        "theme": "TEXT",
        "last_conversation": "TEXT",
    },
    "messages": {"rev": "INTEGER", "author_id": "INTEGER"},
    "private_messages": {
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
    """Create the original program's tables, empty. Its own file is imported into a database of the newest schema."""
    await _script(db, _ORIGINAL)


async def conversations(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Add rooms, sessions, pictures, read marks and revision numbers."""
    for table, columns in _COLUMNS.items():
        for name, kind in columns.items():
            await db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    await _script(db, _TABLES)
    await _script(db, _INDEXES)
    for position, room in enumerate(rooms.DEFAULT):
        await db.execute("INSERT INTO rooms VALUES (?, NULL, ?)", (room, position))
    values = {
        "epoch": secrets.token_urlsafe(9),
        "cookie_key": Fernet.generate_key().decode(),
        "watermark": 0,
        "ceiling": 0,
    }
    await db.executemany("INSERT INTO meta VALUES (?, ?)", list(values.items()))


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
    """Allow editing and removal; keep earlier texts."""
    await _script(db, _CHANGES)


_DEPARTURES = """
ALTER TABLE users ADD COLUMN reserved_name TEXT;
CREATE TABLE departures (
    user_id INTEGER PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    messages TEXT NOT NULL CHECK (messages IN ('stay', 'go')),
    stamp INTEGER NOT NULL
);
"""


async def departures(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Allow account deletion: names stay reserved, and a deletion is recorded until it is complete."""
    await _script(db, _DEPARTURES)


_NUMBERED = """
CREATE TABLE conversations (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('room', 'direct')),
    name TEXT,
    position INTEGER
);
CREATE INDEX conversations_kind ON conversations(kind, position, key);
INSERT INTO conversations (key, kind, name, position) SELECT id, 'room', name, position FROM rooms
    ORDER BY position, id;
INSERT INTO conversations (key, kind) SELECT conversation, 'direct' FROM directs
    UNION SELECT conversation, 'direct' FROM private_messages WHERE conversation IS NOT NULL;
DROP TABLE rooms;
"""


async def numbered_conversations(db: aiosqlite.Connection, prepare: Prepare) -> None:
    """Give every conversation, room or direct, a row with a small number.

    Rows are never deleted, so a number is never used twice. The members of a direct conversation
    are its rows in ``directs``; every user is a member of every room.
    """
    await _script(db, _NUMBERED)


MIGRATIONS: tuple[Callable[[aiosqlite.Connection, Prepare], Awaitable[None]], ...] = (
    original,
    conversations,
    embedded_pictures,
    changes,
    departures,
    numbered_conversations,
)


async def migrate(db: aiosqlite.Connection, prepare: Prepare, version: int = 0) -> None:
    """Run the migrations after a version, each all or nothing. Errors are SQLite's."""
    for number in range(version, len(MIGRATIONS)):
        await db.execute("BEGIN IMMEDIATE")
        try:
            await MIGRATIONS[number](db, prepare)
            await db.execute(f"PRAGMA user_version = {number + 1}")
            await db.execute("COMMIT")
        finally:
            await db.rollback()
