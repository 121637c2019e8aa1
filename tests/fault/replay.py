"""A page's life once more: what must hold at every moment, not only at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fault.log import GONE, Event
from fault.verdict import Verdict

HOLD = 35.0  # seconds in which a message on a living page is called saved or taken back


class Replay:
    """Go through what a page wrote down; ``kept`` are the revisions of the database by message."""

    def __init__(self, verdict: Verdict, page: str, kept: Mapping[int, int]) -> None:
        self._verdict = verdict
        self._page = page
        self._kept = kept
        self._shown: dict[int, tuple[int, str]] = {}  # message -> its revision and what it says
        self._contents: Counter[str] = Counter()
        # Message -> the revision that is shown on this connection and not yet called saved, and since when.
        self._waiting: dict[int, tuple[int, float]] = {}
        self._newest = 0  # on the screen when it was ready, or shown since
        self._live = False

    def run(self, events: Iterable[Event]) -> None:
        """Look at one event after the other."""
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
        for rev, _ in self._waiting.values():
            self._verdict.ghost.append(f"{self._page}: {rev} was never called saved nor taken back")

    def _on_shown(self, event: Event) -> None:
        rev, known = self._shown.get(event.id, (0, ""))
        if rev > event.number:
            if self._live:
                self._verdict.reordered.append(f"{self._page} was shown {event.number} after {rev} of {event.id}")
            return
        if rev:
            self._contents[known] -= 1
        self._shown[event.id] = event.number, event.content
        self._contents[event.content] += event.content != GONE
        if event.id in self._waiting and self._waiting[event.id][0] < event.number:
            self._settle(event, event.id)  # taken back, or overtaken by the next change
        self._waiting.setdefault(event.id, (event.number, event.at))
        if self._live and not rev:
            self._arrived(event)

    def _arrived(self, event: Event) -> None:
        if event.id < self._newest:
            self._verdict.reordered.append(f"{self._page} was shown {event.id} after {self._newest}")
        if self._contents[event.content] > 1:
            self._verdict.doubled.append(f"{self._page} showed {event.content[:40]!r} twice at one time")
        self._newest = max(self._newest, event.id)

    def _on_removed(self, event: Event) -> None:
        self._contents[self._shown.pop(event.id)[1]] -= 1
        if event.id in self._waiting:
            self._settle(event, event.id)

    def _on_upto(self, event: Event) -> None:
        for number, (rev, _) in list(self._waiting.items()):
            if rev > event.id:
                continue
            self._settle(event, number)
            if self._kept.get(number, 0) < rev:
                self._verdict.lost.append(f"{self._page} was told that {rev} is saved; it is not")

    def _settle(self, event: Event, number: int) -> None:
        wait = event.at - self._waiting.pop(number)[1]
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
