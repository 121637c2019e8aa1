"""What the operator decides: read once at start, from flags, then CHATAPP_* variables, then defaults."""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import math
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from chatapp import __version__

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Value = TypeVar("Value")

NAME_LIMIT = 60  # characters: the server's name stands in one line of a phone's title bar
DAYS_LIMIT = 3650  # ten years; larger session ages only overflow dates
_HOST = re.compile(r"[A-Za-z0-9_.:%-]*")
# Only what a URL path may hold unescaped, so that the prefix reads the same in pages, cookies and a proxy's rules.
_BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


class CannotStart(Exception):  # noqa: N818 - an answer to the operator, not a failure of the program
    """Stop a start with one sentence for the operator; no traceback follows."""


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting is named, read and explained."""

    read: Callable[[str], Any]  # raises ValueError with the end of the sentence "'abc' ..."
    text: str
    variable: str  # CHATAPP_PORT
    flag: str | None  # "--port"; None: set by its variable only
    shown: str  # the default, in words
    metavar: str | None
    many: bool  # may be given more than once


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of settings in the README and in ``--help``."""

    flag: str | None
    variable: str
    default: str
    text: str


def _port(raw: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", raw) or int(raw) > 65535:
        raise ValueError("is not a port number between 1 and 65535")
    return int(raw)


def _host(raw: str) -> str:
    if not _HOST.fullmatch(raw):
        raise ValueError("is not an address or a host name")
    return raw


def _name(raw: str) -> str:
    name = unicodedata.normalize("NFC", raw.strip())
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise ValueError(f"is not a name of 1 to {NAME_LIMIT} visible characters")
    return name


def _path(raw: str) -> Path:
    if not raw.strip() or "\0" in raw:
        raise ValueError("is not a file name")
    return Path(raw).expanduser()


def _base_path(raw: str) -> str:
    path = "/" + raw.strip("/") if raw.strip("/") else ""
    if not _BASE_PATH.fullmatch(path):
        raise ValueError("is not a path such as /chat")
    return path


def _networks(raw: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in raw.split(",") if part.strip())
    except ValueError:
        raise ValueError("is not an address or a network such as 10.0.0.0/8 (separate several by commas)") from None


def _whole(low: int, high: int = 2**53) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"is not a whole number from {low} up" + (f" to {high}" if high < 2**53 else ""))
        return int(raw)

    return read


def _decimal(low: float) -> Callable[[str], float]:
    def read(raw: str) -> float:
        number = float(raw) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", raw) else math.nan
        if not number >= low:
            raise ValueError(f"is not a number from {low:g} up")
        return number

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"is not one of: {', '.join(choices)}")
        return raw

    return read


def flag(  # noqa: PLR0913 - one row of the table of settings
    name: str,
    default: Value,
    read: Callable[[str], Value],
    text: str,
    *,
    metavar: str | None = None,
    shown: str | None = None,
    many: bool = False,
) -> Value:
    """Declare a setting with a flag and the variable of the same name."""
    variable = "CHATAPP_" + name.strip("-").replace("-", "_").upper()
    option = Option(read, text, variable, name, str(default) if shown is None else shown, metavar, many)
    return field(default=default, metadata={"option": option})


def limit(name: str, default: Value, read: Callable[[str], Value], text: str) -> Value:
    """Declare a setting that only its variable sets."""
    option = Option(read, text, "CHATAPP_" + name, None, str(default), None, many=False)
    return field(default=default, metadata={"option": option})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every decision of the operator, checked. A rate or a number of sockets of 0 means: no limit."""

    host: str = flag("--host", "", _host, "address to listen on", metavar="ADDRESS", shown="all addresses")
    port: int = flag("--port", 8765, _port, "port to listen on; 0 takes any free one")
    database: Path = flag(
        "--database", Path("chat.db"), _path, "file that keeps everything; made when missing", metavar="FILE"
    )
    name: str = flag("--name", "chatapp", _name, "name of this server, as people see it")
    language: str = flag(
        "--language",
        "en",
        _one_of("vi", "en"),
        "language of this output, and of pages when a browser asks for neither",
        metavar="vi|en",
    )
    log_format: str = flag(
        "--log-format", "text", _one_of("text", "json"), "form of the log lines", metavar="text|json"
    )
    trusted_proxies: tuple[Network, ...] = flag(
        "--trusted-proxy",
        (),
        _networks,
        "address or network of a reverse proxy whose X-Forwarded-* headers count; may be repeated",
        metavar="NETWORK",
        shown="none",
        many=True,
    )
    base_path: str = flag(
        "--base-path", "", _base_path, "path in front of every page, as in /chat", metavar="PATH", shown="none"
    )

    messages_per_second: float = limit(
        "MESSAGES_PER_SECOND", 2.0, _decimal(0), "messages of one person a second, in the long run"
    )
    message_burst: int = limit("MESSAGE_BURST", 10, _whole(0), "messages of one person at once")
    login_tries: int = limit("LOGIN_TRIES", 5, _whole(0), "failed log-ins for an account and address in 15 minutes")
    address_tries: int = limit("ADDRESS_TRIES", 10, _whole(0), "failed log-ins from an address in 3 minutes")
    registrations: int = limit("REGISTRATIONS", 10, _whole(0), "new accounts from an address in 3 minutes")
    uploads_per_minute: int = limit("UPLOADS_PER_MINUTE", 20, _whole(0), "pictures of one person a minute")
    sockets_per_person: int = limit("SOCKETS_PER_PERSON", 20, _whole(0), "open tabs of one person")
    sockets_per_address: int = limit("SOCKETS_PER_ADDRESS", 200, _whole(0), "open tabs from one address")
    sockets: int = limit("SOCKETS", 2000, _whole(0), "open tabs in all")
    session_idle_days: int = limit(
        "SESSION_IDLE_DAYS", 30, _whole(1, DAYS_LIMIT), "days without a visit after which a log-in ends"
    )
    session_days: int = limit("SESSION_DAYS", 90, _whole(1, DAYS_LIMIT), "days after which every log-in ends")
    hold_seconds: float = limit("HOLD_SECONDS", 30.0, _decimal(1), "seconds to wait for a locked database")
    beat_seconds: float = limit("BEAT_SECONDS", 20.0, _decimal(0.1), "seconds between two signs of life on a socket")
    queue_messages: int = limit("QUEUE_MESSAGES", 2000, _whole(1), "messages that may wait to be saved")
    queue_bytes: int = limit("QUEUE_BYTES", 8 * 2**20, _whole(2**16), "bytes of messages that may wait to be saved")
    write_buffer: int = limit("WRITE_BUFFER", 256 * 2**10, _whole(2**14), "bytes a slow tab may lag before it is cut")
    frame_bytes: int = limit("FRAME_BYTES", 64 * 2**10, _whole(2**16), "bytes of one frame from a browser")
    password_cost: str = limit(
        "PASSWORD_COST", "owasp", _one_of("owasp", "cheapest"), "cost of a password hash; cheapest is for tests only"
    )

    @classmethod
    def read(cls, argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of this start; None stands for those of the process.

        Exit with status 2 and a sentence that names the flag or variable when a value cannot be taken.
        """
        parser = _parser()
        given = vars(parser.parse_args(argv))
        variables = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for name, option in _options().items():
            # An empty variable counts as none: compose files and service units often pass them so.
            source, raw = option.flag, given.get(name)
            if raw is None:
                source, raw = option.variable, variables.get(option.variable) or None
            if raw is None:
                continue
            raw = ",".join(raw) if isinstance(raw, list) else raw
            try:
                values[name] = option.read(raw)
            except ValueError as reason:
                parser.exit(2, f"chatapp: {source}: {raw!r} {reason}\n")
        return cls(**values)


def table() -> list[Row]:
    """List every setting in the order of the help."""
    return [Row(option.flag, option.variable, option.shown, option.text) for option in _options().values()]


def _options() -> dict[str, Option]:
    return {each.name: each.metadata["option"] for each in dataclasses.fields(Settings)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatapp",
        description="Group chat for your own network: starts the server and prints where to find it.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chatapp {__version__}")
    for name, option in _options().items():
        if option.flag is not None:
            parser.add_argument(
                option.flag,
                dest=name,
                action="append" if option.many else "store",
                metavar=option.metavar or option.flag.strip("-").upper(),
                help=f"{option.text} (default: {option.shown}; {option.variable})",
            )
    return parser


def _epilog() -> str:
    limits = "\n".join(f"  {row.variable:<27}{row.default:>8}  {row.text}" for row in table() if row.flag is None)
    return f"""\
examples:
  python -m chatapp
  python -m chatapp --name "Class 12A" --language vi
  python -m chatapp --port 80 --database /srv/chat/chat.db
  python -m chatapp --host 127.0.0.1 --base-path /chat --trusted-proxy 127.0.0.1

commands, each with a --help of its own:
  python -m chatapp check         look whether the database is in order
  python -m chatapp backup FILE   copy everything into one file, while the server runs or not
  python -m chatapp restore FILE  put a backup in the place of the database

A flag wins over its variable, which stands at the end of its line above.
Limits have a variable only; 0 switches a rate or a number of open tabs off:
{limits}
"""
