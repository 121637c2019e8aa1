"""The list of messages on a page, and how far the page has followed its conversation."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from fault.log import Log, Row

_MESSAGE = re.compile(
    r'<li class="msg[^"]*" id="m-(?P<id>\d+)" data-mid="(?P=id)" data-rev="\d+" data-author="(?P<author>\d+)"'
    r'.*?<div class="text">(?P<text>[^<]*)</div>',  # nobody here writes what becomes a tag
    re.DOTALL,
)
_REMOVED = re.compile(r'<li data-mid="(\d+)">')
_OLDER = re.compile(r'id="older".*?\?before=(\d+)"', re.DOTALL)
_LIST = re.compile(r'<ol id="messages"[^>]* data-cursor="(\d+)" data-epoch="([^"]+)"')


def messages(markup: str) -> list[Row]:
    """Return the messages of a page or a fragment."""
    found = _MESSAGE.finditer(markup)
    return [Row(int(one["id"]), int(one["author"]), html.unescape(one["text"])) for one in found]


def older(markup: str) -> int | None:
    """Return the id before which a page says there is more."""
    found = _OLDER.search(markup)
    return int(found[1]) if found else None


class Screen:
    """Show messages by id, each once; forget at ``ready`` those that nobody mentioned."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._shown: dict[int, Row] = {}
        self._mentioned: set[int] = set()
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
            rows = messages(fragment)
            for row in rows:
                self._mentioned.add(row.id)
                self._show(row)
        elif 'hx-swap-oob="removed:#messages"' in fragment:
            self.remove(int(number) for number in _REMOVED.findall(fragment))
        return rows

    def remove(self, ids: Iterable[int]) -> None:
        """Take messages out."""
        for number in ids:
            self._mentioned.add(number)
            if self._shown.pop(number, None):
                self._log.note("removed", number)

    def finish(self, upto: int) -> bool:
        """End a catch-up: what is above the old cursor and was not mentioned died with a server."""
        if self.phase != "catching":
            return False
        self.phase = "live"
        self.remove([number for number in self._shown if number > self._since and number not in self._mentioned])
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

    @property
    def settled(self) -> bool:
        """Tell whether nothing on the screen waits to be saved."""
        return self.phase == "live" and max(self._shown, default=0) <= self.cursor

    def _show(self, row: Row) -> None:
        self._shown[row.id] = row
        self._log.note("shown", row.id, content=row.content)
