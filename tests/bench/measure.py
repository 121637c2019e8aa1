"""What the benches share: servers on temporary databases, CPU seconds, percentiles and one table.

A bench and its clients run on the first core, the servers on the others, so that neither takes time from the other.
CPU seconds are those of the whole process, read from /proc: a bench runs on Linux only. On loopback they include
what the kernel does for the receiving side, so they overstate the cost of a real network, for all servers alike.
Databases are made below the folder for temporary files; ``TMPDIR`` chooses another disk.
"""

from __future__ import annotations

import argparse
import ipaddress
import math
import os
import platform
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 15.0
STOP_SECONDS = 15.0

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
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


def options(description: str) -> argparse.Namespace:
    """Return what was asked for on the command line, and put this process on its core."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a figure")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on and to connect to")
    parser.add_argument("--anywhere", action="store_true", help="allow an address that other machines can reach")
    given = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        parser.exit(1, "A bench reads CPU times from /proc, which only Linux has.\n")
    if not given.anywhere and not _is_loopback(given.host):
        parser.exit(2, f"{given.host} is not an address of this machine alone; --anywhere allows it all the same.\n")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped and folders removed
    _run_on(_CORES[:1])
    return given


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _run_on(cores: Sequence[int]) -> None:
    if len(_CORES) > 1:
        os.sched_setaffinity(0, cores)


@dataclass(slots=True)
class Server:
    """A server in a process of its own."""

    name: str
    host: str
    port: int
    pid: int

    @property
    def origin(self) -> str:
        """Return the address of its pages."""
        return f"http://{self.host}:{self.port}"

    def cpu(self) -> float:
        """Return the CPU seconds spent so far, in steps of a hundredth of a second."""
        # The name, in parentheses, may hold spaces; user and system time are fields 14 and 15 of proc(5).
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> float:
        """Return the resident memory in KB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@contextmanager
def chatapp(host: str) -> Iterator[Server]:
    """Run chatapp, without limits, on a new database."""
    command = ["-m", "chatapp", "--host", host, "--port", "{port}", "--database", "{folder}/chat.db"]
    with _serving("chatapp", command, host) as server:
        yield server


@contextmanager
def classic(host: str) -> Iterator[Server]:
    """Run the baseline."""
    command = [str(Path(__file__).with_name("classic.py")), host, "{port}", "{folder}/chat.db"]
    with _serving("classic", command, host) as server:
        yield server


@contextmanager
def _serving(name: str, command: list[str], host: str) -> Iterator[Server]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CHATAPP_")}
    environment |= _NO_LIMITS | {"CHATAPP_PASSWORD_COST": "cheapest"}
    with tempfile.TemporaryDirectory(prefix="chatapp-bench-") as folder, Path(folder, "log").open("w+b") as log:
        port = _free_port(host)
        filled = [sys.executable, *(part.format(port=port, folder=folder) for part in command)]
        _run_on(_CORES[1:])  # a process keeps to the cores of the one that started it
        process = subprocess.Popen(filled, cwd=ROOT, env=environment, stdout=log, stderr=log)
        _run_on(_CORES[:1])
        try:
            server = Server(name, host, port, process.pid)
            if not _answers(server, process):
                sys.exit(f"{name} did not start:\n{Path(folder, 'log').read_text()}")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as listening:
        return int(listening.getsockname()[1])


def _answers(server: Server, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((server.host, server.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all are not above; NaN when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def median(values: Iterable[float]) -> float:
    """Return the middle value of those that are known; NaN when there are none."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else math.nan


def spread(values: Sequence[float], form: str = "{:,.0f}") -> str:
    """Return the median of some rounds with the smallest and the largest."""
    return f"{form.format(median(values))} ({form.format(min(values))}-{form.format(max(values))})"


def number(value: float, form: str = "{:.2f}") -> str:
    """Return a figure for the table; a dash when it is unknown."""
    return "-" if math.isnan(value) else form.format(value)


def progress(text: str) -> None:
    """Show what is being done, in one line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def show(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print the table of a bench, with the machine and the date."""
    progress("")
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    print(f"{title}\n{machine()}\n")
    for line in (headers, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("| " + " | ".join(cells) + " |")
    print("".join(f"\n{note}" for note in notes))


def machine() -> str:
    """Name the machine and the date, and say how busy it was."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {len(_CORES)} cores of {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
