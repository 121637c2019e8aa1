"""The list of messages on a page, and how far the page has followed its conversation."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from fault.log import GONE, Log, Row

_MESSAGE = re.compile(
    r'<li class="msg(?P<gone> gone)?[^"]*" id="m-(?P<id>\d+)" data-mid="(?P=id)" data-rev="(?P<rev>\d+)"'
    r' data-author="(?P<author>\d+)"'
    r'.*?<div class="text"[^>]*>(?P<text>[^<]*)</div>',  # nobody here writes what becomes a tag
    re.DOTALL,
)
_REMOVED = re.compile(r'<li data-mid="(\d+)">')
_OLDER = re.compile(r'id="older".*?\?before=(\d+)"', re.DOTALL)
_LIST = re.compile(r'<ol id="messages"[^>]* data-cursor="(\d+)" data-epoch="([^"]+)"')


def messages(markup: str) -> list[Row]:
    """Return the messages of a page or a fragment."""
    found = _MESSAGE.finditer(markup)
    return [
        Row(
            int(one["id"]), int(one["author"]), GONE if one["gone"] else html.unescape(one["text"]), rev=int(one["rev"])
        )
        for one in found
    ]


def older(markup: str) -> int | None:
    """Return the id before which a page says there is more."""
    found = _OLDER.search(markup)
    return int(found[1]) if found else None


class Screen:
    """Show messages by id, each once; forget at ``ready`` those that nobody mentioned."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._shown: dict[int, Row] = {}
        self._mentioned: dict[int, int] = {}  # message -> the latest revision that came since ``begin``
        self._since = 0
        self.cursor = 0  # the largest watermark that was processed
        self.epoch = ""
        self.phase = "away"  # asked (join is under way), catching (hello came), live (ready came)

    def load(self, page: str) -> None:
        """Show what a page has."""
        found = _LIST.search(page)
        assert found, "this is not the page of a conversation"
        self._log.note("fetched")
        self.cursor, self.epoch = int(found[1]), found[2]
        self._log.base = older(page) or 0
        self._shown.clear()
        for row in messages(page):
            self._show(row)
        self._log.note("upto", self.cursor)

    def begin(self) -> None:
        """Learn that a catch-up begins."""
        self.phase, self._since = "catching", self.cursor
        self._mentioned.clear()

    def take(self, fragment: str) -> list[Row]:
        """Put in or take out what a fragment says. Return what was put in."""
        rows: list[Row] = []
        if self.phase not in {"catching", "live"}:
            return rows
        if 'hx-swap-oob="timeline:#messages"' in fragment:
            rows = [row for row in messages(fragment) if not self._is_elsewhere(row)]
            for row in rows:
                self._mentioned[row.id] = max(row.rev, self._mentioned.get(row.id, 0))
                self._show(row)
        elif 'hx-swap-oob="removed:#messages"' in fragment:
            self.remove(int(number) for number in _REMOVED.findall(fragment))
        return rows

    def remove(self, ids: Iterable[int]) -> None:
        """Take messages out."""
        for number in ids:
            self._mentioned[number] = 0
            if self._shown.pop(number, None):
                self._log.note("removed", number)

    def finish(self, upto: int) -> bool:
        """End a catch-up: what is above the old cursor and was not mentioned died with a server.

        Return False when that hides what a message says: then the list must be taken anew.
        """
        late = [row for row in self._shown.values() if row.rev > self._since]
        dead = [row for row in late if row.rev > self._mentioned.get(row.id, 0)]
        self.remove([row.id for row in dead if row.id > self._since and row.id not in self._mentioned])
        if any(row.id in self._shown for row in dead):
            return False
        self.phase = "live"
        self._log.note("ready", upto)
        self.advance(upto)
        return True

    def advance(self, upto: int) -> None:
        """Learn that everything up to here is on disk."""
        if self.phase in {"catching", "live"}:
            self.cursor = max(self.cursor, upto)
            self._log.note("upto", upto)

    @property
    def rows(self) -> list[Row]:
        """Return what is shown, from top to bottom."""
        return [self._shown[number] for number in sorted(self._shown)]

    def rev(self, number: int) -> int:
        """Return the revision that is shown of a message, 0 for none."""
        return self._shown[number].rev if number in self._shown else 0

    @property
    def settled(self) -> bool:
        """Tell whether nothing on the screen waits to be saved."""
        return self.phase == "live" and max((row.rev for row in self._shown.values()), default=0) <= self.cursor

    def _is_elsewhere(self, row: Row) -> bool:
        """Tell whether this is a change of a message further up than this page has loaded."""
        return row.rev > row.id and row.id < self._log.base and row.id not in self._shown

    def _show(self, row: Row) -> None:
        if row.rev > self.rev(row.id):
            self._shown[row.id] = row
        self._log.note("shown", row.id, content=row.content, rev=row.rev)
