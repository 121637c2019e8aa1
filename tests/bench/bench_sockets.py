"""Memory of the idle server and of each idle socket, and how fast sockets connect, beside the classic design.

    python tests/bench/bench_sockets.py [--quick]

Memory is what the process holds (VmRSS); the kernel's buffers are not in it. A socket of chatapp counts as connected
when its page has caught up, one of the classic design when its handshake is answered.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import measure
from crowd import Crowd
from measure import Server

from browser import people

PEOPLE = 500  # who open the sockets, several tabs each
STEPS = (1000, 3000)  # sockets in all
REST = 3.0  # seconds for what connecting leaves behind
BEATS = 21.0  # seconds in which every socket hears a beat and is pinged once
FORMS = ("{:.1f}", "{:.1f}", "{:,.0f}", "{:.2f}")
HEADERS = ("server", "sockets", "server MB", "KB per socket", "connecting per s", "CPU ms each", "idle CPU %")


def rows(running: AbstractContextManager[Server], count: int, steps: tuple[int, ...], beats: float) -> list[list[str]]:
    """Return the lines of one server."""
    with running as server:
        found = [[server.name, "0", f"{server.memory() / 1024:.1f}", "-", "-", "-", "-"]]
        cookies = people(server, count) if server.name == "chatapp" else [""]
        before = server.memory()  # what people leave behind is not the sockets'
        with Crowd(server, cookies) as crowd:
            connected = 0
            for step in steps:
                measure.progress(f"{server.name}: {step} sockets")
                cpu = server.cpu()
                seconds = crowd.connect(step - connected)
                cpu, rate = (server.cpu() - cpu) / (step - connected), (step - connected) / seconds
                crowd.rest(REST)
                memory, connected = server.memory(), step
                each = (memory / 1024, (memory - before) / step, rate, cpu * 1000)
                shown = [form.format(value) for form, value in zip(FORMS, each, strict=True)]
                found.append([server.name, f"{step:,}", *shown, "-"])
            if beats:
                found[-1][-1] = f"{idle_share(server, crowd, beats) * 100:.2f}"
        return found


def idle_share(server: Server, crowd: Crowd, seconds: float) -> float:
    """Return the share of a core that the server uses while nobody says anything."""
    cpu = server.cpu()
    crowd.rest(seconds)
    return (server.cpu() - cpu) / seconds


def main() -> None:
    """Run the bench."""
    options = measure.options(__doc__ or "")
    count, steps, beats = (50, STEPS[:1], 0.0) if options.quick else (PEOPLE, STEPS, BEATS)
    found: list[list[str]] = []
    for start in (measure.chatapp, measure.classic):
        found += rows(start(options.host), count, steps, beats)
    note = f"Of {count} people in one room. Memory of a socket: what the server grew by since before the first one."
    measure.show("Idle sockets", HEADERS, found, [note])


if __name__ == "__main__":
    main()
