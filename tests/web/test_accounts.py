"""Registering, logging in, logging out: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import asyncio
import hashlib
import html
import io
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlencode

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from yarl import URL

from chatapp.model import names
from chatapp.web import keys
from chatapp.workers.passwords import CHEAPEST
from people import PASSWORD, Person

Client = TestClient[web.Request, web.Application]
Meet = Callable[..., Awaitable[Person]]
Start = Callable[..., Awaitable[Client]]

LOCAL = (ipaddress.ip_network("127.0.0.0/8"),)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TAKEN = "This name is taken"
WRONG = "The name or the password is wrong."


@pytest.fixture
async def stranger(client: Client) -> AsyncIterator[Person]:
    """Somebody without an account, at the server of ``client``."""
    person = Person(client.server, "Người Lạ")
    yield person
    await person.close()


async def words(response: ClientResponse) -> str:
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", await response.text())).split())


async def field(response: ClientResponse, name: str) -> str:
    """Return the tag of a form's field."""
    found = re.search(rf'<input id="{name}"[^>]*>', await response.text())
    assert found, f"the page has no field {name}"
    return found[0]


async def add_user(client: Client, username: str, stored: str) -> int:
    """Put a user into the database as another program left it there."""
    user = await client.app[keys.store].accounts.create(username, names.key(username), stored)
    return user.id


async def stored_password(client: Client, username: str) -> str:
    found = await client.app[keys.store].accounts.credentials(username, names.key(username))
    assert found is not None
    return found[1]


# The landing page


async def test_a_stranger_is_told_what_this_is_and_how_to_get_in(stranger: Person) -> None:
    response = await stranger.get("/")
    assert response.status == 200
    page = await response.text()
    assert 'href="/register"' in page
    assert 'href="/login"' in page


async def test_who_is_logged_in_goes_on_from_the_landing_page_to_a_room(meet: Meet) -> None:
    an = await meet("An")
    response = await an.get("/", allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == "/rooms/general"


async def test_the_landing_page_leads_back_to_the_conversation_of_last_time(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Trần Bình")
    accounts = client.app[keys.store].accounts
    await accounts.set_last_conversation(1, "tech")
    assert (await an.get("/", allow_redirects=False)).headers["Location"] == "/rooms/tech"
    await accounts.set_last_conversation(1, "@1-2")
    assert (await an.get("/", allow_redirects=False)).headers["Location"] == "/direct/Tr%E1%BA%A7n%20B%C3%ACnh"
    assert (await binh.get("/", allow_redirects=False)).headers["Location"] == "/rooms/general"


# Registering


async def test_registering_logs_in_at_once(stranger: Person) -> None:
    response = await stranger.register()
    assert response.status == 303
    assert response.headers["Location"] == "/"
    assert await stranger.is_logged_in()


async def test_two_people_register_and_are_two_people(meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    assert "An" in await (await an.get("/settings")).text()
    assert "Bình" in await (await binh.get("/settings")).text()
    assert an.cookie != binh.cookie


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "x" * 32,
        "Nguyễn Thị Bưởi",
        "李小龍",
        "Ξένος",
        "O'Brien-Smith",
        "😀",
        "<b>An",
        "'; DROP TABLE users;--",
        "a" * 31 + "ệ",
    ],
)
async def test_a_name_is_kept_as_it_was_typed(stranger: Person, name: str) -> None:
    stranger.name = name
    assert (await stranger.register()).status == 303
    assert html.escape(name, quote=False) in (await (await stranger.get("/settings")).text()).replace("&#39;", "'")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * 33,
        "An  Bình",
        "An\tBình",
        "An\nBình",
        "An\u200bBình",
        "\u202eAn",
        "\u3164",
        "an\x00",
        "a/b",
        "..",
    ],
)
async def test_a_bad_name_is_refused_beside_its_field_and_stays_in_it(stranger: Person, name: str) -> None:
    stranger.name = name
    response = await stranger.register()
    assert response.status == 422
    tag = await field(response, "username")
    assert 'aria-invalid="true"' in tag
    assert "username-error" in tag
    assert "autofocus" in tag
    assert f'value="{name}"' in html.unescape(tag)
    assert "aria-invalid" not in await field(response, "password")
    assert stranger.cookie is None


@pytest.mark.parametrize("typed", [" An", "An ", " \u3000An\xa0", "An\t"])
async def test_blanks_around_a_name_are_not_part_of_it_at_registration_as_at_the_log_in(
    stranger: Person, typed: str
) -> None:
    stranger.name = typed
    assert (await stranger.register()).status == 303
    page = await (await stranger.get("/settings")).text()
    assert "<bdi>An</bdi>" in page
    await stranger.log_out()
    assert (await stranger.log_in()).status == 303


@pytest.mark.parametrize("password", ["", "1234567", "password1", "PassWord1", "x" * 257, "12345678"])
async def test_a_bad_password_is_refused_beside_its_field_and_never_sent_back(stranger: Person, password: str) -> None:
    stranger.password = password
    response = await stranger.register()
    assert response.status == 422
    tag = await field(response, "password")
    assert 'aria-invalid="true"' in tag
    assert 'value=""' in tag
    assert 'value="Người Lạ"' in await field(response, "username")
    assert not password or password not in await response.text()


async def test_both_fields_tell_their_errors_at_once_and_the_first_gets_the_focus(stranger: Person) -> None:
    response = await stranger.register(username="", password="")
    assert "autofocus" in await field(response, "username")
    assert "autofocus" not in await field(response, "password")
    assert (await response.text()).count('class="wrong"') == 2


@pytest.mark.parametrize(
    "password", ["x" * 8, "x" * 64, "x" * 256, "  spaces at both ends  ", "mật khẩu có dấu ệ", "😀" * 8]
)
async def test_any_password_of_good_length_works_as_typed(stranger: Person, password: str) -> None:
    stranger.password = password
    assert (await stranger.register()).status == 303
    await stranger.log_out()
    assert (await stranger.log_in()).status == 303


async def test_a_password_is_never_trimmed_or_cut(stranger: Person) -> None:
    stranger.password = " " + "x" * 80 + " "
    await stranger.register()
    await stranger.log_out()
    for other in (
        stranger.password.strip(),
        stranger.password[:-1],
        stranger.password[:73] + "y" + stranger.password[74:],
    ):
        assert (await stranger.log_in(password=other)).status == 422
    assert (await stranger.log_in()).status == 303


@pytest.mark.parametrize(
    "other", ["Trần Bình", "trần bình", "TRẦN BÌNH", "Trâ\u0300n Bi\u0300nh", "Ｔrần Bình", "ᵀrần Bình"]
)
async def test_names_that_look_the_same_are_the_same(meet: Meet, stranger: Person, other: str) -> None:
    await meet("Trần Bình")
    stranger.name = other
    response = await stranger.register()
    assert response.status == 422
    assert TAKEN in await words(response)
    assert 'aria-invalid="true"' in await field(response, "username")


async def test_a_name_that_looks_like_that_of_somebody_else_is_refused_beside_its_field(
    client: Client, meet: Meet
) -> None:
    await meet("Ian")
    twin = Person(client.server, "lan")
    response = await twin.register()
    assert response.status == 422
    assert "looks too much like somebody else" in await words(response)
    assert 'aria-invalid="true"' in await field(response, "username")
    await twin.close()


async def test_of_two_who_take_a_name_at_the_same_moment_one_gets_it(client: Client) -> None:
    people = [Person(client.server, name) for name in ("An", "AN", "an", "aN", "Ａn", "An")]
    answers = await asyncio.gather(*(person.register() for person in people))
    assert sorted(answer.status for answer in answers) == [303] + [422] * 5
    for person, answer in zip(people, answers, strict=True):
        assert answer.status == 303 or TAKEN in await words(answer)
        await person.close()


async def test_fields_that_the_form_does_not_have_change_nothing(client: Client, stranger: Person) -> None:
    response = await stranger.register(role="admin", id="7", created_at="1999-01-01", language="vi")
    assert response.status == 303
    user = await client.app[keys.store].accounts.named(stranger.name, names.key(stranger.name))
    assert user is not None
    assert (user.id, user.role, user.language) == (1, "user", None)


async def test_who_is_logged_in_gets_no_form_to_log_in_or_register(meet: Meet) -> None:
    an = await meet("An")
    for path in ("/login", "/register"):
        response = await an.get(path, allow_redirects=False)
        assert response.status == 303
        assert response.headers["Location"] == "/"
    response = await an.get("/login?next=/rooms/tech", allow_redirects=False)
    assert response.headers["Location"] == "/rooms/tech"


async def test_a_user_who_comes_later_starts_with_nothing_unread(client: Client, meet: Meet) -> None:
    await meet("An")
    counts = await client.app[keys.store].marks.counts(1)
    assert set(counts.reads) == {"general", "tech", "game"}
    assert set(counts.reads.values()) == {client.app[keys.journal].newest()}


# Logging in


@pytest.mark.parametrize("name", ["Trần Bình", "TRẦN BÌNH", "Trâ\u0300n Bi\u0300nh", " Trần Bình "])
async def test_logging_in_takes_the_name_as_people_type_it(client: Client, meet: Meet, name: str) -> None:
    await meet("Trần Bình")
    async with Person(client.server, name) as again:
        assert (await again.log_in()).status == 303
        assert "Trần Bình" in await (await again.get("/settings")).text()


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(meet: Meet, stranger: Person) -> None:
    an = await meet("An")
    answers, varying = [], ("Date", "X-Request-ID", "Content-Length")
    for name, password in ((an.name, "wrong password"), ("An Người Khác", "wrong password")):
        response = await stranger.log_in(username=name, password=password)
        text = (await response.text()).replace(name, "NAME")
        same = {name: value for name, value in response.headers.items() if name not in varying}
        answers.append((response.status, same, text))
    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert WRONG in html.unescape(answers[0][2])
    assert "Set-Cookie" not in answers[0][1]


@pytest.mark.parametrize("name", ["' OR 1=1--", "An' --", "'; DROP TABLE users;--", "x" * 100_000, "\x00", "\ud800"])
async def test_a_hostile_name_is_just_a_wrong_name(meet: Meet, stranger: Person, name: str) -> None:
    an = await meet("An")
    body = urlencode({"username": name.encode("utf-8", "surrogatepass"), "password": "whatever it is"})
    response = await stranger.post("/login", body, headers=FORM)
    assert response.status == 422
    assert await an.is_logged_in()


async def test_an_overlong_password_is_wrong_and_costs_nothing(meet: Meet, stranger: Person) -> None:
    await meet("An")
    response = await stranger.log_in(username="An", password="x" * 500_000)
    assert response.status == 422
    said = await words(response)
    assert WRONG in said
    assert "No password here can be that long" in said


@pytest.mark.parametrize(
    ("username", "password", "wrong"),
    [("", "x", ["username"]), ("An", "", ["password"]), ("", "", ["username", "password"])],
)
async def test_an_empty_field_is_said_to_be_empty(
    stranger: Person, username: str, password: str, wrong: list[str]
) -> None:
    response = await stranger.log_in(username=username, password=password)
    assert response.status == 422
    for name in ("username", "password"):
        assert ("aria-invalid" in await field(response, name)) == (name in wrong)


async def test_the_name_is_kept_and_the_password_is_not_when_it_was_wrong(meet: Meet, stranger: Person) -> None:
    await meet("An")
    response = await stranger.log_in(username="An", password="secret guess")
    assert 'value="An"' in await field(response, "username")
    assert "secret guess" not in await response.text()


async def test_hostile_values_come_back_as_text(stranger: Person) -> None:
    response = await stranger.log_in(username='"><script>alert(1)</script>', password="x", next='/"><img src=x>')
    page = await response.text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


async def test_a_password_of_the_old_program_works_once_and_is_hashed_anew(client: Client, stranger: Person) -> None:
    digest = hashlib.sha256("chè3m".encode()).hexdigest()
    await add_user(client, "Người Lạ", digest)
    assert (await stranger.log_in(password="chè4m")).status == 422
    assert await stored_password(client, "Người Lạ") == digest
    assert (await stranger.log_in(password="chè3m")).status == 303
    assert (await stored_password(client, "Người Lạ")).startswith(CHEAPEST.prefix)
    await stranger.log_out()
    assert (await stranger.log_in(password="chè3m")).status == 303
    assert (await stranger.log_in(password=digest)).status == 422, "the hash is no password"


async def test_a_name_without_an_account_of_its_own_cannot_log_in(client: Client, stranger: Person) -> None:
    await add_user(client, "Người Lạ", "!")
    for password in ("!", "", PASSWORD):
        assert (await stranger.log_in(password=password)).status == 422


# Where to go on


@pytest.mark.parametrize("path", ["/login", "/register"])
@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/rooms/tech?before=12", "/rooms/tech?before=12"),
        ("/direct/Tr%E1%BA%A7n%20B%C3%ACnh", "/direct/Tr%E1%BA%A7n%20B%C3%ACnh"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
async def test_logging_in_goes_on_to_where_one_wanted_to_go_but_never_elsewhere(
    client: Client, meet: Meet, path: str, wanted: str, location: str
) -> None:
    await meet("An")
    async with Person(client.server, "An" if path == "/login" else "Bình") as person:
        response = await person.post(
            path, {"username": person.name, "password": person.password, "next": wanted}, allow_redirects=False
        )
        assert response.status == 303
        assert response.headers["Location"] == location


async def test_the_form_carries_the_wish_through_a_mistake(stranger: Person) -> None:
    assert 'name="next" value="/rooms/tech"' in await (await stranger.get("/login?next=/rooms/tech")).text()
    response = await stranger.log_in(next="/rooms/tech", password="wrong password")
    assert 'name="next" value="/rooms/tech"' in await response.text()
    assert "evil" not in await (await stranger.get("/login?next=//evil.example")).text()


async def test_a_page_for_users_sends_to_the_log_in_and_back_again(
    client: Client, meet: Meet, stranger: Person
) -> None:
    await meet("An")
    response = await stranger.get("/rooms/tech?before=12", allow_redirects=False)
    assert response.status == 303
    location = response.headers["Location"]
    assert URL(location).path == "/login"
    assert URL(location).query["next"] == "/rooms/tech?before=12"
    form = await stranger.get(location)
    assert 'name="next" value="/rooms/tech?before=12"' in await form.text()


# Logging out


async def test_logging_out_ends_the_session_everywhere(client: Client, meet: Meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    response = await an.log_out()
    assert response.status == 303
    assert response.headers["Location"] == "/?logged-out=1"
    assert not await an.is_logged_in()
    assert await binh.is_logged_in()
    page = await (await client.get(response.headers["Location"])).text()
    assert "You are logged out." in page
    assert "You are logged out." not in await (await client.get("/")).text()


async def test_logging_out_on_one_device_leaves_the_other_alone(client: Client, meet: Meet) -> None:
    an = await meet("An")
    async with Person(client.server, "An") as phone:
        await phone.log_in()
        await an.log_out()
        assert await phone.is_logged_in()


async def test_logging_out_is_no_address_to_visit(meet: Meet) -> None:
    an = await meet("An")
    assert (await an.get("/logout")).status == 405
    assert await an.is_logged_in()


async def test_logging_out_twice_or_without_a_session_is_no_error(stranger: Person) -> None:
    assert (await stranger.log_out()).status == 303
    assert (await stranger.log_out()).status == 303


# Too often


async def test_after_five_failures_even_the_right_password_has_to_wait_here_but_not_elsewhere(start: Start) -> None:
    client = await start(login_tries=5, trusted_proxies=LOCAL)
    async with Person(client.server, "An") as person:
        await person.register()
        await person.log_out()
        here, elsewhere = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
        form, wrong = {"username": "An", "password": PASSWORD}, {"username": "AN", "password": "wrong password"}
        for _ in range(5):
            assert (await person.post("/login", wrong, headers=here)).status == 422
        response = await person.post("/login", form, headers=here, allow_redirects=False)
        assert response.status == 429
        assert 890 <= int(response.headers["Retry-After"]) <= 900
        assert "Please wait 15 minutes" in await words(response)
        assert 'value="An"' in await field(response, "username")
        assert (await person.post("/login", form, headers=elsewhere, allow_redirects=False)).status == 303


async def test_after_ten_failures_under_changing_names_and_claimed_addresses_the_address_waits(start: Start) -> None:
    client = await start(address_tries=10)
    async with Person(client.server, "An") as person:
        for number in range(10):
            claim = {"X-Forwarded-For": f"192.0.2.{number}"}
            form = {"username": f"name {number}", "password": "wrong password"}
            assert (await person.post("/login", form, headers=claim)).status == 422
        response = await person.log_in()
        assert response.status == 429
        assert "Please wait 3 minutes" in await words(response)


async def test_the_wait_is_told_in_the_readers_language(start: Start) -> None:
    client = await start(address_tries=1)
    async with Person(client.server, "An") as person:
        await person.log_in()
        form = {"username": "An", "password": PASSWORD}
        response = await person.post("/login", form, headers={"Accept-Language": "vi"})
        assert response.status == 429
        assert 'lang="vi"' in await response.text()


async def test_a_class_logs_in_from_behind_one_address(start: Start) -> None:
    client = await start(address_tries=3, login_tries=2)
    for number in range(6):
        async with Person(client.server, "An") as pupil:
            assert (await (pupil.register() if number == 0 else pupil.log_in())).status == 303


async def test_the_eleventh_account_from_one_address_has_to_wait(start: Start) -> None:
    client = await start(registrations=10)
    async with Person(client.server, "An") as person:
        for _ in range(3):
            assert (await person.register(username="", password="x")).status == 422, "mistakes do not count"
        for number in range(10):
            assert (await person.register(username=f"An {number}")).status == 303
        response = await person.register(username="One more")
        assert response.status == 429
        assert "Retry-After" in response.headers
        assert 'value="One more"' in await field(response, "username")


# Forms that are none


@pytest.mark.parametrize("path", ["/login", "/register"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"username=An", "application/x-www-form-urlencoded; charset=no-such-thing"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n\xff\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_a_broken_form_is_the_senders_fault(stranger: Person, path: str, body: bytes, content_type: str) -> None:
    response = await stranger.post(path, body, headers={"Content-Type": content_type})
    assert response.status in (400, 422)
    assert stranger.cookie is None


@pytest.mark.parametrize("path", ["/login", "/register"])
async def test_json_is_no_form(stranger: Person, path: str) -> None:
    response = await stranger.post(path, b'{"username": "An"}', headers={"Content-Type": "application/json"})
    assert response.status == 422


@pytest.mark.parametrize("path", ["/login", "/register"])
async def test_a_file_in_place_of_a_field_is_an_empty_field(stranger: Person, path: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="username"; filename="a.txt"\r\n\r\nAn\r\n'
        b'--x\r\nContent-Disposition: form-data; name="password"; filename="b.txt"\r\n\r\npassword\r\n--x--\r\n'
    )
    response = await stranger.post(path, body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert response.status == 422


async def test_a_form_of_megabytes_is_too_large(stranger: Person) -> None:
    response = await stranger.post("/login", io.BytesIO(b"username=" + b"x" * 3_000_000), headers=FORM)
    assert response.status == 413
