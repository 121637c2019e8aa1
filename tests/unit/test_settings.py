"""Settings come from flags, then variables, then defaults, and a bad value names itself."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest

from chatapp.html import language
from chatapp.settings import Settings, table
from chatapp.system.startup import CannotStart


def refusal(capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as stop:
        Settings.read(argv, environ)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip()


def test_without_a_word_every_setting_has_its_default() -> None:
    assert Settings.read([], {}) == Settings()
    assert (Settings().port, Settings().database, Settings().host) == (8765, Path("chat.db"), "")


def test_a_flag_wins_over_its_variable_and_a_variable_over_the_default() -> None:
    environ = {"CHATAPP_PORT": "9000", "CHATAPP_NAME": "Lớp 12A"}
    settings = Settings.read(["--port", "9001"], environ)
    assert (settings.port, settings.name) == (9001, "Lớp 12A")


def test_an_empty_variable_counts_as_none() -> None:
    assert Settings.read([], {"CHATAPP_PORT": "", "CHATAPP_SOCKETS": ""}) == Settings()


def test_a_bad_flag_is_not_even_read_from_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--port: 'x'" in refusal(capsys, ["--port", "x"], {"CHATAPP_PORT": "9000"})


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--port", "abc"),
        ("--port", "65536"),
        ("--port", "-1"),
        ("--port", "٣٣"),
        ("--host", "http://here"),
        ("--host", "two words"),
        ("--database", " "),
        ("--database", ":memory:"),
        ("--name", "   "),
        ("--name", "a\nb"),
        ("--name", "x" * 61),
        ("--language", "fr"),
        ("--log-format", "xml"),
        ("--trusted-proxy", "10.0.0.0/99"),
        ("--trusted-proxy", "10.0.0.1,proxy"),
        ("--base-path", "/a//b"),
        ("--base-path", "/a/../b"),
        ("--base-path", '/"><script>'),
        ("--public-url", "chat.example.org"),
        ("--public-url", "ftp://chat.example.org"),
        ("--public-url", "https://"),
        ("--public-url", "https://:8765"),
        ("--public-url", "https://an@chat.example.org"),
        ("--public-url", "https://chat.example.org?room=1"),
        ("--public-url", "https://chat.example.org/#top"),
        ("--public-url", "https://chat.example.org:port"),
        ("--public-url", "https://chat.example.org\\.evil.example"),
        ("--public-url", "https://two words"),
        ("--public-url", "https://[::1"),
        ("--public-url", "https://chat.example.org/a//b"),
        ("--tls", "on"),
        ("--tls-cert", " "),
        ("--tls-key", " "),
    ],
)
def test_a_bad_value_names_itself_as_flag_and_as_variable(
    capsys: pytest.CaptureFixture[str], flag: str, value: str
) -> None:
    variable = "CHATAPP_" + flag.removeprefix("--").replace("-", "_").upper()
    assert refusal(capsys, [f"{flag}={value}"], {}).startswith(f"chatapp: {flag}: {value!r} is not ")
    assert refusal(capsys, [], {variable: value}).startswith(f"chatapp: {variable}: {value!r} is not ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CHATAPP_SOCKETS", "many"),
        ("CHATAPP_SOCKETS", "-1"),
        ("CHATAPP_SOCKETS", "1.5"),
        ("CHATAPP_SESSION_DAYS", "0"),
        ("CHATAPP_SESSION_DAYS", "99999"),
        ("CHATAPP_MESSAGES_PER_SECOND", "nan"),
        ("CHATAPP_MESSAGES_PER_SECOND", "inf"),
        ("CHATAPP_BEAT_SECONDS", "0"),
        ("CHATAPP_FRAME_BYTES", "100"),
        ("CHATAPP_PASSWORD_COST", "free"),
    ],
)
def test_a_bad_limit_names_its_variable(capsys: pytest.CaptureFixture[str], variable: str, value: str) -> None:
    assert refusal(capsys, [], {variable: value}).startswith(f"chatapp: {variable}: {value!r} is not ")


def test_the_sentence_about_a_port_says_what_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, ["--port", "abc"], {}) == ("chatapp: --port: 'abc' is not a port number between 1 and 65535")


def test_zero_switches_a_limit_off_and_asks_for_any_port() -> None:
    settings = Settings.read(["--port", "0"], {"CHATAPP_MESSAGES_PER_SECOND": "0", "CHATAPP_SOCKETS": "0"})
    assert (settings.port, settings.messages_per_second, settings.sockets) == (0, 0, 0)


def test_trusted_proxies_may_be_repeated_or_listed() -> None:
    wanted = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "127.0.0.1", "::1")))
    assert Settings.read(
        ["--trusted-proxy", "10.1.2.3/8, 127.0.0.1", "--trusted-proxy", "::1"], {}
    ).trusted_proxies == (wanted)
    assert Settings.read([], {"CHATAPP_TRUSTED_PROXY": "10.0.0.0/8,127.0.0.1,::1"}).trusted_proxies == wanted


@pytest.mark.parametrize(
    ("raw", "path"), [("chat", "/chat"), ("/chat/", "/chat"), ("/a/b", "/a/b"), ("/", ""), ("", "")]
)
def test_the_base_path_begins_with_a_slash_and_ends_without_one(raw: str, path: str) -> None:
    assert Settings.read(["--base-path", raw], {}).base_path == path


@pytest.mark.parametrize(
    ("raw", "url", "origin", "base"),
    [
        ("https://chat.example.org", "https://chat.example.org", "https://chat.example.org", ""),
        ("HTTPS://Chat.Example.org:443/", "https://chat.example.org", "https://chat.example.org", ""),
        ("https://chat.example.org:80", "https://chat.example.org:80", "https://chat.example.org:80", ""),
        ("http://chat.example.org:80/Chat/", "http://chat.example.org/Chat", "http://chat.example.org", "/Chat"),
        ("http://192.168.1.20:8765", "http://192.168.1.20:8765", "http://192.168.1.20:8765", ""),
        ("http://[FD00::1]:8765/a/b", "http://[fd00::1]:8765/a/b", "http://[fd00::1]:8765", "/a/b"),
        ("https://trường.vn", "https://xn--trng-rib8295b.vn", "https://xn--trng-rib8295b.vn", ""),
    ],
)
def test_the_public_url_is_kept_as_browsers_write_it_and_brings_the_base_path(
    raw: str, url: str, origin: str, base: str
) -> None:
    settings = Settings.read(["--public-url", raw], {})
    assert (settings.public_url, settings.origin, settings.base_path) == (url, origin, base)
    assert settings.public_scheme == url.partition(":")[0]


def test_without_a_public_url_there_is_no_origin() -> None:
    assert (Settings().origin, Settings().public_scheme) == ("", "")


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--tls-cert", "a"], "--tls-cert and --tls-key belong together"),
        (["--tls-key", "a"], "--tls-cert and --tls-key belong together"),
        (["--tls", "self-signed", "--tls-cert", "a", "--tls-key", "b"], "--tls self-signed makes its own certificate"),
        (["--tls", "self-signed", "--public-url", "http://a.example"], "must begin with https://"),
        (["--public-url", "https://a.example/a", "--base-path", "/b"], "is not --base-path, '/b'"),
        (["--public-url", "https://a.example", "--base-path", "/b"], "is not --base-path, '/b'"),
        (["--public-url", "https://a.example/a", "--base-path", "/"], "is not --base-path, '/'"),
    ],
)
def test_settings_that_cannot_all_be_meant_are_refused(
    capsys: pytest.CaptureFixture[str], argv: list[str], sentence: str
) -> None:
    said = refusal(capsys, argv, {})
    assert said.startswith("chatapp: --")
    assert sentence in said
    assert said.count("\n") == 0


def test_a_public_url_agrees_with_the_base_path_it_ends_in() -> None:
    settings = Settings.read(["--public-url", "https://a.example/chat/", "--base-path", "chat"], {})
    assert settings.base_path == "/chat"


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n"])
def test_the_secret_key_may_be_several(separator: str) -> None:
    first, second = "A" * 43 + "=", "-_" * 21 + "8="
    assert Settings.read([], {"CHATAPP_SECRET_KEY": f"{first}{separator}{second}"}).secret_keys == (
        first.encode(),
        second.encode(),
    )


@pytest.mark.parametrize("value", ["password1", "A" * 44, "A" * 43, ",", "A" * 43 + "=;" + "A" * 43 + "="])
def test_a_wrong_secret_is_refused_and_not_shown(capsys: pytest.CaptureFixture[str], value: str) -> None:
    said = refusal(capsys, [], {"CHATAPP_SECRET_KEY": value})
    assert said == "chatapp: CHATAPP_SECRET_KEY: its value is not a list of keys of 32 bytes each in base64"


def test_a_secret_is_not_shown_with_the_other_settings() -> None:
    settings = Settings.read([], {"CHATAPP_SECRET_KEY": "A" * 43 + "="})
    assert settings.secret_keys
    assert "AAAA" not in repr(settings)


KEY = "A" * 43 + "="


def cannot_start(environ: dict[str, str]) -> str:
    with pytest.raises(CannotStart) as stop:
        Settings.read([], environ)
    assert "\n" not in str(stop.value)
    return str(stop.value)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("CHATAPP_PROT", "CHATAPP_PORT"),
        ("CHATAPP_DATABSE", "CHATAPP_DATABASE"),
        ("CHATAPP_DB", "CHATAPP_DATABASE"),
        ("CHATAPP_port", "CHATAPP_PORT"),
        ("CHATAPP_PORT_", "CHATAPP_PORT"),
        ("CHATAPP_PORT_FILE", "CHATAPP_PORT"),
        ("CHATAPP_SESSIONS_DAYS", "CHATAPP_SESSION_DAYS"),
        ("CHATAPP_SECRETKEY", "CHATAPP_SECRET_KEY"),
        ("CHATAPP_SECRET_KEY_FILES", "CHATAPP_SECRET_KEY_FILE"),
        ("CHATAPP_TLS_CERTIFICATE", "CHATAPP_TLS_CERT"),
    ],
)
@pytest.mark.parametrize("value", ["9000", ""])
def test_a_variable_that_means_nothing_is_an_error_that_names_the_nearest_one(
    variable: str, meant: str, value: str
) -> None:
    assert cannot_start({variable: value}) == f"{variable} is not a setting: did you mean {meant}?"


def test_every_variable_that_means_nothing_is_named_and_any_has_a_nearest_one() -> None:
    said = cannot_start({"CHATAPP_": "", "CHATAPP_ZZZ": "1", "CHATAPP_PROT": "1", "CHATAPP_PORT": "9000"})
    assert [word for word in said.split() if said.count("?") == 3 and word.startswith("CHATAPP_Z")] == ["CHATAPP_ZZZ"]
    assert "CHATAPP_ is not a setting" in said


def test_variables_of_others_and_of_the_tests_are_left_alone() -> None:
    environ = {"CHATAPP": "1", "MYCHATAPP_PROT": "1", "PORT": "x", "CHATAPP_TEST_BROWSER": "/usr/bin/chromium"}
    assert Settings.read([], environ) == Settings()


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_secret_may_lie_in_a_file(tmp_path: Path, end: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(f"{KEY}{end}".encode())
    environ = {"CHATAPP_SECRET_KEY_FILE": str(file)}
    assert Settings.read([], environ).secret_keys == (KEY.encode(),)
    assert Settings.read([], environ | {"CHATAPP_SECRET_KEY": ""}).secret_keys == (KEY.encode(),)
    assert Settings.read([], {"CHATAPP_SECRET_KEY_FILE": ""}) == Settings()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "cannot be read: No such file or directory."),
        (lambda path: path.mkdir(), "cannot be read: Is a directory."),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_text(" \n\n"), "is empty"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not a text file."),
        (lambda path: path.write_bytes(b"A" * 10**6), "is too large"),
    ],
)
def test_a_file_without_a_secret_in_it_is_named(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "key")
    said = cannot_start({"CHATAPP_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert said.startswith("CHATAPP_SECRET_KEY_FILE: ")
    assert str(tmp_path / "key") in said
    assert words in said


def test_a_secret_is_in_its_variable_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    environ = {"CHATAPP_SECRET_KEY": KEY, "CHATAPP_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert cannot_start(environ) == "CHATAPP_SECRET_KEY and CHATAPP_SECRET_KEY_FILE are both set: keep one of them."


def test_a_wrong_secret_in_a_file_is_refused_and_not_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("password1")
    said = refusal(capsys, [], {"CHATAPP_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert said.startswith("chatapp: CHATAPP_SECRET_KEY_FILE: its value is not a list of keys")


def test_the_help_says_how_a_secret_is_read_from_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Settings.read(["--help"], {})
    assert "CHATAPP_SECRET_KEY_FILE=" in capsys.readouterr().out


def test_a_flag_cannot_be_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--por" in refusal(capsys, ["--por", "9000"], {})


def test_the_table_holds_every_setting_once_with_its_variable() -> None:
    rows = table()
    assert len(rows) == len(dataclasses.fields(Settings)) == len({row.variable for row in rows})
    assert all(row.variable.startswith("CHATAPP_") and row.text and row.default for row in rows)


def test_every_default_can_be_written_down_and_read_again() -> None:
    shown = {row.variable: row.default for row in table() if row.default not in ("none", "all addresses")}
    assert Settings.read([], shown) == Settings()


def test_the_languages_offered_are_the_languages_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for each in language.LANGUAGES:
        assert Settings.read(["--language", each], {}).language == each
    assert refusal(capsys, ["--language", "x"], {}).endswith(f"is not one of: {', '.join(language.LANGUAGES)}")
