"""Passwords that other programs have stored: verified if that can be, and never mistaken for plain text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import bcrypt
import pytest

from chatapp.workers import inherited


def digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def salted(name: str, data: bytes) -> str:
    return digest(name, data).hex()


PASSWORD = "matkhau-lan"
RAW = PASSWORD.encode()
SHA256 = hashlib.sha256(RAW).hexdigest()
BCRYPT = "$2b$04$q8fbMDVUO6k8OL9xKLg6nuZJWgWU0itDHsh5gp9/lq9TH4iJ/7cU2"

# Made by the libraries themselves.
LIBRARIES = {
    "werkzeug pbkdf2": "pbkdf2:sha256:1000$cqYpRRUt3WIcJX9b$a527dae5b37eec02b40e9bd07a3f874d592e088ccfc16"
    "1649ef3486182d4adb7",
    "werkzeug pbkdf2, sha1": "pbkdf2:sha1:1000$SWgIeUI9ZuFc4wri$0d20258161ad92de1941b8fba4deb5f467c6ad82",
    "werkzeug pbkdf2, sha512": "pbkdf2:sha512:1000$3zuEVsyD2bqmQgpZ$d2ee90e8ee8442220095c5f31030a1bb07c1f"
    "384afdc94bd1b1432176b"
    "90f2951b86994963da61f980757ccf2cb7686a79252973d568755e396dc7707c695e25",
    "werkzeug scrypt": "scrypt:16384:8:1$WexyoafrCRRMIXAN$9621b4d547ed8f81108d7a82823d468d32ed255d64c287d"
    "40f58e1e6e802f1965a9b"
    "c00c79faeb1d37b16b20a5156fb379d8c04616b780b87ea22e23c257988d",
    "django pbkdf2": "pbkdf2_sha256$1000$seasalt$A+Yw+61U+flY4wSxqHZ9+gQboDarr7bPaJBGgmyjxQI=",
    "django pbkdf2, sha1": "pbkdf2_sha1$1000$seasalt$ts+ZClxTWMtOeE5e/SzcLD9SaXU=",
    "django scrypt": "scrypt$16384$seasalt$8$5$qCx6fUuo9i32xQAnXebkbyPd4s2hrI7WZQ0KeZ++kSnb3tlavCoOjEpkky"
    "F9grDl4ZMWHvJ8QtwZ"
    "zgOD+Qgu6w==",
    "django md5": "md5$seasalt$d09aee3979ec81cb4f91478fed543e14",
    "django argon2": "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQxMg$CicSH4SRcge3ch574EXhAYyBQEjEk/FVyv+3v6vDK5k",
    "django bcrypt_sha256": "bcrypt_sha256$$2b$04$UNBivC8UldUeffd5TuDsJudXxs9ioGsw4YbMJzlWNPQXM/LC7M/Fm",
    "django bcrypt": "bcrypt$$2b$04$vI8NSfocoP.uWTLbxN5bz.Nwd6Rp8m4dqN8x72N4b7XxyQTDma1Rm",
    "passlib pbkdf2-sha256": "$pbkdf2-sha256$1000$9d77f8.Zk9Lam3MOgTAGQA$V8nwQlGnsad6y13UBzsKDPz8ueOX6GBP5ORuGD2.30M",
    "passlib pbkdf2-sha512": "$pbkdf2-sha512$1000$r9Wak9K6txZijHEOQag1hg$5p5z53d7UVIQPnHBDbMW0HUVtmAD14H1"
    "llYIP78EZXoB7Ym7EswU"
    "1mhTvY9WfHrErD1EfU.q6qypR.6py/fbVA",
    "passlib pbkdf2-sha1": "$pbkdf2$1000$2fufE8IYI6R0TqmVshaCEA$CqB1p.cNp7f.thuz8qPYWJ0gHS8",
    "passlib scrypt": "$scrypt$ln=10,r=8,p=1$BIDwfs8ZI4TQeo8xRoiRUg$V5qBBzdfRO4uwsQRjkWJPIYh2XdbZapvXcclLLf3B7k",
    "passlib bcrypt-sha256": "$bcrypt-sha256$v=2,t=2b,r=4$1w8t28SZZRCYV0s29UMH9O$on4dgIgwCNacJdJobi0Ich5sABAiD2O",
    "argon2id": "$argon2id$v=19$m=512,t=1,p=4$zLPtJD+R63gEL0vr133/kQ$rjeeph6tmrbsiIWkOjnr96xlF19H3YcTqieL1URp008",
    "argon2i": "$argon2i$v=19$m=512,t=1,p=4$40N9iGn7lPhRnxTP+HfEaw$RLCH4VhbJHm4tZzAypBEZ33EVK2CucMtkjhJMOVMXuc",
    "argon2d": "$argon2d$v=19$m=512,t=1,p=4$4wR6FzpmAIxyH2mr1OyV6w$VSqkulJzurVXQokUwWp/ZZXxSQpVHzttM5MWYRXHxFc",
    "bcrypt 2a": "$2a$04$kbwmcHqYVIyBbE6fPcb3keA1Vzu.7eC0YU2YQLudMbkB7pogHyJ4i",
    "bcrypt 2b": BCRYPT,
    "bcrypt 2y": BCRYPT.replace("$2b$", "$2y$"),
}


# What students write themselves.
SNIPPETS = {
    "md5": salted("md5", RAW),
    "sha1": salted("sha1", RAW),
    "sha224": hashlib.sha224(RAW).hexdigest(),
    "sha256": SHA256,
    "sha256 in capitals": SHA256.upper(),
    "sha384": hashlib.sha384(RAW).hexdigest(),
    "sha512": hashlib.sha512(RAW).hexdigest(),
    "sha3": hashlib.sha3_256(RAW).hexdigest(),
    "blake2b": hashlib.blake2b(RAW).hexdigest(),
    "sha256 with a line end": f"{SHA256}\n",
    "sha256 under its name": f"sha256${SHA256}",
    "sha256 under its name, without salt": f"sha256$${SHA256}",
    "sha256 in base64": base64.b64encode(hashlib.sha256(RAW).digest()).decode(),
    "md5 in base64": base64.b64encode(digest("md5", RAW)).decode(),
    "bytes": str(BCRYPT.encode()),
    "digest, salt": salted("sha256", b"4f1c" * 8 + RAW) + ":" + "4f1c" * 8,
    "salt, digest": "muoi$" + salted("sha256", RAW + b"muoi"),
    "salt and digest of one size": "4f1c" * 16 + ":" + salted("sha256", b"4f1c" * 16 + RAW),
    "a salt longer than the digest": salted("md5", RAW + b"z" * 60) + ":" + "z" * 60,
    "binary salt": "00ff10aa:" + salted("sha512", b"\x00\xff\x10\xaa" + RAW),
    "pbkdf2 as in the documentation": f"{b'muoi'.hex()}:{hashlib.pbkdf2_hmac('sha256', RAW, b'muoi', 100_000).hex()}",
    "pbkdf2 after 64 digits of salt": "ab" * 32 + hashlib.pbkdf2_hmac("sha512", RAW, b"ab" * 32, 100_000).hex(),
    "werkzeug of old": "sha256$Vq0S$" + hmac.new(b"Vq0S", RAW, "sha256").hexdigest(),
    "werkzeug's plain": f"plain$${PASSWORD}",
    "plain": PASSWORD,
    "plain, as bytes": str(RAW),
}


@pytest.mark.parametrize("stored", [*LIBRARIES.values(), *SNIPPETS.values()], ids=[*LIBRARIES, *SNIPPETS])
def test_a_password_opens_what_another_program_stored_and_no_other_does(stored: str) -> None:
    assert inherited.readable(stored)
    assert inherited.verify(stored, PASSWORD)
    for wrong in {PASSWORD + " ", PASSWORD.upper(), "", stored, "\ud800"} - {PASSWORD}:
        assert not inherited.verify(stored, wrong), wrong


@pytest.mark.parametrize("iterations", [50_000, 1_000_000])
def test_werkzeug_may_not_say_how_many_iterations_it_took(iterations: int) -> None:
    digest = hashlib.pbkdf2_hmac("sha256", RAW, b"muoi", iterations).hex()
    assert inherited.verify(f"pbkdf2:sha256$muoi${digest}", PASSWORD)


def test_bcrypt_counts_72_bytes_as_the_program_did_that_stored_it() -> None:
    long = "một mật khẩu rất dài " * 6
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert inherited.verify(stored, long)
    assert not inherited.verify(stored, "M" + long[1:])


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "$2b$31$q8fbMDVUO6k8OL9xKLg6nuZJWgWU0itDHsh5gp9/lq9TH4iJ/7cU2",
        "pbkdf2:sha256:999999999$muoi$" + SHA256,
        "pbkdf2:sha256:0$muoi$" + SHA256,
        "pbkdf2_sha256$99999999$seasalt$A+Yw+61U+flY4wSxqHZ9+gQboDarr7bPaJBGgmyjxQI=",
        "pbkdf2_sha256$1000$seasalt$====",
        "pbkdf2:sha256:1000$muoi$",
        "pbkdf2:sha256:1000$muoi$ab",
        "pbkdf2:sha256:1000$muoi$" + "ab" * 400,
        "scrypt:1073741824:8:1$muoi$" + "ab" * 64,
        "scrypt:32768:8:9999$muoi$" + "ab" * 64,
        "scrypt:32767:8:1$muoi$" + "ab" * 64,
        "scrypt:32768:0:1$muoi$" + "ab" * 64,
        "$scrypt$ln=40,r=8,p=1$BIDwfs8ZI4TQeo8xRoiRUg$V5qBBzdfRO4uwsQRjkWJPIYh2XdbZapvXcclLLf3B7k",
        "$argon2id$v=19$m=2097152,t=1,p=4$zLPtJD+R63gEL0vr133/kQ$rjeeph6tmrbsiIWkOjnr96xlF19H3YcTqieL1URp008",
        "$argon2id$v=19$m=65536,t=9999,p=4$zLPtJD+R63gEL0vr133/kQ$rjeeph6tmrbsiIWkOjnr96xlF19H3YcTqieL1URp008",
        "$argon2id$v=19$broken",
        "$6$rounds=1000$tpLxqUTZIn5wBGWl$C7OaJ22Xe3VhFKbKnkzD4yIyLzZpomF5/Fs/llLebjlrLNgpIL3sLWNKmvysc7T1PyhkbaGVDf6Bz/",
        "$P$B12345678abcdefghijklmnopqrstu",
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g3xZ5J",
        "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
        "!TzXMYf4sIBLwHkC3xjrRQMkjqaBIZgBVMmSZbGzT",
        "gAAAAABlZ0Qy" + "Ab1-" * 30,
        SHA256[:-1],
        SHA256 + "0",
        BCRYPT[:-1],
        "sha256$k5$" + SHA256[:-2],
        "x" * 5_000,
    ],
)
def test_what_cannot_be_verified_or_asks_for_too_much_work_opens_to_nothing_least_of_all_to_itself(
    stored: str,
) -> None:
    assert not inherited.readable(stored)
    began = time.process_time()
    assert not inherited.verify(stored, stored)
    assert not inherited.verify(stored, PASSWORD)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "password", ["mật khẩu", "$ecret", "a:b", "100%", "b'", "!chào", "Ab1-" * 9, "{}", "plain", " khoảng trắng "]
)
def test_any_password_may_have_been_stored_as_it_is(password: str) -> None:
    assert inherited.verify(password, password)
    assert not inherited.verify(password, password + "x")


def test_a_plain_password_may_be_typed_on_a_keyboard_that_composes_otherwise() -> None:
    assert inherited.verify("mật khẩu", "mâ\u0323t khâ\u0309u")


@pytest.mark.parametrize(
    ("value", "password"),
    [
        (PASSWORD, PASSWORD),
        (RAW, PASSWORD),
        (BCRYPT.encode(), PASSWORD),
        (hashlib.sha256(RAW).digest(), PASSWORD),
        (digest("md5", RAW), PASSWORD),
        (909123456, "0909123456"),
        (1.2345678901234567e19, "12345678901234567890"),
        (2.5, "2.50"),
    ],
)
def test_whatever_sqlite_holds_is_kept_as_a_text_that_the_password_opens(value: object, password: str) -> None:
    stored = inherited.text(value)
    assert inherited.readable(stored)
    assert inherited.verify(stored, password)
    assert not inherited.verify(stored, password + "1")
    assert not inherited.verify(stored, stored) or stored == PASSWORD


@pytest.mark.parametrize("value", [None, "", "!", b"", b"\xff\xfe\x00"])
def test_where_there_is_no_password_nothing_is_kept_that_one_opens(value: object) -> None:
    assert inherited.text(value) == ""


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("admin", "admin123"),
        ("admin", "admin"),
        ("Lan", "lan"),
        ("Lan", "Lan"),
        ("lan", "123456"),
        ("lan", "password"),
        ("lan", "Password"),
        ("lan", "zxcvbnmm"),
    ],
)
def test_a_default_is_found_in_every_form_that_is_quick_to_try(username: str, password: str) -> None:
    raw = password.encode()
    for stored in (
        password,
        hashlib.sha256(raw).hexdigest(),
        salted("md5", raw).upper(),
        str(bcrypt.hashpw(raw, bcrypt.gensalt(4)))
        if username == "admin"
        else f"md5$muoi${salted('md5', b'muoi' + raw)}",
    ):
        assert inherited.is_well_known(username, stored)


def test_a_default_of_an_administrator_is_found_also_where_a_try_takes_long() -> None:
    for password in ("admin123", "admin", "123456"):
        stored = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
        assert inherited.is_well_known("admin", stored)
    assert not inherited.is_well_known("admin", bcrypt.hashpw(RAW, bcrypt.gensalt(10)).decode())


def test_looking_for_defaults_takes_a_bounded_time() -> None:
    began = time.process_time()
    for _ in range(20):
        inherited.is_well_known("lan", "pbkdf2:sha256:3000000$muoi$" + SHA256)
        inherited.is_well_known("lan", BCRYPT.replace("$04$", "$15$"))
        inherited.is_well_known("lan", LIBRARIES["werkzeug pbkdf2"])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "stored", ["", "!", PASSWORD, SHA256, BCRYPT, "$6$rounds=1000$tpLxqUTZIn5wBGWl$C7OaJ22Xe3VhFKb"]
)
def test_any_other_password_is_no_default(stored: str) -> None:
    assert not inherited.is_well_known("lan", stored)


def test_a_mark_closes_an_account_and_can_be_told_from_a_name_without_one() -> None:
    marked = inherited.marked(SHA256)
    assert inherited.is_marked(marked)
    assert inherited.marked(marked) == marked != "!"
    assert not inherited.is_marked("!")
    assert not inherited.is_marked(SHA256)
    assert not inherited.verify(marked, PASSWORD)
    assert inherited.verify(inherited.unmarked(marked), PASSWORD)
