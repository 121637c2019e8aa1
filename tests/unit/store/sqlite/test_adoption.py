"""What old values mean: times, texts, wrapped pictures, names; and databases that no one has thought of."""

from __future__ import annotations

import base64
import json
import os
import random
import sqlite3
import unicodedata
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import old_chat
from chatapp.model import names
from chatapp.model.adoption import Report
from chatapp.operate import adoption
from chatapp.store import Store
from chatapp.store.sqlite import integrity, opening
from chatapp.store.sqlite.adoption import columns, talk, times, values, wrappings
from chatapp.store.sqlite.adoption.people import Account, People
from chatapp.store.sqlite.maintenance import reading
from chatapp.system.lock import DatabaseLock
from chatapp.system.startup import CannotStart
from unit.store.sqlite.test_schema import prepare

# Times


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2024-03-01 08:00:00", "2024-03-01T08:00:00"),
        ("2024-03-01T08:00:00.123456", "2024-03-01T08:00:00.123456"),
        ("2024-03-01T08:00:00+07:00", "2024-03-01T01:00:00"),
        ("2024-03-01T08:00:00.000Z", "2024-03-01T08:00:00"),
        (" 2024-03-01 ", "2024-03-01T00:00:00"),
        ("2021-05-01 8:05", "2021-05-01T08:05:00"),
        ("2021/05/01", "2021-05-01T00:00:00"),
        ("2021.5.1 8:05:09", "2021-05-01T08:05:09"),
        ("01/05/2021 08:00:00", "2021-05-01T08:00:00"),
        ("01-05-2021 08:40", "2021-05-01T08:40:00"),
        ("1.5.21", "2021-05-01T00:00:00"),
        ("13/05/2021, 08:00", "2021-05-13T08:00:00"),
        ("05/13/2021 08:00", "2021-05-13T08:00:00"),
        ("5/13/2021, 8:05:00 PM", "2021-05-13T20:05:00"),
        ("12:59 AM 13/5/2021", "2021-05-13T00:59:00"),
        ("8:05:00 CH 13/5/2021", "2021-05-13T20:05:00"),
        ("08:05:00 Thứ Bảy, 1/5/2021", "2021-05-01T08:05:00"),
        ("ngày 1 tháng 5 năm 2021 lúc 8h05", "2021-05-01T08:05:00"),
        ("May 01, 2021 08:15", "2021-05-01T08:15:00"),
        ("1 May 2021", "2021-05-01T00:00:00"),
        ("Sat May  1 08:20:00 2021", "2021-05-01T08:20:00"),
        ("Sat May 01 2021 08:20:00 GMT+0700 (Indochina Time)", "2021-05-01T01:20:00"),
        ("Sat, 01 May 2021 08:20:00 GMT", "2021-05-01T08:20:00"),
        ("2021-05-01 08:20:00 +0000 UTC", "2021-05-01T08:20:00"),
        ('"2021-05-01T08:20:00"', "2021-05-01T08:20:00"),
        (1_709_262_000, "2024-03-01T03:00:00"),
        ("1709262000.5", "2024-03-01T03:00:00.500000"),
        (1_709_262_000_000, "2024-03-01T03:00:00"),
        ("1709262000123456", "2024-03-01T03:00:00.123456"),
        (1_709_262_000_123_456_789, "2024-03-01T03:00:00.123456"),
        (20_210_501, "2021-05-01T00:00:00"),
        ("20210501082000", "2021-05-01T08:20:00"),
        (2_459_335.75, "2021-05-01T06:00:00"),
        ("0001-01-01 00:00:00", None),
        ("9999-12-31 23:59:59", None),
        ("31/02/2021", None),
        ("2021-13-45", None),
        ("25:00", None),
        ("hôm qua", None),
        ("2021-05-01 và sau đó", None),
        ("", None),
        (None, None),
        (0, None),
        (-5, None),
        (b"\xff", None),
        ("1" * 5_000, None),
    ],
)
def test_times_of_every_kind_are_understood_or_recognised_as_none(moment: values.Value, text: str | None) -> None:
    read = times.read(moment).moment
    assert (read and read.replace(tzinfo=None).isoformat()) == text


def test_a_program_that_puts_the_month_first_is_found_out_by_what_can_only_be_read_so() -> None:
    given = ["5/1/2021, 8:00:00 AM", "5/13/2021, 8:00:00 AM", "1/5/2021 08:00"]
    american = times.month_first(given)
    assert [times.read(each, american).moment for each in given] == [
        datetime(2021, 5, 1, 8, tzinfo=UTC),
        datetime(2021, 5, 13, 8, tzinfo=UTC),
        datetime(2021, 5, 1, 8, tzinfo=UTC),
    ]
    mixed = ["05/13/2021", "13/05/2021", "01/05/2021"]
    assert times.read(mixed[2], times.month_first(mixed)).moment == datetime(2021, 5, 1, tzinfo=UTC)


def test_a_time_that_cannot_be_read_is_that_of_the_row_before_and_a_time_of_day_of_the_same_day() -> None:
    given = ["?", "2021-05-01 23:50", None, "23:55", "00:10", "2021-05-02 08:00", "07:59"]
    found, unread = times.filled([times.read(each) for each in given], datetime(2000, 1, 1, tzinfo=UTC))
    assert unread == 2
    assert [f"{moment:%d %H:%M}" for moment in found] == [
        "01 23:50",
        "01 23:50",
        "01 23:50",
        "01 23:55",
        "02 00:10",
        "02 08:00",
        "02 07:59",
    ]


@given(st.one_of(st.text(max_size=120), st.integers(), st.floats(), st.binary(max_size=60), st.none()))
def test_no_value_is_too_odd_to_be_asked_for_its_time(value: values.Value) -> None:
    times.read(value)


# Texts


@given(st.binary(max_size=200))
def test_bytes_of_every_kind_become_text_that_can_be_stored_and_shown(data: bytes) -> None:
    text = values.tidy(values.text(values.Text(data)))
    text.encode()
    assert all(unicodedata.category(character) != "Cc" or character in "\t\n" for character in text)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Chào bạn".encode(), "Chào bạn"),
        ("Chào".encode("latin-1"), "Chào"),
        ("Đường".encode("cp1258", "ignore"), "Đưng"),
        ("bạn".encode()[:-2], "b\ufffd"),
        ("😀".encode("utf-16", "surrogatepass").decode("utf-16").encode(), "😀"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "😀"),
    ],
)
def test_text_of_other_encodings_is_guessed(data: bytes, text: str) -> None:
    assert values.decoded(data) == text


# Flags

NOT_SET = [
    None,
    "",
    " ",
    "0",
    "0.0",
    "-0",
    "00",
    ".0",
    "0e5",
    0,
    0.0,
    b"",
    b"\x00",
    b"\x00" * 8,
    b"0",
    "[]",
    "{}",
    '""',
    "''",
]
NOT_SET += [
    "off",
    "OFF",
    "no",
    "n",
    "N",
    "false",
    "F",
    "nil",
    "null",
    "none",
    "undefined",
    "active",
    "-",
    "không",
    "\x00",
]
NOT_SET += ["0000-00-00 00:00:00", "0001-01-01T00:00:00Z", "1970-01-01 00:00:00", "visible", "[1]", "nan", "inf", "abc"]
SET = [
    1,
    -1,
    2,
    0.5,
    "1",
    "1.0",
    "-1",
    "true",
    "TRUE",
    "t",
    "Yes",
    "y",
    "on",
    "x",
    '"1"',
    b"1",
    b"\x01",
    b"\x00\x01",
    b"\x80",
]


def as_stored(value: object) -> values.Value:
    return values.Text(value.encode()) if isinstance(value, str) else value  # type: ignore[return-value]


@pytest.mark.parametrize("value", NOT_SET)
def test_what_means_no_or_nothing_known_neither_removes_a_message_nor_makes_an_admin(value: object) -> None:
    assert not values.is_true(as_stored(value))
    assert not talk.says_removed(as_stored(value))


@pytest.mark.parametrize("value", SET)
def test_what_means_yes_sets_a_flag(value: object) -> None:
    assert values.is_true(as_stored(value))
    assert talk.says_removed(as_stored(value))


@pytest.mark.parametrize("value", ["2024-01-01", "2024-01-01 10:00:00", "Deleted", "removed", "đã xóa", "đã xoá"])
def test_a_time_or_a_word_for_it_removes_a_message_but_makes_no_admin(value: str) -> None:
    assert not values.is_true(as_stored(value))
    assert talk.says_removed(as_stored(value))


# Pictures

PNG = old_chat.picture((1, 2, 3))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4  # its base64 has every letter, also + and /
BASE64 = {"png": base64.b64encode(PNG).decode(), "jpeg": base64.b64encode(JPEG).decode()}


def wrapped(text: str) -> dict[str, str]:
    """Return the ways in which programs store base64."""
    url = f"data:image/png;base64,{text}"
    return {
        "bare": text,
        "unpadded": text.rstrip("="),
        "address": url,
        "escaped as a whole": quote(url, safe=""),
        "address of bytes": f"data:application/octet-stream;base64,{text}",
        "address without a type": f"data:;base64,{text}",
        "address with a name": f"DATA:image/png;name=a.png;base64,{text}",
        "lines": "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
        "lines of blanks": " ".join(text[at : at + 64] for at in range(0, len(text), 64)),
        "blanks for plus": text.replace("+", " "),
        "URL-safe": text.replace("+", "-").replace("/", "_"),
        "escaped": url.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        "bytes": f"b'{text}'",
        "bytes of an address": f'b"{url}"',
        "quoted": f'"{text}"',
        "JSON": json.dumps({"name": "anh.png", "data": url}),
        "JSON within": json.dumps([{"type": "image", "content": {"src": text}}]),
        "tag": f'<p><img class="x" src="{url}" alt=""></p>',
        "tag without quotes": f"<IMG SRC={url}>",
    }


@pytest.mark.parametrize("way", wrapped(""))
@pytest.mark.parametrize("kind", BASE64)
def test_a_picture_is_found_however_it_was_wrapped(kind: str, way: str) -> None:
    for declared in (True, False):
        found = wrappings.unwrap(wrapped(BASE64[kind])[way], declared=declared)
        assert found is not None
        assert found.data == {"png": PNG, "jpeg": JPEG}[kind]
        assert found.words == ""


def test_a_picture_among_words_keeps_the_words() -> None:
    found = wrappings.unwrap(f"Nhìn nè: data:image/png;base64,{BASE64['png']} đẹp không", declared=False)
    assert found == wrappings.Found(PNG, words="Nhìn nè:  đẹp không")


def test_bytes_in_other_notations_are_pictures_too() -> None:
    for stored in (PNG, PNG.hex(), f"X'{PNG.hex()}'", str(PNG), BASE64["png"].encode()):
        found = wrappings.unwrap(stored, declared=False)
        assert found is not None
        assert found.data == PNG


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "ảnh đẹp quá",
        "iVBORw0KGgo",
        "Quangcaotrenmanghinhsieudai",
        "https://example.org/a.png?x=1",
        "uploads/2021/ảnh của tôi.jpeg",
        "C:\\anh\\a.png",
        "<b>hay</b>",
        '{"a": [1, "hai"]}',
        "b'xin chào'",
    ],
)
def test_words_paths_and_addresses_are_no_pictures(text: str, declared: bool) -> None:
    assert wrappings.unwrap(text, declared=declared) is None


def test_a_picture_that_is_damaged_is_still_one_where_the_program_says_so() -> None:
    for stored in (f"data:image/png;base64,{BASE64['png'][:60]}####", "A" * 200, "data:image/png;base64,"):
        assert wrappings.unwrap(stored, declared=True) is not None
    assert wrappings.unwrap("A" * 200, declared=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png;base64," + " =" * 500_000 + "!",
        "data:image/" + ";base64" * 200_000,
        "<img " * 200_000,
        "<img src='" * 100_000,
        "data:;base64," * 100_000,
        "b'" + "\\x" * 500_000 + "'",
        "{" * 500_000,
        "[" * 100_000,
        "A " * 500_000,
    ],
)
@pytest.mark.timeout(20)
def test_an_endless_text_that_begins_like_a_picture_takes_no_endless_time(text: str) -> None:
    for declared in (True, False):
        wrappings.unwrap(text, declared=declared)


@given(st.one_of(st.text(max_size=100), st.binary(max_size=100)), st.booleans())
def test_no_text_is_too_odd_to_be_asked_for_a_picture(stored: str | bytes, declared: bool) -> None:
    wrappings.unwrap(stored, declared=declared)


BEGINNINGS = [
    "GIF89a is a format of pictures ok",
    "GIF87a là định dạng ảnh cũ rồi bạn ơi",
    "BMW.. \0\0\0\0 " + "x" * 40,
    "II*\0 is how a TIFF begins, they say",
    "MM\0* is how the other kind begins",
    "RIFF....WEBP is what Google made of it",
    "xxxxftypheic is what an iPhone writes",
]


@pytest.mark.parametrize("words", BEGINNINGS)
@pytest.mark.parametrize("kind", ["text", None])
async def test_words_that_begin_like_a_picture_stay_words(tmp_path: Path, words: str, kind: str | None) -> None:
    path = tmp_path / "chat.db"
    chat(path, rows=0, more="ALTER TABLE messages ADD COLUMN msg_type TEXT")
    rows = [(1, words, kind), (2, words, "image"), (3, PNG, kind), (4, b"II*\0\xff\0" + bytes(40), kind)]
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO messages VALUES (?, 'general', 'lan', ?, ?)", rows)
    store = await Store.open(path, prepare)
    report = store.adopted
    assert report is not None
    assert (report.messages, report.pictures, report.unreadable_pictures) == (4, 1, 2)
    await comes_alive(store, path)
    with reading(path) as database:
        assert database.rows("SELECT message FROM messages WHERE id = 1") == [(values.tidy(words),)]
        assert database.rows("SELECT message_id FROM unreadable_pictures ORDER BY 1") == [(2,), (4,)]
        [(original,)] = database.rows("SELECT original FROM unreadable_pictures WHERE message_id = 2")
        assert original in (words, words.encode())


# People

ODD = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["lan", "LAN", " lan", "lan-2", "a/b", "..", "", "\x00", "Ì" * 40, "i\u0315\u0316\u0315\u0316\u0315", "лan"]
    ),
)


@settings(max_examples=200)
@given(st.lists(ODD, max_size=12), st.lists(ODD, max_size=6))
def test_everybody_has_a_name_that_can_be_typed_and_that_nobody_else_has(found: list[str], ghosts: list[str]) -> None:
    people = People([Account(str(number), name) for number, name in enumerate(found, 1)])
    for ghost in ghosts:
        wrote = values.Text(ghost.encode("utf-8", "replace"))
        if people.named(wrote) is None:
            people.ghost(wrote)
    people.settle()
    everybody = [*people.accounts, *people.ghosts]
    for each in everybody:
        assert names.check(each.name) == each.name
    for unique in ("id", "name", "key"):
        assert len({getattr(each, unique) for each in everybody}) == len(everybody)


def test_the_first_of_two_people_of_one_name_is_the_one_who_wrote() -> None:
    people = People([Account("1", "lan"), Account("2", "lan"), Account("3", "Hoa"), Account("4", "hoa")])
    people.settle()
    assert [each.name for each in people.accounts] == ["lan", "lan-2", "Hoa", "hoa"]
    for name, number in (("lan", 1), ("LAN ", None), ("Hoa", 3), ("hoa", 4)):
        account = people.named(values.Text(name.encode()))
        assert (account and account.id) == number


# Columns


def test_what_tables_mean_is_told_by_their_words() -> None:
    table = columns.Table("Chat_Messages", ("ID", "User_Name", "user_id", "roomName", "Body", "sent-at", "is_deleted"))
    found = columns.find("messages", columns.MESSAGES, [table])
    assert found is not None
    assert found.uses | {} == {
        "id": ("ID",),
        "room": ("roomName",),
        "sender": ("User_Name", "user_id"),
        "receiver": (),
        "content": ("Body",),
        "image": (),
        "type": (),
        "time": ("sent-at",),
        "removed": ("is_deleted",),
    }


def test_a_table_with_rows_comes_before_an_empty_one_of_a_better_name() -> None:
    names = ("id", "sender", "message")
    empty, full = columns.Table("messages", names, filled=False), columns.Table("chat_messages", names)
    also_full = columns.Table("history", names)
    for found, best in (([empty, full, also_full], full), ([empty, also_full], also_full), ([empty], empty)):
        meaning = columns.find("messages", columns.MESSAGES, found)
        assert meaning is not None
        assert meaning.table is best


async def test_nobody_is_lost_because_an_empty_table_has_the_better_name(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path)) as db, db:
        for table in ("users", "accounts"):
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, username TEXT, password TEXT)")
        for table in ("messages", "chat_messages", "dms", "private_messages"):
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, sender TEXT, receiver TEXT, message TEXT)")
        db.execute("INSERT INTO accounts VALUES (1, 'lan', 'x'), (2, 'mi', 'x')")
        db.execute("INSERT INTO chat_messages VALUES (1, 'lan', NULL, 'one'), (2, 'lan', NULL, 'two')")
        db.execute("INSERT INTO dms VALUES (1, 'lan', 'mi', 'three')")
    store = await Store.open(path, prepare)
    report = store.adopted
    assert report is not None
    assert (report.people, report.ghosts, report.messages, report.directs) == (2, 0, 2, 1)
    await comes_alive(store, path)


# The report


def test_long_lists_are_cut_and_foreign_names_do_nothing_to_a_terminal() -> None:
    renamed = [(f"\x1b[2J\u202e{number}", f"user-{number}") for number in range(50)]
    text = adoption.text(Report(copy="chat.db.before-upgrade-0", people=50, renamed=renamed), "en", "chat.db")
    assert "and 30 more" in text
    assert r'"\x1b[2J\u202e0" → "user-0"' in text
    assert "\x1b" not in text
    assert "\u202e" not in text


# Files that are damaged


def chat(path: Path, rows: int = 3_000, more: str = "") -> bytes:
    """Write another program's database; return its bytes."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, password TEXT);"
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, message TEXT);"
            "INSERT INTO users VALUES (1, 'lan', 'x');"
        )
        db.executescript(more)
        said = [(number, "general", "lan", f"tin nhắn {number}") for number in range(1, rows + 1)]
        db.executemany("INSERT INTO messages (id, room, sender, message) VALUES (?, ?, ?, ?)", said)
    return path.read_bytes()


PAGE = 4096
DAMAGE = {
    "cut off in a page": lambda data: data[:-700],
    "cut off after a page": lambda data: data[: -2 * PAGE],
    "a page of zeros": lambda data: data[: 5 * PAGE] + bytes(PAGE) + data[6 * PAGE :],
    "a page over another": lambda data: data[: 9 * PAGE] + data[8 * PAGE : 9 * PAGE] + data[10 * PAGE :],
    "a page of noise": lambda data: data[: 9 * PAGE] + random.Random(1).randbytes(PAGE) + data[10 * PAGE :],
    "a list of free pages that leads nowhere": lambda data: data[:32] + b"\0\0\0\x77\0\0\0\5" + data[40:],
    "a broken list of tables": lambda data: data.replace(b"CREATE TABLE messages (", b"CREATE TABLE messages )"),
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_a_damaged_old_database_is_refused_untouched_with_what_to_do(tmp_path: Path, what: str) -> None:
    path = tmp_path / "chat.db"
    data = DAMAGE[what](chat(path))
    path.write_bytes(data)
    with pytest.raises(CannotStart) as no:
        await Store.open(path, prepare)
    assert str(no.value).startswith(f"{path} is damaged: ")
    assert f"`sqlite3 {path} .recover | sqlite3 saved.db`" in str(no.value)
    assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == ["chat.db"]


async def test_what_is_no_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    os.mkfifo(path)
    with pytest.raises(CannotStart, match=r"it is a pipe or a device\. Choose a file with --database\."):
        await Store.open(path, prepare)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOTADB, 1, 21])
def test_whatever_sqlite_says_the_sentence_tells_what_to_do(code: int) -> None:
    error = sqlite3.DatabaseError("words of its own")
    error.sqlite_errorcode = code
    sentence = opening.cannot_open(Path("old chat.db"), error)
    assert sentence.startswith(("old chat.db is ", "Cannot "))
    assert "--database" in sentence
    assert ("sqlite3 'old chat.db' .recover | sqlite3 saved.db" in sentence) == (code == sqlite3.SQLITE_CORRUPT)


@pytest.mark.parametrize("links", [{"chat.db": "chat.db"}, {"chat.db": "b.db", "b.db": "chat.db"}])
async def test_a_link_that_leads_in_a_circle_is_refused_in_a_sentence(tmp_path: Path, links: dict[str, str]) -> None:
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    with pytest.raises(CannotStart) as no, DatabaseLock(tmp_path / "chat.db", create=True):
        pass
    assert str(no.value).startswith("Cannot ")
    assert "oose another" in str(no.value)


async def test_rows_that_break_the_rules_of_their_tables_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    chat(
        path, more="CREATE TABLE other (a, b INTEGER, c, d); INSERT INTO other VALUES (NULL, 'x', 1, 1), (1, 2, 1, 2);"
    )
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        rules = "CREATE TABLE other (a NOT NULL, b INTEGER, c, d TEXT CHECK (d > 5))"
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'other'", (rules,))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    store = await Store.open(path, prepare)
    await comes_alive(store, path)


# Copies


async def test_the_copy_of_another_original_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    kept: dict[str, bytes] = {}
    for rows, name in ((1, "0"), (2, "0-2"), (3, "0-3"), (2, "0-2"), (1, "0")):
        path.unlink(missing_ok=True)
        original = chat(path, rows)
        store = await Store.open(path, prepare)
        report = store.adopted
        assert report is not None
        assert report.copy == f"{path}.before-upgrade-{name}"
        await store.close()
        with closing(sqlite3.connect(report.copy)) as db:
            assert db.execute("SELECT count(*) FROM messages").fetchone() == (rows,)
        assert len(original) == Path(report.copy).stat().st_size
        kept.setdefault(report.copy, Path(report.copy).read_bytes())
        assert {str(each): each.read_bytes() for each in tmp_path.glob("*.before-*")} == kept


# Databases that nobody has thought of


def odd_value(dice: random.Random) -> object:
    return dice.choice(
        [
            None,
            "",
            " ",
            "lan",
            "Minh",
            "general",
            "1",
            "a/b",
            "2021-05-01 08:00:00",
            "01/05/2021",
            "\x00\x1b",
            "x" * 5_000,
            b"\xff\xfe\x00",
            b"lan",
            PNG,
            BASE64["png"],
            0,
            1,
            -1,
            2**53 + 1,
            2**63 - 1,
            -(2**63),
            1.5,
            1e300,
            1_619_856_000_000,
            dice.randbytes(9).decode("latin-1"),
            dice.randbytes(9),
        ]
    )


KINDS = {
    "users": columns._WANTED["users"],
    "messages": columns._WANTED["messages"],
    "private": columns._WANTED["private"],
}
TYPES = ["", "TEXT", "STRING", "INTEGER", "REAL", "BLOB", "VARCHAR(20)", "DATETIME DEFAULT CURRENT_TIMESTAMP"]


def odd_table(dice: random.Random, db: sqlite3.Connection, kind: str) -> None:
    name = dice.choice({"users": columns.USERS, "messages": columns.MESSAGES, "private": columns.PRIVATE}[kind].split())
    uses = {use: dice.choice(words.split()) for use, words in KINDS[kind].items() if dice.random() < 0.9}
    found = {word.upper() if dice.random() < 0.3 else word: dice.choice(TYPES) for word in uses.values()}
    found |= {f"extra {number}": "TEXT" for number in range(dice.randrange(3))}
    keyed = dice.random() < 0.3 and "uuid" not in map(str.lower, found)
    definitions = [f'"{column}" {declared}' for column, declared in found.items()]
    if keyed:
        definitions.append("uuid PRIMARY KEY")
    without = " WITHOUT ROWID" if keyed and dice.random() < 0.5 else ""
    db.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({", ".join(definitions)}){without}')
    for number in range(dice.randrange(20)):
        row = [odd_value(dice) for _ in found] + ([f"key {dice.random()} {number}"] if keyed else [])
        db.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(row))})', row)  # noqa: S608
    if dice.random() < 0.3:
        db.execute(f'CREATE TRIGGER "on {name}" BEFORE INSERT ON "{name}" BEGIN SELECT raise(ABORT, "no"); END')
    if dice.random() < 0.3:
        db.execute(f'CREATE INDEX "by {name}" ON "{name}" ("{next(iter(found), "uuid")}")')


@pytest.mark.parametrize("seed", range(40))
async def test_any_old_database_comes_alive_whole_or_is_refused_untouched(tmp_path: Path, seed: int) -> None:
    dice, path = random.Random(seed), tmp_path / "chat.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {dice.choice([512, 1024, 4096, 65536])}")
        db.execute(f"PRAGMA encoding = '{dice.choice(['UTF-8', 'UTF-16le'])}'")
        db.execute(f"PRAGMA journal_mode = {dice.choice(['WAL', 'DELETE'])}")
        db.execute(f"PRAGMA user_version = {dice.randrange(12)}")
        db.execute("PRAGMA legacy_alter_table = ON")
        for kind in KINDS:
            odd_table(dice, db, kind)
    before = sha256(path.read_bytes()).hexdigest()
    try:
        store = await Store.open(path, prepare)
    except CannotStart as reason:
        refusal = str(reason)
    else:
        await comes_alive(store, path)
        return
    assert refusal.startswith(f"{path} is the database of another program: ")
    assert sha256(path.read_bytes()).hexdigest() == before
    assert [each.name for each in tmp_path.iterdir()] == ["chat.db"]


async def comes_alive(store: Store, path: Path) -> None:
    """Check what holds of every database after its adoption; close it."""
    report = store.adopted
    assert report is not None
    adoption.text(report, "vi", str(path))
    for room in await store.conversations.all_rooms():
        assert room.id
    await store.accounts.create("Người mới", names.key("Người mới"), "hash")
    await store.close()
    with reading(path) as database:
        assert integrity.find(database) == []
        assert database.damage() == []
        assert database.counts().messages == report.messages + report.directs
        for table, text in (("users", "username"), ("messages", "message"), ("private_messages", "message")):
            assert database.rows(f"SELECT 1 FROM {table} WHERE typeof({text}) <> 'text'") == []  # noqa: S608
