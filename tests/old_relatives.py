"""Databases of programs like the original one, each odd in its own way: ``python tests/old_relatives.py FOLDER``."""

# ruff: noqa: S608 - these statements are for files that tests make themselves

from __future__ import annotations

import base64
import hashlib
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import old_chat

LAN, MINH = "matkhau-lan", "matkhau-minh"
PASSWORDS = {"lan": LAN, "Minh": MINH}


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


_USERS = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, password TEXT);
INSERT INTO users VALUES (1, 'lan', '{_digest(LAN)}'), (2, 'Minh', '{_digest(MINH)}');
"""
_MESSAGES = """
CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, message TEXT, created_at TEXT);
INSERT INTO messages VALUES (1, 'general', 'lan', 'chào', '2021-05-01 08:00:00'),
    (2, 'general', 'Minh', 'xin chào', '2021-05-01 08:01:00');
"""
_PRIVATE = """
CREATE TABLE private_messages (id INTEGER PRIMARY KEY, sender TEXT, receiver TEXT, message TEXT, created_at TEXT);
INSERT INTO private_messages VALUES (1, 'lan', 'Minh', 'riêng', '2021-05-01 08:02:00');
"""
_GREETING = {"/rooms/general": ["lan: chào", "Minh: xin chào"]}
_SECRET = {"/direct/Minh": ["lan: riêng"]}


@dataclass(frozen=True)
class Relative:
    """How to make a database, and what lan must see in it afterwards: "author: words" by page."""

    script: str
    shown: dict[str, list[str]] = field(default_factory=lambda: _GREETING)
    prepare: Callable[[sqlite3.Connection], None] = lambda db: None
    passwords: dict[str, str] = field(default_factory=lambda: PASSWORDS)

    def make(self, path: Path) -> None:
        """Write the file."""
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            self.prepare(db)
            db.executescript(self.script)


def _users(*rows: str, columns: str = "id INTEGER, username, password") -> str:
    return f"CREATE TABLE users ({columns}); INSERT INTO users VALUES {', '.join(rows)};"


_L, _M = f"'{_digest(LAN)}'", f"'{_digest(MINH)}'"
_PNG = base64.b64encode(old_chat.picture((9, 99, 9))).decode()

RELATIVES = {
    "plain": Relative(_USERS + _MESSAGES + _PRIVATE, _GREETING | _SECRET),
    "passwords as bytes": Relative(
        _users(f"(1, 'lan', CAST({_L} AS BLOB))", f"(2, 'Minh', X'{LAN.encode().hex()}')") + _MESSAGES,
        passwords={"lan": LAN, "Minh": LAN},
    ),
    "not null, defaults, checks and keys of its own": Relative(
        f"""
        CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT UNIQUE NOT NULL COLLATE NOCASE,
            email TEXT NOT NULL CHECK (email LIKE '%@%'), password TEXT NOT NULL CHECK (length(password) = 64));
        INSERT INTO users VALUES (1, 'lan', 'a@b', {_L}), (2, 'Minh', 'm@b', {_M});
        CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT NOT NULL CHECK (room IN ('general')),
            sender TEXT NOT NULL REFERENCES users(username) ON DELETE RESTRICT, message TEXT NOT NULL,
            ip TEXT NOT NULL, timestamp TEXT NOT NULL);
        INSERT INTO messages VALUES (1, 'general', 'lan', 'chào', '::1', '2021-05-01'),
            (2, 'general', 'Minh', 'xin chào', '::1', '2021-05-02');
        CREATE UNIQUE INDEX one ON messages(sender);
        """
    ),
    "triggers, views and generated columns": Relative(
        _USERS
        + """
        CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, message TEXT, timestamp TEXT,
            loud TEXT AS (upper(message)) STORED, size INTEGER AS (length(message)) VIRTUAL);
        INSERT INTO messages (id, room, sender, message, timestamp) VALUES (1, 'general', 'lan', 'chào', '2021-05-01'),
            (2, 'general', 'Minh', 'xin chào', '2021-05-01');
        CREATE TRIGGER never BEFORE INSERT ON messages BEGIN SELECT raise(ABORT, 'never'); END;
        CREATE TRIGGER neither BEFORE DELETE ON users BEGIN SELECT raise(ABORT, 'never'); END;
        CREATE TRIGGER nor BEFORE UPDATE ON users BEGIN SELECT raise(ABORT, 'never'); END;
        CREATE VIEW latest AS SELECT * FROM messages ORDER BY id DESC;
        CREATE VIEW rooms AS SELECT DISTINCT room AS name FROM messages;
        """
    ),
    "messages are a view": Relative(
        _USERS
        + """
        CREATE TABLE log (n INTEGER PRIMARY KEY, r TEXT, s INTEGER, m TEXT);
        INSERT INTO log VALUES (1, 'general', 1, 'chào'), (2, 'general', 2, 'xin chào');
        CREATE VIEW messages AS
            SELECT n AS id, r AS room, username AS sender, m AS message FROM log JOIN users ON users.id = s;
        """
    ),
    "without row ids, named by UUIDs": Relative(
        f"""
        CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT, password TEXT) WITHOUT ROWID;
        INSERT INTO users VALUES ('f-1', 'lan', {_L}), ('a-2', 'Minh', {_M});
        CREATE TABLE messages (id TEXT PRIMARY KEY, room TEXT, user_id TEXT REFERENCES users(id), content TEXT,
            created_at TEXT) WITHOUT ROWID;
        INSERT INTO messages VALUES ('z', 'general', 'f-1', 'chào', '2021-05-01'),
            ('b', 'general', 'a-2', 'xin chào', '2021-05-02');
        CREATE TABLE direct_messages (id TEXT PRIMARY KEY, sender_id TEXT, receiver_id TEXT, content) WITHOUT ROWID;
        INSERT INTO direct_messages VALUES ('q', 'f-1', 'a-2', 'riêng');
        """,
        _GREETING | _SECRET,
    ),
    "upper case, quoted and renamed": Relative(
        f"""
        CREATE TABLE "USERS" ("ID" INTEGER, "User Name" TEXT, "Mật_Khẩu" TEXT);
        INSERT INTO users VALUES (1, 'lan', {_L}), (2, 'Minh', {_M});
        CREATE TABLE "Messages" ("Id" INTEGER, "Room Name" TEXT, "Người_Gửi" TEXT, "Nội_Dung" TEXT, "Thời Gian" TEXT);
        INSERT INTO messages VALUES (1, 'general', 'lan', 'chào', '01/05/2021'), (2, 'general', 'Minh', 'xin chào', '');
        """
    ),
    "strict, in UTF-16, with small pages": Relative(
        f"""
        CREATE TABLE users (id INTEGER, username TEXT, password TEXT) STRICT;
        INSERT INTO users VALUES (1, 'lan', {_L}), (2, 'Minh', {_M});
        {_MESSAGES}
        """,
        prepare=lambda db: db.executescript("PRAGMA page_size = 512; PRAGMA encoding = 'UTF-16le';"),
    ),
    "a log of its own": Relative(
        _USERS + _MESSAGES, prepare=lambda db: db.executescript("PRAGMA journal_mode = WAL; PRAGMA auto_vacuum = FULL;")
    ),
    "its own tables of our names": Relative(
        _USERS
        + _MESSAGES
        + """
        CREATE TABLE meta (name TEXT PRIMARY KEY, value); INSERT INTO meta VALUES ('epoch', '1');
        CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, created_by TEXT NOT NULL);
        INSERT INTO rooms VALUES (1, 'general', 'lan'), (2, 'Thể thao', 'lan');
        CREATE TABLE sessions (token TEXT PRIMARY KEY, username TEXT NOT NULL REFERENCES users(username));
        CREATE TABLE pictures (id INTEGER); CREATE TABLE directs (id INTEGER); CREATE TABLE read_marks (id INTEGER);
        PRAGMA user_version = 4;
        """,
        _GREETING | {"/rooms/the-thao": []},
    ),
    "rooms by number": Relative(
        _USERS
        + """
        CREATE TABLE channels (channel_id INTEGER PRIMARY KEY, title TEXT);
        INSERT INTO channels VALUES (7, 'General'), (8, 'Âm nhạc');
        CREATE TABLE messages (message_id INTEGER PRIMARY KEY, channel_id INTEGER REFERENCES channels(channel_id),
            user_id INTEGER REFERENCES users(id), body TEXT, ts INTEGER);
        INSERT INTO messages VALUES (1, 7, 1, 'chào', 1619856000), (2, 7, 2, 'xin chào', 1619856060),
            (3, 8, 2, 'hát', 1619856120), (4, NULL, 9, 'ai', 1619856120);
        """,
        {"/rooms/general": ["lan: chào", "Minh: xin chào", "user-9: ai"], "/rooms/am-nhac": ["Minh: hát"]},
    ),
    "one table for all messages": Relative(
        _USERS
        + """
        CREATE TABLE messages (id INTEGER PRIMARY KEY, username TEXT, recipient TEXT, text TEXT, time TEXT, date TEXT);
        INSERT INTO messages VALUES (1, 'lan', NULL, 'chào', '08:00', '01/05/2021'),
            (2, 'lan', 'Minh', 'riêng', '08:01', '01/05/2021'), (3, 'Minh', 'all', 'xin chào', '08:02', '01/05/2021');
        """,
        _GREETING | _SECRET,
    ),
    "numbers where text belongs": Relative(
        f"""
        CREATE TABLE users (id INTEGER PRIMARY KEY, username STRING, password STRING);
        INSERT INTO users VALUES (1, 'lan', {_L}), (2, 'Minh', {_M}), (3, '2024', '99');
        CREATE TABLE messages (id STRING, room STRING, sender STRING, message STRING, created_at STRING);
        INSERT INTO messages VALUES ('1', 'general', 'lan', '0909123456', '1619856000'),
            ('2', '12', '2024', '3.5', '1619856000000'), ('3', 'general', '2024', '1e3', '1619856000000000');
        """,
        {"/rooms/general": ["lan: 909123456", "2024: 1000"], "/rooms/12": ["2024: 3.5"]},
    ),
    "bytes, broken text and blanks": Relative(
        f"""
        {_users(f"(1, X'6c616e', {_L})", f"(2, 'Minh', {_M})", "(3, NULL, NULL)", "(4, '  ', '')")}
        CREATE TABLE messages (id, room, sender, message, created_at);
        INSERT INTO messages VALUES (1, X'67656e6572616c', 'lan', X'6368c3a06f', 0),
            (2, NULL, CAST(X'4d696e68' AS TEXT), CAST(X'4368E06F' AS TEXT), X'ff'), (3, '', NULL, 'ai', NULL),
            (4, 'general', 'lan', CAST(X'c3a1610b62000d0ac3' AS TEXT), '');
        """,
        {"/rooms/general": ["lan: chào", "Minh: Chào", "?: ai", "lan: áa\nb\n\ufffd"]},
    ),
    "numbers past all bounds": Relative(
        f"""
        {_users(f"(-5, 'lan', {_L})", f"(9007199254740993, 'Minh', {_M})", "(NULL, 'ba', '')", "(-5, 'tư', '')")}
        CREATE TABLE messages (id INTEGER, room TEXT, sender TEXT, message TEXT);
        INSERT INTO messages VALUES (9223372036854775807, 'general', 'Minh', 'xin chào'),
            (-3, 'general', 'lan', 'chào');
        """
    ),
    "numbers that come twice or not at all": Relative(
        f"""
        {_users(f"(1, 'lan', {_L})", f"(1, 'Minh', {_M})")}
        CREATE TABLE messages (id INTEGER, room TEXT, sender TEXT, message TEXT);
        INSERT INTO messages VALUES (3, 'general', 'lan', 'chào'), (3, 'general', 'Minh', 'xin chào'),
            (NULL, 'general', 'lan', 'ơi');
        """,
        {"/rooms/general": ["lan: chào", "Minh: xin chào", "lan: ơi"]},
    ),
    "names that cannot stay": Relative(
        f"""
        {
            _users(
                f"(1, 'lan', {_L})",
                f"(2, 'Minh', {_M})",
                f"(3, ' lan', {_M})",
                f"(4, 'a/b', {_L})",
                f"(5, '..', {_L})",
                f"(6, 'lan', {_M})",
                f"(7, 'mi' || char(8203) || 'nh', {_L})",
                f"(8, '{'x' * 40}', {_L})",
                f"(9, 'lan-2', {_L})",
                f"(10, char(0), {_L})",
                f"(11, 'LAN', {_M})",
            )
        }
        CREATE TABLE messages (id INTEGER, room TEXT, sender TEXT, message TEXT);
        INSERT INTO messages VALUES (1, 'general', 'lan', 'một'), (2, 'general', ' lan', 'hai'),
            (3, 'general', 'a/b', 'ba'), (4, 'general', 'LAN', 'bốn'), (5, 'a/b/../c', 'x/y', 'năm');
        CREATE TABLE private_messages (sender, receiver, message);
        INSERT INTO private_messages VALUES ('lan', 'a/b', 'riêng'), ('..', 'lan', 'hả');
        """,
        {
            "/rooms/general": ["lan: một", "lan-3: hai", "a-b-2: ba", "LAN: bốn"],
            "/rooms/a-b-c": ["x-y-2: năm"],
            "/direct/a-b-2": ["lan: riêng"],
            "/direct/user-2": ["user-2: hả"],
        },
        passwords=PASSWORDS | {"lan-3": MINH, "a-b-2": LAN, "user-2": LAN, "lan-4": MINH, "lan-2": LAN, "LAN": MINH},
    ),
    "pictures of every kind": Relative(
        _USERS
        + f"""
        CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, content TEXT, type TEXT, image BLOB);
        INSERT INTO messages VALUES (1, 'general', 'lan', 'xem', 'photo', X'{old_chat.picture((9, 9, 9)).hex()}'),
            (2, 'general', 'lan', 'iVBORw0KGgoAAAANSUhEUgAAAAthisisjustaword', 'text', NULL),
            (3, 'general', 'lan', 'https://example.org/a.png', 'image', NULL),
            (4, 'general', 'lan', '{_PNG}', 'text', NULL),
            (5, 'general', 'lan', 'tin nhắn bình thường', 'image', NULL),
            (6, 'general', 'lan', NULL, 'image', 'up/a.png');
        """,
        {
            "/rooms/general": [
                "lan: xem [1]",
                "lan: iVBORw0KGgoAAAANSUhEUgAAAAthisisjustaword",
                "lan: https://example.org/a.png",
                "lan:  [1]",
                "lan: tin nhắn bình thường",
                "lan: up/a.png",
            ]
        },
    ),
    "words without end": Relative(
        _USERS
        + f"""
        CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, message TEXT);
        INSERT INTO messages VALUES (1, '{"phòng " * 400}', 'lan', '{"dài " * 20_000}dòng');
        """,
        {"/rooms/phong-phong-phong-phong-phong-phong-phon": [f"lan: {'dài ' * 20_000}dòng"]},
    ),
}

# What no start can make sense of, and a word of the sentence that says why.
STRANGERS = {
    "songs": ("CREATE TABLE songs (title TEXT);", "no table of users"),
    "people without passwords": (
        "CREATE TABLE users (id, username); CREATE TABLE messages (id, sender, message);",
        "no column for a password",
    ),
    "messages without authors": (
        "CREATE TABLE users (id, username, password); CREATE TABLE messages (id, room, message);",
        "no column for a sender",
    ),
    "a log of its own": ("PRAGMA journal_mode = WAL; CREATE TABLE songs (title TEXT);", "no table of messages"),
}

if __name__ == "__main__":
    for name, relative in RELATIVES.items():
        relative.make(Path(sys.argv[1]) / f"{name}.db")
