"""What the benches share: the command line, percentiles and one table."""

from __future__ import annotations

import argparse
import ipaddress
import math
import signal
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import machine
from server import ROOT, Server, chatapp, classic

from chatapp.bench.report import percentile

__all__ = ["ROOT", "Server", "chatapp", "classic", "percentile"]  # most benches need a server, too


def options(description: str, **more: str) -> argparse.Namespace:
    """Return what was asked for on the command line, and put this process on its core.

    ``more`` are flags that take a value, by name, with their explanations.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a figure")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on and to connect to")
    parser.add_argument("--anywhere", action="store_true", help="allow an address that other machines can reach")
    for name, text in more.items():
        parser.add_argument(f"--{name}", help=text)
    given = parser.parse_args()
    if not given.anywhere and not is_loopback(given.host):
        parser.exit(2, f"{given.host} is not an address of this machine alone; --anywhere allows it all the same.\n")
    if not Path("/proc/self/stat").exists():
        parser.exit(1, "A bench reads CPU times from /proc, which only Linux has.\n")
    machine.open_files()
    machine.keep_to(machine.CLIENT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped and folders removed
    return given


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only. A name is not trusted to be one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Times:
    """Many times, each with how often it was seen, to a hundredth of a millisecond."""

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()

    def add(self, seconds: float, times: int = 1) -> None:
        """Count a time."""
        self._seen[int(seconds * 100_000 + 0.5)] += times

    def __len__(self) -> int:
        return self._seen.total()

    def percentile(self, share: float) -> float:
        """Return the smallest time, in milliseconds, that at least ``share`` of all are not above; NaN without any."""
        wanted = max(1, math.ceil(share * len(self)))
        for value, times in sorted(self._seen.items()):
            wanted -= times
            if wanted <= 0:
                return value / 100
        return math.nan


def median(values: Iterable[float]) -> float:
    """Return the middle value of those that are known; NaN when there are none."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else math.nan


def spread(values: Iterable[float], form: str = "{:,.0f}") -> str:
    """Return the median of some rounds with the smallest and the largest; a dash when none is known."""
    known = [value for value in values if not math.isnan(value)]
    return "{} ({}-{})".format(*map(form.format, (median(known), min(known), max(known)))) if known else "-"


def number(value: float, form: str = "{:.2f}") -> str:
    """Return a figure for the table; a dash when it is unknown."""
    return "-" if math.isnan(value) else form.format(value)


def progress(text: str) -> None:
    """Show what is being done, in one line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def show(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print the table of a bench, with the machine and the date."""
    progress("")
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    print(f"{title}\n{machine.describe()}\n")
    for line in (headers, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("| " + " | ".join(cells) + " |")
    print("".join(f"\n{note}" for note in notes))
