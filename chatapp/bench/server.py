"""The server under a bench: the real program in its own process, on a temporary database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from chatapp.bench import process
from chatapp.system.startup import CannotStart

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0

# Where clients reach a server that listens on all addresses.
_FOUND = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only if asked for
# A crowd at one address exceeds every limit, and its passwords protect nothing.
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
    """A server that runs as long as the context. Entering raises CannotStart."""

    def __init__(self, host: str, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self._log = folder / "log"
        self._port = _free_port(host)
        self._found = _FOUND.get(host, host)
        self.origin = f"http://{f'[{self._found}]' if ':' in self._found else self._found}:{self._port}"

    def __enter__(self) -> Server:
        # Without the operator's settings: CHATAPP_DATABASE names the database of real people.
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
        """Return the CPU seconds it has used; None where the system does not tell."""
        return process.cpu(self._process.pid)

    def memory(self) -> float | None:
        """Return its resident memory in MB; None where the system does not tell."""
        resident = process.resident(self._process.pid)
        return None if resident is None else resident / 1024

    def why_gone(self) -> str | None:
        """Return a sentence with the end of its log when it has ended; None while it runs."""
        try:
            status = self._process.wait(1)  # its sockets close a moment before it exits
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
    try:
        return process.free_port(host)
    except OSError as error:
        why = (error.strerror or "").partition(" (")[0]  # without what Python adds: the address again
        raise CannotStart(f"Cannot listen on {host}: {why}. Choose another address with --host.") from error
