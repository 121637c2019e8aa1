"""What a message may hold, and what its author is told when it may not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.model.conversations import Conversation
from chatapp.model.messages import Draft, Message
from chatapp.model.pictures import Picture
from chatapp.model.refusals import Rejected
from chatapp.model.texts import CONTENT_LIMIT, clean

KEY = "k" * 16
PICTURE = Picture("id", "cat.png", 4, 3, 4, 3, "d1")


def message(**changes: object) -> Message:
    fields: dict[str, object] = {"id": 1, "rev": 1, "conversation": Conversation("tech"), "author_id": 3}
    fields |= {"author": "An", "content": "hi", "created_at": "2026-11-22T10:00:00.000Z"}
    return Message(**(fields | changes))  # type: ignore[arg-type]


def refusal(content: object, key: object = KEY, pictures: tuple[Picture, ...] = ()) -> Rejected:
    with pytest.raises(Rejected) as raised:
        Draft.parse(content, key, pictures)
    return raised.value


@pytest.mark.parametrize("content", [None, 7, True, ["hi"], {"content": "hi"}, b"hi"])
def test_only_text_is_a_message(content: object) -> None:
    assert refusal(content).code == "content_type"


@pytest.mark.parametrize("key", [None, 7, "", "k" * 15, "k" * 65, "k" * 15 + " ", "k" * 15 + "é", "k" * 16 + "\n"])
def test_a_key_is_16_to_64_plain_characters(key: object) -> None:
    assert refusal("hi", key).code == "key"


@pytest.mark.parametrize("key", ["k" * 16, "k" * 64, "Az09_-" * 5])
def test_a_good_key_is_kept(key: str) -> None:
    assert Draft.parse("hi", key).key == key


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "\n\t \r\n",
        "\x00\x07",
        "\u200b",
        "\u2060\ufeff \u3000",
        "\u2028",
        "\u3164",
        "\u2800 \u2800",
        "\ufe0f\u200d",
    ],
)
def test_what_shows_nothing_is_empty(content: str) -> None:
    assert refusal(content).code == "empty"
    assert Draft.parse(content, KEY, (PICTURE,)).content == ""


@pytest.mark.parametrize("content", ["👋🏽", "\U0001fae8", "é", "0", "\u200fשלום", "\ufdd0"])
def test_what_shows_anything_is_not_empty(content: str) -> None:
    assert Draft.parse(content, KEY).content == content


def test_a_lone_surrogate_is_refused() -> None:
    assert refusal("half \ud83d of an emoji").code == "content_encoding"


def test_the_longest_message_fits_and_one_character_more_is_refused_with_both_numbers() -> None:
    longest = "😀" * CONTENT_LIMIT
    assert Draft.parse(longest, KEY).content == longest
    no = refusal(longest + "😀")
    assert (no.code, no.values, no.retry) == ("too_long", {"limit": CONTENT_LIMIT, "length": CONTENT_LIMIT + 1}, False)
    assert no.reason.format(**no.values) == "A message can have at most 4000 characters; this one has 4001."


def test_blanks_at_the_end_of_a_message_do_not_count() -> None:
    assert clean("hi" + " \t\n\u3000" * 5_000) == "hi"


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    if x:\n        return 1",
        "Tên      Điểm\nLan        10",
        "   /\\_/\\\n  ( o.o )",
        "\tTab\tand\ttab",
        "\n\n  hai dòng trống",
        "a  \n  b",
        "một\u00a0hai\u3000ba\u200ahẹp",
    ],
)
def test_indentation_columns_and_empty_lines_stay_as_they_were_typed(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_line_break_is_one(sign: str) -> None:
    assert clean(f"một{sign}hai{sign}{sign}ba") == "một\nhai\n\nba"


def test_control_characters_go() -> None:
    assert clean("a\tb\x00\x1b[31m\x7f\x9b") == "a\tb[31m"


def test_a_decomposed_text_may_be_longer_before_it_is_put_together() -> None:
    assert clean("e\u0323\u0302" * CONTENT_LIMIT) == "ệ" * CONTENT_LIMIT


def test_a_text_of_any_length_is_refused_before_it_is_normalized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.model.texts.composed", lambda text: pytest.fail("it was normalized"))
    for text in ("a" + "\u0315" * 60_000 + "\u0316" * 60_000, "x" * 1_000_000):
        assert refusal(text).code == "too_long"


def test_letters_and_marks_are_put_together() -> None:
    decomposed = unicodedata.normalize("NFD", "Tiếng Việt")
    assert clean(decomposed) == "Tiếng Việt"


@pytest.mark.parametrize(
    "text", ["\u212b \u2126", "\ufa19\u793e \ufa1b", "\u1fef\u037e", "a\u2000b", "\ufb1d\u0344\U0001d15e"]
)
def test_no_character_is_replaced_by_another(text: str) -> None:
    """NFC would, and make a backtick and a semicolon of two of these."""
    assert clean(f"{text} e\u0301 {text}") == f"{text} é {text}"


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    try:
        once = clean(text)
    except Rejected:
        return
    assert clean(once) == once
    assert once.encode()


def test_a_direct_conversation_is_the_same_for_both_people() -> None:
    assert Conversation.direct(7, 3) == Conversation.direct(3, 7)
    assert Conversation.direct(7, 3).key == "@3-7"
    assert Conversation("tech").key == "tech"


def test_each_of_the_two_people_of_a_direct_conversation_has_the_other() -> None:
    talk = Conversation.direct(3, 7)
    assert (talk.other(3), talk.other(7)) == (7, 3)


def test_a_conversation_with_oneself_has_oneself_as_the_other() -> None:
    assert Conversation.direct(3, 3).other(3) == 3


def test_the_same_words_and_pictures_in_the_same_order_are_a_retry() -> None:
    other = Picture("id2", "dog.png", 4, 3, 4, 3, "d2")
    kept = message(pictures=(PICTURE, other))
    again = Picture("another id", "renamed.png", 0, 0, 0, 0, "d1")
    assert kept.same_as(Draft("hi", KEY, (again, other)))
    assert not kept.same_as(Draft("hi", KEY, (other, again)))
    assert not kept.same_as(Draft("hi", KEY, (again,)))
    assert not kept.same_as(Draft("ho", KEY, (again, other)))


def test_a_refusal_says_whether_and_when_to_come_back() -> None:
    no = Rejected("busy", retry_after=1.5)
    assert (str(no), no.code, no.retry, no.retry_after) == ("The server is busy.", "busy", True, 1.5)
