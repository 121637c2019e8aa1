"""What the fault tests share: servers that are killed at the end, people who leave, and the table of figures."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from fault.people import People
from fault.server import Server

FIGURES = "figures"


def amount(name: str, usual: int) -> int:
    """Return how much of something to do: CHATAPP_FAULT_<NAME>, or what a check of every change can afford."""
    return int(os.environ.get(f"CHATAPP_FAULT_{name}", usual))


class Start(Protocol):
    """Start a server; at the end of the test its log must hold no trouble."""

    async def __call__(self, **options: Any) -> Server: ...


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    servers: list[Server] = []

    async def start(**options: Any) -> Server:
        servers.append(Server(tmp_path, **options))
        await servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        await server.__aexit__()
    assert not [line for server in servers for line in server.trouble]


@pytest.fixture
async def gather(figures: Figures) -> AsyncIterator[Callable[..., Awaitable[People]]]:
    """Open the pages of some people: ``people = await gather(server, 10)``."""
    groups: list[People] = []

    async def gather(server: Server, count: int = 10, room: str = "general") -> People:
        groups.append(People(server, room))
        await groups[-1].come(count)
        return groups[-1]

    yield gather
    for people in groups:
        await people.leave()


class Figures:
    """What a fault measured, for the table at the end."""

    def __init__(self, note: Callable[[str, object], None]) -> None:
        self._note = note

    def __call__(self, **figures: object) -> None:
        """Keep figures."""
        for name, value in figures.items():
            self._note(FIGURES, (name, f"{value:.3g}" if isinstance(value, float) else str(value)))

    def progress(self, done: int, of: int, what: str) -> None:
        """Say how far a long test is, to somebody who looks."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {done} of {of} " + ("\n" if done == of else ""))


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    return Figures(record_property)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = list(_rows(terminalreporter.stats))
    if rows:
        terminalreporter.section("faults")
        for name, figures in rows:
            terminalreporter.write_line(f"{name}\n    {figures}")


def _rows(stats: dict[str, list[Any]]) -> Iterator[tuple[str, str]]:
    for outcome in ("passed", "failed"):
        for report in stats.get(outcome, []):
            found = [value for name, value in getattr(report, "user_properties", ()) if name == FIGURES]
            if found and report.when == "call":
                yield report.nodeid.rpartition("::")[2], ", ".join(f"{name} {value}" for name, value in found)
