"""Which usernames are allowed, and which are one and the same."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.model.names import HUES, LIMIT, check, hue, initials, key, may_exist
from chatapp.model.refusals import Rejected


@pytest.mark.parametrize(
    "name",
    [
        "An",
        "Nguyễn Thị Minh Khai",
        "trần_bình.99",
        "小明",
        "Анна",
        "Ελένη",
        "سارة",
        "สมชาย",
        "한글",
        "王小明",
        "ひろしカ王 San",
        "김 金 Kim",
        "สมชาย Somchai",
        "נועה",
        "Հայկ",
        "a",
        "x" * 32,
        "#1?",
    ]
    + ["O'Brien", "...", "🦊", "50%", "& Co <3"],
)
def test_ordinary_names_are_allowed_as_they_are(name: str) -> None:
    assert check(name) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name_empty"),
        ("   ", "name_empty"),
        ("x" * 33, "name_too_long"),
        (" An", "name_spaces"),
        ("An ", "name_spaces"),
        ("An  Bình", "name_spaces"),
        ("An\u3000Bình", "name_spaces"),
        ("An\xa0Bình", "name_spaces"),
        ("An\nBình", "name_invisible"),
        ("An\x00", "name_invisible"),
        ("ad\u200bmin", "name_invisible"),
        ("\u202enA", "name_invisible"),
        ("A\u00adn", "name_invisible"),
        ("An\u2028", "name_invisible"),
        ("\u3164", "name_invisible"),
        ("\u115f\u1160", "name_invisible"),
        ("\uffa0", "name_invisible"),
        ("\u2800", "name_invisible"),
        ("An\ufe0f", "name_invisible"),
        ("👩\u200d🚀", "name_invisible"),
        ("\ue000", "name_invisible"),
        ("\ud800", "name_invisible"),
        ("\u0378", "name_invisible"),
        ("Z" + "\u0335" * 4, "name_marks"),
        ("\u0301An", "name_marks"),
        ("An \u0335x", "name_marks"),
        ("a/b", "name_slash"),
        ("a\\b", "name_slash"),
        (".", "name_slash"),
        ("..", "name_slash"),
        ("\u2025", "name_slash"),
        ("\u0430dmin", "name_scripts"),
        ("\u0391nna", "name_scripts"),
        ("An \u0411\u0438\u043d", "name_scripts"),
        ("\u0e2a\u043c", "name_scripts"),
        ("\u13aanna", "name_scripts"),
        ("\u5c0f\u0430", "name_scripts"),
    ],
)
def test_a_name_that_would_mislead_is_refused_with_its_reason(name: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        check(name)
    assert refused.value.code == code


def test_a_name_is_kept_composed() -> None:
    assert check(unicodedata.normalize("NFD", "Nguyễn")) == "Nguyễn"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("An", "aN"),
        ("NGUYỄN", unicodedata.normalize("NFD", "nguyễn")),
        ("ＡＮ", "an"),
        ("ﬁn", "FIN"),
        ("Straße", "STRASSE"),
        ("x²", "X2"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [("An", "Ân"), ("Bình", "Binh"), ("đ", "d")])
def test_vietnamese_letters_tell_names_apart(one: str, other: str) -> None:
    assert key(one) != key(other)


@settings(deadline=None)
@given(st.text())
def test_a_key_is_its_own_key_and_that_of_the_kept_name(name: str) -> None:
    assert key(key(name)) == key(name)
    try:
        kept = check(name)
    except Rejected:
        return
    assert key(kept) == key(name)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("An", "A"),
        ("nguyễn văn ân", "NÂ"),
        ("đỗ", "Đ"),
        (unicodedata.normalize("NFD", "ế b"), "ẾB"),
        ("(khách) #7", "K7"),
        ("ß", "ß"),
        ("...", "."),
        ("👍🏽 ok", "👍🏽O"),
        ("", ""),
    ],
)
def test_initials_stand_for_the_first_and_the_last_word(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_users_who_joined_together_get_different_colours() -> None:
    assert {hue(user_id) for user_id in range(1, HUES + 1)} == set(range(HUES))
    assert abs(hue(1) - hue(2)) > 2


def test_a_name_is_measured_before_anything_is_made_of_it() -> None:
    marks = "a" + "\u0315" * 500_000 + "\u0316" * 500_000
    with pytest.raises(Rejected) as refusal:
        check(marks)
    assert refusal.value.code == "name_too_long"
    assert not may_exist(marks)
    assert not may_exist("An\ud800")
    assert may_exist("Nguyễn Thị Minh Khai")


def test_no_name_that_fits_is_refused_for_how_its_accents_are_stored() -> None:
    for letter in "ᾂệ각":
        assert check(unicodedata.normalize("NFD", letter * LIMIT)) == letter * LIMIT
