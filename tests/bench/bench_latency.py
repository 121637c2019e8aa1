"""The time from sending to receiving and to *saved*, beside chatapp that gathers nothing and beside the classic design.

    python tests/bench/bench_latency.py [--quick]

At an even rate (open loop): a message is sent whatever became of those before. Alone: one message in a quiet room, the
next one some time after it has arrived everywhere. "At once" is chatapp with the gathering of frames taken out, so a
ratio of 1 means that gathering delays nothing. Times include what the client needs to read from all of its sockets.
Rounds of the servers take turns; figures are medians of rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import measure
from crowd import Crowd, Result
from measure import Server

from browser import people

RATE = 50  # messages a second
PAUSE = 0.02  # seconds of quiet before a lone message
BASELINE = "at once"
HEADERS = ("what", "server", "p50 ms", "ratio to at once", "p99 ms", "saved p50 ms", "saved p99 ms", "lost")


@dataclass(frozen=True)
class Load:
    """A way to talk."""

    name: str
    sockets: int
    talk: Callable[[Crowd, int], Result]  # so many messages


LOADS = (
    Load(f"100 sockets, {RATE} messages a second", 100, lambda crowd, messages: crowd.talk_at(RATE, messages / RATE)),
    Load("100 sockets, a message alone", 100, lambda crowd, messages: crowd.talk_alone(messages, PAUSE)),
    Load("2 sockets, a message alone", 2, lambda crowd, messages: crowd.talk_alone(messages, PAUSE)),
)


def at_once(host: str) -> AbstractContextManager[Server]:
    """Run chatapp that writes each frame at once."""
    return measure.chatapp(host, BASELINE, ["tests/bench/at_once.py"])


@dataclass(slots=True)
class Round:
    """What came of a round."""

    result: Result
    lost: int


def play(load: Load, server: Server, cookies: list[str], messages: int) -> Round:
    """Let everybody come, talk for a round, and go: a crowd that is not read from would be taken for dead."""
    with Crowd(server, cookies) as crowd:
        crowd.connect(load.sockets)
        crowd.rest(1.1 if server.greets else 0.1)  # news of who came goes out within a second
        return Round(load.talk(crowd, messages), crowd.lost)


def compare(load: Load, servers: dict[Server, list[str]], rounds: int, messages: int) -> list[list[str]]:
    """Return the lines of one way to talk."""
    played: dict[str, list[Round]] = {server.name: [] for server in servers}
    for turn in range(rounds):
        for server, cookies in servers.items():
            measure.progress(f"{load.name}, round {turn + 1} of {rounds}: {server.name}")
            played[server.name].append(play(load, server, cookies, messages))
    results = {name: [each.result for each in mine] for name, mine in played.items()}
    return [
        [load.name, name, *row(results[name], results[BASELINE]), str(sum(each.lost for each in mine))]
        for name, mine in played.items()
    ]


def row(mine: list[Result], theirs: list[Result]) -> list[str]:
    """Return the figures of one server."""
    ratios = [
        one.arrivals.percentile(0.5) / other.arrivals.percentile(0.5) for one, other in zip(mine, theirs, strict=True)
    ]
    return [
        measure.spread([each.arrivals.percentile(0.5) for each in mine], "{:.2f}"),
        "-" if mine is theirs else measure.spread(ratios, "{:.2f}"),
        measure.number(measure.median(each.arrivals.percentile(0.99) for each in mine)),
        measure.number(measure.median(each.saved.percentile(0.5) for each in mine)),
        measure.number(measure.median(each.saved.percentile(0.99) for each in mine)),
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    rounds, messages = (1, 40) if options.quick else (5, 60)
    rows: list[list[str]] = []
    with ExitStack() as stack:
        servers: dict[Server, list[str]] = {}
        for start in (measure.chatapp, at_once, measure.classic):
            server = stack.enter_context(start(options.host))
            servers[server] = people(server, 100) if server.greets else [""]
        for load in LOADS:
            rows += compare(load, servers, rounds, messages)
    title = f"Latency: {rounds} rounds of {messages} messages; before a lone message {PAUSE * 1000:.0f} ms of quiet"
    measure.show(title, HEADERS, rows)


if __name__ == "__main__":
    main()
