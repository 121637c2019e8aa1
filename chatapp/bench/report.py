"""Report of a benchmark: a table, and the verdict that follows from it."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatapp import __version__
from chatapp.bench.crowd import Heard
from chatapp.system import clock

# Two bounds each: tight from the first on, too much from the second on.
_ARRIVAL = (0.1, 1.0)  # seconds: below the first it seems immediate; above the second it disrupts a conversation
_SAVING = (0.5, 2.0)  # seconds after arrival: after two, a page marks a message as not saved
_SHARE = (0.5, 0.9)  # of the one core that a server uses

_RATE_SHARE = 0.95  # of the requested rate that must be reached
_OWN_SHARE = 0.8  # of a core: from here on the client distorts the figures
_OWN_LAG = 0.05  # seconds behind schedule, likewise


@dataclass(frozen=True, slots=True)
class Figures:
    """The measurements."""

    rate: float  # messages per second requested
    heard: Heard
    own_share: float  # of a core, used by the client
    server_share: float | None  # of a core; None where the system does not tell
    memory: float | None  # of the server, in MB
    folder: Path  # where the database lay

    @property
    def what(self) -> str:
        """Describe the load."""
        return f"{self.heard.clients:,} clients at {self.rate:,.12g} messages per second"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a machine has no reserve, and what helps."""

    level: int  # 1: tight, 2: too much
    reason: str
    advice: str


def report(figures: Figures) -> str:
    """Return the whole report."""
    rows = list(_rows(figures))
    width = max(len(label) for label, _ in rows)
    table = "\n".join(f"  {label:<{width}}  {value:>12}" for label, value in rows)
    disk = f"The database was in {figures.folder}; --folder measures another disk."
    return f"{_machine()}\n\n{table}\n\n{disk}\n\nVerdict: {verdict(figures)}"


def verdict(figures: Figures) -> str:
    """Return one line: whether this machine carries the load, why not, and what helps."""
    heard, share = figures.heard, figures.server_share
    worst = max(_troubles(figures), key=lambda trouble: trouble.level, default=None)
    if (worst or heard.rate < _RATE_SHARE * figures.rate) and (why := _distorted(figures)):
        lag = _ms(percentile(heard.late, 0.99))
        return (
            f"not clear. The bench, which plays {figures.what}, {why}: it sent them up to {lag} late. "
            "Without that the figures would be better. Ask for less with --clients or --rate, or try again later."
        )
    if worst is None:
        arrival, used = _ms(percentile(heard.received, 0.99)), f", and the server uses {_share(share)} of a core"
        return (
            f"this machine carries {figures.what} with time to spare: 99 of 100 arrive within {arrival}"
            f"{'' if share is None else used}."
        )
    much = "are about as much as this machine carries" if worst.level == 1 else "are too much for this machine"
    return f"{figures.what} {much}: {worst.reason}. {worst.advice}"


def _distorted(figures: Figures) -> str | None:
    """Return why the client was too slow to measure the server; None if it was not."""
    if (figures.server_share or 0.0) >= _SHARE[1]:
        return None  # the server is the bottleneck in any case
    if figures.own_share >= _OWN_SHARE:
        return "needs too much of this machine itself"
    if percentile(figures.heard.late, 0.99) >= _OWN_LAG:
        return "had to wait, because something keeps this machine busy"
    return None


def _troubles(figures: Figures) -> Iterator[Trouble]:
    """Yield the problems; among equally severe ones, the likeliest cause first."""
    heard = figures.heard
    arrival, saving = percentile(heard.received, 0.99), percentile(heard.saved, 0.99)
    if level := _level(figures.server_share or 0.0, _SHARE):
        yield Trouble(
            level,
            f"the server uses {_share(figures.server_share)} of a core, and more than one it cannot use",
            "Fewer clients or messages help, or a faster processor; more cores do not.",
        )
    if level := _level(saving - arrival, _SAVING):
        yield Trouble(
            level,
            f"it takes up to {_ms(saving)} until a message is saved",
            f"A faster disk helps; this one holds {figures.folder}.",
        )
    if level := _level(arrival, _ARRIVAL):
        yield Trouble(
            level,
            f"it takes up to {_ms(arrival)} until a message arrives",
            "See what else keeps this machine busy, or ask for less with --clients or --rate.",
        )
    if heard.lost or heard.refused or len(heard.saved) < heard.sent:
        unsaved, all_receipts = heard.sent - heard.refused - len(heard.saved), heard.sent * heard.clients
        yield Trouble(
            2,
            f"of {heard.sent:,} messages {heard.refused:,} were refused and {unsaved:,} not saved in time, and "
            f"{heard.lost:,} receipts of {all_receipts:,} never came",
            "Ask for less with --clients or --rate.",
        )


def _level(value: float, bounds: tuple[float, float]) -> int:
    return sum(value >= bound for bound in bounds)


def _rows(figures: Figures) -> Iterator[tuple[str, str]]:
    heard = figures.heard
    yield "clients", f"{heard.clients:,}"
    yield "messages per second", f"{heard.rate:,.1f}"
    yield "receipts per second", f"{len(heard.received) / heard.seconds:,.0f}"
    yield "half arrive within (p50)", _ms(percentile(heard.received, 0.5))
    yield "99 of 100 arrive within (p99)", _ms(percentile(heard.received, 0.99))
    yield "99 of 100 are saved within (p99)", _ms(percentile(heard.saved, 0.99))
    yield "receipts that never came", f"{heard.lost:,}"
    if figures.memory is not None:
        yield "memory of the server", f"{figures.memory:,.0f} MB"
    if figures.server_share is not None:
        yield "the server's share of a core", f"{_share(figures.server_share)}"
    yield "the bench's own share of a core", f"{_share(figures.own_share)}"


def _machine() -> str:
    cores, system = os.cpu_count() or 1, f"{platform.system()} {platform.release()} {platform.machine()}"
    return (
        f"chatapp {__version__}, {clock.timestamp()[:10]}: {cores} core{'s' if cores > 1 else ''}, {system}, "
        f"Python {platform.python_version()}"
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the percentile (nearest rank) at ``share``, from 0 to 1; NaN without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:,.{1 if seconds < 0.1 else 0}f} ms"


def _share(of_a_core: float | None) -> str:
    return "-" if of_a_core is None else f"{of_a_core * 100:.0f} %"
