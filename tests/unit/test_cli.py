"""The command starts a server that can be reached, says why when it cannot, and stops in good order."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp import __version__, cli
from chatapp.settings import table
from chatapp.system.startup import CannotStart

ROOT = Path(__file__).resolve().parents[2]
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

# The program with an application that never finishes cleaning up.
HANGING = """
import asyncio, sys
from aiohttp import web
from chatapp import cli

async def hang(app):
    print("hanging", flush=True)
    await asyncio.Event().wait()

def create_app(settings):
    app = web.Application()
    app.on_cleanup.append(hang)
    return app

cli.create_app = create_app
cli.GIVE_UP_SECONDS = float(sys.argv[1])
sys.exit(cli.main(["--host", "127.0.0.1", "--port", "0"]))
"""
# The program on a platform whose event loop takes no signal handlers.
DEAF = """
import asyncio, sys
from aiohttp import web
from chatapp import cli

def refuse(*_):
    raise NotImplementedError

loop_factory = cli._loop_factory() or asyncio.new_event_loop
def deaf_loop():
    loop = loop_factory()
    return type("Deaf", (type(loop),), {"add_signal_handler": refuse})()
cli._loop_factory = lambda: deaf_loop

async def say(app):
    print("cleaned up", flush=True)

def create_app(settings):
    app = web.Application()
    app.on_cleanup.append(say)
    return app

cli.create_app = create_app
sys.exit(cli.main(["--host", "127.0.0.1", "--port", "0"]))
"""


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATAPP_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | more


def run(*argv: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chatapp", *argv],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def started(cwd: Path, *argv: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server on a free port; yield its process and its URL once it listens."""
    with subprocess.Popen(
        [sys.executable, "-m", "chatapp", "--host", "127.0.0.1", "--port", "0", *argv],
        cwd=cwd,
        env=environment(CHATAPP_PASSWORD_COST="cheapest"),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if found := re.search(r"http://localhost:(\d+)\S*", line):
                    yield server, f"http://127.0.0.1:{found[1]}"
                    break
            else:
                pytest.fail("the server ended before it listened")
        finally:
            server.kill()


def refused(answer: subprocess.CompletedProcess[str]) -> str:
    """Check that a start ended with one sentence and status 1; return the sentence."""
    assert answer.returncode == 1, answer
    assert answer.stdout == ""
    assert answer.stderr.startswith("chatapp: ")
    assert answer.stderr.count("\n") == 1
    return answer.stderr


def test_version_prints_the_version(tmp_path: Path) -> None:
    answer = run("--version", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, f"chatapp {__version__}\n")


def test_help_shows_every_setting_and_examples(tmp_path: Path) -> None:
    answer = run("--help", cwd=tmp_path)
    assert answer.returncode == 0
    for row in table():
        assert row.variable in answer.stdout
        assert row.flag is None or row.flag in answer.stdout
    assert "python -m chatapp --port 80" in answer.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argv", "variables", "named"),
    [
        (("--port", "abc"), {}, "--port: 'abc'"),
        ((), {"CHATAPP_PORT": "abc"}, "CHATAPP_PORT: 'abc'"),
        (("--language", "fr"), {}, "--language: 'fr'"),
        (("--colour",), {}, "--colour"),
        (("dance",), {}, "'dance' (choose from"),
    ],
)
def test_a_bad_value_ends_with_status_2_and_names_itself(
    tmp_path: Path, argv: tuple[str, ...], variables: dict[str, str], named: str
) -> None:
    answer = run(*argv, cwd=tmp_path, **variables)
    assert answer.returncode == 2
    assert named in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.iterdir())


def test_all_addresses_means_ipv4_and_ipv6_on_one_port() -> None:
    sockets = cli.listen("", 0)
    try:
        assert {each.getsockname()[1] for each in sockets} == {sockets[0].getsockname()[1]}
        assert sockets[0].family == socket.AF_INET
        for each in sockets[1:]:
            assert each.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    finally:
        for each in sockets:
            each.close()


def test_a_machine_without_ipv6_is_served_over_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    create = socket.create_server

    def without_ipv6(address: tuple[str, int], *, family: int, backlog: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return create(address, family=family, backlog=backlog)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    (only,) = cli.listen("", 0)
    with only:
        assert only.family == socket.AF_INET


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is already in use"):
            cli.listen("127.0.0.1", port)


def test_an_address_of_another_computer_is_named() -> None:
    with pytest.raises(CannotStart, match=r"198\.51\.100\.1 does not belong to this computer"):
        cli.listen("198.51.100.1", 0)


def test_a_name_nobody_knows_is_named() -> None:
    with pytest.raises(CannotStart, match=r"no-such-host\.invalid is not known"):
        cli.listen("no-such-host.invalid", 0)


@pytest.mark.usefixtures("heard")
@ON_POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_with_status_0_within_five_seconds(tmp_path: Path, number: int) -> None:
    with started(tmp_path) as (server, url):
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            assert answer.status == 200
        begun = time.monotonic()
        server.send_signal(number)
        assert server.wait(timeout=30) == 0
        assert time.monotonic() - begun < 5


@contextlib.contextmanager
def allowed(files: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a server in a shell that has called ``ulimit``; yield it, and where it writes its log, once it listens."""
    command = ["sh", "-c", f'ulimit {files}; exec "$@"', "sh", sys.executable, "-m", "chatapp"]
    with (
        (cwd / "log").open("w") as log,
        subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"],
            cwd=cwd,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
        ) as server,
    ):
        try:
            wait_for_line(server, "Ctrl")
            yield server, cwd / "log"
        finally:
            server.kill()


@ON_POSIX
def test_fewer_open_files_than_open_tabs_are_said_with_the_way_out(tmp_path: Path) -> None:
    with allowed("-n 512", tmp_path) as (_, log):
        said = log.read_text()
    assert "512 open files" in said
    assert "ulimit -n" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="only Linux tells the limits of another process")
def test_the_number_of_open_files_is_raised_as_far_as_is_allowed(tmp_path: Path) -> None:
    hard = int(re.search(r"Max open files +\d+ +(\d+)", Path("/proc/self/limits").read_text())[1])
    with allowed("-S -n 512", tmp_path) as (server, log):
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        assert f"{min(cli.DESCRIPTORS, hard)} " in re.search(r"Max open files.*", limits)[0]
        assert "open files" not in log.read_text() or hard < cli.DESCRIPTORS


@contextlib.contextmanager
def program(code: str, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a variant of the program up to the point where it listens."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *argv], env=environment(), stdout=subprocess.PIPE, encoding="utf-8"
    ) as server:
        try:
            wait_for_line(server, "Ctrl")
            yield server
        finally:
            server.kill()


def wait_for_line(server: subprocess.Popen[str], text: str) -> None:
    assert server.stdout is not None
    assert any(text in line for line in server.stdout), f"the program ended without saying {text!r}"


@pytest.mark.usefixtures("heard")
@ON_POSIX
def test_a_second_ctrl_c_ends_a_stop_that_hangs() -> None:
    with program(HANGING, "600") as server:
        server.send_signal(signal.SIGINT)
        wait_for_line(server, "hanging")
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == -signal.SIGINT


@ON_POSIX
def test_ctrl_c_in_a_script_leaves_the_server_in_its_background_alone(tmp_path: Path) -> None:
    (tmp_path / "background").write_text('trap "" INT\nexec "$@"\n')
    command = [
        "sh",
        str(tmp_path / "background"),
        sys.executable,
        "-m",
        "chatapp",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, encoding="utf-8") as server:
        try:
            wait_for_line(server, "Ctrl")
            server.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(timeout=1)
            server.terminate()
            assert server.wait(timeout=30) == 0
        finally:
            server.kill()


def test_a_variable_that_means_nothing_ends_the_start_and_every_command(tmp_path: Path) -> None:
    for command, status in (([], 1), (["check"], 2), (["backup", "copy.db"], 1), (["user", "passwd", "lan"], 1)):
        ended = subprocess.run(
            [sys.executable, "-m", "chatapp", *command],
            cwd=tmp_path,
            env=environment() | {"CHATAPP_PROT": "9000"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (
            status,
            "chatapp: CHATAPP_PROT is not a setting: did you mean CHATAPP_PORT?\n",
        )
    assert list(tmp_path.iterdir()) == []


@ON_POSIX
def test_a_stop_that_hangs_is_given_up_with_status_1() -> None:
    with program(HANGING, "0.1") as server:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 1


@pytest.mark.usefixtures("heard")
@ON_POSIX
def test_ctrl_c_cleans_up_where_the_loop_takes_no_signal_handlers() -> None:
    with program(DEAF) as server:
        server.send_signal(signal.SIGINT)
        wait_for_line(server, "cleaned up")
        assert server.wait(timeout=30) == 0


def test_a_server_writes_nothing_for_a_person_to_read_on_its_database(tmp_path: Path) -> None:
    with started(tmp_path) as (server, _):
        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
        server.kill()
    assert "chat.db" in modes
    assert set(modes.values()) == {0}


def test_a_second_server_on_a_database_is_refused(tmp_path: Path) -> None:
    with started(tmp_path):
        sentence = refused(run("--host", "127.0.0.1", "--port", "0", cwd=tmp_path))
    assert "Another chatapp is already using chat.db" in sentence


def test_a_server_on_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} is already in use" in refused(run("--host", "127.0.0.1", "--port", port, cwd=tmp_path))


def test_a_database_in_no_folder_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refused(run("--database", "nowhere/chat.db", cwd=tmp_path))


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    letter = tmp_path / "chat.db"
    letter.write_text("Dear Sir or Madam, " * 100)
    assert "chat.db" in refused(run("--port", "0", cwd=tmp_path))
    assert letter.read_text() == "Dear Sir or Madam, " * 100


def test_a_folder_as_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat.db").mkdir()
    assert "chat.db" in refused(run("--port", "0", cwd=tmp_path))


def test_a_database_of_a_newer_version_is_refused_and_kept(tmp_path: Path) -> None:
    with started(tmp_path) as (server, _):
        server.terminate()
        server.wait(timeout=30)
    with contextlib.closing(sqlite3.connect(tmp_path / "chat.db")) as database:
        database.execute("PRAGMA user_version = 999999")
    assert "newer" in refused(run("--port", "0", cwd=tmp_path))
