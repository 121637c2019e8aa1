"""The machine under a bench: its cores, its limits, and its name in the table.

A bench and its clients run on the first core, a server on the second, so that neither takes time from the other and
all servers have the same.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
CLIENT, SERVER = _CORES[:1], _CORES[1:2]


def keep_to(cores: list[int]) -> None:
    """Let this process, and those it will start, run on these cores only, if there are several to choose from."""
    if len(_CORES) > 1:
        os.sched_setaffinity(0, cores)


@contextmanager
def starting_servers() -> Iterator[None]:
    """Start processes on the core of servers: one keeps to the cores of the process that started it."""
    mine = list(os.sched_getaffinity(0))
    keep_to(SERVER)
    try:
        yield
    finally:
        keep_to(mine)


def open_files() -> int:
    """Allow this process, and those it will start, as many open files as it may have. Return how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1_048_576


def describe() -> str:
    """Name the machine and the date, and say how busy it was."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {len(_CORES)} cores of {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
