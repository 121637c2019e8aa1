"""The judge itself, on logs made by hand: one for each thing that it must see."""

from __future__ import annotations

import pytest

from fault.judge import HOLD, judge
from fault.log import Event, Log, Row

AN, BINH = 1, 2
HELLO, HI = Row(10, AN, "hello", "k1"), Row(20, AN, "hi", "k2")
TABLE = [HELLO, HI]


def page(author: int, *events: Event, screen=TABLE, base: int = 0, unsent=()) -> Log:
    return Log(author, list(events), list(screen), base, list(unsent))


def wrote(*rows: Row) -> list[Event]:
    return [Event("invoke", key=row.key, content=row.content) for row in rows]


def seen(*rows: Row, at: float = 0.0) -> list[Event]:
    return [Event("shown", row.id, content=row.content, at=at) for row in rows]


def upto(number: int, at: float = 0.0) -> Event:
    return Event("upto", number, at=at)


def saved(row: Row) -> Event:
    return Event("saved", row.id, row.key, row.content)


READY = Event("ready")
LIFE = [READY, *wrote(*TABLE), *seen(*TABLE), saved(HELLO), saved(HI), upto(20)]


def counts(*logs: Log, table=TABLE, history=None) -> dict[str, int]:
    found = judge(logs, table, table if history is None else history)
    return {kind: count for kind, count in found.counts.items() if count}


def test_nothing_is_found_where_everything_is_right():
    reader = page(BINH, READY, *seen(*TABLE), upto(20))
    assert counts(page(AN, *LIFE), reader) == {}


def test_an_acknowledged_message_that_has_no_row_is_lost():
    assert counts(page(AN, *LIFE, screen=[HELLO]), table=[HELLO])["lost"] == 2  # for the author, and for the reader


def test_a_message_that_still_waits_at_the_end_is_lost():
    late = Row(30, AN, "late", "k3")
    assert counts(page(AN, *LIFE, *wrote(late), unsent=["k3"])) == {"lost": 1}


def test_a_reader_who_was_told_of_a_save_that_did_not_last_is_lied_to():
    reader = page(BINH, READY, *seen(*TABLE), upto(20), Event("removed", 20), screen=[HELLO])
    author = page(AN, READY, *wrote(*TABLE), *seen(HELLO), upto(10), screen=[HELLO])
    assert counts(author, reader, table=[HELLO]) == {"lost": 1}


def test_a_key_with_two_rows_is_doubled():
    again = Row(30, AN, "hi", "k2")
    log = page(AN, *LIFE, *seen(again), upto(30), screen=[*TABLE, again])
    assert counts(log, table=[*TABLE, again])["doubled"] >= 1


def test_a_message_shown_twice_at_one_time_is_doubled():
    again = Row(15, AN, "hi")
    log = page(AN, *LIFE, *seen(Row(30, AN, "hi")), Event("removed", 30, at=0.0))
    assert counts(log) == {"doubled": 1}
    assert counts(page(AN, *LIFE, screen=[HELLO, again, HI]))["doubled"] == 1


def test_a_message_shown_in_two_places_before_the_page_is_ready_is_none():
    died = Row(15, AN, "hi")
    log = page(BINH, READY, *seen(HELLO, died), Event("down"), *seen(HI), Event("removed", 15), READY, upto(20))
    assert counts(page(AN, *LIFE), log) == {}


def test_a_message_on_a_screen_without_a_row_is_a_ghost():
    dead = Row(15, AN, "dead", "k0")
    author = page(AN, *wrote(dead), *LIFE)
    assert counts(author, page(BINH, READY, screen=[HELLO, dead, HI])) == {"ghost": 1}


def test_a_message_that_is_never_called_saved_is_a_ghost():
    assert counts(page(AN, *LIFE), page(BINH, READY, *seen(*TABLE), upto(10))) == {"ghost": 1}


def test_a_message_that_is_called_saved_too_late_is_a_ghost():
    late = page(BINH, READY, *seen(*TABLE), upto(10), upto(20, at=HOLD + 1))
    assert counts(page(AN, *LIFE), late) == {"ghost": 1}


def test_a_message_that_is_taken_back_too_late_is_a_ghost():
    died = Row(15, AN, "died", "k0")
    late = page(BINH, READY, *seen(HELLO, died), Event("removed", 15, at=HOLD + 1), *seen(HI), upto(20))
    assert counts(page(AN, *wrote(died), *LIFE), late) == {"ghost": 1}


def test_a_row_that_a_screen_lacks_is_a_gap():
    assert counts(page(AN, *LIFE), page(BINH, READY, screen=[HI])) == {"gap": 1}


def test_a_row_above_the_top_of_a_page_is_none():
    assert counts(page(AN, *LIFE), page(BINH, READY, screen=[HI], base=20)) == {}


def test_a_row_that_the_history_lacks_is_a_gap():
    assert counts(page(AN, *LIFE), history=[HELLO]) == {"gap": 1}


def test_a_row_that_nobody_wrote_is_a_phantom():
    assert "phantom" in counts(page(AN, READY, *wrote(HELLO), *seen(HELLO), upto(10)))


def test_a_message_under_another_name_is_a_phantom():
    assert counts(page(AN, *LIFE), page(BINH, READY, screen=[HELLO, Row(20, BINH, "hi")])) == {"phantom": 1}


def test_rows_in_another_order_than_they_were_written_in_are_reordered():
    log = page(AN, READY, *wrote(HI, HELLO), *seen(*TABLE), upto(20))
    assert counts(log) == {"reordered": 1}


def test_a_live_message_below_one_that_is_shown_is_reordered():
    assert counts(page(AN, *LIFE), page(BINH, READY, *seen(HI, HELLO), upto(20))) == {"reordered": 1}


def test_a_history_in_another_order_is_reordered():
    assert counts(page(AN, *LIFE), history=[HI, HELLO])["reordered"] >= 1


def test_an_id_with_two_contents_is_reused():
    died = Row(20, AN, "died", "k0")
    author = page(AN, *wrote(died), *LIFE)
    log = page(BINH, READY, *seen(HELLO, died), Event("down"), *seen(HI), READY, upto(20))
    assert counts(author, log) == {"reused": 1}


@pytest.mark.parametrize("kind", ["lost", "doubled", "ghost", "gap", "phantom", "reordered", "reused"])
def test_a_verdict_says_what_it_found(kind):
    verdict = judge([], [], [])
    assert verdict.clean
    assert "all zero" in str(verdict)
    getattr(verdict, kind).append("an example")
    assert not verdict.clean
    assert f"1 {kind}" in str(verdict)
    assert "an example" in str(verdict)
