"""What the operating system tells about a server process, and a free port for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_PROC = Path("/proc")  # only Linux has it


def free_port(host: str) -> int:
    """Return a port that nobody listens on. Raise OSError when ``host`` is not an address of this computer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:
        return int(listening.getsockname()[1])


def cpu(pid: int, *, ended_children: bool = False) -> float | None:
    """Return the CPU seconds that a process has used, to a hundredth; None where the system does not tell."""
    try:
        # The name, in parentheses, may hold spaces. Fields 14 to 17 of proc(5): user and system time of the process,
        # and of its children that have ended.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float | None:
    """Return the resident memory of a process in KB; None where the system does not tell."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) for line in lines if line.startswith("VmRSS")), None)
