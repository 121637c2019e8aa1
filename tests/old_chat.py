"""Make a chat.db exactly as the original program did: ``python tests/old_chat.py old.db``."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
import sys
from contextlib import closing
from io import BytesIO
from pathlib import Path

SCHEMA = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT UNIQUE NOT NULL,
    password TEXT NOT NULL,
    role TEXT DEFAULT 'user',
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    sender TEXT NOT NULL,
    message TEXT NOT NULL,
    msg_type TEXT DEFAULT 'text',
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE private_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    receiver TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
"""

# "An" and "an" were two people: the original program compared names letter by letter.
PASSWORDS = {
    "An": "mật khẩu của An",
    "an": "mèo 9 mạng",
    "Trần Thị Bích Ngọc": "Hà Nội mùa thu 🍂",
    "Đặng Văn Lâm": "lâm1",
    "admin": "phấn trắng",
}
GHOST = "Người Đã Đi"  # wrote, but has no account any more


def picture(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    """Return a small picture of one colour."""
    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, kind)
    return out.getvalue()


def _data_url(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def room_messages() -> list[tuple[str, str, str, str, str | None]]:
    """Return room, sender, message, type and time of every message, in the order of their ids from 1."""
    day = "2024-03-01"
    whole = _data_url(picture((200, 30, 30)))
    return [
        ("General", "An", "Chào cả lớp!", "text", f"{day} 01:00:00"),
        ("general", "Trần Thị Bích Ngọc", "Xin chào 👋🏽 mọi người 👨‍👩‍👧", "text", f"{day} 01:00:05"),
        (" GENERAL ", "an", "dòng một\ndòng hai\n\n  dòng ba", "text", f"{day} 01:01:00"),
        ("Phòng Chung", "Đặng Văn Lâm", "<b onclick='x()'>đậm</b> & <script>alert(1)</script>", "text", None),
        ("Tech", "An", whole, "image", f"{day} 02:00:00"),
        ("tech", "Trần Thị Bích Ngọc", base64.b64encode(picture((30, 30, 200), "JPEG")).decode(), "image", day),
        ("Phòng Công Nghệ", "an", whole[:90] + "####", "image", f"{day} 02:02:00"),
        ("tech", "An", "data:image/png;base64, là đầu của một địa chỉ ảnh", "text", f"{day} 02:03:00"),
        ("Game", GHOST, "Ai chơi không?", "text", f"{day}T03:00:00.250000"),
        ("game", "admin", "Có, đợi chút; nhé", "text", "1709262000"),
        ("Phòng Game", "An", "SELECT * FROM users; DROP TABLE messages;--", "text", f"{day} 03:00:02"),
        ("Âm nhạc & Đời sống", "Đặng Văn Lâm", "Phòng này chương trình mới không biết", "text", f"{day} 04:00:00"),
    ]


def private_messages() -> list[tuple[str, str, str, str | None]]:
    """Return sender, receiver, message and time of every private message, in the order of their ids from 1."""
    day = "2024-03-02"
    return [
        ("An", "Trần Thị Bích Ngọc", "Ngọc ơi, tối nay rảnh không?", f"{day} 01:00:00"),
        ("Trần Thị Bích Ngọc", "An", "Rảnh nhé ❤️", f"{day} 01:00:30"),
        ("an", "An", "Mình là an, không phải An", f"{day} 01:02:00"),
        ("Đặng Văn Lâm", "Đặng Văn Lâm", "Ghi chú cho mình", None),
        ("An", "Trần Thị Bích Ngọc", _data_url(picture((30, 160, 30), "JPEG"), "image/jpeg"), f"{day} 01:05:00"),
        (GHOST, "An", "Tạm biệt", f"{day} 01:06:00"),
    ]


def make(path: Path) -> None:
    """Write the database."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        db.executemany(
            "INSERT INTO users (username, password, created_at) VALUES (?, ?, ?)",
            [
                (name, hashlib.sha256(password.encode()).hexdigest(), "2024-02-29 12:00:00")
                for name, password in PASSWORDS.items()
            ],
        )
        db.execute("UPDATE users SET role = 'admin' WHERE username = 'admin'")
        db.execute("UPDATE users SET created_at = NULL WHERE username = 'an'")
        db.executemany(
            "INSERT INTO messages (room, sender, message, msg_type, created_at) VALUES (?, ?, ?, ?, ?)", room_messages()
        )
        db.executemany(
            "INSERT INTO private_messages (sender, receiver, message, created_at) VALUES (?, ?, ?, ?)",
            private_messages(),
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]))
