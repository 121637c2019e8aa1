"""Names that look alike have one skeleton; names that do not have not."""

from __future__ import annotations

import unicodedata

import pytest

from chatapp.model.lookalikes import _ALIKE, skeleton


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("admin", "\u0430dmin"),
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),
        ("BOB", "\u0412\u041e\u0412"),
        ("Ian", "lan"),
        ("An 1", "An I"),
        ("O2", "02"),
        ("Tom", "Torn"),
        ("ＡＮ", "AN"),
        ("O’Brien", "O'Brien"),
        ("Anna", "\u13aanna"),
        ("口", "ロ"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("An", "Ân"),
        ("Dung", "Dũng"),
        ("Đức", "Dức"),
        ("Иван", "Ивана"),
        ("An 1", "An 2"),
        ("王", "玉"),
        ("Minh", "Mình"),
    ],
)
def test_other_names_have_others(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def test_every_letter_of_the_table_is_one_that_is_looked_up() -> None:
    """A letter that is folded before the look-up, or stands twice, would be a line that does nothing."""
    letters = "".join(_ALIKE.values())
    assert len(set(letters)) == len(letters)
    assert all(unicodedata.normalize("NFD", unicodedata.normalize("NFKC", letter)) == letter for letter in letters)


def test_a_skeleton_does_not_depend_on_case_or_on_how_accents_are_stored() -> None:
    assert skeleton("Hùng") == skeleton("HÙNG") == skeleton(unicodedata.normalize("NFD", "hùng"))
