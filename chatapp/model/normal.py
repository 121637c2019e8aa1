"""Unicode normalization whose cost grows with the length of a text, whatever the text holds.

``unicodedata.normalize`` sorts each run of combining marks in quadratic time and holds the interpreter meanwhile: a
run of 100,000 marks stops the whole process for seconds. Nothing else of this program calls it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Literal

# Marks sorted together. No language needs as many on one letter: Unicode Standard Annex 15, section 13, calls text
# with at most 30 "stream-safe".
RUN_LIMIT = 30
_SHORT = 256  # characters that are cheap in any order, so that they need not be looked at one by one
# Characters that are no marks themselves (combining class 0) but turn into marks when they are decomposed.
_HIDDEN_MARKS = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def normalize(form: Form, text: str) -> str:
    """Return ``text`` in a normalization form. Of more than RUN_LIMIT marks in a row, the rest keep their order."""
    if len(text) <= _SHORT or text.isascii():
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _pieces(text))


def composed(text: str) -> str:
    """Return ``text`` with letters and marks put together (NFC), and every other character as it was typed.

    NFC also replaces characters by others: U+212B by U+00C5, ideographs by those that other fonts draw otherwise, and
    U+1FEF even by a backtick. Those stay.
    """
    if normalize("NFC", text) == text:
        return text
    return "".join(
        "".join(run) if replaced else normalize("NFC", "".join(run)) for replaced, run in groupby(text, _is_replaced)
    )


def longest_run(text: str) -> int:
    """Return how many combining marks stand in a row at most."""
    if text.isascii():
        return 0
    return max((sum(1 for _ in run) for marks, run in groupby(text, _is_mark) if marks), default=0)


def _pieces(text: str) -> Iterator[str]:
    """Cut within each run of marks that is too long; the first piece of a run keeps the letter before it."""
    start = run = 0
    for place, character in enumerate(text):
        run = run + 1 if _is_mark(character) else 0
        if run > RUN_LIMIT:
            yield text[start:place]
            start, run = place, 1
    yield text[start:]


def _is_replaced(character: str) -> bool:
    return not character.isascii() and unicodedata.normalize("NFC", character) != character


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) != 0 or character in _HIDDEN_MARKS
