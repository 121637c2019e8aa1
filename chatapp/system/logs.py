"""Logging: one line per event, as text or as JSON, never with anything that people wrote."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

# What callers pass in ``extra=`` is set on the record beside these attributes.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Second line of defence: nobody should log these.
_SECRET = frozenset({"content", "cookie", "password", "secret", "token"})

# The id of the current request, which its error page shows; "" outside of requests.
request: ContextVar[str] = ContextVar("request", default="")


def configure(log_format: str, stream: TextIO | None = None) -> None:
    """Send our events, and warnings of libraries, to ``stream`` (default: standard error) as text or json."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("chatapp").setLevel(logging.INFO)


class TextFormatter(logging.Formatter):
    """``time LEVEL logger: event field=value``; a traceback follows indented, so that it cannot pass for an event."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {record.name}: {_printable(record.getMessage())}{fields}"
        trace = _trace(self, record)
        return line + "".join(f"\n    {_printable(part)}" for part in trace.splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ts, level, logger, event, fields, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        entry: dict[str, Any] = _fields(record)
        entry |= {"ts": _time(record), "level": record.levelname.lower(), "logger": record.name}
        entry["event"] = record.getMessage()
        if trace := _trace(self, record):
            entry["traceback"] = trace
        head = ("ts", "level", "logger", "event")
        return json.dumps({name: entry[name] for name in head} | entry, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: "(hidden)" if name in _SECRET else value for name, value in vars(record).items() if name not in _OWN}
    if number := request.get():
        found.setdefault("request", number)
    return found


def _time(record: logging.LogRecord) -> str:
    stamp = datetime.fromtimestamp(record.created, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""


def _printable(text: str) -> str:
    # Line breaks could forge events; direction and control characters could confuse a terminal.
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _plain(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(" =\"'") else repr(text)
