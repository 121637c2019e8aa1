"""Deliveries per server CPU second, beside the classic design and rooms of other stacks that do nothing but broadcast.

    python tests/bench/bench_fanout.py [--quick] [--peers FOLDER]

Eight messages are on their way to everybody at any time (closed loop). Rounds of the servers take turns, and a server
is held while it is not its turn; figures are medians of rounds, with the smallest and largest. chatapp checks, draws,
publishes, saves and marks as saved each message; the classic design saves it; the others only send it on.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import measure
import peers
from crowd import Crowd, Result
from measure import Server

from browser import people
from chatapp.bench.texts import SPEAKERS

IN_FLIGHT = 8
SIZES = (1000, 100)  # sockets
PEOPLE = 200  # who open them, with several tabs each
HEADERS = ("sockets", "server", "deliveries per CPU s", "chatapp is times", "deliveries per s", "bytes each", "lost")
NOTES = (
    "CPU seconds are of all of a server's processes, with the kernel's part. A ratio is of two rounds of one turn.",
    "chatapp and classic write each message to SQLite (WAL, synchronous=FULL); chatapp checks it, draws its HTML and",
    "sends saved marks, too. The others send on what they are given and keep nothing.",
)


@dataclass(slots=True)
class Round:
    """What came of a round."""

    result: Result
    lost: int


def play(server: Server, cookies: list[str], sockets: int, seconds: float) -> Round:
    """Let everybody come, talk for a round, and go: who stayed would be taken for dead while the server is held."""
    server.wake()
    with Crowd(server, cookies if server.greets else [""]) as crowd:
        crowd.connect(sockets)
        crowd.rest(1.1 if server.greets else 0.1)  # news of who came goes out within a second
        played = Round(crowd.talk(IN_FLIGHT, seconds), crowd.lost)
    server.sleep()
    return played


def compare(servers: list[Server], cookies: list[str], sockets: int, rounds: int, seconds: float) -> list[list[str]]:
    """Return the lines of one number of sockets."""
    played: dict[str, list[Round]] = {server.name: [] for server in servers}
    for turn in range(rounds):
        for server in servers:
            measure.progress(f"{sockets} sockets, round {turn + 1} of {rounds}: {server.name}")
            played[server.name].append(play(server, cookies, sockets, seconds))
    ours = played[servers[0].name]
    return [row(sockets, name, mine, ours) for name, mine in played.items()]


def row(sockets: int, name: str, mine: list[Round], ours: list[Round]) -> list[str]:
    """Return the line of one server."""
    ratios = [one.result.per_cpu / other.result.per_cpu for one, other in zip(ours, mine, strict=True)]
    results = [each.result for each in mine]
    return [
        f"{sockets:,}",
        name,
        measure.spread(each.per_cpu for each in results),
        "-" if mine is ours else measure.spread(ratios, "{:.2f}"),
        f"{measure.median(each.deliveries / each.seconds for each in results):,.0f}",
        f"{measure.median(each.size for each in results):,.0f}",
        str(sum(each.lost for each in mine)),
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "", peers="folder with node_modules/ws or ngx_nchan_module.so")
    rounds, seconds, sizes = (1, 0.7, SIZES[1:]) if options.quick else (5, 1.0, SIZES)
    with ExitStack() as stack:
        measure.progress("starting servers")
        servers = [stack.enter_context(start(options.host)) for start in (measure.chatapp, measure.classic)]
        others, words = peers.start(stack, options.host, options.peers)
        cookies = people(servers[0], PEOPLE)
        for server in (*servers, *others):
            server.sleep()
        lines = [compare([*servers, *others], cookies, sockets, rounds, seconds) for sockets in sizes]
    title = f"Fan-out: one room, {IN_FLIGHT} messages in flight from {SPEAKERS} sockets; {rounds} rounds of {seconds} s"
    measure.show(title, HEADERS, [line for part in lines for line in part], [*NOTES, *words])


if __name__ == "__main__":
    main()
