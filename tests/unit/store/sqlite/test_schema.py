"""Databases of every age are brought up to date without losing anything, or are left exactly as they were."""

from __future__ import annotations

import inspect
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import old_chat
from chatapp.model import names
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.refusals import Rejected
from chatapp.store import Store
from chatapp.store.sqlite import schema
from chatapp.store.sqlite.database import Database
from chatapp.store.sqlite.schema import MIGRATIONS
from chatapp.system.startup import CannotStart

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
GENERAL, TECH = Conversation("general"), Conversation("tech")


@dataclass(frozen=True)
class Prepared:
    name: str
    data: bytes
    digest: str
    mime: str = "image/webp"
    width: int = 60
    height: int = 40
    thumb_mime: str = "image/webp"
    thumb: bytes = b"thumb"
    thumb_width: int = 60
    thumb_height: int = 40


async def prepare(data: bytes, name: str) -> Prepared:
    """Take every whole picture as it is: re-encoding is tested elsewhere."""
    if not data.startswith((b"\x89PNG", b"\xff\xd8\xff")) or len(data) < 60:
        raise Rejected("damaged")
    return Prepared(name, data, sha256(data).hexdigest())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the original program."""
    old_chat.make(path)
    return path


def dump(path: Path) -> list[str]:
    """Return the whole content of a database as text."""
    with closing(sqlite3.connect(path)) as db:
        return [*db.iterdump(), str(db.execute("PRAGMA user_version").fetchone())]


def ask(path: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


def tell(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


async def upgrade(path: Path, prepare: schema.Prepare = prepare) -> None:
    await (await Store.open(path, prepare)).close()


async def refusal(path: Path, prepare: schema.Prepare = prepare) -> str:
    with pytest.raises(CannotStart) as no:
        await Store.open(path, prepare)
    return str(no.value)


def beside(path: Path) -> list[str]:
    """Return the names of the other files in the folder."""
    return sorted(each.name for each in path.parent.iterdir() if each != path)


# A new database


async def test_a_new_database_is_one_file_for_its_owner_only(path: Path) -> None:
    store = await Store.open(path, prepare)
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    await store.close()
    assert beside(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_link_to_a_database_that_does_not_exist_yet_makes_one_there(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    await upgrade(link)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert link.is_symlink()


async def test_opening_a_database_again_changes_nothing(path: Path) -> None:
    await upgrade(path)
    first = dump(path)
    await upgrade(path)
    assert dump(path) == first
    assert beside(path) == []


async def test_the_original_programs_tables_keep_their_names_and_columns(path: Path) -> None:
    await upgrade(path)
    for table, columns in {
        "users": {"id", "username", "password", "role", "created_at"},
        "messages": {"id", "room", "sender", "message", "msg_type", "created_at"},
        "private_messages": {"id", "sender", "receiver", "message", "created_at"},
    }.items():
        assert columns <= {row[1] for row in ask(path, f"PRAGMA table_info({table})")}


async def test_writes_are_on_disk_before_they_return_and_readers_cannot_write(path: Path) -> None:
    store = await Store.open(path, prepare)
    database = store._database

    async def pragma(db: Any, name: str) -> object:
        [[value]] = await db.execute_fetchall(f"PRAGMA {name}")
        return value

    writer = [await pragma(database._writer, name) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert writer == ["wal", 2, 1]
    assert await pragma(database._writer, "busy_timeout") > 0
    assert await pragma(database._reader, "query_only") == 1
    await store.close()


# The original program's database


async def test_a_database_of_the_original_program_is_upgraded_once(old: Path) -> None:
    await upgrade(old)
    first = dump(old)
    await upgrade(old)
    assert dump(old) == first
    assert beside(old) == ["chat.db.before-upgrade-0"]


async def test_the_copy_beside_an_upgraded_database_is_the_original(old: Path) -> None:
    original = dump(old)
    await upgrade(old)
    copy = old.with_name("chat.db.before-upgrade-0")
    assert dump(copy) == original
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert ask(copy, "PRAGMA integrity_check") == [("ok",)]


async def test_an_upgraded_database_is_closed_to_others(old: Path) -> None:
    tell(old, "PRAGMA journal_mode = WAL")
    old.chmod(0o644)
    store = await Store.open(old, prepare)
    assert {stat.S_IMODE(each.stat().st_mode) for each in old.parent.iterdir()} == {0o600}
    await store.close()


async def test_every_user_keeps_id_name_password_and_role(old: Path) -> None:
    wanted = ask(old, "SELECT id, username, password, role FROM users ORDER BY id")
    await upgrade(old)
    assert ask(old, "SELECT id, username, password, role FROM users WHERE password <> '!' ORDER BY id") == wanted


async def test_every_text_keeps_its_id_author_and_words(old: Path) -> None:
    columns = "id, sender, message FROM {} WHERE message NOT LIKE 'data:image/png;base64,i%' AND {}"
    rooms = columns.format("messages", "msg_type = 'text'")
    directs = columns.format("private_messages", "message NOT LIKE 'data:%'")
    wanted = [ask(old, f"SELECT {query}") for query in (rooms, directs)]
    assert [len(rows) for rows in wanted] == [9, 5]
    await upgrade(old)
    for query, rows in zip((rooms, directs), wanted, strict=True):
        assert set(rows) <= set(ask(old, f"SELECT {query}"))


@pytest.fixture
async def upgraded(old: Path) -> Any:
    """The store of an upgraded database."""
    store = await Store.open(old, prepare)
    yield store
    await store.close()


async def test_rooms_are_found_in_every_spelling_and_an_unknown_one_is_kept(upgraded: Store) -> None:
    assert [(room.id, room.name) for room in await upgraded.conversations.all_rooms()] == [
        ("general", None),
        ("tech", None),
        ("game", None),
        ("am-nhac-doi-song", "Âm nhạc & Đời sống"),
    ]
    ids = {
        room.id: [message.id for message in (await upgraded.messages.page(Conversation(room.id))).messages]
        for room in await upgraded.conversations.all_rooms()
    }
    assert ids == {"general": [1, 2, 3, 4], "tech": [5, 6, 7, 8], "game": [9, 10, 11], "am-nhac-doi-song": [12]}


async def test_people_whose_names_differ_in_case_stay_two_people(upgraded: Store) -> None:
    both = [await upgraded.accounts.credentials(name, "an") for name in ("An", "an")]
    assert [found[0].username for found in both if found] == ["An", "an"]
    found = await upgraded.accounts.credentials("AN", "an")
    assert found is not None
    assert found[0].username == "An"


async def test_a_name_without_an_account_cannot_log_in_nor_be_taken(upgraded: Store) -> None:
    key = names.key(old_chat.GHOST)
    assert await upgraded.accounts.credentials(old_chat.GHOST, key) is None
    assert old_chat.GHOST not in [user.username for user in await upgraded.accounts.people()]
    with pytest.raises(Rejected):
        await upgraded.accounts.create(old_chat.GHOST, key, "hash")
    ghost = await upgraded.accounts.named(old_chat.GHOST, key)
    assert ghost is not None
    assert ghost.username == old_chat.GHOST


async def test_pictures_in_text_become_pictures(upgraded: Store) -> None:
    an, ngoc = 1, 3
    found = [*(await upgraded.messages.page(TECH)).messages[:2]]
    found += [(await upgraded.messages.page(Conversation.direct(an, ngoc))).messages[2]]
    originals = [
        old_chat.picture((200, 30, 30)),
        old_chat.picture((30, 30, 200), "JPEG"),
        old_chat.picture((30, 160, 30), "JPEG"),
    ]
    for message, original in zip(found, originals, strict=True):
        assert message.content == ""
        [picture] = message.pictures
        stored = await upgraded.pictures.read(picture.id, thumbnail=False)
        assert stored is not None
        assert (stored.data, stored.conversation) == (original, message.conversation)


async def test_a_picture_that_cannot_be_read_says_so_and_is_kept_aside(upgraded: Store, old: Path) -> None:
    damaged = await upgraded.messages.message(TECH, 7)
    assert damaged is not None
    assert damaged.content == "[Ảnh không đọc được · This picture cannot be read]"
    assert damaged.pictures == ()
    [(conversation, message_id, kept)] = ask(old, "SELECT * FROM unreadable_pictures")
    assert (conversation, message_id, kept) == ("tech", 7, old_chat.room_messages()[6][2])


async def test_a_picture_that_could_not_be_read_goes_with_its_message(
    upgraded: Store, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = await upgraded.messages.message(TECH, 7)
    assert damaged is not None
    await upgraded.messages.save([replace(damaged, rev=1_000, removed=True)], watermark=1_000, ceiling=1_000)
    monkeypatch.setattr("chatapp.model.removal.ERASED_AFTER", -1)
    await upgraded.messages.erase_removed()
    assert ask(old, "SELECT * FROM unreadable_pictures") == []


async def test_a_text_that_begins_like_a_picture_stays_a_text(upgraded: Store) -> None:
    message = await upgraded.messages.message(TECH, 8)
    assert message is not None
    assert message.content == old_chat.room_messages()[7][2]


async def test_every_time_is_written_as_ours_and_a_missing_one_is_that_of_the_message_before(upgraded: Store) -> None:
    messages = (await upgraded.messages.page(GENERAL)).messages
    assert [message.created_at for message in messages] == [
        "2024-03-01T01:00:00.000Z",
        "2024-03-01T01:00:05.000Z",
        "2024-03-01T01:01:00.000Z",
        "2024-03-01T01:01:00.000Z",
    ]


async def test_nothing_old_is_unread_and_everything_new_is(upgraded: Store) -> None:
    for user in await upgraded.accounts.people():
        assert set((await upgraded.marks.counts(user.id)).unread.values()) == {0}
    message = Message(1000, 1000, TECH, 1, "An", "mới", "2026-11-22T10:00:00.000Z", "k" * 16)
    await upgraded.messages.save([message], watermark=1000, ceiling=2000)
    assert (await upgraded.marks.counts(3)).unread["tech"] == 1


async def test_direct_conversations_are_listed_latest_first(upgraded: Store) -> None:
    listed = (await upgraded.marks.counts(1)).directs
    assert [user.username for _, user in listed] == [old_chat.GHOST, "Trần Thị Bích Ngọc", "an"]
    assert [user.username for _, user in (await upgraded.marks.counts(4)).directs] == ["Đặng Văn Lâm"]


async def test_new_numbers_begin_above_all_old_ones(upgraded: Store) -> None:
    facts = await upgraded.meta.facts()
    assert facts.watermark == facts.ceiling == 12


# Odd old data


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("general", "general"),
        ("#General", "general"),
        (" PHÒNG CHUNG ", "general"),
        ("Pho\u0300ng Co\u0302ng Nghe\u0323\u0302", "tech"),
        ("phong cong nghe", "tech"),
        ("ＧＡＭＥ", "game"),
        ("", "general"),
        ("  ", "general"),
        ("Général", "general-2"),
        ("Đời sống", "doi-song"),
        ("🎵", "room"),
        ("x" * 500, "x" * 40),
        ("../etc", "etc"),
        ("@1-2", "1-2"),
        ("\x01general", "general-2"),
    ],
)
async def test_a_room_gets_an_id_that_can_stand_in_an_address(path: Path, name: str, room: str) -> None:
    old_chat.make(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO messages (room, sender, message) VALUES (?, 'An', 'tìm tôi')", (name,))
    store = await Store.open(path, prepare)
    page = await store.messages.page(Conversation(room))
    assert page.messages[-1].content == "tìm tôi"
    assert room in [each.id for each in await store.conversations.all_rooms()]
    await store.close()


async def test_rooms_whose_names_look_alike_in_an_address_stay_apart(old: Path) -> None:
    tell(
        old,
        "INSERT INTO messages (room, sender, message) VALUES ('a b', 'An', 'one')",
        "INSERT INTO messages (room, sender, message) VALUES ('a-b', 'An', 'two')",
        "INSERT INTO messages (room, sender, message) VALUES ('A_B', 'An', 'three')",
    )
    await upgrade(old)
    rows = ask(old, "SELECT DISTINCT room, message FROM messages WHERE message IN ('one', 'two', 'three')")
    assert {room for room, _ in rows} == {"a-b", "a-b-2", "a-b-3"}


LOOSE = """
CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, password TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, message TEXT);
INSERT INTO users VALUES (1, 'An', 'x'), (2, 'An', 'y'), (3, 'an', 'z');
INSERT INTO messages VALUES (1, NULL, NULL, NULL), (2, '', '', ''), (5, 'Tech', 'An', 'chào'), (9, 'Tech', 'ai', 'hả');
"""


async def test_a_database_without_constraints_and_later_columns_is_upgraded_too(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(LOOSE)
    store = await Store.open(path, prepare)
    general = (await store.messages.page(GENERAL)).messages
    assert [(message.id, message.author, message.content) for message in general] == [(1, "?", ""), (2, "?", "")]
    tech = (await store.messages.page(TECH)).messages
    assert [(message.id, message.author_id, message.content) for message in tech] == [(5, 1, "chào"), (9, 5, "hả")]
    assert all(TIME.fullmatch(message.created_at) for message in general + tech)
    assert sorted((user.id, user.username) for user in await store.accounts.people()) == [
        (1, "An"),
        (2, "An-2"),
        (3, "an"),
    ]
    await store.close()


async def test_a_picture_of_raw_bytes_or_upper_case_address_is_read(old: Path) -> None:
    data = old_chat.picture((1, 2, 3))
    with closing(sqlite3.connect(old)) as db, db:
        insert = "INSERT INTO messages (room, sender, message, msg_type) VALUES ('Game', 'An', ?, 'image')"
        db.execute(insert, (data,))
        db.execute(insert, (old_chat._data_url(data).replace("data:image/png", "DATA:IMAGE/PNG;name=a.png"),))
        db.execute(insert, ("https://example.com/cat.png",))
    store = await Store.open(old, prepare)
    shown = (await store.messages.page(Conversation("game"))).messages[-3:]
    assert [len(message.pictures) for message in shown] == [1, 1, 0]
    await store.close()


async def test_when_no_picture_can_be_read_at_all_none_is_declared_unreadable(old: Path) -> None:
    async def broken(data: bytes, name: str) -> Prepared:
        raise Rejected("picture_failed")

    assert "cannot read any" in await refusal(old, broken)
    assert len(ask(old, "SELECT * FROM messages WHERE msg_type = 'image'")) == 3
    await upgrade(old)
    assert len(ask(old, "SELECT * FROM pictures")) == 3


# Databases of ours of an earlier version


@pytest.mark.parametrize("version", range(2, len(MIGRATIONS)))
async def test_a_database_of_an_earlier_version_is_upgraded_after_a_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", MIGRATIONS[:version])
        await (await Database.open(path, prepare)).close()
    tell(
        path,
        "INSERT INTO users (id, username, name_key, password) VALUES (1, 'An', 'an', 'x')",
        "INSERT INTO messages (id, rev, room, author_id, sender, message, msg_type, created_at) VALUES"
        " (1, 1, 'tech', 1, 'An', 'chào', 'text', '2026-11-22T10:00:00.000Z')",
    )
    if version == 2:
        stored = old_chat._data_url(old_chat.picture((1, 2, 3)))
        insert = "INSERT INTO messages SELECT 2, room, sender, '{}', 'image', created_at, 2, author_id FROM messages"
        tell(path, insert.format(stored))
    before = dump(path)
    store = await Store.open(path, prepare)
    assert store.adopted is None
    messages = (await store.messages.page(TECH)).messages
    assert [(message.content, len(message.pictures)) for message in messages] == [("chào", 0), ("", 1)][: len(messages)]
    assert len(messages) == (2 if version == 2 else 1)
    await store.close()
    assert beside(path) == [f"chat.db.before-upgrade-{version}"]
    assert dump(path.with_name(f"chat.db.before-upgrade-{version}")) == before


async def test_rooms_and_direct_conversations_of_an_earlier_version_become_rows_with_numbers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", MIGRATIONS[:5])
        await (await Database.open(path, prepare)).close()
    tell(
        path,
        "INSERT INTO rooms VALUES ('am-nhac', 'Âm nhạc', 3)",
        "INSERT INTO directs VALUES (1, '@1-2', 2, 5), (2, '@1-2', 1, 5), (3, '@3-3', 3, 6)",
        # Both have deleted their accounts: only the messages tell that they talked.
        "INSERT INTO private_messages (sender, receiver, message, conversation) VALUES ('', '', 'x', '@4-5')",
    )
    await upgrade(path)
    assert ask(path, "SELECT * FROM conversations ORDER BY number") == [
        (1, "general", "room", None, 0),
        (2, "tech", "room", None, 1),
        (3, "game", "room", None, 2),
        (4, "am-nhac", "room", "Âm nhạc", 3),
        (5, "@1-2", "direct", None, None),
        (6, "@3-3", "direct", None, None),
        (7, "@4-5", "direct", None, None),
    ]


async def test_a_direct_conversation_gets_its_row_with_its_first_message_and_keeps_it(path: Path) -> None:
    store = await Store.open(path, prepare)
    one, other = [await store.accounts.create(name, name, "x") for name in ("an", "binh")]
    talk = Conversation.direct(one.id, other.id)

    async def say(number: int, key: str) -> None:
        message = Message(number, number, talk, one.id, "an", "hi", "", key)
        await store.messages.save([message], watermark=number, ceiling=99)

    rows = "SELECT number, kind FROM conversations WHERE key = '@1-2'"
    await say(10, "one")
    assert ask(path, rows) == [(4, "direct")]
    await say(11, "two")
    with pytest.raises(sqlite3.IntegrityError):
        await say(12, "two")
    await store.close()
    assert ask(path, rows) == [(4, "direct")]


KILLED_AT_THE_END = """
import asyncio, sys
from pathlib import Path
from chatapp.store import Store
from chatapp.store.sqlite import schema

async def hang(db, prepare):
    await last(db, prepare)
    print("here", flush=True)
    while True:
        pass

*others, last = schema.MIGRATIONS
schema.MIGRATIONS = (*others, hang)
asyncio.run(Store.open(Path(sys.argv[1]), None))
"""


async def test_a_migration_that_is_killed_before_its_commit_is_not_begun_and_the_next_start_completes_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", MIGRATIONS[:-1])
        await (await Database.open(path, prepare)).close()
    tell(path, "INSERT INTO directs VALUES (1, '@1-2', 2, 5), (2, '@1-2', 1, 5)")
    before, unharmed = dump(path), tmp_path / "there" / "chat.db"
    unharmed.parent.mkdir()
    unharmed.write_bytes(path.read_bytes())
    await upgrade(unharmed)
    with subprocess.Popen([sys.executable, "-c", KILLED_AT_THE_END, str(path)], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"here\n"
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert dump(path) == before
    await upgrade(path)
    assert dump(path) == dump(unharmed)


# An upgrade that does not end


async def test_an_adoption_that_fails_leaves_the_file_as_it_was(old: Path) -> None:
    before = old.read_bytes()

    async def broken(data: bytes, name: str) -> Prepared:
        raise RuntimeError("out of luck")

    for _ in range(3):
        assert "It was not changed." in await refusal(old, broken)
        assert old.read_bytes() == before
        assert beside(old) == []
    await upgrade(old)
    assert len(ask(old, "SELECT * FROM pictures")) == 3


KILLED = """
import asyncio, sqlite3, sys
from pathlib import Path
from chatapp.store.sqlite.adoption import copies
from chatapp.store.sqlite.adoption.transfer import Transfer
from chatapp.store import Store
from chatapp.store.sqlite.database import Database

def hang(*ignored):
    print("here", flush=True)
    while True:
        pass

async def prepare(data, name):
    hang()

replace = copies.replace
stage = sys.argv[2]
if stage == "copied":
    Transfer.run = hang
elif stage == "kept":
    copies.replace = hang
elif stage == "replacing":
    def half(path, new, before):
        with sqlite3.connect(new) as source, sqlite3.connect(path) as target:
            target.execute("PRAGMA cache_size = 1")  # so that pages are written long before the end
            source.backup(target, pages=20, progress=hang)
    copies.replace = half
elif stage == "replaced":
    copies.replace = lambda *given: hang(replace(*given))
asyncio.run(Store.open(Path(sys.argv[1]), prepare))
"""


@pytest.mark.parametrize("stage", ["copied", "picture", "kept", "replacing", "replaced"])
async def test_killing_an_adoption_leaves_it_undone_or_done_and_the_next_start_completes_it(
    old: Path, tmp_path: Path, stage: str
) -> None:
    if stage in ("kept", "replacing", "replaced"):
        tell(
            old,
            "DELETE FROM messages WHERE msg_type = 'image'",
            "DELETE FROM private_messages WHERE message LIKE 'data:%'",
        )
    original, before = dump(old), old.read_bytes()
    command = [sys.executable, "-c", KILLED, str(old), stage]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "here\n"
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    if stage == "replacing":
        assert old.read_bytes() != before
        assert old.with_name("chat.db-journal").stat().st_size > 0
    elif stage == "replaced":
        assert ask(old, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    else:
        assert old.read_bytes() == before
    unharmed = tmp_path / "there" / "chat.db"
    unharmed.parent.mkdir()
    unharmed.write_bytes(before)
    os.utime(unharmed, ns=(old.stat().st_mtime_ns, old.stat().st_mtime_ns))
    await upgrade(old)
    await upgrade(unharmed)
    chance = r"VALUES\('(epoch|cookie_key)'.*|'[\w-]{22}'|\d{10}(?=\))|'2026-\d\d-\d\dT[\d:.]+Z'"
    assert [re.sub(chance, "…", line) for line in dump(old)] == [re.sub(chance, "…", line) for line in dump(unharmed)]
    assert dump(old.with_name("chat.db.before-upgrade-0")) == original
    assert beside(old) == ["chat.db.before-upgrade-0", "there"]


async def test_a_copy_that_was_not_finished_is_made_anew(old: Path) -> None:
    original = dump(old)
    old.with_name("chat.db.before-upgrade-0.part").write_bytes(b"half of it")
    await upgrade(old)
    assert beside(old) == ["chat.db.before-upgrade-0"]
    assert dump(old.with_name("chat.db.before-upgrade-0")) == original


# What is not ours


@pytest.mark.parametrize(
    ("missing", "statements"),
    [
        (
            "it has no table of users and it has no table of messages",
            ["CREATE TABLE songs (title TEXT)", "INSERT INTO songs VALUES ('Diễm xưa')"],
        ),
        (
            "its table users has no column for a password and its table messages has no column for a sender",
            ["CREATE TABLE users (id INTEGER, email TEXT)", "CREATE TABLE messages (id INTEGER, body TEXT)"],
        ),
        ("it has no table of messages", ["CREATE TABLE users (id INTEGER, username TEXT, password TEXT)"]),
        (
            "it has no table of users and it has no table of messages",
            ["CREATE TABLE songs (title TEXT)", "PRAGMA user_version = 77"],
        ),
    ],
)
async def test_a_database_of_another_program_is_refused_and_not_touched(
    path: Path, missing: str, statements: list[str]
) -> None:
    tell(path, *statements)
    path.chmod(0o644)
    before = path.read_bytes()
    assert await refusal(path) == (
        f"{path} is the database of another program: {missing}. Choose another file with --database."
    )
    assert path.read_bytes() == before
    assert beside(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


async def test_a_file_that_is_no_database_is_refused_and_not_touched(path: Path) -> None:
    path.write_text("Kính gửi thầy cô, " * 500, "utf-8")
    before = path.read_bytes()
    assert await refusal(path) == f"{path} is not a database. Choose another file with --database."
    assert path.read_bytes() == before
    assert beside(path) == []


async def test_a_newer_database_is_refused_and_not_touched(path: Path) -> None:
    await upgrade(path)
    tell(path, "PRAGMA user_version = 99")
    before = dump(path)
    sentence = await refusal(path)
    assert sentence.startswith(f"{path} was written by a newer chatapp (its schema is 99, this program knows 6).")
    assert dump(path) == before
    assert beside(path) == []


async def test_a_database_that_another_program_has_locked_is_refused(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert await refusal(old) == f"{old} is locked by another program. Close that program and start again."


async def test_a_damaged_database_is_refused_with_a_sentence(old: Path) -> None:
    data = bytearray(old.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    old.write_bytes(data)
    sentence = await refusal(old)
    assert sentence.startswith(f"{old} is damaged: ")
    assert "save what can be saved with `sqlite3 " in sentence
    assert old.read_bytes() == data
    assert beside(old) == []


@pytest.mark.parametrize("where", ["", "nowhere/chat.db", "file/chat.db"])
async def test_a_place_where_no_database_can_be_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / where
    assert (await refusal(place)).startswith(f"Cannot open {place}: ")


async def test_a_folder_that_cannot_be_written_is_refused() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a folder that refuses even root")
    assert (await refusal(Path("/proc/chat.db"))).startswith("Cannot open /proc/chat.db: ")


# How the statements find their rows

SMALL = ("meta", "departures", "page", "asked")  # tables of a handful of rows; a page has fifty
SORT = "USE TEMP B-TREE FOR ORDER BY"
ALLOWED = {
    "Accounts.create": {"SCAN users"},  # looks at every name for one that looks alike; registrations are few
    "Accounts.people": {"SCAN users USING INDEX users_name_key"},  # everybody is what is asked for
    "Accounts.deleted": {"SCAN users"},  # once, at the start
    "Accounts.credentials": {SORT},  # of two rows: by name and by key
    "Accounts.named": {SORT},
    "AccountDeletion.erase": {"SCAN unreadable_pictures"},  # grows only when an old database is upgraded
    "Messages.erase_removed": {"SCAN unreadable_pictures"},
}


def calls(store: Store, picture: Prepared) -> dict[str, list[Callable[[], Awaitable[object]]]]:
    """Return calls of every public method of the store's parts, with the ways through each."""
    one, talk = Conversation("tech"), Conversation.direct(1, 2)

    async def erase_removed() -> None:
        async with store._database.transaction() as db:
            await db.executemany("INSERT INTO removals VALUES (?, 999, 0)", [(one.key,), (talk.key,)])
        await messages.erase_removed()

    def message(number: int, where: Conversation, *pictures: Any) -> Message:
        return Message(number, number, where, 1, "An", "hi", "", f"key-{number:012}", pictures)

    async def save() -> None:
        shown = await store.pictures.add(1, one, picture)
        batch = [message(10, one, shown), message(11, talk)]
        await store.messages.save(batch, watermark=11, ceiling=99, undo=[(3, None), (4, None)])
        changed = [replace(row, rev=row.id + 2, content="ho", edited_at="") for row in batch]
        removed = [replace(row, rev=row.id + 4, removed=True) for row in changed]
        await store.messages.save(changed + removed, watermark=15, ceiling=99)
        await store.messages.save([], watermark=15, ceiling=99, undo=[(row.id, row) for row in batch])

    accounts, messages, marks, deletions = store.accounts, store.messages, store.marks, store.deletions
    return {
        "Accounts.create": [lambda: accounts.create("An", "an", "x"), lambda: accounts.create("Bình", "bình", "x")],
        "Messages.save": [save],
        "Messages.page": [
            lambda: messages.page(one),
            lambda: messages.page(talk),
            lambda: messages.page(one, before=20),
            lambda: messages.page(talk, before=20),
            lambda: messages.page(one, after=1),
            lambda: messages.page(talk, after=1),
        ],
        "Messages.around": [lambda: messages.around(one, 10), lambda: messages.around(talk, 11)],
        "Messages.first_unread": [lambda: messages.first_unread(one, 1, 5), lambda: messages.first_unread(talk, 1, 5)],
        "Messages.changes": [lambda: messages.changes(one, 1, 500), lambda: messages.changes(talk, 1, 500)],
        "Messages.posted": [lambda: messages.posted([(1, "key-000000000010"), (2, "key-000000000011")])],
        "Messages.message": [lambda: messages.message(one, 10), lambda: messages.message(talk, 11)],
        "Conversations.of_message": [lambda: store.conversations.of_message(10)],
        "Conversations.of_user": [lambda: store.conversations.of_user(2)],
        "Conversations.all_rooms": [store.conversations.all_rooms],
        "Messages.authored": [lambda: messages.authored(one, 1), lambda: messages.authored(talk, 1)],
        "Messages.versions": [lambda: messages.versions(message(10, one))],
        "Messages.erase_removed": [erase_removed],
        "Accounts.credentials": [lambda: accounts.credentials("An", "an")],
        "Accounts.user": [lambda: accounts.user(1)],
        "Accounts.named": [lambda: accounts.named("An", "an")],
        "Accounts.people": [accounts.people],
        "Accounts.deleted": [accounts.deleted],
        "Accounts.password": [lambda: accounts.password(1)],
        "Accounts.set_password": [lambda: accounts.set_password(1, "x", before="x")],
        "Accounts.change_password": [
            lambda: accounts.change_password(1, "x", before="x", session=("s", "t")),
        ],
        "Accounts.set_language": [lambda: accounts.set_language(1, "vi")],
        "Accounts.set_theme": [lambda: accounts.set_theme(1, "dark")],
        "Accounts.set_last_conversation": [lambda: accounts.set_last_conversation(1, "tech")],
        "Accounts.last_conversation": [lambda: accounts.last_conversation(1)],
        "Accounts.open_session": [lambda: accounts.open_session("s", 1, "", "x")],
        "Accounts.session": [lambda: accounts.session("s", idle_days=1, days=1)],
        "Accounts.still_open": [lambda: accounts.still_open(["s", "t"])],
        "Accounts.touch_session": [lambda: accounts.touch_session("s")],
        "Accounts.close_session": [lambda: accounts.close_session("s")],
        "Accounts.close_other_sessions": [lambda: accounts.close_other_sessions(1, "s")],
        "Accounts.log_ins": [lambda: accounts.log_ins(1, idle_days=1, days=1)],
        "Accounts.sweep_sessions": [lambda: accounts.sweep_sessions(idle_days=1, days=1)],
        "AccountDeletion.begin": [lambda: deletions.begin(2, password="x", stamp=20, removing=True)],
        "AccountDeletion.under_way": [deletions.under_way],
        "AccountDeletion.anonymise": [lambda: deletions.anonymise(one, 2), lambda: deletions.anonymise(talk, 2)],
        "AccountDeletion.erase": [lambda: deletions.erase(one, [10]), lambda: deletions.erase(talk, [11])],
        "AccountDeletion.end": [lambda: deletions.end(2)],
        "Marks.move": [lambda: marks.move([(1, "tech", 5)])],
        "Marks.counts": [lambda: marks.counts(1)],
        "Pictures.add": [lambda: store.pictures.add(1, one, picture)],
        "Pictures.read": [lambda: store.pictures.read("x", thumbnail=True)],
        "Pictures.sweep": [store.pictures.sweep],
        "Pictures.discard": [lambda: store.pictures.discard(["x"])],
        "Meta.facts": [store.meta.facts],
        "Meta.reserve": [lambda: store.meta.reserve(5)],
        "SqliteStore.probe": [store.probe],
    }


def public_methods(parts: Iterable[object]) -> set[str]:
    return {
        f"{type(part).__name__}.{name}"
        for part in parts
        for name, _ in inspect.getmembers(part, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


def slow(db: sqlite3.Connection, statement: str) -> set[str]:
    """Return the steps of a statement that take longer the more there is: whole tables, and sorting by hand."""
    plan = [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    scans = {step for step in plan if re.match(r"SCAN (?!CONSTANT|\()", step) and step.split()[1] not in SMALL}
    return scans | {step for step in plan if "TEMP B-TREE" in step}


async def test_no_statement_of_the_store_goes_through_a_table_that_grows(path: Path) -> None:
    store = await Store.open(path, prepare)
    seen: list[str] = []
    database = store._database
    for connection in (database._writer, database._reader):
        await connection.set_trace_callback(seen.append)
    data = old_chat.picture((1, 2, 3))
    table = calls(store, Prepared("cat.png", data, "d"))
    parts = [store.accounts, store.conversations, store.messages, store.marks, store.pictures, store.meta]
    assert public_methods([*parts, store.deletions]) | {"SqliteStore.probe"} == set(table)
    found: dict[str, set[str]] = {}
    with closing(sqlite3.connect(path)) as planner:
        for name, ways in table.items():
            for way in ways:
                seen.clear()
                await way()
                assert seen, f"{name} asked nothing"
                for statement in seen:
                    if re.match("SELECT|INSERT|UPDATE|DELETE|REPLACE", statement):
                        found.setdefault(name, set()).update(slow(planner, statement))
    await store.close()
    assert {name: steps for name, steps in found.items() if steps} == ALLOWED


async def test_old_databases_get_the_same_indexes_as_new_ones(old: Path, tmp_path: Path) -> None:
    await upgrade(old)
    new = tmp_path / "new.db"
    await upgrade(new)
    indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
    assert ask(old, indexes) == ask(new, indexes)
