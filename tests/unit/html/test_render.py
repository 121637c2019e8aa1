"""The render and views modules, and every template: what leaves the server as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from markupsafe import Markup

from chatapp.html import language, render, views
from chatapp.html.fragments import Fragments
from chatapp.html.macro_cache import MacroCache
from chatapp.model.conversations import Conversation
from chatapp.model.messages import Message
from chatapp.model.people import User
from chatapp.model.pictures import Picture
from chatapp.model.rooms import Room
from chatapp.system import resources

TEMPLATES = resources.folder("templates")
ME, AN = User(1, "Minh"), User(2, "An Nguyễn")
ROOM = Conversation("general")
PICTURE = Picture("p1", "núi.png", 1920, 1200, 640, 400)
NOW = "2026-11-24T02:00:00.000Z"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1) hx-get=/x {{ 7*7 }} '&"


def message(number: int, author: User = AN, at: str = "10:00", **values: Any) -> Message:
    """Return a message of 24 November 2026, at a time of day in UTC."""
    moment = at if "T" in at else f"2026-11-24T{at}:00.000Z"
    return Message(number, number, ROOM, author.id, author.username, values.pop("content", "Hello"), moment, **values)


@pytest.fixture(scope="module")
def env() -> Environment:
    env = render.environment(TEMPLATES)
    render.configure(env, base_path="/chat", server_name="Sân Đình", static=lambda path: "/s/" + path, now=lambda: NOW)
    return env


@pytest.fixture
def frames(env: Environment) -> Fragments:
    return Fragments(env)


def page(env: Environment, name: str, **values: Any) -> str:
    return env.get_template(name).render({"lang": "en", "theme": None, "me": ME, **values})


def room(env: Environment, *messages: Message, **values: Any) -> str:
    """Render the page of a room."""
    people = [views.Person(ME, True), views.Person(AN, False)]
    link = views.Link("general", "/rooms/general", "General", 4, True)
    direct = views.Link("@1-2", "/direct/An%20Nguy%E1%BB%85n", AN.username, 1200, False, AN, True)
    values = {
        "entries": views.entries(messages, me_id=ME.id, zone="UTC", read=0),
        "side": views.Side([link], [direct]),
        "conversation": ROOM,
        "title": "General",
        "is_direct": False,
        "person": None,
        "beside": people,
        "older": None,
        "newer": None,
        "at_newest": True,
        "renewing": True,
        "cursor": 7,
        "epoch": "e1",
        "read": 0,
        "start": 0,
        "unread": 1,
        "opened": True,
        "focus": None,
        "draft": {"content": "", "error": None},
        "composer_key": "k" * 22,
        "path": "/rooms/general",
        **values,
    }
    return page(env, "rooms/room.html", **values)


def pages(env: Environment, text: str) -> Iterator[str]:
    """Render every page with a text wherever people's own words can stand."""
    somebody = User(2, text)
    link = views.Link("@1-2", "/direct/x", text, 1, False, somebody, True)
    side, people = views.Side([link], [link]), [views.Person(somebody, True)]
    form = {"form": {"username": text}, "errors": {"username": text, "password": text, "form": text}, "next": text}
    yield page(env, "accounts/landing.html", me=None)
    yield page(env, "accounts/login.html", me=None, **form)
    yield page(env, "accounts/register.html", me=None, **form)
    yield page(env, "accounts/settings.html", me=somebody, saved=True)
    yield page(
        env, "errors/error.html", status=404, title=text, text=text, action_url="/", action_text=text, request_id=text
    )
    yield page(env, "rooms/rooms.html", me=somebody, side=side, beside=people)
    yield page(env, "rooms/people.html", me=somebody, side=side, people=people, beside=people, query=text)
    said = message(5, somebody, content=text, pictures=(Picture("p", text, 9, 9, 9, 9),))
    draft = {"content": text, "error": text}
    values = {"me": somebody, "side": side, "people": people, "beside": people, "title": text, "draft": draft}
    values["composer_key"] = text
    yield room(env, said, **values)
    yield room(env, said, **values, is_direct=True, person=somebody, older=3, newer=9, at_newest=False)


class Tags(HTMLParser):
    """The tags of a document and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_hostile_text_stays_text_in_every_page_and_frame(env: Environment, frames: Fragments) -> None:
    sender = User(2, HOSTILE)
    everything = [
        *pages(env, HOSTILE),
        frames.messages([message(5, sender, content=HOSTILE, pictures=(Picture("p", HOSTILE, 9, 9, 9, 9),))]),
        frames.unread(HOSTILE, [(5, 2)], views.Link("@1-2", "/direct/x", HOSTILE, 1, False, sender, True)),
        frames.typing(sender),
    ]
    for html in everything:
        for tag, attributes in Tags(html).found:
            assert not any(name.startswith("on") or name == "style" for name in attributes), attributes
            assert tag != "script" or "src" in attributes
            assert attributes.get("hx-get") != "/x"
        assert "49" not in html


def test_what_people_wrote_is_there_unharmed(env: Environment) -> None:
    for html in list(pages(env, "Ế & <b>"))[1:]:
        assert "Ế &amp; &lt;b&gt;" in html


def test_a_page_shows_the_same_bytes_as_a_frame(env: Environment, frames: Fragments) -> None:
    written = message(5, content="**Ế** https://a.vn", pictures=(PICTURE, PICTURE))
    frame = frames.messages([written])
    alone = frame[frame.index("<li") : frame.rindex("</ol>")]
    decorated = room(env, written)
    start = decorated.index('<li class="msg')
    assert decorated[start:].replace("msg first last", "msg", 1).startswith(alone)


def test_a_frame_does_not_depend_on_who_wrote_or_reads(frames: Fragments) -> None:
    before = frames.messages([message(5, at="23:30")])
    link = views.Link("@1-2", "/direct/An", "An", 1, False, AN, True)
    news = frames.unread("@1-2", [(5, 2)], link)
    zone = language.zone.set("Asia/Ho_Chi_Minh")
    try:
        with language.spoken("vi"):
            assert frames.messages([message(5, at="23:30")]) == before
            assert frames.unread("@1-2", [(5, 2)], link) == news
    finally:
        language.zone.reset(zone)
    assert ">23:30<" in before


def test_frames_are_compact(frames: Fragments) -> None:
    link = views.Link("@1-2", "/direct/An", "An", 1, False, AN, True)
    for frame in (
        frames.messages([message(5, pictures=(PICTURE,)), message(6)]),
        frames.removed([5, 6]),
        frames.unread("@1-2", [(5, 2), (6, 2)], link),
        frames.presence([1, 2]),
        frames.presence(came=[1], left=[2]),
        frames.typing(AN),
    ):
        assert frame.startswith("<")
        assert frame.endswith(">")
        assert not re.search(r"\n|>\s+<", frame), frame


def test_each_frame_says_where_it_goes(frames: Fragments) -> None:
    assert frames.removed([5, 6]) == (
        '<ol hx-swap-oob="removed:#messages"><li data-mid="5"></li><li data-mid="6"></li></ol>'
    )
    assert frames.unread("tech", [(5, 2), (6, 3)]) == (
        '<ul hx-swap-oob="unread:#side" data-conversation="tech" data-ids="5:2 6:3"></ul>'
    )
    assert frames.presence([1, 2]) == '<ul hx-swap-oob="presence:#side" data-online="1 2"></ul>'
    assert frames.presence([]) == '<ul hx-swap-oob="presence:#side" data-online=""></ul>'
    assert frames.presence(came=[4], left=[2]) == ('<ul hx-swap-oob="presence:#side" data-came="4" data-left="2"></ul>')
    assert frames.typing(AN) == '<ul hx-swap-oob="typing:#typing" data-user="2" data-name="An Nguyễn"></ul>'
    assert frames.messages([]) == '<ol hx-swap-oob="timeline:#messages"></ol>'


def test_links_stand_below_the_base_path_and_names_are_encoded(frames: Fragments) -> None:
    frame = frames.messages([message(5, User(2, "b ?#%"), pictures=(PICTURE,))])
    assert 'href="/chat/direct/b%20%3F%23%25"' in frame
    assert 'href="/chat/messages/5"' in frame
    assert 'src="/chat/images/p1/thumbnail" width="640" height="400" alt="núi.png"' in frame


def test_a_message_that_was_drawn_before_is_drawn_anew_when_anything_about_it_is_different(env: Environment) -> None:
    said = message(5, at="23:30")
    html = room(env, said)
    assert ">23:30<" in html
    assert "<bdi>An Nguyễn</bdi>" in html
    assert room(env, said) == html
    changed = room(env, replace(said, rev=9, content="Changed"))
    assert ">Hello<" not in changed
    assert ">Changed<" in changed
    assert "msg first last own" in room(env, said, me=AN, entries=views.entries([said], me_id=AN.id, zone="UTC"))
    zone = language.zone.set("Asia/Ho_Chi_Minh")
    try:
        assert ">06:30<" in room(env, said)
    finally:
        language.zone.reset(zone)
    gone = replace(said, rev=9, removed=True)
    assert "This message was removed." in entry(room(env, gone))
    with language.spoken("vi"):
        assert "Tin nhắn này đã được gỡ." in entry(room(env, gone))
    assert room(env, said) == html


def entry(html: str) -> str:
    """Return the only message of a page."""
    return html.partition('<li class="msg')[2].partition("</li>")[0]


def test_a_person_in_a_list_is_oneself_to_oneself_only(env: Environment) -> None:
    mine, theirs = (page(env, "rooms/people.html", me=me, query="", **surroundings()) for me in (ME, AN))
    for html, name in ((mine, "Minh"), (theirs, "An Nguyễn")):
        assert re.findall(r'<bdi>([^<]+)</bdi> <span class="you-mark">', html) == [name] * 2  # listed, and beside


def surroundings() -> dict[str, Any]:
    people = [views.Person(ME, True), views.Person(AN, False)]
    return {"side": views.Side([], []), "people": people, "beside": people}


def test_what_was_drawn_is_kept_in_bounds_and_what_is_asked_for_stays() -> None:
    drawn: list[int] = []

    def macro(number: int) -> Markup:
        drawn.append(number)
        return Markup(f"{number:1000}")  # noqa: S704 - of a number

    draw = MacroCache(limit=100_000).caching(macro)
    for number in range(1, 1000):
        assert int(draw(number)) == number
        assert int(draw(0)) == 0
    assert drawn.count(0) == 1
    drawn.clear()
    draw(1)
    assert drawn == [1]
    drawn.clear()
    for number in range(990, 1000):
        draw(number)
    assert drawn == []
    for number in range(1, 1000):
        draw(number)
    assert len(drawn) > 900


def test_sentences_of_templates_are_filled_in_with_escaped_values(env: Environment) -> None:
    template = env.from_string(
        "{{ _('Message %(title)s…', title=title) }}|{{ _('Uploading {percent}%%') }}|{{ _('Send') }}"
    )
    assert template.render(title="<b>") == "Message &lt;b&gt;…|Uploading {percent}%|Send"
    with language.spoken("vi"):
        assert template.render(title="<b>") == "Nhắn tới &lt;b&gt;…|Đang tải lên {percent}%|Gửi"


def test_a_run_has_one_author_and_no_long_pause() -> None:
    arranged = views.entries(
        [message(1), message(2, at="10:04"), message(3, at="10:09"), message(4, ME, at="10:09")],
        me_id=ME.id,
        zone="UTC",
    )
    assert [entry.marks for entry in arranged] == [" first", " last", " first last", " first last own"]


def test_days_turn_at_midnight_of_the_reader() -> None:
    late = [message(1, at="16:59"), message(2, at="17:01")]
    here = views.entries(late, me_id=ME.id, zone="Asia/Ho_Chi_Minh")
    assert [entry.day and entry.day.isoformat() for entry in here] == ["2026-11-24", "2026-11-25"]
    assert [entry.first for entry in here] == [True, True]
    assert [entry.day is not None for entry in views.entries(late, me_id=ME.id, zone="UTC")] == [True, False]


@pytest.mark.parametrize(
    ("read", "line"), [(None, []), (0, [2]), (2, [3]), (4, []), (9, [])], ids=["no mark", "none", "some", "all", "more"]
)
def test_one_line_stands_above_the_first_unread_message_of_others(read: int | None, line: list[int]) -> None:
    said = [message(1, ME), message(2), message(3), message(4, ME)]
    arranged = views.entries(said, me_id=ME.id, zone="UTC", read=read)
    assert [entry.message.id for entry in arranged if entry.new] == line
    assert all(entry.first for entry in arranged if entry.new)


def test_the_three_first_rooms_have_translated_names() -> None:
    with language.spoken("vi"):
        names = [views.room_title(Room(room)) for room in ("general", "tech", "game")]
        assert names == ["Phòng Chung", "Phòng Công Nghệ", "Phòng Game"]
        assert views.room_title(Room("book-club", "Đọc sách")) == "Đọc sách"


def test_only_a_page_at_the_newest_refreshes_itself_without_scripts(env: Environment) -> None:
    assert '<noscript><meta http-equiv="refresh"' in room(env, message(5))
    assert "http-equiv" not in room(env, message(5), at_newest=False, newer=5, renewing=False)


def test_errors_are_tied_to_their_fields_and_take_the_focus(env: Environment) -> None:
    html = page(
        env,
        "accounts/register.html",
        me=None,
        form={"username": "An"},
        errors={"password": "Too short."},
        next="/rooms/tech",
    )
    fields = {attributes.get("name"): attributes for tag, attributes in Tags(html).found if tag == "input"}
    assert fields["username"]["value"] == "An"
    assert not {"autofocus", "aria-invalid"} & set(fields["username"])
    assert {"autofocus", "aria-invalid"} <= set(fields["password"])
    assert "password-error" in (fields["password"]["aria-describedby"] or "")
    assert '<p class="wrong" id="password-error">Too short.</p>' in html
    assert "8 to 256 characters" in html


def test_ids_are_unique_in_every_page(env: Environment) -> None:
    for html in pages(env, "An"):
        ids = [attributes["id"] for _, attributes in Tags(html).found if "id" in attributes]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_templates_keep_to_the_content_security_policy(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\s(style|on\w+)=|hx-on|javascript:|<style|\bhx-vals=.js:", source)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", source))
    assert "|safe" not in source.replace(" ", "")
    assert ("hx-swap-oob" in source) == (path.parent.name == "frames")
