"""One server holds the lock of a database, and a dead one holds nothing."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chatapp.system.lock import DatabaseLock
from chatapp.system.startup import CannotStart

HOLDER = """
import sys, time
from pathlib import Path
from chatapp.system.lock import DatabaseLock
lock = DatabaseLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""
WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("INSERT INTO words VALUES ('hai')")
db.commit()
print("written")
"""


def test_a_second_server_is_refused_with_a_sentence(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    with DatabaseLock(database), pytest.raises(CannotStart) as refusal:
        DatabaseLock(database).acquire()
    assert str(refusal.value) == (
        f"Another chatapp is already using {database}. Stop it first, or choose another file with --database."
    )


def test_a_released_lock_can_be_taken_again_and_its_file_stays(tmp_path: Path) -> None:
    lock = DatabaseLock(tmp_path / "chat.db")
    for _ in range(2):
        with lock:
            assert lock.path == tmp_path / "chat.db.lock"
        assert lock.path.exists()
    lock.release()


def test_the_file_of_the_lock_is_for_its_owner_only(tmp_path: Path) -> None:
    with DatabaseLock(tmp_path / "chat.db") as lock:
        assert stat.S_IMODE(lock.path.stat().st_mode) == 0o600


def test_a_link_to_a_database_shares_its_lock(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to("real.db")
    with DatabaseLock(tmp_path / "real.db"), pytest.raises(CannotStart):
        DatabaseLock(tmp_path / "link.db").acquire()


def test_a_hard_link_to_a_database_shares_its_lock(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.hardlink_to(tmp_path / "real.db")
    with DatabaseLock(tmp_path / "real.db"), pytest.raises(CannotStart, match="Another chatapp is already using"):
        DatabaseLock(link).acquire()
    with DatabaseLock(link), pytest.raises(CannotStart, match="Another chatapp is already using"):
        DatabaseLock(tmp_path / "real.db").acquire()


def test_the_lock_goes_with_a_database_that_is_renamed(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    with DatabaseLock(database, create=True):
        renamed = database.rename(tmp_path / "renamed.db")
        with pytest.raises(CannotStart):
            DatabaseLock(renamed).acquire()


def test_a_copy_of_a_database_is_another_one(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    with DatabaseLock(database, create=True):
        copy = Path(shutil.copy(database, tmp_path / "copy.db"))
        with DatabaseLock(copy):
            pass


def test_a_lock_that_is_refused_holds_nothing_of_what_it_took(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").hardlink_to(tmp_path / "real.db")
    with DatabaseLock(tmp_path / "real.db"), pytest.raises(CannotStart):
        DatabaseLock(tmp_path / "link.db").acquire()
    with DatabaseLock(tmp_path / "link.db"):
        pass


def test_only_who_is_to_make_a_database_makes_one(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    with DatabaseLock(database):
        assert not database.exists()
    with DatabaseLock(database, create=True):
        assert stat.S_IMODE(database.stat().st_mode) == 0o600
        assert database.read_bytes() == b""


def test_sqlite_works_on_a_database_that_is_locked_and_does_not_take_the_lock_along(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    with DatabaseLock(database, create=True):
        for mode in ("DELETE", "WAL"):
            for _ in range(2):
                with closing(sqlite3.connect(database)) as db, db:
                    db.execute(f"PRAGMA journal_mode = {mode}")
                    db.execute("CREATE TABLE IF NOT EXISTS words (word)")
                    db.execute("INSERT INTO words VALUES ('một')")
            outside = [sys.executable, "-c", WRITER, str(database)]
            assert subprocess.run(outside, check=True, capture_output=True).stdout.strip() == b"written"
        link = tmp_path / "link.db"
        link.hardlink_to(database)
        inside = subprocess.run([sys.executable, "-c", HOLDER, str(link)], capture_output=True, text=True, check=False)
        assert "Another chatapp is already using" in inside.stderr


@pytest.mark.parametrize("name", ["chat.db", "link.db"])
def test_killing_a_server_frees_its_lock(tmp_path: Path, name: str) -> None:
    database = tmp_path / "chat.db"
    database.touch()
    (tmp_path / "link.db").hardlink_to(database)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(database)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(CannotStart):
                DatabaseLock(tmp_path / name).acquire()
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    with DatabaseLock(tmp_path / name):
        pass


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=f"The folder {tmp_path / 'nowhere'} does not exist"):
        DatabaseLock(tmp_path / "nowhere" / "chat.db").acquire()


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=f"The folder {tmp_path / 'file'} does not exist"):
        DatabaseLock(tmp_path / "file" / "chat.db").acquire()


def test_a_folder_that_refuses_files_is_named() -> None:
    # /proc takes no new file from anybody, root included.
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a folder that refuses even root")
    with pytest.raises(CannotStart, match="/proc"):
        DatabaseLock(Path("/proc/chat.db")).acquire()
