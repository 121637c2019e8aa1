"""Changes of messages, for the judge: what authors made of their messages, and what the database made of that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

from fault.log import GONE, Event, Log, Row
from fault.verdict import Verdict


class Changes:
    """Compare the changes that were invoked and called saved with what messages say, and said before."""

    def __init__(self, verdict: Verdict, logs: Sequence[Log]) -> None:
        self._verdict = verdict
        self._asked: defaultdict[int, list[Event]] = defaultdict(list)  # message -> changes of it, in order
        self._ended: defaultdict[int, list[Event]] = defaultdict(list)  # saved or refused for good
        for log in logs:
            for event in log.events:
                if event.change and event.kind == "invoke":
                    self._asked[event.id].append(event)
                elif event.change and event.kind in {"saved", "failed"}:
                    self._ended[event.id].append(event)
        ended = [event.kind for events in self._ended.values() for event in events]
        verdict.changes, verdict.refused = ended.count("saved"), ended.count("failed")

    def compare(self, table: Sequence[Row]) -> None:
        """Look at every message that was changed, or seems so."""
        kept = {row.id: row for row in table}
        for number, events in self._ended.items():
            if row := kept.get(number):
                self._effect(row, [event for event in events if event.kind == "saved"], events[-1].kind == "failed")
            else:
                self._verdict.lost += [f"a change of {number} was called saved; the message is not there"]
        for row in table:
            self._traces(row)

    def _effect(self, row: Row, saved: Sequence[Event], doubtful: bool) -> None:
        """See to it that what was called saved last is in effect, and that edits before it can be read."""
        erased = row.content == GONE and not row.before
        for event in saved:
            if event.change == "edit" and not erased and event.content not in (*row.before, row.content):
                self._verdict.lost.append(f"{event.content[:40]!r} of {row.id} was called saved; it is not there")
        if not saved or doubtful:  # what was refused for good may have been done all the same
            return
        edits = [event.content for event in saved if event.change == "edit"]
        removed = [event.change == "remove" for event in saved][-1]
        if removed != (row.content == GONE):
            self._verdict.lost.append(f"the {saved[-1].change} of {row.id} was called saved; it is not in effect")
        elif edits and not removed and row.content != edits[-1]:
            self._verdict.lost.append(f"{row.id} says {row.content[:40]!r}, not {edits[-1][:40]!r} as was called saved")

    def _traces(self, row: Row) -> None:
        """See to it that every version is one that its author asked for, once and in that order."""
        said = [*row.before, row.content]
        edits = [event.content for event in self._asked[row.id] if event.change == "edit"]
        for text, times in Counter(said).items():
            if times > 1:
                self._verdict.doubled.append(f"{row.id} has {times} versions {text[:40]!r}")
        if strange := [text for text in said[1:] if text not in edits and text != GONE]:
            self._verdict.phantom.append(f"nobody let {row.id} say {strange}"[:200])
        if row.content == GONE and "remove" not in {event.change for event in self._asked[row.id]}:
            self._verdict.phantom.append(f"nobody removed {row.id}")
        for one, next_one in pairwise([edits.index(text) for text in said if text in edits]):
            if one > next_one:
                self._verdict.reordered.append(f"{row.id} says {edits[next_one][:40]!r} after {edits[one][:40]!r}")
