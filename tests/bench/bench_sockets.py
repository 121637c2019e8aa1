"""Memory of the idle server and of each socket, how fast sockets connect, and what it takes to talk to all of them.

    python tests/bench/bench_sockets.py [--quick]

Up to ten thousand sockets in twenty rooms on one process, beside the classic design. Memory is what the process holds
(VmRSS); the kernel's buffers are not in it. A socket of chatapp counts as connected when its page has caught up, one of
the classic design when its handshake is answered. Delays include what the client needs to read from all sockets.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

import machine
import measure
from crowd import Crowd
from measure import Server

from browser import Browser, people

PEOPLE = 500  # who open the sockets, several tabs each
ROOMS = [f"room-{number}" for number in range(20)]
FEW = 100  # sockets while the idle server is watched
STEPS = (1000, 10_000)  # sockets in all
SPARE = 200  # open files that are not sockets
STARTS = 5
REST = 3.0  # seconds for what connecting leaves behind
BEATS = 21.0  # seconds in which every socket hears a beat and is pinged once
RATE = 10  # messages a second
TALK = 5.0  # seconds
HEADERS = (
    "server",
    "sockets",
    "server MB",
    "KB per socket",
    "connecting per s",
    "CPU ms each",
    "idle CPU %",
    "10 msg/s: p50, p99 ms",
    "10 msg/s per room: p50, p99 ms",
    "lost",
)


def furnish(server: Server) -> None:
    """Make rooms: there is no other way yet than to write them into the database while nobody uses it."""
    server.stop()
    with closing(sqlite3.connect(server.database)) as db, db:
        db.executemany(
            "INSERT INTO conversations (key, kind, name, position) VALUES (?, 'room', ?, ?)",
            [(room, room, n + 9) for n, room in enumerate(ROOMS)],
        )
    server.start()


def first_answer(server: Server) -> float:
    """Return the seconds from the start to the first page, in the median of some starts."""
    found = []
    for _ in range(STARTS):
        server.stop()
        began = time.perf_counter()
        server.start()
        browser = Browser(server)
        browser.get("/login")
        found.append(time.perf_counter() - began)
        browser.close()
    return measure.median(found)


def rows(server: Server, count: int, steps: list[int], quick: bool) -> Iterator[list[str]]:
    """Give the lines of one server."""
    yield [server.name, "0", f"{server.memory() / 1024:.1f}", *["-"] * (len(HEADERS) - 3)]
    cookies = people(server, count) if server.greets else [""]
    before = server.memory()  # what people leave behind is not the sockets'
    with Crowd(server, cookies, ROOMS) as crowd:
        connected = 0
        for step in (FEW, *steps):
            measure.progress(f"{server.name}: {step} sockets come")
            cpu, more = server.cpu(), step - connected
            rate = more / crowd.connect(more)
            each = (server.cpu() - cpu) / more * 1000
            crowd.rest(REST)
            memory, connected = server.memory(), step
            if step == FEW:
                measure.progress(f"{server.name}: idle")
                talked = [f"{idle_share(server, crowd, 2.0 if quick else BEATS) * 100:.2f}", "-", "-"]
            else:
                measure.progress(f"{server.name}: {step} sockets talk")
                talked = ["-", talk(crowd, RATE), talk(crowd, RATE * len(ROOMS))]
            figures = (f"{memory / 1024:.1f}", f"{(memory - before) / step:.1f}", f"{rate:,.0f}", f"{each:.2f}")
            yield [server.name, f"{step:,}", *figures, *talked, str(crowd.lost)]


def idle_share(server: Server, crowd: Crowd, seconds: float) -> float:
    """Return the share of a core that the server uses while nobody says anything."""
    cpu = server.cpu()
    crowd.rest(seconds)
    return (server.cpu() - cpu) / seconds


def talk(crowd: Crowd, rate: float) -> str:
    """Send so many messages a second, to the rooms in turn. Return half and nearly all of the delays."""
    arrivals = crowd.talk_at(rate, TALK).arrivals
    return f"{arrivals.percentile(0.5):,.0f}, {arrivals.percentile(0.99):,.0f}"


def steps_here(wanted: tuple[int, ...]) -> tuple[list[int], list[str]]:
    """Return the numbers of sockets that this machine's open files allow, and a word if they are fewer."""
    most = machine.open_files() - SPARE
    if most >= wanted[-1]:
        return list(wanted), []
    word = f"A process may open {most + SPARE:,} files here (`ulimit -Hn`), so there are no {wanted[-1]:,} sockets."
    return sorted({min(step, most) for step in wanted}), [word]


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    steps, words = steps_here(STEPS[:1] if options.quick else STEPS)
    count = 50 if options.quick else PEOPLE
    found: list[list[str]] = []
    starts: tuple[AbstractContextManager[Server], ...] = (measure.chatapp(options.host), measure.classic(options.host))
    for running in starts:
        with running as server:
            if server.greets:
                measure.progress("starting again and again")
                began = first_answer(server)
                furnish(server)
            found += rows(server, count, steps, options.quick)
    notes = [
        f"chatapp answered its first request {began:.2f} s after its start (median of {STARTS} starts).",
        f"{count} people in {len(ROOMS)} rooms. Memory of a socket: what the server grew by since before the first.",
        f"{RATE} msg/s: in all rooms together, each message to one. Per room: every socket hears {RATE} a second.",
    ]
    measure.show("Sockets: idle, and talking", HEADERS, found, [*notes, *words])


if __name__ == "__main__":
    main()
