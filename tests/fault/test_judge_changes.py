"""The judge of changes, on logs made by hand: one for each thing that it must see."""

from __future__ import annotations

import pytest

from fault.judge import judge
from fault.log import GONE, Event, Log, Row
from fault.screen import Screen

AN, BINH = 1, 2
READY = Event("ready")
HELLO = Row(10, AN, "hello", "k1")  # it stays as it is
BEFORE = Row(20, AN, "hi", "k2")
EDITED = Row(20, AN, "good evening", "k2", rev=30, before=("hi",))
REMOVED = Row(20, AN, GONE, "k2", rev=40, before=("hi", "good evening"))
ERASED = Row(20, AN, GONE, "k2", rev=40)


def page(author: int, *events: Event, screen=(HELLO, EDITED), base: int = 0, unsent=()) -> Log:
    return Log(author, list(events), list(screen), base, list(unsent))


def shown(row: Row) -> Event:
    return Event("shown", row.id, content=row.content, rev=row.rev, at=0.0)


def upto(number: int) -> Event:
    return Event("upto", number, at=0.0)


def asked(change: str, content: str = "", key: str = "c1", number: int = 20) -> Event:
    return Event("invoke", number, key, content, change=change)


def saved(change: str, content: str = "", key: str = "c1", number: int = 20) -> Event:
    return Event("saved", number, key, content, change=change)


POSTED = [
    READY,
    *[Event("invoke", key=row.key, content=row.content) for row in (HELLO, BEFORE)],
    *[shown(row) for row in (HELLO, BEFORE)],
    *[Event("saved", row.id, row.key, row.content) for row in (HELLO, BEFORE)],
    upto(20),
]
EDIT = [asked("edit", "good evening"), shown(EDITED), saved("edit", "good evening"), upto(30)]
REMOVE = [asked("remove", key="c2"), shown(REMOVED), saved("remove", key="c2"), upto(40)]
SEEN = [READY, shown(HELLO), shown(BEFORE), upto(20), shown(EDITED), upto(30)]


def counts(*logs: Log, table=(HELLO, EDITED), history=None) -> dict[str, int]:
    found = judge(logs, table, table if history is None else history)
    return {kind: count for kind, count in found.counts.items() if count}


def test_nothing_is_found_where_every_change_is_right():
    assert counts(page(AN, *POSTED, *EDIT), page(BINH, *SEEN)) == {}
    for table in ((HELLO, REMOVED), (HELLO, ERASED)):
        assert counts(page(AN, *POSTED, *EDIT, *REMOVE, screen=table), table=table) == {}


def test_a_change_that_was_taken_back_and_made_again_is_right():
    back = Row(20, AN, "hi", rev=35)
    again = Row(20, AN, "good evening", "k2", rev=45, before=("hi",))
    author = page(
        AN,
        *POSTED,
        asked("edit", "good evening"),
        *map(shown, (EDITED, back, again)),
        saved("edit", "good evening"),
        upto(45),
        screen=[HELLO, again],
    )
    assert counts(author, table=[HELLO, again]) == {}


def test_an_acknowledged_edit_that_is_not_in_effect_is_lost():
    table = [HELLO, BEFORE]
    author = page(AN, *POSTED, asked("edit", "good evening"), saved("edit", "good evening"), screen=table)
    assert "lost" in counts(author, table=table)


def test_an_acknowledged_edit_that_an_older_one_overrides_is_lost():
    later = [asked("edit", "good night", "c2"), saved("edit", "good night", "c2")]
    table = [HELLO, Row(20, AN, "good evening", "k2", rev=30, before=("hi", "good night"))]
    assert "lost" in counts(page(AN, *POSTED, *EDIT, *later, screen=table), table=table)


def test_an_acknowledged_edit_that_a_later_one_overrides_must_be_readable():
    night = Row(20, AN, "good night", "k2", rev=40, before=("hi", "good evening"))
    later = [asked("edit", "good night", "c2"), shown(night), saved("edit", "good night", "c2"), upto(40)]
    author = page(AN, *POSTED, *EDIT, *later, screen=[HELLO, night])
    assert counts(author, table=[HELLO, night]) == {}
    forgetful = Row(20, AN, "good night", "k2", rev=40, before=("hi",))
    assert counts(author, table=[HELLO, forgetful]) == {"lost": 1}


def test_a_removal_that_did_not_last_is_lost():
    author = page(AN, *POSTED, *EDIT, asked("remove", key="c2"), saved("remove", key="c2"))
    assert counts(author) == {"lost": 1}


def test_an_undone_removal_that_is_in_effect_is_lost():
    author = page(AN, *POSTED, *EDIT, *REMOVE, asked("restore", key="c3"), saved("restore", key="c3"))
    author.screen = [HELLO, REMOVED]
    assert counts(author, table=[HELLO, REMOVED]) == {"lost": 1}


def test_a_change_of_a_message_that_is_not_there_is_lost():
    author = page(AN, *POSTED[:-1], *EDIT[:1], *EDIT[2:3], screen=[HELLO])
    assert counts(author, table=[HELLO])["lost"] >= 2  # the message, and the change of it


def test_a_change_that_still_waits_at_the_end_is_lost():
    author = page(AN, *POSTED, *EDIT, asked("remove", key="c2"), unsent=["c2"])
    assert counts(author) == {"lost": 1}


def test_a_reader_who_was_told_of_a_saved_edit_that_did_not_last_is_lied_to():
    table = [HELLO, BEFORE]
    author = page(AN, *POSTED, asked("edit", "good evening"), screen=table)
    reader = page(BINH, *SEEN, Event("fetched"), shown(HELLO), shown(BEFORE), upto(20), screen=table)
    assert counts(author, reader, table=table) == {"lost": 1}


def test_an_edit_that_was_applied_twice_is_doubled():
    table = [HELLO, Row(20, AN, "good evening", "k2", rev=40, before=("hi", "good evening"))]
    assert counts(page(AN, *POSTED, *EDIT, screen=table), table=table) == {"doubled": 1}


def test_an_edit_that_stands_in_two_bubbles_is_doubled():
    more = Row(50, AN, "good evening", "k5")
    author = page(AN, *POSTED, Event("invoke", key="k5", content="good evening"), *EDIT, shown(more), upto(50))
    author.screen = [HELLO, EDITED, more]
    assert "doubled" in counts(author, table=author.screen)


def test_a_later_revision_than_that_of_the_table_is_a_ghost():
    table = [HELLO, BEFORE]
    author = page(AN, *POSTED, asked("edit", "good evening"), screen=table)
    assert counts(author, page(BINH, READY, screen=[HELLO, EDITED]), table=table) == {"ghost": 1}


def test_a_revision_that_is_never_called_saved_is_a_ghost():
    assert counts(page(AN, *POSTED, *EDIT), page(BINH, *SEEN[:-1])) == {"ghost": 1}


def test_an_older_revision_than_that_of_the_table_is_a_gap():
    assert counts(page(AN, *POSTED, *EDIT), page(BINH, READY, screen=[HELLO, BEFORE])) == {"gap": 1}
    assert counts(page(AN, *POSTED, *EDIT), history=[HELLO, BEFORE]) == {"gap": 1}


def test_a_version_that_nobody_asked_for_is_a_phantom():
    table = [HELLO, Row(20, AN, "good evening", "k2", rev=30, before=("hi", "bad evening"))]
    assert counts(page(AN, *POSTED, *EDIT), table=table) == {"phantom": 1}


def test_a_text_of_another_message_is_a_phantom():
    strange = Event("shown", 10, content="good evening", rev=25, at=0.0)
    reader = page(BINH, *SEEN, Event("down"), strange)
    assert counts(page(AN, *POSTED, *EDIT), reader)["phantom"] == 1


def test_a_removal_that_nobody_asked_for_is_a_phantom():
    author = page(AN, *POSTED, *EDIT, screen=[HELLO, REMOVED])
    assert "phantom" in counts(author, table=[HELLO, REMOVED])


def test_a_revision_that_goes_back_on_a_page_that_is_live_is_reordered():
    reader = page(BINH, *SEEN, shown(BEFORE))
    assert counts(page(AN, *POSTED, *EDIT), reader) == {"reordered": 1}


def test_an_older_revision_while_a_page_catches_up_is_none():
    reader = page(BINH, *SEEN, Event("down"), shown(BEFORE), READY)
    assert counts(page(AN, *POSTED, *EDIT), reader) == {}


def test_changes_that_land_in_another_order_than_they_were_made_in_are_reordered():
    moved = Row(10, AN, "hello you", "k1", rev=25, before=("hello",))
    later = [asked("edit", "hello you", "c2", 10), shown(moved), saved("edit", "hello you", "c2", 10)]
    author = page(AN, *POSTED, *EDIT, *later, upto(30), screen=[moved, EDITED])
    assert counts(author, table=[moved, EDITED]) == {"reordered": 1}


def test_versions_in_another_order_than_they_were_made_in_are_reordered():
    night = [asked("edit", "good night", "c2"), saved("edit", "good night", "c2")]
    row = Row(20, AN, "good night", "k2", rev=50, before=("good evening", "hi"))
    found = counts(page(AN, *POSTED, *EDIT, *night, screen=[HELLO, row]), table=[HELLO, row])
    assert "phantom" in found  # the first text is not the one that was posted
    back = Row(20, AN, "good evening", "k2", rev=50, before=("hi", "good night"))
    assert "reordered" in counts(page(AN, *POSTED, *EDIT, *night, screen=[HELLO, back]), table=[HELLO, back])


def test_a_revision_with_two_contents_is_reused():
    died = Row(20, AN, "good morning", rev=30)
    author = page(AN, *POSTED, asked("edit", "good morning", "c0"), *EDIT)
    reader = page(BINH, READY, shown(HELLO), shown(died), Event("down"), shown(EDITED), READY, upto(30))
    assert counts(author, reader) == {"reused": 1}


def test_a_number_of_two_messages_is_reused():
    reader = page(BINH, *SEEN, Event("down"), Event("shown", 10, content="hello", rev=30, at=0.0))
    author = page(AN, *POSTED, *EDIT)
    assert counts(author, reader)["reused"] == 1


# --- what the pages of these tests do about a change that died with a server ------------------------------------------


@pytest.mark.parametrize("brought", [0, 30])  # nothing of the message, or the change before the one that died
def test_a_page_that_shows_a_change_that_died_takes_its_list_anew(brought):
    def fragment(rev: int) -> str:
        item = f'<li class="msg" id="m-20" data-mid="20" data-rev="{rev}" data-author="1"><div class="text">{rev}</div>'
        return f'<ol id="messages" data-cursor="20" data-epoch="e" hx-swap-oob="timeline:#messages">{item}</li></ol>'

    screen = Screen(Log(AN))
    screen.load(fragment(20))
    screen.begin()
    assert screen.finish(20)
    for rev in (30, 40):
        screen.take(fragment(rev))
    screen.begin()
    if brought:
        screen.take(fragment(brought))
    assert not screen.finish(35)
    screen.begin()
    screen.take(fragment(40))
    assert screen.finish(45)
