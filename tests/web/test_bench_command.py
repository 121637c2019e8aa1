"""The command ``bench`` measures a server of its own, leaves nothing behind, and never meets the operator's data."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROC = Path("/proc/self/task")
ON_LINUX = pytest.mark.skipif(not PROC.exists(), reason="only Linux tells which processes a process has started")
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
SMALL = ("--clients", "5", "--rate", "20", "--seconds", "1")
# What would break a server that was told, or lead it to what people wrote.
SETTINGS = {
    "CHATAPP_BASE_PATH": "/chat",
    "CHATAPP_HOST": "198.51.100.1",
    "CHATAPP_MESSAGE_BURST": "1",
    "CHATAPP_SOCKETS": "1",
    "CHATAPP_TLS": "self-signed",
}


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATAPP_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | more


@contextlib.contextmanager
def bench(home: Path, *argv: str, before: str = "", **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run a bench in a folder of which ``temporary`` is where its database goes; it ends with the context."""
    (home / "temporary").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "chatapp", "bench", "--folder", "temporary", *argv]
    if before:
        command = ["sh", "-c", f'{before}; exec "$@"', "sh", *command]
    with subprocess.Popen(
        command,
        cwd=home,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)


def wait_until(done: Callable[[], object], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert running.poll() is None, f"the bench ended: {running.communicate()}"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def database(home: Path) -> bool:
    return any((home / "temporary").glob("*/chat.db-wal"))


def servers(running: subprocess.Popen[str]) -> list[int]:
    """Return the processes that a bench has started."""
    tasks = Path(f"/proc/{running.pid}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def is_alone(group: int) -> bool:
    """Tell whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_bench_prints_a_table_and_a_verdict_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with bench(tmp_path, *SMALL) as running:
        output, errors = running.communicate(timeout=90)
    assert (running.returncode, errors) == (0, "")
    rows = dict(re.findall(r"^  (\S.*?) {2,}(\S.*)$", output, re.MULTILINE))
    assert rows["clients"] == "5"
    assert rows["messages per second"] == "20.0"
    assert rows["receipts per second"] == "100"
    assert rows["receipts that never came"] == "0"
    for label in ("half arrive within (p50)", "99 of 100 arrive within (p99)", "99 of 100 are saved within (p99)"):
        assert re.fullmatch(r"[\d,.]+ ms", rows[label])
    assert f"The database was in {tmp_path / 'temporary'}" in output
    assert re.fullmatch(r"Verdict: .*5 clients at 20 messages per second.*\.", output.splitlines()[-1])
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_a_bench_never_touches_the_database_of_the_settings(tmp_path: Path) -> None:
    precious, missing = tmp_path / "precious.db", tmp_path / "missing.db"
    precious.write_bytes(b"what people wrote" * 1000)
    before = precious.read_bytes(), precious.stat().st_mtime_ns
    for path in (precious, missing):
        with bench(tmp_path, *SMALL, **SETTINGS, CHATAPP_DATABASE=str(path)) as running:
            output, errors = running.communicate(timeout=90)
        assert (running.returncode, errors) == (0, "")
        assert "Verdict: " in output
    assert (precious.read_bytes(), precious.stat().st_mtime_ns) == before
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["precious.db", "temporary"]


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (("--host", "0.0.0.0"), 1, "--anywhere allows it"),
        (("--host", "198.51.100.1", "--anywhere"), 1, "Cannot listen on 198.51.100.1: "),
        (("--folder", "nowhere"), 1, "nowhere: No such file or directory"),
        (("--clients", "0"), 2, "--clients: '0' is not a whole number from 1 up to 20000"),
        (("--rate", "0"), 2, "--rate: '0' is not a number from 0.1 up"),
        (("--database", "chat.db"), 2, "unrecognized arguments: --database"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_a_sentence(
    tmp_path: Path, argv: tuple[str, ...], status: int, said: str
) -> None:
    with bench(tmp_path, *argv) as running:
        output, errors = running.communicate(timeout=90)
    assert (running.returncode, output) == (status, "")
    assert said in errors
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_an_address_that_others_can_reach_is_served_when_that_is_wanted(tmp_path: Path) -> None:
    with bench(tmp_path, *SMALL, "--host", "0.0.0.0", "--anywhere") as running:
        output, _ = running.communicate(timeout=90)
    assert (running.returncode, "Verdict: " in output) == (0, True)


@ON_POSIX
def test_too_few_open_files_are_named_with_the_way_out(tmp_path: Path) -> None:
    with bench(tmp_path, "--clients", "500", before="ulimit -n 128") as running:
        _, errors = running.communicate(timeout=90)
    assert running.returncode == 1
    assert "128 files open, and 500 clients need 564" in errors
    assert "ulimit -n 564" in errors
    assert "--clients 64" in errors


@pytest.mark.usefixtures("heard")
@ON_POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_bench_that_is_stopped_takes_its_server_and_its_folder_along(tmp_path: Path, number: int) -> None:
    with bench(tmp_path, "--clients", "5", "--seconds", "600") as running:
        wait_until(lambda: database(tmp_path), running)
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 130
        assert errors == "chatapp: stopped before it was done.\n"
        assert is_alone(running.pid)
    assert not list((tmp_path / "temporary").iterdir())


@ON_LINUX
def test_a_server_that_dies_is_reported(tmp_path: Path) -> None:
    with bench(tmp_path, "--clients", "5", "--seconds", "600") as running:
        wait_until(lambda: database(tmp_path), running)
        for pid in servers(running):
            os.kill(pid, signal.SIGKILL)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert re.match(r"chatapp: The server of the bench ended with status -9\. Its last words: \S", errors)
    assert not list((tmp_path / "temporary").iterdir())
