"""The judge: compares what pages did and saw with what the database holds. Every count must be zero."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fault.log import Event, Log, Row

HOLD = 35.0  # seconds in which a message on a living page is called saved or taken back


@dataclass(slots=True)
class Verdict:
    """What was found, as sentences; nothing in any list is what everybody wants."""

    lost: list[str] = field(default_factory=list)  # called saved or still waiting, and not in the database
    doubled: list[str] = field(default_factory=list)  # twice in the database or on one screen
    ghost: list[str] = field(default_factory=list)  # on a screen and not in the database
    gap: list[str] = field(default_factory=list)  # in the database and not on a screen that should have it
    phantom: list[str] = field(default_factory=list)  # there, and nobody wrote it
    reordered: list[str] = field(default_factory=list)  # not in the order in which it was written or accepted
    reused: list[str] = field(default_factory=list)  # one id for two contents
    messages: int = 0
    longest: float = 0.0  # seconds from seeing a message to seeing that it is saved, or taken back

    @property
    def counts(self) -> dict[str, int]:
        """Return how often each was found."""
        kinds = ("lost", "doubled", "ghost", "gap", "phantom", "reordered", "reused")
        return {kind: len(getattr(self, kind)) for kind in kinds}

    @property
    def clean(self) -> bool:
        """Tell whether nothing was found."""
        return not any(self.counts.values())

    def __str__(self) -> str:
        words = ", ".join(f"{count} {kind}" for kind, count in self.counts.items() if count) or "all zero"
        examples = [found for kind in self.counts for found in getattr(self, kind)[:3]]
        return "\n  ".join([f"{self.messages} messages: {words}", *examples])


def judge(logs: Sequence[Log], table: Sequence[Row], history: Sequence[Row]) -> Verdict:
    """Compare pages of one conversation with its rows in the database and with its history over HTTP.

    The pages must be quiet: connected, up to date, with nothing under way.
    """
    verdict = Verdict(messages=len(table))
    _authors(verdict, logs, table)
    _names(verdict, logs, table)
    _compare(verdict, "the history", history, table)
    for log in logs:
        page = f"page of user {log.author}"
        _compare(verdict, page, log.screen, [row for row in table if row.id >= log.base])
        _Replay(verdict, page, {row.id for row in table}).run(log.events)
    return verdict


def _authors(verdict: Verdict, logs: Sequence[Log], table: Sequence[Row]) -> None:
    """Compare what each author wrote with what was kept of it."""
    kept = {(row.author, row.key): row for row in table}
    for (author, key), times in Counter((row.author, row.key) for row in table).items():
        if times > 1:
            verdict.doubled.append(f"user {author}'s key {key} has {times} rows")
    written: dict[tuple[int, str], str] = {}
    for log in logs:
        mine = {event.key: event.content for event in log.events if event.kind == "invoke"}
        written |= {(log.author, key): content for key, content in mine.items()}
        for event in log.events:
            if event.kind == "saved" and (log.author, event.key) not in kept:
                verdict.lost.append(f"user {log.author} was told that {event.content[:40]!r} is saved; it is not")
        for key in log.unsent:
            verdict.lost.append(f"user {log.author}'s {mine[key][:40]!r} was never saved nor given back")
        _order(verdict, log.author, [kept[log.author, key].id for key in mine if (log.author, key) in kept])
    for row in table:
        if written.get((row.author, row.key)) != row.content:
            verdict.phantom.append(f"user {row.author} did not write row {row.id}: {row.content[:40]!r}")


def _order(verdict: Verdict, author: int, ids: Sequence[int]) -> None:
    for before, after in pairwise(ids):
        if before > after:
            verdict.reordered.append(f"user {author}'s message {after} was written after {before}")


def _names(verdict: Verdict, logs: Sequence[Log], table: Sequence[Row]) -> None:
    """See to it that an id names one content, for everybody and for ever, and that it is somebody's."""
    named: defaultdict[int, set[str]] = defaultdict(set)
    for row in table:
        named[row.id].add(row.content)
    for log in logs:
        for event in log.events:
            if event.kind == "shown":
                named[event.id].add(event.content)
    verdict.reused += [f"{number} names {sorted(names)}"[:200] for number, names in named.items() if len(names) > 1]
    written = {event.content for log in logs for event in log.events if event.kind == "invoke"}
    strange = {number: names - written for number, names in named.items() if names - written}
    verdict.phantom += [f"nobody wrote {sorted(names)} of {number}"[:200] for number, names in strange.items()]


def _compare(verdict: Verdict, what: str, shown: Sequence[Row], table: Sequence[Row]) -> None:
    kept = {row.id: row for row in table}
    ids = [row.id for row in shown]
    there = set(ids)
    verdict.gap += [f"{what} lacks {row.id} {row.content[:40]!r}" for row in table if row.id not in there]
    verdict.ghost += [f"{what} shows {row.id} {row.content[:40]!r}" for row in shown if row.id not in kept]
    verdict.reordered += [f"{what} shows {b} before {a}" for a, b in zip(sorted(ids), ids, strict=True) if a != b]
    verdict.doubled += [f"{what} shows {text[:40]!r} {n} times" for text, n in _contents(shown) if n > 1]
    for row in shown:
        if row.id in kept and kept[row.id].author != row.author:
            verdict.phantom.append(f"{what} shows {row.id} as user {row.author}'s")


def _contents(rows: Iterable[Row]) -> list[tuple[str, int]]:
    return list(Counter(row.content for row in rows).items())


class _Replay:
    """Go through a page's life: what must hold at every moment, not only at the end."""

    def __init__(self, verdict: Verdict, page: str, kept: set[int]) -> None:
        self._verdict = verdict
        self._page = page
        self._kept = kept
        self._shown: dict[int, str] = {}
        self._contents: Counter[str] = Counter()
        self._waiting: dict[int, float] = {}  # shown on this connection and not yet called saved, and since when
        self._newest = 0  # on the screen when it was ready, or shown since
        self._live = False

    def run(self, events: Iterable[Event]) -> None:
        steps = {
            "shown": self._on_shown,
            "removed": self._on_removed,
            "upto": self._on_upto,
            "ready": self._on_ready,
            "down": self._on_down,
            "fetched": self._on_fetched,
        }
        for event in events:
            if event.kind in steps:
                steps[event.kind](event)
        for number in self._waiting:
            self._verdict.ghost.append(f"{self._page}: {number} was never called saved nor taken back")

    def _on_shown(self, event: Event) -> None:
        new = event.id not in self._shown
        if not new:
            self._contents[self._shown[event.id]] -= 1
        self._shown[event.id] = event.content
        self._contents[event.content] += 1
        self._waiting.setdefault(event.id, event.at)
        if self._live and new:
            if event.id < self._newest:
                self._verdict.reordered.append(f"{self._page} was shown {event.id} after {self._newest}")
            if self._contents[event.content] > 1:
                self._verdict.doubled.append(f"{self._page} showed {event.content[:40]!r} twice at one time")
            self._newest = max(self._newest, event.id)

    def _on_removed(self, event: Event) -> None:
        self._contents[self._shown.pop(event.id)] -= 1
        if event.id in self._waiting:
            self._settle(event, event.id)

    def _on_upto(self, event: Event) -> None:
        for number in [waiting for waiting in self._waiting if waiting <= event.id]:
            self._settle(event, number)
            if number not in self._kept:
                self._verdict.lost.append(f"{self._page} was told that {number} is saved; it is not")

    def _settle(self, event: Event, number: int) -> None:
        wait = event.at - self._waiting.pop(number)
        self._verdict.longest = max(self._verdict.longest, wait)
        if wait > HOLD:
            self._verdict.ghost.append(f"{self._page}: it took {wait:.0f} s until {number} was saved or taken back")

    def _on_ready(self, event: Event) -> None:
        self._live, self._newest = True, max(self._shown, default=0)
        for content, times in self._contents.items():
            if times > 1:
                self._verdict.doubled.append(f"{self._page} shows {content[:40]!r} {times} times when it is ready")

    def _on_down(self, event: Event) -> None:
        self._live = False
        self._waiting.clear()  # the next catch-up shows again, or takes away, what was not called saved

    def _on_fetched(self, event: Event) -> None:
        self._live = False
        self._shown.clear()
        self._contents.clear()
        self._waiting.clear()
