"""How names are sorted for a reader, and found by typing: no library of the system knows Vietnamese everywhere."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from chatapp.model.normal import normalize

# The tones in the order of Vietnamese dictionaries: huyền, hỏi, ngã, sắc, nặng; none comes first. Between names that
# differ in nothing else.
_TONES = "\u0300\u0309\u0303\u0301\u0323"
# The marks that make another letter in Vietnamese, in the order of its alphabet: a ă â b c d đ e ê … o ô ơ … u ư.
_LETTERS = {"a": "\u0306\u0302", "d": "\u0335", "e": "\u0302", "o": "\u0302\u031b", "u": "\u031b"}
# Letters that no Unicode form decomposes, as people without those keys type them. static/js/collation.js has the
# same.
_PLAIN = {
    "đ": "d\u0335",
    "ø": "o\u0338",
    "ł": "l\u0335",
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "ð": "d",
    "þ": "th",
}
_SPACE, _SIGN, _DIGIT, _LETTER = range(4)

Key = tuple[list[tuple[int, str, int]], list[list[int]], str]


@lru_cache(maxsize=8192)  # every page sorts everybody
def key(text: str, language: str) -> Key:
    """Return what to sort a name by, for a reader of ``language``.

    First by letters: Vietnamese ones by its alphabet, in other languages without their marks. Then by tones and other
    marks, then small letters before capital ones. Blanks stand before signs, these before digits and letters.
    """
    first: list[tuple[int, str, int]] = []
    second: list[list[int]] = []
    for letter, marks in _letters(text):
        special = _LETTERS.get(letter, "") if language == "vi" else ""
        first.append((_kind(letter), letter, max((special.find(mark) + 1 for mark in marks), default=0)))
        second.append(sorted(_weight(mark) for mark in marks if mark not in special))
    return first, second, text.swapcase()


def fold(text: str) -> str:
    """Return a text without case, accents and other marks: "duc" is found in "Đức"."""
    return "".join(letter for letter, _ in _letters(text))


def _letters(text: str) -> list[tuple[str, list[str]]]:
    """Take a text apart into small letters, each with its marks."""
    found: list[tuple[str, list[str]]] = []
    plain = "".join(_PLAIN.get(character, character) for character in text.lower())
    for character in normalize("NFKD", plain):
        if not unicodedata.category(character).startswith("M"):
            found.append((character, []))
        elif found:
            found[-1][1].append(character)
    return found


def _kind(letter: str) -> int:
    if letter.isspace():
        return _SPACE
    if letter.isdigit():
        return _DIGIT
    return _LETTER if letter.isalpha() else _SIGN


def _weight(mark: str) -> int:
    return _TONES.find(mark) + 1 or ord(mark)
