"""A server that starts loads what it needs and no more: each module costs time at the start, and memory for ever."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What is not needed to serve pages over HTTP, and what it is there for.
NEEDLESS = {
    "PIL": "opens pictures, in a process of its own",
    "babel": "makes catalogues, before a release",
    "chatapp.bench": "a command",
    "chatapp.operate.certificates": "HTTPS",
    "chatapp.operate.commands": "commands",
    "chatapp.workers.reencoding": "opens pictures, in a process of its own",
    "chatapp.store.sqlite.keyring": "commands",
    "chatapp.store.sqlite.integrity": "commands",
    "chatapp.store.sqlite.maintenance": "commands",
    "chatapp.operate.maintenance": "commands",
    "cryptography.x509": "HTTPS",
    "pytest": "tests",
    "segno": "the code for phones, on a terminal",
}
_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def environment(*path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATAPP_")}
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))}


def needless(log: str) -> dict[str, str]:
    """Return what of the list was loaded, with what it is there for."""
    loaded = set(_IMPORTED.findall(log))
    assert "chatapp.cli" in loaded, f"this is no list of what was loaded: {log[:400]}"
    return {name: use for name, use in NEEDLESS.items() if name in loaded}


def loaded_by(*arguments: str, folder: Path, path: tuple[Path, ...] = ()) -> str:
    command = [sys.executable, "-X", "importtime", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(*path), capture_output=True, encoding="utf-8", timeout=60, check=True
    ).stderr


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[str]:
    """Run a server that lists what it loads; yield its URL, and come back when it has ended."""
    command = [sys.executable, "-X", "importtime", "-m", "chatapp", "--host", "127.0.0.1", "--port", "0"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
        ) as server,
    ):
        try:
            assert server.stdout is not None
            found = (re.search(r"http://localhost:(\d+)", line) for line in server.stdout)
            port = next((each[1] for each in found if each), None)
            assert port, f"the server ended before it listened: {log.read_text('utf-8')[-400:]}"
            yield f"http://127.0.0.1:{port}"
            server.terminate()
            server.wait(timeout=30)
        finally:
            server.kill()


def test_the_program_loads_nothing_that_a_server_does_not_need(tmp_path: Path) -> None:
    assert not needless(loaded_by("-c", "import chatapp.cli", folder=tmp_path))


def test_a_server_that_answered_has_loaded_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(tmp_path, log) as url:
        for page in ("/healthz", "/login", "/static/any/css/base.css"):
            with urllib.request.urlopen(url + page) as answer:
                assert answer.status == 200
    text = log.read_text("utf-8")
    assert "chatapp.web.routes" in _IMPORTED.findall(text)
    assert not needless(text)


def test_asking_for_the_version_loads_no_command(tmp_path: Path) -> None:
    assert not needless(loaded_by("-m", "chatapp", "--version", folder=tmp_path))


@pytest.mark.parametrize("name", ["segno", "PIL"])
def test_an_import_too_many_is_noticed(tmp_path: Path, name: str) -> None:
    """The lists above are empty for the right reason."""
    log = loaded_by("-c", f"import chatapp.cli, {name}", folder=tmp_path)
    assert name in needless(log)
