"""Benchmark of this machine: a separate server, simulated people who talk in it, a verdict in plain words."""

from __future__ import annotations

import asyncio
import ipaddress
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatapp.bench.crowd import Crowd, Gone
from chatapp.bench.report import Figures, report
from chatapp.bench.server import Server
from chatapp.system import descriptors
from chatapp.system.startup import CannotStart

Progress = Callable[[str], Callable[[int, int], None]]

_SPARE = 64  # open files besides the sockets: libraries, the loop, the log
_SETTLE = 1.5  # seconds after everybody connected: presence is announced within one
_WARM_UP = 1.0  # seconds of talk that are not measured


@dataclass(frozen=True, slots=True)
class Plan:
    """The load to apply."""

    clients: int
    rate: float  # messages per second, in total
    seconds: float
    folder: Path | None = None  # for the temporary database
    host: str = "127.0.0.1"
    anywhere: bool = False  # allow an address that other machines can reach


def run(plan: Plan, progress: Progress) -> str:
    """Run a benchmark and return its report.

    It uses a server and a database of its own in a temporary folder, never those of this machine's operator.
    Raise CannotStart with a sentence for the operator when nothing can be measured.
    """
    if not (plan.anywhere or is_loopback(plan.host)):
        raise CannotStart(
            f"Others could reach the server of the bench: {plan.host!r} is not an address of this computer alone. "
            "--anywhere allows it."
        )
    _check_descriptors(plan.clients)
    progress("starting")(0, 1)
    where = plan.folder and plan.folder.absolute()
    try:
        # On Windows the log may still be open for a moment.
        made = tempfile.TemporaryDirectory(prefix="chatapp-bench-", dir=where, ignore_cleanup_errors=True)
    except OSError as error:
        raise CannotStart(f"Cannot write to {where or 'a temporary folder'}: {error.strerror}.") from error
    with made as folder, Server(plan.host, Path(folder)) as server:
        figures = asyncio.run(_measured(plan, server, Path(folder).parent, progress))
    return report(figures)


async def _measured(plan: Plan, server: Server, folder: Path, progress: Progress) -> Figures:
    try:
        async with Crowd(server.origin) as crowd:
            await crowd.come(plan.clients, progress("connecting"))
            await crowd.rest(_SETTLE)
            await crowd.talk(plan.rate, _WARM_UP)
            used, own, began = server.cpu(), time.process_time(), time.perf_counter()
            heard = await crowd.talk(plan.rate, plan.seconds, progress("talking"))
            own, now, seconds = time.process_time() - own, server.cpu(), time.perf_counter() - began
            share = None if used is None or now is None else (now - used) / seconds
            return Figures(plan.rate, heard, own / seconds, share, server.memory(), folder)
    except Gone as reason:
        raise CannotStart(server.why_gone() or str(reason)) from reason


def _check_descriptors(clients: int) -> None:
    wanted = clients + _SPARE
    allowed = descriptors.allow(wanted)
    if allowed is not None and allowed < wanted:
        raise CannotStart(
            f"This system lets a program have {allowed:,} files open, and {clients:,} clients need {wanted:,}. "
            f"Raise it (ulimit -n {wanted}), or take fewer with --clients {max(1, allowed - _SPARE)}."
        )


def is_loopback(host: str) -> bool:
    """Tell whether an address can only be reached from this computer."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
