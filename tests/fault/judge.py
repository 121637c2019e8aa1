"""The judge: compares what pages did and saw with what the database holds. Every count must be zero."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from fault.changes import Changes
from fault.log import GONE, Log, Row
from fault.replay import HOLD, Replay
from fault.verdict import Verdict

__all__ = ["HOLD", "Verdict", "judge"]


def judge(logs: Sequence[Log], table: Sequence[Row], history: Sequence[Row]) -> Verdict:
    """Compare pages of one conversation with its rows in the database and with its history over HTTP.

    The pages must be quiet: connected, up to date, with nothing under way. Nobody has two.
    """
    verdict = Verdict(messages=len(table))
    _authors(verdict, logs, table)
    Changes(verdict, logs).compare(table)
    _names(verdict, logs, [*table, *history])
    _compare(verdict, "the history", history, table)
    for log in logs:
        page = f"page of user {log.author}"
        _compare(verdict, page, log.screen, [row for row in table if row.id >= log.base])
        Replay(verdict, page, {row.id: row.number for row in table}).run(log.events)
    return verdict


def _authors(verdict: Verdict, logs: Sequence[Log], table: Sequence[Row]) -> None:
    """Compare what each author wrote with what was kept of it."""
    kept = {(row.author, row.key): row for row in table}
    for (author, key), times in Counter((row.author, row.key) for row in table).items():
        if times > 1:
            verdict.doubled.append(f"user {author}'s key {key} has {times} rows")
    written: dict[tuple[int, str], str] = {}
    for log in logs:
        mine = {event.key: event for event in log.events if event.kind == "invoke"}
        written |= {(log.author, key): event.content for key, event in mine.items()}
        for event in log.events:
            if event.kind == "saved" and not event.change and (log.author, event.key) not in kept:
                verdict.lost.append(f"user {log.author} was told that {event.content[:40]!r} is saved; it is not")
        for key in log.unsent:
            what = f"{mine[key].change} {mine[key].content[:40]!r}".strip()
            verdict.lost.append(f"user {log.author}'s {what} was never saved nor given back")
        landed = _landed(log) | {key: kept[log.author, key].id for key in mine if (log.author, key) in kept}
        _order(verdict, log.author, [landed[key] for key in mine if key in landed])
    for row in table:
        first = [*row.before, row.content][0]
        if first != GONE and written.get((row.author, row.key)) != first:
            verdict.phantom.append(f"user {row.author} did not write row {row.id}: {first[:40]!r}")


def _landed(log: Log) -> dict[str, int]:
    """Return the number that each change had when it was called saved, as far as its author saw it."""
    shown: dict[int, int] = {}
    landed: dict[str, int] = {}
    for event in log.events:
        if event.kind == "shown":
            shown[event.id] = max(event.number, shown.get(event.id, 0))
        elif event.kind == "fetched":
            shown.clear()
        elif event.kind == "saved" and event.change and event.id in shown:
            landed[event.key] = shown[event.id]
    return landed


def _order(verdict: Verdict, author: int, numbers: Sequence[int]) -> None:
    for before, after in pairwise(numbers):
        if before > after:
            verdict.reordered.append(f"user {author}'s {after} was written after {before}")


def _names(verdict: Verdict, logs: Sequence[Log], rows: Sequence[Row]) -> None:
    """See to it that a number names one content, for everybody and for ever, and that it is somebody's."""
    named: defaultdict[int, set[tuple[int, str]]] = defaultdict(set)
    for row in rows:
        named[row.number].add((row.id, row.content))
    for log in logs:
        for event in log.events:
            if event.kind == "shown":
                named[event.number].add((event.id, event.content))
    verdict.reused += [f"{number} names {sorted(names)}"[:200] for number, names in named.items() if len(names) > 1]
    written = {
        (event.id if event.change else None, GONE if event.change == "remove" else event.content)
        for log in logs
        for event in log.events
        if event.kind == "invoke"
    }
    for number, names in named.items():
        if strange := [text for at, text in names if not written & {(None, text), (at, text)}]:
            verdict.phantom.append(f"nobody wrote {strange} of {number}"[:200])


def _compare(verdict: Verdict, what: str, shown: Sequence[Row], table: Sequence[Row]) -> None:
    kept = {row.id: row for row in table}
    ids = [row.id for row in shown]
    there = set(ids)
    verdict.gap += [f"{what} lacks {row.id} {row.content[:40]!r}" for row in table if row.id not in there]
    verdict.ghost += [f"{what} shows {row.id} {row.content[:40]!r}" for row in shown if row.id not in kept]
    verdict.reordered += [f"{what} shows {b} before {a}" for a, b in zip(sorted(ids), ids, strict=True) if a != b]
    verdict.doubled += [f"{what} shows {text[:40]!r} {n} times" for text, n in _contents(shown) if n > 1]
    for row in shown:
        if row.id in kept:
            _compare_revisions(verdict, what, row, kept[row.id])


def _compare_revisions(verdict: Verdict, what: str, shown: Row, kept: Row) -> None:
    both = f"{what} shows {shown.number} {shown.content[:40]!r} for {kept.number} {kept.content[:40]!r} of {kept.id}"
    if kept.author != shown.author:
        verdict.phantom.append(f"{what} shows {shown.id} as user {shown.author}'s")
    if shown.number < kept.number:
        verdict.gap.append(both)
    elif shown.number > kept.number or shown.content != kept.content:
        verdict.ghost.append(both)


def _contents(rows: Iterable[Row]) -> list[tuple[str, int]]:
    return list(Counter(row.content for row in rows if row.content != GONE).items())
