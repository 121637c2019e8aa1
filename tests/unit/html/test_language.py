"""The language module: choosing a language, saying everything in it, naming days."""

from __future__ import annotations

import re
from datetime import UTC, date

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from chatapp.html import language
from chatapp.model.refusals import Rejected

TOP = language.LOCALE.parents[1]
CATALOG = language.LOCALE / "vi" / "LC_MESSAGES" / "chatapp.po"
BLANK = re.compile(r"%\(\w+\)[ds]|%%|{\w+}")


@pytest.fixture(scope="module")
def vietnamese() -> Catalog:
    with CATALOG.open("rb") as file:
        return read_po(file, locale="vi")


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return every sentence in code and templates, found by the command that babel.cfg states."""
    found = tmp_path_factory.mktemp("sentences") / "chatapp.pot"
    command = f"pybabel -q extract -F {language.LOCALE / 'babel.cfg'} -k N_ -o {found} {TOP}"
    CommandLineInterface().run(command.split())  # type: ignore[no-untyped-call]
    with found.open("rb") as file:
        return read_po(file)


def forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, (tuple, list)) else (str(text),)


def test_every_sentence_has_a_vietnamese_translation(sentences: Catalog, vietnamese: Catalog) -> None:
    def is_missing(message: Message) -> bool:
        translated = vietnamese.get(message.id)
        return translated is None or translated.fuzzy or not all(forms(translated.string))

    assert len(sentences) > 100
    assert [message.id for message in sentences if message.id and is_missing(message)] == []


def test_translations_fill_in_the_same_blanks(vietnamese: Catalog) -> None:
    for message in vietnamese:
        for translation in forms(message.string) if message.id else ():
            assert sorted(BLANK.findall(translation)) == sorted(BLANK.findall(forms(message.id)[-1])), message.id


def test_no_translation_is_left_of_a_sentence_that_is_gone(sentences: Catalog, vietnamese: Catalog) -> None:
    assert [message.id for message in vietnamese if message.id and message.id not in sentences] == []


def test_the_compiled_catalog_is_the_written_one(vietnamese: Catalog) -> None:
    with CATALOG.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    # All but the header, which names the version of the compiler.
    read, written = (
        {forms(message.id): forms(message.string) for message in catalog if message.id}
        for catalog in (compiled, vietnamese)
    )
    assert read == written


@pytest.mark.parametrize(
    ("accept", "preferred", "default", "answer"),
    [
        ("vi-VN,vi;q=0.9,en;q=0.8", None, None, "vi"),
        ("en-US,en;q=0.9,vi;q=0.8", None, "vi", "en"),
        ("en;q=0.2, vi;q=0.7", None, None, "vi"),
        ("vi;q=0, en;q=0.1", None, None, "en"),
        ("fr-FR,fr;q=0.9", None, "vi", "vi"),
        ("fr-FR,vi;q=0.1", None, "en", "vi"),
        ("vi", "en", "vi", "en"),
        ("en", "xx", None, "en"),
        (None, None, "vi", "vi"),
        (None, None, None, "en"),
        ("*;q=;;,,=", None, "xx", "en"),
        ("vi;q=nan, en;q=0.5", None, None, "en"),
    ],
)
def test_a_language_is_chosen_by_the_person_then_the_browser_then_the_operator(
    accept: str | None, preferred: str | None, default: str | None, answer: str
) -> None:
    assert language.choose(accept, preferred, default) == answer


def test_sentences_are_said_in_the_current_language() -> None:
    assert language.gettext("General") == "General"
    with language.spoken("vi"):
        assert language.gettext("General") == "Phòng Chung"
        assert language.gettext("Never translated") == "Never translated"
    assert language.gettext("General") == "General"


def test_the_reason_of_a_refusal_is_translated_and_filled_in() -> None:
    refusal = Rejected("too_long", limit=4, length=5)
    assert language.explain(refusal) == "A message can have at most 4 characters; this one has 5."
    with language.spoken("vi"):
        assert language.explain(refusal) == "Tin nhắn chỉ được dài tối đa 4 ký tự; tin này có 5."


@pytest.mark.parametrize(
    ("day", "english", "vietnamese"),
    [
        (date(2026, 11, 24), "Today", "Hôm nay"),
        (date(2026, 11, 23), "Yesterday", "Hôm qua"),
        (date(2026, 11, 22), "Sunday, November 22", "Chủ Nhật, 22 tháng 11"),
        (date(2026, 11, 16), "Monday, November 16", "Thứ Hai, 16 tháng 11"),
        (date(2025, 5, 1), "Thursday, May 1, 2025", "Thứ Năm, 1 tháng 5, 2025"),
        (date(2026, 11, 25), "Wednesday, November 25", "Thứ Tư, 25 tháng 11"),
    ],
)
def test_days_are_named_as_browsers_name_them(day: date, english: str, vietnamese: str) -> None:
    today = date(2026, 11, 24)
    assert language.day_name(day, today) == english
    with language.spoken("vi"):
        assert language.day_name(day, today) == vietnamese


@pytest.mark.parametrize("name", ["Nowhere/Atall", "../../etc/passwd", "", "\0", "a" * 5000, "Asia"])
def test_a_zone_that_is_none_is_utc(name: str) -> None:
    assert language.time_zone(name) is UTC


def test_moments_are_shown_in_the_current_zone() -> None:
    token = language.zone.set("Asia/Ho_Chi_Minh")
    try:
        assert language.local("2026-11-22T17:30:00.000Z").isoformat() == "2026-11-23T00:30:00+07:00"
    finally:
        language.zone.reset(token)
