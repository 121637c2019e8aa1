"""Normalization is what Unicode says for every honest text, and cheap for every other."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from chatapp.model import normal

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
VIETNAMESE = "Tiê\u0301ng Viê\u0323t: đường, hoà, hòa, Nguyễn Thị Minh Khai. " * 20


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "text", ["", "plain", VIETNAMESE, "한국어 \u1112\u1161\u11ab " * 100, "e" + "\u0301" * 30 + "x" * 300]
)
def test_an_honest_text_is_normalized_as_unicode_says(form: normal.Form, text: str) -> None:
    assert normal.normalize(form, text) == unicodedata.normalize(form, text)


def test_every_character_that_becomes_a_mark_counts_as_one() -> None:
    """Else a run of it would be sorted as one, in quadratic time."""
    for character in map(chr, range(sys.maxunicode + 1)):
        first = unicodedata.normalize("NFKD", character)[:1]
        assert normal.longest_run(character) == (unicodedata.combining(first) != 0), f"U+{ord(character):04X}"


@pytest.mark.parametrize("marks", ["\u0315\u0316", "\u0316\u0315", "\u0f73\u0f75", "\uff9e\u0323"])
def test_a_long_run_of_marks_is_never_sorted_as_one(marks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    real = unicodedata.normalize

    def watched(form: normal.Form, text: str) -> str:
        pieces.append(text)
        return real(form, text)

    monkeypatch.setattr(unicodedata, "normalize", watched)
    text = "a" + marks[0] * 50_000 + marks[1] * 50_000
    for form in FORMS:
        pieces.clear()
        normal.normalize(form, text)
        assert max(map(len, pieces)) <= normal.RUN_LIMIT + 1
        assert "".join(pieces) == text


def test_the_longest_run_of_marks_is_counted() -> None:
    assert normal.longest_run("abc") == 0
    assert normal.longest_run("a\u0301b\u0301\u0323c") == 2
    assert normal.longest_run("\u0301" * 40) == 40
