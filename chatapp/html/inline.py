"""Inline markup: code, links and emphasis in one line of escaped text.

A line is scanned once, from left to right. A mark that is never closed stays text, and so does one that may not have
been meant as a mark: losing a character is worse than a word that is not bold.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from chatapp.html import links

_TOKEN = re.compile(rf"(?P<ticks>`+)|(?P<link>{links.PATTERN})|(?P<marks>[*_~]+)", re.IGNORECASE)
# Every token begins with one of these. Most lines of a chat have none.
_ANYTHING = re.compile(rf"[`*_~{links.SIGNS}]|{re.escape(links.PREFIX)}", re.IGNORECASE)
_RUN = re.compile(r"\*+|_+|~+")

_ELEMENTS = {"**": "strong", "*": "em", "_": "em", "~~": "s"}
# The flanking rules of CommonMark 0.31, section 6.2, but stricter where code, paths and formulas are written, as in
# f(*a)*g(*b), **/*.py, *p=2: next to these characters a mark neither opens nor closes anything.
_OPENS_AFTER = frozenset("([{\"'")  # and after a space, or a character that is neither ASCII nor part of a word
_NO_OPENING_BEFORE = frozenset(".,;:/\\)]}=%|^!?")
_NO_CLOSING_AFTER = frozenset("([{")
_NO_CLOSING_BEFORE = frozenset("([{/\\=+%|^#@$&")


def html(line: str) -> str:
    """Return the HTML of one line in which &, < and > are escaped, in linear time."""
    if not _ANYTHING.search(line):
        return line
    reading = _Reading(line)
    at = 0
    while token := _TOKEN.search(line, at):
        reading.out.append(line[at : token.start()])
        at = reading.take(token)
    reading.out.append(line[at:])
    return "".join(reading.out)


@dataclass(slots=True)
class _Opened:
    """An open mark."""

    mark: str
    place: int  # in the output
    start: int  # in the line, of the text that it may emphasize
    seen: int  # up to here the line has no letter, digit or symbol

    def holds_words(self, line: str, end: int) -> bool:
        """Tell whether there is a letter, digit or symbol before ``end``; *_* is an emoticon."""
        while self.seen < end and not _is_worth_emphasis(line[self.seen]):
            self.seen += 1
        return self.seen < end


@dataclass(slots=True)
class _Reading:
    line: str
    out: list[str] = field(default_factory=list)
    opened: list[_Opened] = field(default_factory=list)  # at most one of each mark
    runs: dict[int, list[int]] | None = None  # positions of runs of backticks by length, the last one first

    def take(self, token: re.Match[str]) -> int:
        """Write a token. Return the position after it."""
        if token["ticks"]:
            return self._code(token)
        if token["link"]:
            address = links.trimmed(token["link"])
            self.out.append(links.html(address))
            return token.start() + len(address)
        self._emphasis(token.start(), token.end())
        return token.end()

    # --- code: from a run of backticks to the next one of the same length (CommonMark 6.1) ---------------------------

    def _code(self, token: re.Match[str]) -> int:
        length, start = len(token["ticks"]), token.end()
        close = self._next_run(length, start)
        if close is None:
            self.out.append(token["ticks"])
            return start
        code = self.line[start:close]
        if code.startswith(" ") and code.endswith(" ") and code.strip(" "):
            code = code[1:-1]  # this space allows code to begin or end with a backtick
        self.out.append(f"<code>{code}</code>")
        return close + length

    def _next_run(self, length: int, start: int) -> int | None:
        if self.runs is None:
            self.runs = {}
            for run in reversed(list(re.finditer("`+", self.line))):
                self.runs.setdefault(run.end() - run.start(), []).append(run.start())
        places = self.runs.get(length, [])
        while places and places[-1] < start:
            places.pop()
        return places[-1] if places else None

    # --- emphasis ---------------------------------------------------------------------------------------------------

    def _emphasis(self, start: int, end: int) -> None:
        """Take adjacent marks together: an emoticon such as *_* has nothing on either side to open or close."""
        before, after = self.line[start - 1 : start] or " ", self.line[end : end + 1] or " "
        opens, closes = _may_open(before, after), _may_close(before, after)
        for run in _RUN.finditer(self.line, start, end):
            kinds = ("**", "*") if run[0] == "***" else (run[0],)
            inner_first = [opened for opened in reversed(self.opened) if opened.mark in kinds]
            if closes and len(inner_first) == len(kinds) and self._ends(run[0], inner_first[0], start):
                for opened in inner_first:
                    self._close(opened)
            elif opens and all(kind in _ELEMENTS for kind in kinds):
                self._open(kinds, end)
            else:
                self.out.append(run[0])

    def _ends(self, mark: str, opened: _Opened, end: int) -> bool:
        if mark == "_" and "_" in self.line[opened.start : end].rsplit(None, 1)[-1]:
            return False  # the end of an identifier: a_b_
        return opened.holds_words(self.line, end)

    def _open(self, kinds: tuple[str, ...], end: int) -> None:
        self.opened = [opened for opened in self.opened if opened.mark not in kinds]
        for kind in kinds:
            self.opened.append(_Opened(kind, len(self.out), end, end))
            self.out.append(kind)

    def _close(self, opened: _Opened) -> None:
        # Marks that were opened inside and are still open become text, so that elements never overlap.
        del self.opened[self.opened.index(opened) :]
        self.out[opened.place] = f"<{_ELEMENTS[opened.mark]}>"
        self.out.append(f"</{_ELEMENTS[opened.mark]}>")


def _may_open(before: str, after: str) -> bool:
    if after.isspace() or after in _NO_OPENING_BEFORE:
        return False
    if before.isascii():
        return before.isspace() or before in _OPENS_AFTER
    return not _is_of_word(before) and unicodedata.category(before) not in ("Pe", "Pf")


def _may_close(before: str, after: str) -> bool:
    if before.isspace() or before in _NO_CLOSING_AFTER or unicodedata.category(before) in ("Ps", "Pi"):
        return False
    return not (after in _NO_CLOSING_BEFORE or _is_of_word(after) or unicodedata.category(after) in ("Ps", "Pi"))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _is_worth_emphasis(character: str) -> bool:
    return character.isalnum() or (not character.isascii() and unicodedata.category(character).startswith("S"))
