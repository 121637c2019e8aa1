"""A server under a bench: in processes of its own, on a temporary database, started, stopped and looked at.

CPU seconds and memory are those of all its processes, read from /proc: a bench runs on Linux only. On loopback they
include what the kernel does for the receiving side, so they overstate the cost of a real network, for all servers
alike. Databases are made below the folder for temporary files; ``TMPDIR`` chooses another disk.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import machine

from chatapp.bench import process

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_SECONDS = 15.0
STOP_SECONDS = 15.0

_NO_LIMITS = {
    "CHATAPP_" + name: "0"
    for name in (
        "MESSAGES_PER_SECOND",
        "MESSAGE_BURST",
        "LOGIN_TRIES",
        "ADDRESS_TRIES",
        "REGISTRATIONS",
        "SOCKETS_PER_PERSON",
        "SOCKETS_PER_ADDRESS",
        "SOCKETS",
    )
}


class DidNotStart(SystemExit):
    """A server did not start; the sentence says which one and what it said."""


class Server:
    """A server on a port of its own. ``greets`` tells whether it says when a socket is ready, as chatapp does."""

    def __init__(self, name: str, command: Sequence[str], host: str, folder: Path, *, greets: bool = False) -> None:
        self.name = name
        self.host = host
        self.port = process.free_port(host)
        self.folder = folder
        self.greets = greets
        self._command = [part.format(host=host, port=self.port, folder=folder, here=HERE) for part in command]
        self._environment = environment(os.environ)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        """Return the address of its pages."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def database(self) -> Path:
        """Return the file it writes to, if it writes to one."""
        return self.folder / "chat.db"

    # --- starting and stopping --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it takes connections. Raise DidNotStart."""
        with (self.folder / "log").open("ab") as log, machine.starting_servers():
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise DidNotStart(f"{self.name} did not start:\n{(self.folder / 'log').read_text(errors='replace')}")

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        if self._process is None:
            return
        self.wake()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def sleep(self) -> None:
        """Hold it: while it is not its turn, it takes nothing of the machine."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)  # its session was made for it, so the group holds nobody else
        except ProcessLookupError:
            pass

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Return the first of its processes."""
        assert self._process is not None, "it was started"
        return self._process.pid

    def cpu(self) -> float:
        """Return the CPU seconds spent since it was started, in steps of a hundredth of a second."""
        return sum(process.cpu(pid, ended_children=True) or 0.0 for pid in _family(self.pid))

    def memory(self) -> float:
        """Return the resident memory in KB."""
        return sum(process.resident(pid) or 0.0 for pid in _family(self.pid))


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return what servers are told: nothing of what chatapp is told here otherwise, and to have no limits."""
    others = {key: value for key, value in given.items() if not key.startswith("CHATAPP_")}
    return others | _NO_LIMITS | {"CHATAPP_PASSWORD_COST": "cheapest"}


def _family(pid: int) -> Iterator[int]:
    """Give a process and those it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


# --- which servers there are ----------------------------------------------------------------------------------------


@contextmanager
def serving(
    name: str, command: Sequence[str], host: str, *, configuration: str = "", greets: bool = False
) -> Iterator[Server]:
    """Run a server in a temporary folder, with what it is configured by in a file there. Raise DidNotStart."""
    with tempfile.TemporaryDirectory(prefix="chatapp-bench-") as folder:
        server = Server(name, command, host, Path(folder), greets=greets)
        Path(folder, "configuration").write_text(configuration.replace("@port@", str(server.port)))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def chatapp(host: str, name: str = "chatapp", program: Sequence[str] = ("-m", "chatapp")) -> Iterator[Server]:
    """Run chatapp, without limits, on a new database."""
    flags = ("--host", "{host}", "--port", "{port}", "--database", "{folder}/chat.db")
    with serving(name, [sys.executable, *program, *flags], host, greets=True) as server:
        yield server


@contextmanager
def classic(host: str) -> Iterator[Server]:
    """Run the baseline."""
    command = [sys.executable, "{here}/classic.py", "{host}", "{port}", "{folder}/chat.db"]
    with serving("classic", command, host) as server:
        yield server
