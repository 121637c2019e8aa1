"""Emoji alone: what looks like one picture counts as one, and nothing else is taken for an emoji."""

from __future__ import annotations

import pytest

from chatapp.model import emoji

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
KISS = "\U0001f469\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468\U0001f3ff"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
VIETNAM = "\U0001f1fb\U0001f1f3"
KEYCAP = "1\ufe0f\u20e3"
ONE = {
    "face": "😀",
    "a face that is a sign by itself": "☺\ufe0f",
    "heart": "❤\ufe0f",
    "heart on fire, without U+FE0F": "❤\u200d🔥",
    "family": FAMILY,
    "kiss of two skin tones": KISS,
    "skin tone": "👍🏽",
    "skin tone on a sign": "☝🏿",
    "flag": VIETNAM,
    "flag of a part": SCOTLAND,
    "rainbow flag": "🏳\ufe0f\u200d🌈",
    "keycap": KEYCAP,
    "old keycap": "#\u20e3",
    "judge": "👩🏻\u200d⚖\ufe0f",
    "newest block": "\U0001faea",
    "trade mark as a picture": "™\ufe0f",
}


@pytest.mark.parametrize("text", ONE.values(), ids=ONE)
def test_what_looks_like_one_picture_counts_as_one(text: str) -> None:
    for number in (1, 2, 3):
        assert emoji.only(text * number)
        assert emoji.only(" ".join([text] * number))
    assert not emoji.only(text * 4)
    assert not emoji.only(f"{text}!")
    assert not emoji.only(f"a{text}")


def test_kinds_are_counted_together() -> None:
    assert emoji.only(f"{FAMILY}{VIETNAM}{KEYCAP}")
    assert emoji.only(f"{FAMILY}\n{VIETNAM}")
    assert not emoji.only(f"{FAMILY}{VIETNAM}{KEYCAP}{SCOTLAND}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "123",
        "#*",
        "ok",
        ":)",
        "❤",  # a text sign: whoever wants the picture sends U+FE0F
        "❤\ufe0e",
        "☺",
        "©",
        "™",
        "→",
        "\U0001f1fb",  # half a flag
        "\u200d",
        "\ufe0f",
        "\u20e3",
        "🄰",
        "𝒜",
        "e\u0301",
        "안녕",
        "\U0001f468" + "\u200d\U0001f469" * 8,  # a chain that no font draws as one
    ],
)
def test_anything_else_is_text(text: str) -> None:
    assert not emoji.only(text)


def test_a_long_text_is_not_looked_at() -> None:
    assert not emoji.only("😀" + " " * 4_000)
    assert not emoji.only("\U0001f468\u200d" * 2_000)
