"""Every event is one line, for people or for programs, and nothing in it can pretend to be another."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from chatapp.system import logs

FORGERY = "An\n2026-11-22T10:00:00.000Z ERROR chatapp: fake\x1b[31m\u202e"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(autouse=True)
def same_logging_afterwards() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("chatapp")
    before = (root.handlers[:], root.level, own.level)
    root.handlers = []  # configure() closes what it replaces; the test runner's handlers stay whole
    yield
    root.handlers, root.level = before[:2]
    own.setLevel(before[2])


def written(log_format: str, name: str = "chatapp.web", level: int = logging.INFO, **extra: object) -> str:
    stream = io.StringIO()
    logs.configure(log_format, stream)
    logging.getLogger(name).log(level, "logged in", extra=extra)
    return stream.getvalue()


def test_text_is_one_line_with_time_level_logger_event_and_fields() -> None:
    line = written("text", user=3, address="192.168.1.5", name_typed="An Nguyễn")
    assert re.fullmatch(
        TIME + r" INFO chatapp\.web: logged in user=3 address=192\.168\.1\.5 name_typed='An Nguyễn'\n", line
    )


def test_json_is_one_object_a_line_with_the_same() -> None:
    line = written("json", user=3, address="192.168.1.5")
    assert line.endswith("\n")
    entry = json.loads(line)
    assert re.fullmatch(TIME, entry.pop("ts"))
    assert entry == {
        "level": "info",
        "logger": "chatapp.web",
        "event": "logged in",
        "user": 3,
        "address": "192.168.1.5",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_people_typed_cannot_forge_a_line(log_format: str) -> None:
    stream = io.StringIO()
    logs.configure(log_format, stream)
    logging.getLogger("chatapp").warning("refused %s", FORGERY, extra={"typed": FORGERY})
    text = stream.getvalue()
    assert len(text.splitlines()) == 1
    assert text.rstrip("\n").isprintable()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_left_out_even_when_somebody_logs_them(log_format: str) -> None:
    line = written(log_format, password="hunter2hunter2", content="xin chào", cookie="gAAAA", token="abc", secret="s3")
    assert not re.search("hunter2|xin|gAAAA|abc|s3", line)


def test_a_traceback_is_indented_in_text_and_a_field_in_json() -> None:
    for log_format in ("text", "json"):
        stream = io.StringIO()
        logs.configure(log_format, stream)
        try:
            raise ValueError(FORGERY)
        except ValueError:
            logging.getLogger("chatapp").exception("a request failed")
        first, *rest = stream.getvalue().splitlines()
        assert "a request failed" in first
        if log_format == "json":
            assert not rest
            assert "ValueError" in json.loads(first)["traceback"]
        else:
            assert rest
            assert all(line.startswith("    ") for line in rest)


def test_libraries_are_heard_when_they_warn_and_not_before() -> None:
    assert written("text", name="aiohttp.server") == ""
    assert "aiohttp.server: logged in" in written("text", name="aiohttp.server", level=logging.WARNING)
