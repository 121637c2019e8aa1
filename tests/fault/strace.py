"""strace around a living server: let calls fail, make them slow, or write down their order."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fault.server import PATIENCE

SYNC = "fdatasync,fsync"
_CALL = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. )?(?P<name>\w+)(?P<rest>.*)$")

needed = pytest.mark.skipif(shutil.which("strace") is None, reason="STRACE IS NOT INSTALLED: apt-get install strace")


@asynccontextmanager
async def attached(pid: int, *options: str) -> AsyncIterator[None]:
    """Trace a process and all its threads, from now to the end of the block."""
    command = ["strace", "-f", "-p", str(pid), *options]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    async with asyncio.timeout(PATIENCE):
        first = await asyncio.to_thread(tracer.stderr.readline)
    assert b"attached" in first, first
    drain = asyncio.create_task(asyncio.to_thread(tracer.stderr.read))
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        await asyncio.to_thread(tracer.wait, PATIENCE)
        await drain
        tracer.stderr.close()


def failing(calls: str, error: str, *, after: int = 0) -> tuple[str, ...]:
    """Return the options that let calls fail with an error, some milliseconds after they began."""
    inject = f"inject={calls}:error={error}" + (f":delay_enter={1000 * after}" if after else "")
    return ("-o", "/dev/null", "-e", f"trace={calls}", "-e", inject)


def slow(calls: str, milliseconds: int) -> tuple[str, ...]:
    """Return the options that make calls wait before they begin."""
    return ("-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:delay_enter={1000 * milliseconds}")


def written(trace: Path) -> tuple[str, ...]:
    """Return the options that write down what goes to the disk and what to the sockets."""
    calls = f"trace=pwrite64,write,writev,sendto,sendmsg,{SYNC}"
    return ("-o", str(trace), "-y", "-s", "65536", "-e", calls)


def acknowledgements(trace: Path) -> tuple[int, int]:
    """Count in a trace how many *saved* left the server, and how many of them before what they say was synced."""
    left = early = 0
    writes = synced = 0  # to the write-ahead log: begun, and those of them that a finished sync covers
    covering: dict[str, int] = {}  # thread -> writes before its running sync
    for line in trace.read_text(errors="replace").splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        thread, name, rest = call["thread"], call["name"], call["rest"]
        if name == "pwrite64" and "-wal>" in rest:
            writes += 1
        elif name in SYNC.split(","):
            if "-wal>" in rest:
                covering[thread] = writes
            if rest.endswith("= 0") and thread in covering:
                synced = max(synced, covering.pop(thread))
        elif r"\"type\":\"saved\",\"keys\"" in rest and name != "pwrite64":
            left += 1
            early += synced < writes
    return left, early
