"""A database can be checked, backed up and restored, and none of it loses or gives away anything."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import old_chat
from chatapp import cli
from chatapp.model import names
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.model.pictures import Picture
from chatapp.operate import maintenance
from chatapp.operate.maintenance import Refused, Report, State
from chatapp.store import Store
from chatapp.system import clock
from chatapp.system.lock import DatabaseLock
from chatapp.system.startup import CannotStart
from chatapp.workers.reencoding import reencode
from pictures import picture

ROOT = Path(__file__).resolve().parents[3]
TECH = Conversation("tech")
TIME = "2026-11-22T10:00:00.000Z"
SESSION = "a session"
CEILING = 5_000  # of the database of these tests
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def quiet(done: int, total: int) -> None:
    """Show no progress."""


async def no_pictures(data: bytes, name: str) -> Any:
    raise AssertionError("there is nothing to convert")


async def say(store: Store, number: int, author: User, where: Conversation = TECH, *pictures: Picture) -> None:
    message = Message(
        number, number, where, author.id, author.username, f"message {number}", TIME, f"key-{number:012d}", pictures
    )
    await store.messages.save([message], watermark=number, ceiling=CEILING)


async def fill(store: Store) -> None:
    an, binh = [await store.accounts.create(name, names.key(name), "hash") for name in ("An", "Bình")]
    await store.accounts.open_session(SESSION, an.id, "a browser", "hash")
    shown = await store.pictures.add(an.id, TECH, reencode(picture(), "tree.png"))
    await say(store, 1_001, an)
    await say(store, 1_002, binh, Conversation.direct(an.id, binh.id))
    await say(store, 1_003, an, TECH, shown)
    await store.marks.move([(an.id, "tech", 1_001), (an.id, Conversation.direct(an.id, binh.id).key, 1_002)])


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """A stopped server's database with two people, three messages and a picture."""
    path = tmp_path / "chat.db"
    store = await Store.open(path, no_pictures)
    await fill(store)
    await store.close()
    return path


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def value(path: Path, sql: str) -> Any:
    with opened(path) as db:
        [[found]] = db.execute(sql)
    return found


def change(path: Path, *statements: str) -> None:
    with opened(path) as db:
        for statement in statements:
            db.execute(statement)


def meta(path: Path, name: str) -> Any:
    with opened(path) as db:
        return dict(db.execute("SELECT name, value FROM meta"))[name]


def contents(path: Path) -> list[Any]:
    with opened(path) as db:
        return [
            db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608
            for table in ("users", "messages", "private_messages", "pictures", "picture_bytes", "sessions")
        ]


def digests(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


def spoil(path: Path, page: int = 3) -> None:
    """Damage a database as a failing disk would."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    data[page * size : (page + 4) * size] = os.urandom(4 * size)
    path.write_bytes(data)


def lose_index_entries(path: Path) -> None:
    """Add a message while the database does not know of one of its indexes."""
    with opened(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        [row] = db.execute("SELECT * FROM sqlite_schema WHERE name = 'messages_room'").fetchall()
        db.execute("DELETE FROM sqlite_schema WHERE name = 'messages_room'")
    change(
        path,
        "INSERT INTO messages (id, rev, room, author_id, sender, message, created_at)"
        " SELECT 1004, 1004, room, author_id, sender, message, created_at FROM messages WHERE id = 1001",
    )
    with opened(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)


async def checked(path: Path) -> Report:
    return await maintenance.check(path, lambda what: quiet)


def crashed(path: Path, folder: Path, *statements: str) -> Path:
    """Copy a database as a crash would leave it: with its last changes in the log only."""
    folder.mkdir()
    with opened(path) as db:
        for statement in statements:
            db.execute(statement)
        for each in (path, path.with_name("chat.db-wal")):
            shutil.copy(each, folder)
    return folder / path.name


# Check


async def test_a_database_in_order_is_called_so_and_stays_as_it_is(database: Path) -> None:
    before = digests(database.parent)
    report = await checked(database)
    assert (report.state, report.found) == (State.FINE, [])
    assert str(report.counts) == "people: 2, messages: 3, pictures: 1"
    assert digests(database.parent) == before


async def test_a_database_is_checked_while_a_server_uses_it(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "chat.db", no_pictures)
    with DatabaseLock(tmp_path / "chat.db"):
        await fill(store)
        report = await checked(tmp_path / "chat.db")
    await store.close()
    assert (report.state, str(report.counts)) == (State.FINE, "people: 2, messages: 3, pictures: 1")


async def test_a_picture_on_its_way_into_a_message_is_in_order(database: Path) -> None:
    store = await Store.open(database, no_pictures)
    await store.pictures.add(1, TECH, reencode(picture(), "late.png"))
    await store.close()
    assert (await checked(database)).state is State.FINE


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE messages SET room = 'cellar' WHERE id = 1001", "messages in rooms that do not exist: 1"),
        ("UPDATE messages SET author_id = 77 WHERE id = 1001", "messages by nobody: 1"),
        ("UPDATE private_messages SET receiver_id = NULL", "direct messages by or to nobody: 1"),
        ("UPDATE messages SET msg_type = 'image' WHERE id = 1001", "messages whose pictures are gone: 1"),
        ("UPDATE private_messages SET msg_type = 'image'", "direct messages whose pictures are gone: 1"),
        ("DELETE FROM picture_bytes WHERE size = 'thumbnail'", "pictures without their bytes: 1"),
        ("DELETE FROM meta WHERE name = 'cookie_key'", "missing from the database's internal records: cookie_key"),
        (
            "UPDATE picture_bytes SET bytes = substr(bytes, 1, 20) WHERE size = 'full'",
            "the picture of message 1003 in tech: This picture is damaged or incomplete.",
        ),
    ],
)
async def test_what_is_missing_is_named_and_a_backup_is_called_for(database: Path, statement: str, line: str) -> None:
    change(database, statement)
    report = await checked(database)
    assert (State.LOST, line) in report.found
    assert report.state is State.LOST
    assert not report.damaged


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("INSERT INTO message_keys VALUES (1, 'k', 'tech', 7)", "keys of messages that are gone: 1"),
        ("INSERT INTO message_keys VALUES (1, 'k', 'game', 1001)", "keys of messages that are gone: 1"),
        ("INSERT INTO read_marks VALUES (77, 'tech', 1)", "read marks without a person or a conversation: 1"),
        ("INSERT INTO read_marks VALUES (1, 'cellar', 1)", "read marks without a person or a conversation: 1"),
        ("INSERT INTO read_marks VALUES (1, '@1-77', 1)", "read marks without a person or a conversation: 1"),
        ("INSERT INTO directs VALUES (1, '@1-77', 77, 5)", "direct conversations without a person: 1"),
        ("INSERT INTO directs VALUES (1, '@1-1', 1, 5)", "members of missing conversations: 1"),
        ("UPDATE pictures SET message_id = 5", "pictures of messages that are gone: 1"),
        ("UPDATE meta SET value = 9 WHERE name = 'ceiling'", "ids above the highest one recorded: 1"),
        ("INSERT INTO sessions VALUES ('s', 77, '', 1, 1)", "rows of sessions that refer to missing users: 1"),
        (
            "INSERT INTO picture_bytes VALUES ('p', 'full', x'00')",
            "rows of picture_bytes that refer to missing pictures: 1",
        ),
    ],
)
async def test_what_points_nowhere_is_found_and_removed_without_a_loss(
    database: Path, statement: str, line: str
) -> None:
    before = contents(database)
    if "pictures SET" in statement:  # the message must not miss it
        change(database, "UPDATE messages SET msg_type = 'text'")
    change(database, statement)
    report = await checked(database)
    assert report.found == [(State.REPAIRABLE, line)]
    maintenance.repair(database)
    assert (await checked(database)).state is State.FINE
    if "pictures SET" not in statement:
        assert contents(database) == before
    assert meta(database, "ceiling") >= 1_003


async def test_a_direct_conversation_that_is_not_on_record_is_put_there_again(database: Path) -> None:
    before = contents(database)
    change(database, "DELETE FROM conversations WHERE kind = 'direct'")
    report = await checked(database)
    assert (State.REPAIRABLE, "direct messages in missing conversations: 1") in report.found
    maintenance.repair(database)
    assert (await checked(database)).state is State.FINE
    assert contents(database) == before


async def test_an_index_that_lacks_rows_is_made_anew(database: Path) -> None:
    lose_index_entries(database)
    report = await checked(database)
    assert report.state is State.REPAIRABLE
    assert any("messages_room" in line for _, line in report.found)
    maintenance.repair(database)
    assert (await checked(database)).state is State.FINE


async def test_many_broken_pictures_make_a_short_report(database: Path) -> None:
    store = await Store.open(database, no_pictures)
    prepared = reencode(picture(), "tree.png")
    shown = [await store.pictures.add(1, TECH, prepared) for _ in range(9)]
    await say(store, 1_004, User(1, "An"), TECH, *shown)
    await store.close()
    change(database, "UPDATE picture_bytes SET bytes = x'00'")
    report = await checked(database)
    assert len(report.found) == 6
    assert report.found[-1] == (State.LOST, "and this many more pictures: 5")


async def test_a_damaged_file_is_called_so_and_neither_repaired_nor_copied(database: Path, tmp_path: Path) -> None:
    spoil(database)
    report = await checked(database)
    assert (report.state, report.damaged) == (State.LOST, True)
    with pytest.raises(Refused):
        maintenance.repair(database)
    with pytest.raises(Refused):
        maintenance.backup(database, tmp_path / "copy.db", quiet)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["chat.db", "chat.db.lock"]


async def test_a_file_whose_first_page_is_gone_is_called_damaged(database: Path) -> None:
    spoil(database, page=0)
    report = await checked(database)
    assert (report.state, report.damaged) == (State.LOST, True)


async def test_a_database_of_the_original_program_waits_for_its_upgrade(tmp_path: Path) -> None:
    old_chat.make(tmp_path / "chat.db")
    report = await checked(tmp_path / "chat.db")
    assert (report.state, report.old) == (State.REPAIRABLE, True)
    with pytest.raises(Refused, match="Start the server"):
        maintenance.repair(tmp_path / "chat.db")


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (["PRAGMA user_version = 999"], "newer"),
        (["DROP TABLE messages"], "another program"),
        (None, "empty"),
    ],
)
async def test_a_file_that_is_no_database_of_ours_is_left_alone(
    database: Path, tmp_path: Path, statements: list[str] | None, sentence: str
) -> None:
    if statements is None:
        database.write_bytes(b"")
    else:
        change(database, *statements)
    (tmp_path / "chat.db.lock").touch()
    before = digests(tmp_path)
    for step in (
        lambda: maintenance.repair(database),
        lambda: maintenance.backup(database, tmp_path / "copy.db", quiet),
        lambda: maintenance.restore(database, tmp_path / "other.db", quiet),
    ):
        with pytest.raises(Refused, match=sentence):
            step()
    with pytest.raises(Refused, match=sentence):
        await checked(database)
    (tmp_path / "other.db.lock").unlink(missing_ok=True)
    assert digests(tmp_path) == before


# Backup


@ON_POSIX
def test_a_backup_holds_everything_in_one_file_for_its_owner_only(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    counts = maintenance.backup(database, folder / "copy.db", quiet)
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    assert str(counts) == "people: 2, messages: 3, pictures: 1"
    assert counts.newest == TIME
    assert contents(folder / "copy.db") == contents(database)
    assert value(folder / "copy.db", "PRAGMA journal_mode") == "delete"
    assert [each.name for each in folder.iterdir()] == ["copy.db"]


async def test_a_backup_of_a_running_server_holds_what_is_in_its_log(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "chat.db", no_pictures)
    with DatabaseLock(tmp_path / "chat.db"):
        await fill(store)
        maintenance.backup(tmp_path / "chat.db", tmp_path / "copy.db", quiet)
        await say(store, 1_004, User(1, "An"))
    await store.close()
    assert value(tmp_path / "copy.db", "SELECT max(id) FROM messages") == 1_003


def test_a_backup_of_a_crashed_server_holds_what_is_in_its_log(database: Path, tmp_path: Path) -> None:
    left = crashed(database, tmp_path / "left", "UPDATE messages SET message = 'late' WHERE id = 1001")
    maintenance.backup(left, tmp_path / "copy.db", quiet)
    assert value(tmp_path / "copy.db", "SELECT message FROM messages WHERE id = 1001") == "late"


def test_what_is_written_during_a_backup_neither_gets_into_it_nor_makes_it_start_over(
    database: Path, tmp_path: Path
) -> None:
    change(database, "CREATE TABLE ballast (data)", *["INSERT INTO ballast VALUES (zeroblob(1000000))"] * 20)
    steps: list[int] = []

    def write(done: int, total: int) -> None:
        steps.append(done)
        change(database, "UPDATE users SET theme = 'dark'", "INSERT INTO ballast VALUES (randomblob(50000))")

    maintenance.backup(database, tmp_path / "copy.db", write)
    assert len(steps) > 10
    assert steps == sorted(set(steps))
    assert value(tmp_path / "copy.db", "SELECT count(*) FROM users WHERE theme = 'dark'") == 0
    assert value(tmp_path / "copy.db", "SELECT count(*) FROM ballast") == 20


def test_a_backup_replaces_a_file_only_when_it_is_told_to(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(Refused, match="already exists"):
        maintenance.backup(database, target, quiet)
    assert target.read_text() == "precious"
    maintenance.backup(database, target, quiet, force=True)
    assert contents(target) == contents(database)


@pytest.mark.parametrize("name", ["chat.db", "chat.db-wal", "chat.db-shm", "chat.db.lock", "link.db", "self/chat.db"])
def test_a_backup_never_replaces_the_database_itself(database: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "link.db").symlink_to(database)
    (tmp_path / "self").symlink_to(tmp_path)
    with pytest.raises(Refused, match="belongs to the database itself"):
        maintenance.backup(database, tmp_path / name, quiet, force=True)
    with pytest.raises(Refused, match="belongs to the database itself"):
        maintenance.backup(tmp_path / "link.db", tmp_path / name, quiet, force=True)


def test_a_backup_never_gets_below_the_log_of_another_database(database: Path, tmp_path: Path) -> None:
    other = crashed(database, tmp_path / "other", "UPDATE messages SET message = 'other'")
    before = digests(other.parent)
    with pytest.raises(Refused, match="in use"):
        maintenance.backup(database, other, quiet, force=True)
    assert digests(other.parent) == before


def test_a_backup_that_is_stopped_leaves_nothing_behind(database: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "copy.db").write_text("yesterday's")
    before = digests(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        maintenance.backup(database, tmp_path / "copy.db", stop, force=True)
    assert digests(tmp_path) == before


def test_a_backup_that_would_fill_the_disk_is_not_begun(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=2**20))
    with pytest.raises(Refused, match="Not enough room"):
        maintenance.backup(database, tmp_path / "copy.db", quiet)


def test_a_backup_into_no_folder_is_refused(database: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist"):
        maintenance.backup(database, tmp_path / "nowhere" / "copy.db", quiet)
    with pytest.raises(Refused, match="is a folder"):
        maintenance.backup(database, tmp_path, quiet)


def test_a_database_of_the_original_program_can_be_backed_up(tmp_path: Path) -> None:
    old_chat.make(tmp_path / "chat.db")
    counts = maintenance.backup(tmp_path / "chat.db", tmp_path / "copy.db", quiet)
    assert counts.people == len(old_chat.PASSWORDS)


# Restore


@pytest.fixture
def copy(database: Path, tmp_path: Path) -> Path:
    """A backup, after which one more message was written."""
    copy = tmp_path / "copy.db"
    maintenance.backup(database, copy, quiet)
    change(database, "UPDATE messages SET message = 'changed later' WHERE id = 1001")
    return copy


def test_a_restored_database_is_the_backup_in_another_epoch(database: Path, copy: Path) -> None:
    epoch = meta(database, "epoch")
    counts, _ = maintenance.restore(copy, database, quiet)
    assert str(counts) == "people: 2, messages: 3, pictures: 1"
    assert contents(database) == contents(copy)
    assert meta(database, "epoch") not in {epoch, meta(copy, "epoch")}
    assert meta(database, "cookie_key") == meta(copy, "cookie_key")
    assert meta(database, "watermark") == meta(copy, "watermark")
    assert meta(copy, "epoch") == epoch


async def test_a_restored_database_can_be_used_and_its_sessions_live(database: Path, copy: Path) -> None:
    maintenance.restore(copy, database, quiet)
    store = await Store.open(database, no_pictures)
    found = await store.accounts.session(SESSION, idle_days=1, days=1)
    await store.close()
    assert found
    assert found[0].user.username == "An"


def test_every_restore_begins_an_epoch_of_its_own(database: Path, copy: Path) -> None:
    epochs = set()
    for _ in range(3):
        maintenance.restore(copy, database, quiet)
        epochs.add(meta(database, "epoch"))
    assert len(epochs) == 3


def now() -> int:
    return clock.Stamper().reserve() - (120_000 << 10)


def note_ceiling(path: Path, ceiling: object) -> None:
    with opened(path) as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'ceiling'", (ceiling,))


@pytest.mark.parametrize("ahead", [0, 10**12])
@pytest.mark.parametrize("whose", ["the backup", "the old one"])
def test_no_number_that_was_ever_handed_out_is_used_again(database: Path, copy: Path, whose: str, ahead: int) -> None:
    highest = now() + ahead
    note_ceiling(copy if whose == "the backup" else database, highest)
    maintenance.restore(copy, database, quiet)
    assert meta(database, "ceiling") >= max(highest, now())


@pytest.mark.parametrize("nonsense", ["high", None, -5, 2**53 + 1, 1e300])
def test_a_ceiling_that_is_nonsense_is_not_believed(database: Path, copy: Path, nonsense: object) -> None:
    note_ceiling(database, nonsense)
    maintenance.restore(copy, database, quiet)
    assert now() <= meta(database, "ceiling") < 2**52


def test_the_old_database_is_kept_with_all_that_was_in_its_log(database: Path, copy: Path, tmp_path: Path) -> None:
    left = crashed(database, tmp_path / "left", "UPDATE messages SET message = 'the last word' WHERE id = 1001")
    _, kept = maintenance.restore(copy, left, quiet)
    assert kept is not None
    assert kept.name.startswith("chat.db.before-restore-")
    assert value(kept, "SELECT message FROM messages WHERE id = 1001") == "the last word"
    assert sorted(each.name for each in left.parent.iterdir()) == ["chat.db", kept.name, "chat.db.lock"]
    assert contents(left) == contents(copy)


def test_a_damaged_database_is_kept_with_its_log_and_does_not_get_into_the_restored_one(
    database: Path, copy: Path, tmp_path: Path
) -> None:
    left = crashed(database, tmp_path / "left", "UPDATE messages SET message = 'from the log'")
    left.write_bytes(b"x" * left.stat().st_size)
    _, kept = maintenance.restore(copy, left, quiet)
    assert kept is not None
    assert any(b"from the log" in each.read_bytes() for each in left.parent.glob(kept.name + "*"))
    assert not (left.parent / "chat.db-wal").exists()
    assert contents(left) == contents(copy)


def test_the_log_of_a_database_that_was_removed_does_not_get_into_the_restored_one(
    database: Path, copy: Path, tmp_path: Path
) -> None:
    left = crashed(database, tmp_path / "left", "UPDATE messages SET message = 'from the log'")
    left.unlink()
    _, kept = maintenance.restore(copy, left, quiet)
    assert kept is None
    assert contents(left) == contents(copy)


@pytest.mark.parametrize("refuse", [True, False])
def test_a_database_is_kept_where_the_file_system_knows_no_second_names(
    database: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, refuse: bool
) -> None:
    def link(*names: object) -> None:
        raise OSError("not supported")

    before = contents(database)
    if refuse:
        monkeypatch.setattr(os, "link", link)
    _, kept = maintenance.restore(copy, database, quiet)
    assert kept is not None
    assert contents(kept) == before
    assert contents(database) == contents(copy)


@ON_POSIX
def test_a_restored_database_is_for_its_owner_only(database: Path, copy: Path) -> None:
    copy.chmod(0o644)
    database.chmod(0o644)
    maintenance.restore(copy, database, quiet)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_database_that_root_restores_belongs_to_whom_it_belonged(database: Path, copy: Path) -> None:
    os.chown(database, 12345, 12345)
    maintenance.restore(copy, database, quiet)
    for path in (database, database.with_name("chat.db.lock")):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


def test_a_backup_is_restored_where_there_was_no_database(copy: Path, tmp_path: Path) -> None:
    maintenance.restore(copy, tmp_path / "new.db", quiet)
    assert contents(tmp_path / "new.db") == contents(copy)


def test_a_link_to_a_database_still_leads_to_it_after_a_restore(database: Path, copy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(database)
    maintenance.restore(copy, link, quiet)
    assert link.is_symlink()
    assert contents(database) == contents(copy)


def test_a_database_that_a_server_uses_is_not_replaced(database: Path, copy: Path) -> None:
    with DatabaseLock(database):
        before = digests(database.parent)
        with pytest.raises(CannotStart, match="Another chatapp is already using"):
            maintenance.restore(copy, database, quiet)
        with pytest.raises(CannotStart, match="Another chatapp is already using"):
            maintenance.repair(database)
        assert digests(database.parent) == before


def test_a_database_that_another_program_reads_is_not_replaced(
    database: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatapp.store.sqlite.maintenance._PATIENCE", 0.1)
    with opened(database) as reader, opened(database) as writer:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchall()
        writer.execute("UPDATE users SET theme = 'dark'")
        with pytest.raises(Refused, match="in use by another program"):
            maintenance.restore(copy, database, quiet)
    assert value(database, "SELECT message FROM messages WHERE id = 1001") == "changed later"


@pytest.mark.parametrize("how", ["damaged", "incomplete", "original", "missing", "itself"])
def test_what_cannot_take_the_place_of_a_database_leaves_it_as_it_was(
    database: Path, copy: Path, tmp_path: Path, how: str
) -> None:
    if how == "damaged":
        spoil(copy)
    elif how == "incomplete":
        change(copy, "DELETE FROM meta WHERE name = 'epoch'")
    elif how == "original":
        copy.unlink()
        old_chat.make(copy)
    elif how == "missing":
        copy.unlink()
    else:
        copy.unlink()
        copy.symlink_to(database)
    (tmp_path / "chat.db.lock").touch()
    before = digests(tmp_path)
    with pytest.raises(Refused):
        maintenance.restore(copy, database, quiet)
    assert digests(tmp_path) == before


def test_a_database_of_another_program_is_not_replaced(database: Path, copy: Path, tmp_path: Path) -> None:
    change(tmp_path / "books.db", "CREATE TABLE books (title)")
    with pytest.raises(Refused, match="another program"):
        maintenance.restore(copy, tmp_path / "books.db", quiet)
    assert value(tmp_path / "books.db", "SELECT count(*) FROM books") == 0


def test_a_restore_that_is_stopped_changes_nothing(database: Path, copy: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "chat.db.lock").touch()
    before = digests(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        maintenance.restore(copy, database, stop)
    assert digests(tmp_path) == before


# The commands


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as the operator does."""

    def run(*argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {name: text for name, text in os.environ.items() if not name.startswith("CHATAPP_")}
        return subprocess.run(
            [sys.executable, "-m", "chatapp", *argv],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(ROOT)} | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_help_of_the_program_lists_every_command_and_each_has_help_with_an_example(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    program = run("--help").stdout
    for name in ("check", "backup", "restore", "rotate-key", "bench"):
        assert f"python -m chatapp {name}" in program
        answer = run(name, "--help")
        assert answer.returncode == 0
        assert f"example:\n  python -m chatapp {name}" in answer.stdout


def test_a_backup_is_made_and_restored_by_command(
    database: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    answer = run("check")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "people: 2, messages: 3, pictures: 1\nEverything is in order." in answer.stdout
    answer = run("backup", "copy.db")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "people: 2, messages: 3, pictures: 1" in answer.stdout
    assert run("backup", "copy.db").returncode == 1
    assert run("backup", "copy.db", "--force").returncode == 0
    answer = run("restore", "copy.db", CHATAPP_DATABASE="chat.db")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "chat.db.before-restore-" in answer.stdout
    assert "2026-11-22 10:00 UTC" in answer.stdout


@pytest.mark.parametrize(
    ("damage", "status", "says"),
    [
        (
            lambda path: change(path, "INSERT INTO directs VALUES (77, '@1-77', 1, 5)"),
            1,
            "check --database {0} --repair",
        ),
        (lambda path: change(path, "DELETE FROM picture_bytes"), 2, "restore FILE --database {0}"),
        (spoil, 2, "restore FILE --database {0}"),
        (Path.unlink, 2, "There is no database at {0}"),
        (lambda path: path.write_text("Dear Sir or Madam, " * 999), 2, "is not a database"),
    ],
)
def test_the_exit_status_of_a_check_says_what_can_be_done(
    database: Path,
    run: Callable[..., subprocess.CompletedProcess[str]],
    damage: Callable[[Path], object],
    status: int,
    says: str,
) -> None:
    damage(database)
    answer = run("check", "--database", "chat.db")
    assert answer.returncode == status
    assert says.format("chat.db") in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr


@ON_POSIX
def test_a_backup_shows_how_far_it_is_to_somebody_who_looks(database: Path, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "chatapp", "backup", "copy.db"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        assert process.wait(timeout=60) == 0
    assert b"copying: 100 %" in os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)


@pytest.mark.usefixtures("heard")
@ON_POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_backup_that_is_told_to_end_leaves_nothing_behind(database: Path, tmp_path: Path, name: str) -> None:
    change(database, "CREATE TABLE ballast (data)", *["INSERT INTO ballast VALUES (zeroblob(10000000))"] * 20)
    before = digests(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "chatapp", "backup", "copy.db"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not any(each.stat().st_size for each in tmp_path.glob("copy.db.*.part")):
            assert process.poll() is None
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "chatapp: stopped before it was done.\n")
    assert digests(tmp_path) == before


def test_a_repair_by_command_ends_with_a_clean_check(
    database: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    change(database, "INSERT INTO read_marks VALUES (77, 'tech', 5)")
    assert run("check").returncode == 1
    answer = run("check", "--repair")
    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (0, "Everything is in order.")


@pytest.mark.parametrize(
    "argv", [("backup",), ("restore",), ("check", "--colour"), ("backup", "a", "b"), ("check", "--database", " ")]
)
def test_a_command_that_is_misspelt_ends_with_status_2(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    assert end.value.code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("backup", "copy.db"), "There is no database at chat.db."),
        (("restore", "copy.db"), "There is no database at copy.db."),
        (("backup", "copy.db", "--database", "/dev/null/chat.db"), "There is no database at"),
    ],
)
def test_a_command_that_fails_says_why_in_one_sentence(
    run: Callable[..., subprocess.CompletedProcess[str]], argv: tuple[str, ...], says: str
) -> None:
    answer = run(*argv)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("chatapp: ")
    assert says in answer.stderr
    assert answer.stderr.count("\n") == 1
