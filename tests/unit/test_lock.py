"""One server holds the lock of a database, and a dead one holds nothing."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp.lock import DatabaseLock
from chatapp.settings import CannotStart

HOLDER = """
import sys, time
from pathlib import Path
from chatapp.lock import DatabaseLock
lock = DatabaseLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
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


def test_killing_a_server_frees_its_lock(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(database)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(CannotStart):
                DatabaseLock(database).acquire()
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    with DatabaseLock(database):
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
