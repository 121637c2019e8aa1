"""The server of a bench: the real program in a process of its own, on a database that is gone with its folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from chatapp.system.startup import CannotStart

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_PROC = Path("/proc")  # Linux has it; elsewhere the figures of the process stay unknown

# Where a server is found that listens everywhere.
_FOUND = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only if asked for
# A crowd on one address does what no person does, and its passwords protect nothing.
_SETTINGS = {
    "CHATAPP_MESSAGES_PER_SECOND": "0",
    "CHATAPP_MESSAGE_BURST": "0",
    "CHATAPP_REGISTRATIONS": "0",
    "CHATAPP_SOCKETS_PER_PERSON": "0",
    "CHATAPP_SOCKETS_PER_ADDRESS": "0",
    "CHATAPP_SOCKETS": "0",
    "CHATAPP_PASSWORD_COST": "cheapest",
}


class Server:
    """A server as long as the context lasts. Entering raises CannotStart."""

    def __init__(self, host: str, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self._log = folder / "log"
        self._port = _free_port(host)
        self._found = _FOUND.get(host, host)
        self.origin = f"http://{f'[{self._found}]' if ':' in self._found else self._found}:{self._port}"

    def __enter__(self) -> Server:
        # None of the operator's settings may reach it: CHATAPP_DATABASE names what people wrote.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CHATAPP_")}
        flags = ["--host", self._host, "--port", str(self._port), "--database", str(self._folder / "chat.db")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "chatapp", *flags],
                env=environment | _SETTINGS,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def cpu(self) -> float | None:
        """Return the CPU seconds it has used, in steps of a hundredth; None where that cannot be known."""
        try:
            # The name, in parentheses, may hold spaces; user and system time are fields 14 and 15 of proc(5).
            fields = (_PROC / str(self._process.pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float | None:
        """Return its resident memory in MB; None where that cannot be known."""
        try:
            lines = (_PROC / str(self._process.pid) / "status").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), None)

    def why_gone(self) -> str | None:
        """Return a sentence with its last words when it has ended; None while it runs."""
        try:
            status = self._process.wait(1)  # its sockets are closed a moment before it is gone
        except subprocess.TimeoutExpired:
            return None
        said = self._log.read_text("utf-8", "replace").strip().splitlines()
        last = said[-1].removeprefix("chatapp: ") if said else "it said nothing"
        return f"The server of the bench ended with status {status}. Its last words: {last}"

    def _wait_until_it_listens(self) -> None:
        deadline = time.perf_counter() + _START_SECONDS
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise CannotStart(self.why_gone() or "")
            try:
                socket.create_connection((self._found, self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise CannotStart(f"The server of the bench did not listen on {self.origin} within {_START_SECONDS:.0f} s.")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, 0), family=family) as listening:
            return int(listening.getsockname()[1])
    except OSError as error:
        why = (error.strerror or "").partition(" (")[0]  # Python adds what it tried, which says nothing new
        raise CannotStart(f"Cannot listen on {host}: {why}. Choose another address with --host.") from error
