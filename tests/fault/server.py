"""The real server in a process of its own, with its own folder and port, to be killed, stopped and frozen."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds that a start or a stop may take before the test gives up on it

# Everybody here writes faster than people do, from one address.
_UNLIMITED = {
    "CHATAPP_PASSWORD_COST": "cheapest",
    "CHATAPP_MESSAGES_PER_SECOND": "0",
    "CHATAPP_REGISTRATIONS": "0",
    "CHATAPP_ADDRESS_TRIES": "0",
    "CHATAPP_LOGIN_TRIES": "0",
    "CHATAPP_FREE_MEGABYTES": "0",
    "CHATAPP_SOCKETS": "0",
    "CHATAPP_SOCKETS_PER_PERSON": "0",
    "CHATAPP_SOCKETS_PER_ADDRESS": "0",
}
_TROUBLE = re.compile(r"Traceback|exception was never retrieved|was never awaited|CRITICAL")


def free_port() -> int:
    """Return a port nobody uses, below those that the kernel gives to outgoing connections.

    With one of theirs, a page that tries again while the server is down can be connected to itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class Server:
    """One database and one port, and the processes that serve them one after the other."""

    def __init__(
        self,
        folder: Path,
        *,
        command: Sequence[str] = ("-m", "chatapp"),
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        database: Path | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = database or folder / "chat.db"
        self.prefix = list(prefix)
        self.environment = dict(environment or {})
        self._command = list(command)
        self._folder = folder
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    # --- its life ---------------------------------------------------------------------------------------------------

    async def start(self) -> float:
        """Start a process and wait until it can take messages. Return the seconds that took."""
        began = time.monotonic()
        self.spawn()
        while not await self.answers(self.environment.get("CHATAPP_BASE_PATH", "") + "/readyz"):
            assert self._process is not None
            assert self._process.poll() is None, f"the server ended at its start:\n{self.log}"
            assert time.monotonic() - began < PATIENCE, f"the server did not get ready:\n{self.log}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    def spawn(self) -> None:
        """Start a process and wait for nothing."""
        environment = os.environ | _UNLIMITED | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | self.environment
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--database", str(self.database)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, sys.executable, *self._command, *options],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """End the process as a power cut would, as far as a program can tell."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> tuple[int, float]:
        """Ask the process to end. Return its exit status and the seconds it took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        status = await self.ended()
        return status, time.monotonic() - began

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit status."""
        assert self._process is not None
        status = await asyncio.to_thread(self._process.wait, PATIENCE)
        self._process = None
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send the server a signal."""
        os.kill(self.pid, number)

    @property
    def runs(self) -> bool:
        """Tell whether there is a process."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return the process id of the server itself, not of what it was started by."""
        assert self._process is not None
        if not self.prefix:
            return self._process.pid
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    # --- what can be seen of it -------------------------------------------------------------------------------------

    async def answers(self, path: str) -> bool:
        """Tell whether a GET of a path is answered with 200."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except OSError:  # TimeoutError is one too
            return False

    @property
    def log(self) -> str:
        """Return everything that its processes said."""
        return self._log.read_text(errors="replace")

    @property
    def trouble(self) -> list[str]:
        """Return the lines of the log that no fault excuses."""
        lines = self.log.splitlines()
        return ["\n".join(lines[at : at + 25]) for at, line in enumerate(lines) if _TROUBLE.search(line)]

    @property
    def resident(self) -> float:
        """Return the memory it holds, in MB."""
        [line] = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(line) / 1024

    @property
    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def sockets(self) -> int:
        """Return how many of these are sockets."""
        return sum(one.startswith("socket:") for one in self._open())

    def _open(self) -> Iterator[str]:
        for one in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed in this moment
                yield str(one.readlink())

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self.runs:
            self.signal(signal.SIGCONT)
            await self.kill()
