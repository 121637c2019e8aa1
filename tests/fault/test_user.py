"""An operator gives somebody a new password while the server runs, and while it does not."""

from __future__ import annotations

import asyncio
import os
import pty
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import aiohttp

from fault.server import ROOT, Server

OLD, NEW = "một mật khẩu cũ", "một mật khẩu mới "
COMMAND = (sys.executable, "-m", "chatapp", "user", "passwd")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "CHATAPP_PASSWORD_COST": "cheapest"}
WITHIN = 3.0  # seconds after the command, with room for a slow machine


def browser(server: Server) -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True)
    return aiohttp.ClientSession(server.url, headers={"Origin": server.url}, cookie_jar=jar)


async def enter(page: aiohttp.ClientSession, path: str, password: str, name: str = "Lan") -> int:
    form = {"username": name, "password": password}
    async with page.post(path, data=form, allow_redirects=False) as answer:
        return answer.status


async def logged_in(page: aiohttp.ClientSession) -> bool:
    async with page.get("/settings", allow_redirects=False) as answer:
        return answer.status == 200


def passwd(database: Path, name: str, line: bytes | None) -> tuple[int, str]:
    """Run the command with a line on standard input. Return its exit status and what it said."""
    done = subprocess.run(
        [*COMMAND, name, "--database", str(database)],
        env=ENVIRONMENT,
        input=line,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Return the code that a socket is closed with."""
    while (await socket.receive(timeout=WITHIN)).type != aiohttp.WSMsgType.CLOSE:
        pass
    return socket.close_code


async def test_a_new_password_ends_every_log_in_of_a_running_server_within_seconds(start, figures):
    server = await start()
    async with browser(server) as one, browser(server) as other, browser(server) as minh:
        assert await enter(one, "/register", OLD) == 303
        assert await enter(other, "/login", OLD) == 303
        assert await enter(minh, "/register", OLD, "Minh") == 303
        async with (
            one.ws_connect("/ws?room=general") as first,
            other.ws_connect("/ws?room=tech") as second,
            minh.ws_connect("/ws?room=general") as third,
        ):
            status, said = await asyncio.to_thread(passwd, server.database, "lan", f"{NEW}\n".encode())
            began = time.monotonic()
            assert (status, said) == (
                0,
                "Lan has a new password. Whoever was logged in as Lan is logged out everywhere.\n",
            )
            assert not await logged_in(one)
            assert await asyncio.gather(closed(first), closed(second)) == [4401, 4401]
            figures(closed_after_s=time.monotonic() - began)
            await third.send_json({"type": "beat"})
            while await third.receive_str(timeout=10) != '{"type":"beat"}':
                pass
            assert not await logged_in(other)
            assert await logged_in(minh)
        assert await enter(one, "/login", OLD) == 422
        assert await enter(one, "/login", NEW) == 303
    assert not server.trouble


async def test_the_command_needs_no_server(start):
    server = await start()
    async with browser(server) as page:
        assert await enter(page, "/register", OLD) == 303
        await server.stop()
        assert passwd(server.database, "LAN", NEW.encode())[0] == 0
        await server.start()
        assert not await logged_in(page)
        assert await enter(page, "/login", NEW) == 303


async def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(start):
    server = await start()
    async with browser(server) as page:
        assert await enter(page, "/register", OLD) == 303
        for again, status in ((f"{NEW}x", 1), (NEW, 0)):
            ended, shown = await asyncio.to_thread(typed, server.database, [NEW, again])
            assert ended == status, shown
            assert NEW.strip() not in shown
            assert ("are not the same" in shown) == (status == 1)
            assert await enter(page, "/login", NEW) == (422 if status else 303)


# Makes the terminal that is its standard input the one that passwords are asked for on.
CONTROLLED = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


def typed(database: Path, lines: list[str]) -> tuple[int, str]:
    """Type lines at the prompts of the command on a terminal of its own. Return its status and what was shown."""
    terminal, end = pty.openpty()
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, *COMMAND, "Lan", "--database", str(database)],
        env=ENVIRONMENT,
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    ) as process:
        os.close(end)
        for line in lines:
            prompts = shown.count(b": ")
            while shown.count(b": ") == prompts:
                shown += os.read(terminal, 1024)
            os.write(terminal, f"{line}\n".encode())
        try:
            while more := os.read(terminal, 1024):
                shown += more
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(terminal)
        return process.wait(60), shown.decode()


async def test_what_cannot_be_done_is_said_in_a_sentence_and_changes_nothing(start, tmp_path):
    server = await start()
    async with browser(server) as page:
        for name in ("Lan", "Bình", "Minh", "Long thành"):
            assert await enter(page, "/register", OLD, name) == 303
        await server.stop()

    def rows() -> list[str]:
        with closing(sqlite3.connect(server.database)) as db:
            return list(db.iterdump())

    before = rows()
    for name, line, words in (
        ("binh", f"{NEW}\n".encode(), "Did you mean Bình"),
        ("Lann", f"{NEW}\n".encode(), "Did you mean Lan"),
        ("zzzz", f"{NEW}\n".encode(), "Nobody with an account is called zzzz.\n"),
        ("x\x1b[31m" * 90, f"{NEW}\n".encode(), "Nobody with an account"),
        ("Lan", b"", "No password was given"),
        ("Lan", b"\n", "No password was given"),
        ("Lan", b"short\n", "at least 8 characters. Nothing was changed."),
        ("Lan", b"x" * 9000, "at most 256 characters"),
        ("Lan", b"password1\n", "one of the first that anyone would try"),
        ("Lan", b"\xff" * 20, "not UTF-8"),
    ):
        status, said = passwd(server.database, name, line)
        assert status == 1, said
        assert words in said
        assert said.startswith("chatapp: ")
        assert said.count("\n") == 1
        assert "\x1b" not in said
    assert rows() == before


async def test_a_database_that_is_missing_or_not_of_this_program_is_neither_made_nor_changed(tmp_path):
    missing, foreign, original = tmp_path / "missing.db", tmp_path / "songs.db", tmp_path / "old.db"
    for path, table in (
        (foreign, "CREATE TABLE songs (title TEXT)"),
        (original, "CREATE TABLE users (id, username, password)"),
    ):
        with closing(sqlite3.connect(path)) as db:
            db.execute(table)
            if path == original:
                db.execute("CREATE TABLE messages (id, room, sender, message)")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path, words in (
        (missing, "There is no database"),
        (foreign, "another program"),
        (original, "Start the server once"),
    ):
        status, said = passwd(path, "Lan", NEW.encode())
        assert status == 1
        assert words in said
        assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
