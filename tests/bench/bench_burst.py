"""A thousand messages a second to a thousand sockets, a million deliveries a second, on one core.

    python tests/bench/bench_burst.py [--quick]

Messages leave evenly, whatever becomes of those before (open loop). The classic design is asked for as much as it can
bear, and chatapp for as little in the same run. At the end the database is asked for every message.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass

import measure
from crowd import Crowd, Result
from measure import Server

from browser import people

SOCKETS = 1000
PEOPLE = 200
LITTLE, MUCH = 30, 1000  # messages a second
SECONDS = 20.0
HEADERS = (
    "server",
    "msg/s",
    "deliveries per s",
    "p50 ms",
    "p99 ms",
    "lost",
    "saved p50 ms",
    "saved p99 ms",
    "told saved %",
    "in database %",
    "server CPU %",
    "client CPU %",
    "sent late p99 ms",
)


@dataclass(frozen=True)
class Load:
    """So many messages a second, for some seconds."""

    server: Server
    cookies: list[str]
    rate: int
    seconds: float


def play(load: Load) -> tuple[Result, int]:
    """Let everybody come, and talk. Return what came of it and what was lost."""
    with Crowd(load.server, load.cookies) as crowd:
        crowd.connect(SOCKETS)
        crowd.rest(1.2)  # news of who came goes out within a second
        return crowd.talk_at(load.rate, load.seconds), crowd.lost


def kept(server: Server) -> int:
    """Return how many messages are in the database."""
    with closing(sqlite3.connect(server.database)) as db:
        return int(db.execute("SELECT count(DISTINCT message) FROM messages").fetchone()[0])


def row(load: Load) -> list[str]:
    """Return the line of one load."""
    before = kept(load.server)
    result, lost = play(load)
    seconds = result.messages / load.rate  # without the waiting for what never comes
    return [
        load.server.name,
        f"{load.rate:,}",
        f"{result.deliveries / seconds:,.0f}",
        measure.number(result.arrivals.percentile(0.5), "{:.1f}"),
        measure.number(result.arrivals.percentile(0.99), "{:.1f}"),
        str(lost),
        measure.number(result.saved.percentile(0.5), "{:.1f}"),
        measure.number(result.saved.percentile(0.99), "{:.1f}"),
        f"{len(result.saved) / result.messages * 100:.1f}" if result.saved else "-",
        f"{(kept(load.server) - before) / result.messages * 100:.1f}",
        f"{result.cpu / result.seconds * 100:.0f}",
        f"{result.client / result.seconds * 100:.0f}",
        measure.number(result.late.percentile(0.99), "{:.1f}"),
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    seconds = 3.0 if options.quick else SECONDS
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(start(options.host)) for start in (measure.chatapp, measure.classic))
        cookies = people(ours, PEOPLE)
        loads = (
            Load(theirs, [""], LITTLE, seconds / 4),
            Load(ours, cookies, LITTLE, seconds / 4),
            Load(ours, cookies, MUCH, seconds),
        )
        rows = []
        for load in loads:
            measure.progress(f"{load.server.name}: {load.rate} messages a second for {load.seconds:g} s")
            rows.append(row(load))
    title = (
        f"Burst: {SOCKETS:,} sockets in one room, {MUCH:,} messages a second for {seconds:g} s, the server on one core"
    )
    notes = [
        "Delays count from sending, and include what the client needs to read from all sockets.",
        "Where the client's CPU is near 100 % the delays are the client's as much as the server's.",
    ]
    measure.show(title, HEADERS, rows, notes)


if __name__ == "__main__":
    main()
