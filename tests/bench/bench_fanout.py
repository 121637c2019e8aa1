"""Deliveries per server CPU second, and the time from sending to receiving, beside the classic design.

    python tests/bench/bench_fanout.py [--quick]

Under load: eight messages are on their way to everybody at any time (closed loop). Latency: so many messages a second,
evenly (open loop), which includes the time that the client needs to read from all of its sockets. Rounds of the two
servers take turns, so that both meet the same neighbours; figures are medians of rounds, with the smallest and largest.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import measure
from crowd import Crowd, Result
from measure import Server

from browser import people

IN_FLIGHT = 8
RATES = {100: 50, 1000: 20}  # messages a second, by sockets
HEADERS = ("sockets", "server", "deliveries per CPU s", "ratio", "msg/s", "p50 ms", "p99 ms", "saved p99 ms", "lost")


@dataclass(slots=True)
class Round:
    """One server, one number of sockets: under load, then at an even rate."""

    load: Result
    even: Result
    lost: int


def play(server: Server, cookies: list[str], sockets: int, seconds: float) -> Round:
    """Connect, let everybody arrive, and talk."""
    with Crowd(server, cookies[:sockets]) as crowd:
        crowd.connect(sockets)
        crowd.rest(1.2)  # news of who came goes out within a second
        load = crowd.talk(IN_FLIGHT, seconds)
        crowd.rest(0.3)
        even = crowd.talk_at(RATES[sockets], seconds)
        return Round(load, even, crowd.lost + crowd.refused)


def row(sockets: int, name: str, mine: list[Round], theirs: list[Round]) -> list[str]:
    """Return the line of one server; the ratio is to the classic round of the same moment."""
    ratios = [one.load.per_cpu / other.load.per_cpu for one, other in zip(mine, theirs, strict=True)]
    ms = {
        share: measure.median(measure.percentile(each.even.latencies, share) * 1000 for each in mine)
        for share in (0.5, 0.99)
    }
    saved = measure.median(measure.percentile(each.even.saved, 0.99) * 1000 for each in mine)
    return [
        f"{sockets:,}",
        name,
        measure.spread([each.load.per_cpu for each in mine]),
        measure.spread(ratios, "{:.2f}"),
        str(RATES[sockets]),
        measure.number(ms[0.5]),
        measure.number(ms[0.99]),
        measure.number(saved),
        str(sum(each.lost for each in mine)),
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    rounds, seconds = (1, 1.0) if options.quick else (5, 2.0)
    rows: list[list[str]] = []
    with ExitStack() as stack:
        servers = [stack.enter_context(start(options.host)) for start in (measure.chatapp, measure.classic)]
        cookies = [people(servers[0], max(RATES)), [""]]
        for sockets in RATES:
            played: dict[str, list[Round]] = {server.name: [] for server in servers}
            for turn in range(rounds):
                for server, known in zip(servers, cookies, strict=True):
                    measure.progress(f"{sockets} sockets, round {turn + 1} of {rounds}: {server.name}")
                    played[server.name].append(play(server, known, sockets, seconds))
            rows += [row(sockets, server.name, played[server.name], played["classic"]) for server in servers]
    measure.show(f"Fan-out: one room, {IN_FLIGHT} messages in flight; latency at an even rate", HEADERS, rows)


if __name__ == "__main__":
    main()
