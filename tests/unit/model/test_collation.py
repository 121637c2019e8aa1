"""The order of names, and finding them by what is typed; in Python and in the scripts alike."""

from __future__ import annotations

import random

import pytest

from chatapp.model import collation

VIETNAMESE = [
    *("2 An", "An", "àn", "ản", "ãn", "án", "ạn", "An An", "Anh", "Ánh", "Ăn", "Ân", "Ấn", "Bình", "Dũng", "Đạt"),
    *("Đức", "Em", "Ê", "Hoa", "Hòa", "Lan", "Long", "Lộc", "Minh", "Nga", "Oanh", "Ông", "Ơn", "Phúc", "Uyên"),
    *("Ưng", "Xuân", "Yến", "Zoe", "Ольга"),
]
ENGLISH = ["An", "Ân", "Ánh", "Bình", "Đạt", "Đức", "Dũng", "Élodie", "Emil", "Øre", "Zoe"]


@pytest.mark.parametrize(("language", "names"), [("vi", VIETNAMESE), ("en", ENGLISH)])
def test_names_stand_as_a_reader_of_the_language_looks_for_them(language: str, names: list[str]) -> None:
    shuffled = names[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=lambda name: collation.key(name, language)) == names


def test_the_names_of_a_class_stand_in_the_order_of_the_alphabet() -> None:
    names = ["Đức", "Đạt", "Dũng", "Bình", "Ân", "Ánh", "An"]
    assert sorted(names, key=lambda name: collation.key(name, "vi")) == names[::-1]


def test_the_spelling_of_a_letter_in_unicode_does_not_matter() -> None:
    assert collation.key("Đứ\u0301c"[:1] + "\u0075\u031b\u0301c", "vi")[:2] == collation.key("Đức", "vi")[:2]
    assert collation.fold("e\u0302\u0301") == collation.fold("ế") == "e"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đức", "duc"),
        ("Nguyễn Thị Ánh", "nguyen thi anh"),
        ("ƯƠNG", "uong"),
        ("Straße", "strasse"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("Иван Йод", "иван иод"),
        ("ＡＢＣ", "abc"),
        ("", ""),
        ("\u0301", ""),
    ],
)
def test_what_is_typed_finds_a_name_whatever_its_accents(text: str, folded: str) -> None:
    assert collation.fold(text) == folded


def test_keys_of_any_two_texts_can_be_compared() -> None:
    chance = random.Random(2)
    names = ["".join(chr(chance.choice((chance.randrange(32, 0x500), 0x1F600))) for _ in range(6)) for _ in range(300)]
    for language in ("vi", "en"):
        ordered = sorted(names, key=lambda name: collation.key(name, language))
        chance.shuffle(names)
        assert sorted(names, key=lambda name: collation.key(name, language)) == ordered
