"""How long it takes until everybody is back after a restart, beside as many pages that have missed nothing.

    python tests/bench/bench_storm.py [--quick]

A thousand pages are open when the server stops. It starts, twenty messages are written while they are away, it stops
again and starts again on the same database and port: then all of them come at once, each with its cursor, as our page
does. The baseline comes at once after a restart, too, with cursors that are up to date. Rounds of the two take turns.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import measure
from crowd import Crowd
from measure import Server
from wires import Chunk, Wire

from browser import people

PAGES = 1000
PEOPLE = 500
MISSED = 20  # messages
HEADERS = ("pages that", "all live s", "page p50 ms", "page p99 ms", "server CPU s", "messages each", "lost", "twice")


class Returning(Crowd):
    """A crowd that remembers which messages each of its pages was given."""

    def __init__(self, server: Server, cookies: list[str]) -> None:
        super().__init__(server, cookies)
        self._given: dict[Wire, Counter[int]] = {}

    def _count(self, chunk: Chunk, wires: list[Wire], now: float) -> None:
        super()._count(chunk, wires, now)
        for wire in wires:
            self._given.setdefault(wire, Counter()).update(chunk.numbers)

    def given(self) -> list[Counter[int]]:
        """Return how often each page was given each message, page by page."""
        return [self._given.get(wire, Counter()) for wire in self.everybody]


@dataclass(slots=True)
class Round:
    """All pages once back."""

    seconds: float
    cpu: float  # seconds of the server, its start not included
    waits: list[float]  # seconds from connecting to being live, page by page
    given: float  # messages for a page, on average
    lost: int
    twice: int


def restarted(server: Server, cookies: list[str], missed: int) -> tuple[str, set[int]]:
    """Let everybody come, then stop the server; let messages be written without them; start it again.

    Return where their pages are, as they will say it, and the numbers of the messages.
    """
    with Crowd(server, cookies) as crowd:
        crowd.connect(PAGES)
        query, written = f"since={crowd.upto}&epoch={crowd.epoch}", set[int]()
        server.stop()
    if missed:
        server.start()
        with Crowd(server, cookies) as crowd:
            crowd.connect(1)
            crowd.talk_alone(missed, 0)
            written = crowd.written
        server.stop()  # which saves what is not saved yet
    server.start()
    return query, written


def storm(server: Server, cookies: list[str], missed: int) -> Round:
    """Let everybody come back at once."""
    query, written = restarted(server, cookies, missed)
    with Returning(server, cookies) as crowd:
        cpu = server.cpu()
        seconds = crowd.connect(PAGES, query=query, abreast=PAGES)
        cpu = server.cpu() - cpu
        crowd.rest(0.2)  # for what should not come any more
        given = crowd.given()
    return Round(
        seconds,
        cpu,
        [wire.ready - wire.opened for wire in crowd.everybody],
        sum(each.total() for each in given) / PAGES,
        sum(len(written - each.keys()) for each in given),
        sum(each.total() - len(each) for each in given),
    )


def row(name: str, rounds: list[Round]) -> list[str]:
    """Return the line of one kind of page."""
    waits = [[measure.percentile(each.waits, share) * 1000 for each in rounds] for share in (0.5, 0.99)]
    return [
        name,
        measure.spread([each.seconds for each in rounds], "{:.2f}"),
        *(measure.spread(each) for each in waits),
        measure.spread([each.cpu for each in rounds], "{:.2f}"),
        f"{measure.median(each.given for each in rounds):g}",
        str(sum(each.lost for each in rounds)),
        str(sum(each.twice for each in rounds)),
    ]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    rounds = 1 if options.quick else 5
    kinds = {f"missed {MISSED} messages": MISSED, "missed nothing": 0}
    found: dict[str, list[Round]] = {name: [] for name in kinds}
    with measure.chatapp(options.host) as server:
        measure.progress("people come")
        cookies = people(server, PEOPLE)
        for turn in range(rounds):
            for name, missed in kinds.items():
                measure.progress(f"round {turn + 1} of {rounds}: {PAGES} pages that {name}")
                found[name].append(storm(server, cookies, missed))
    title = f"Storm: {PAGES:,} pages of {PEOPLE} people come back at once after a restart, {rounds} rounds"
    note = "Until a page is live: from connecting to its *ready*. CPU seconds without those of the start."
    measure.show(title, HEADERS, [row(name, each) for name, each in found.items()], [note])


if __name__ == "__main__":
    main()
