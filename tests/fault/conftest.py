"""What the fault tests share: servers that are killed at the end, people who leave, and the table of figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from fault.disk import SmallDisk, small_disk
from fault.figures import NAME, Figures
from fault.people import People
from fault.server import Server


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


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    return Figures(record_property)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk of the test's own."""
    (tmp_path / "small").mkdir()
    try:
        with small_disk(tmp_path / "small") as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"THE FULL DISK IS NOT TESTED: {error}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = list(_rows(terminalreporter.stats))
    if rows:
        terminalreporter.section("faults")
        for name, figures in rows:
            terminalreporter.write_line(f"{name}\n    {figures}")


def _rows(stats: dict[str, list[Any]]) -> Iterator[tuple[str, str]]:
    for outcome in ("passed", "failed"):
        for report in stats.get(outcome, []):
            found = [value for name, value in getattr(report, "user_properties", ()) if name == NAME]
            if found and report.when == "call":
                yield report.nodeid.rpartition("::")[2], ", ".join(f"{name} {value}" for name, value in found)
