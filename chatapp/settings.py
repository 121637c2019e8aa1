"""Settings: read once at start, from flags, then CHATAPP_* variables, then defaults."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chatapp import __version__, options
from chatapp.options import Network, Option, decimal, flag, limit, one_of, secret, whole
from chatapp.system.startup import CannotStart

DAYS_LIMIT = 3650  # ten years; a larger age of sessions only overflows dates


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of settings in the README and in ``--help``."""

    flag: str | None
    variable: str
    default: str
    text: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, validated. 0 means no limit for rates and numbers of sockets."""

    host: str = flag("--host", "", options.host, "address to listen on", metavar="ADDRESS", shown="all addresses")
    port: int = flag("--port", 8765, options.port, "port to listen on; 0 picks a free one")
    database: Path = flag(
        "--database", Path("chat.db"), options.path, "file that holds everything; created if missing", metavar="FILE"
    )
    name: str = flag("--name", "chatapp", options.name, "name of this server, as people see it")
    language: str = flag(
        "--language",
        "en",
        one_of("vi", "en"),
        "language of this output, and of pages whose browser asks for neither",
        metavar="vi|en",
    )
    log_format: str = flag("--log-format", "text", one_of("text", "json"), "format of log lines", metavar="text|json")
    trusted_proxies: tuple[Network, ...] = flag(
        "--trusted-proxy",
        (),
        options.networks,
        "address or network of a reverse proxy whose X-Forwarded-* headers are trusted; repeatable",
        metavar="NETWORK",
        shown="none",
        many=True,
    )
    base_path: str = flag(
        "--base-path", "", options.base_path, "path in front of every page, such as /chat", metavar="PATH", shown="none"
    )
    public_url: str = flag(
        "--public-url",
        "",
        options.public_url,
        "address that people open, such as https://chat.example.org; no other is served",
        metavar="URL",
        shown="none",
    )
    tls: str = flag(
        "--tls",
        "off",
        one_of("off", "self-signed"),
        "self-signed: HTTPS with a certificate that the server creates and renews",
        metavar="self-signed",
    )
    tls_cert: Path | None = flag(
        "--tls-cert", None, options.path, "HTTPS with the certificate in this file", metavar="FILE", shown="none"
    )
    tls_key: Path | None = flag(
        "--tls-key", None, options.path, "file with the private key of that certificate", metavar="FILE", shown="none"
    )

    messages_per_second: float = limit(
        "MESSAGES_PER_SECOND", 2.0, decimal(0), "messages per person and second, sustained"
    )
    message_burst: int = limit("MESSAGE_BURST", 10, whole(0), "messages per person in a burst")
    login_tries: int = limit("LOGIN_TRIES", 5, whole(0), "failed log-ins per account and address in 15 minutes")
    address_tries: int = limit("ADDRESS_TRIES", 10, whole(0), "failed log-ins per address in 3 minutes")
    registrations: int = limit("REGISTRATIONS", 10, whole(0), "new accounts per address in 3 minutes")
    uploads_per_minute: int = limit("UPLOADS_PER_MINUTE", 20, whole(0), "pictures per person and minute")
    upload_megabytes: int = limit("UPLOAD_MEGABYTES", 500, whole(0), "megabytes of pictures per person and day")
    free_megabytes: int = limit("FREE_MEGABYTES", 200, whole(0), "megabytes of disk space that pictures leave free")
    sockets_per_person: int = limit("SOCKETS_PER_PERSON", 20, whole(0), "open tabs per person")
    sockets_per_address: int = limit("SOCKETS_PER_ADDRESS", 200, whole(0), "open tabs per address")
    sockets: int = limit("SOCKETS", 2000, whole(0), "open tabs in total")
    session_idle_days: int = limit(
        "SESSION_IDLE_DAYS", 30, whole(1, DAYS_LIMIT), "days without a visit after which a session ends"
    )
    session_days: int = limit("SESSION_DAYS", 90, whole(1, DAYS_LIMIT), "days after which every session ends")
    hold_seconds: float = limit("HOLD_SECONDS", 30.0, decimal(1), "seconds to wait for a locked database")
    beat_seconds: float = limit("BEAT_SECONDS", 20.0, decimal(0.1), "seconds between keep-alive frames on a socket")
    queue_messages: int = limit("QUEUE_MESSAGES", 2000, whole(1), "messages that may wait to be saved")
    queue_bytes: int = limit("QUEUE_BYTES", 8 * 2**20, whole(2**16), "bytes of messages that may wait to be saved")
    write_buffer: int = limit("WRITE_BUFFER", 256 * 2**10, whole(2**14), "bytes a slow tab may lag before it is cut")
    frame_bytes: int = limit("FRAME_BYTES", 64 * 2**10, whole(2**16), "largest frame from a browser, in bytes")
    password_cost: str = limit(
        "PASSWORD_COST", "owasp", one_of("owasp", "cheapest"), "cost of a password hash; cheapest is for tests only"
    )
    secret_keys: tuple[bytes, ...] = secret(
        "SECRET_KEY", (), options.secret_keys, "keys of the log-in cookies: the first encrypts, all decrypt"
    )

    @property
    def serves_https(self) -> bool:
        """Tell whether the server itself speaks HTTPS, and only that."""
        return self.tls == "self-signed" or self.tls_cert is not None

    @property
    def origin(self) -> str:
        """Return the origin of the public URL, as in the Origin header; "" if there is none."""
        return "/".join(self.public_url.split("/")[:3])

    @property
    def public_scheme(self) -> str:
        """Return the scheme of the public URL, whatever a reverse proxy speaks to this server; "" if there is none."""
        return self.public_url.partition(":")[0]

    @classmethod
    def read(cls, argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings; None stands for the arguments and the environment of the process.

        Exit with status 2 and a sentence that names the flag or variable when a value is invalid.
        Raise CannotStart when a variable is unknown, or the file of a secret cannot be read.
        """
        parser = _parser()
        given = vars(parser.parse_args(argv))
        environment = os.environ if environ is None else environ
        with _one_sentence():
            options.refuse_unknown(environment, _options().values())
        values: dict[str, Any] = {}
        for name, option in _options().items():
            source, raw = option.flag, given.get(name)
            if raw is None:
                with _one_sentence():
                    source, raw = options.raw_value(option, environment)
            if raw is None:
                continue
            raw = ",".join(raw) if isinstance(raw, list) else raw
            try:
                values[name] = option.read(raw)
            except ValueError as reason:
                said = "its value" if option.secret else repr(raw)
                parser.exit(2, f"chatapp: {source}: {said} {reason}\n")
        if path := urlsplit(values.get("public_url", "")).path:
            values.setdefault("base_path", path)
        settings = cls(**values)
        if contradiction := _contradiction(settings):
            parser.exit(2, f"chatapp: {contradiction}\n")
        return settings


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except ValueError as reason:
        raise CannotStart(str(reason)) from reason


def _contradiction(settings: Settings) -> str | None:
    """Return a sentence about settings that contradict each other; None if there are none."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        return "--tls-cert and --tls-key belong together: give both or neither."
    if settings.tls_cert is not None and settings.tls != "off":
        return f"--tls {settings.tls} makes its own certificate: leave out either it, or --tls-cert and --tls-key."
    if settings.public_scheme == "http" and settings.serves_https:
        return f"--public-url: {settings.public_url!r} must begin with https://, as the server speaks HTTPS only."
    if settings.public_url and urlsplit(settings.public_url).path != settings.base_path:
        return f"--public-url: the path of {settings.public_url!r} is not --base-path, {settings.base_path or '/'!r}."
    return None


def table() -> list[Row]:
    """List every setting in the order of the help."""
    return [Row(option.flag, option.variable, option.shown, option.text) for option in _options().values()]


def _options() -> dict[str, Option]:
    return {each.name: each.metadata["option"] for each in dataclasses.fields(Settings)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatapp",
        description="Group chat for your own network: starts the server and prints its addresses.",
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
    secrets = next(option.variable for option in _options().values() if option.secret) + options.FILE
    return f"""\
examples:
  python -m chatapp
  python -m chatapp --name "Class 12A" --language vi
  python -m chatapp --port 80 --database /srv/chat/chat.db
  python -m chatapp --database old.db
      also for a file of the original program: it is upgraded, and kept as old.db.before-upgrade-0
  python -m chatapp --tls self-signed
  python -m chatapp --host 127.0.0.1 --trusted-proxy 127.0.0.1 --public-url https://chat.example.org

commands, each with a --help of its own:
  python -m chatapp check         check the file, its references and every picture
  python -m chatapp backup FILE   copy everything into one file, while the server runs or not
  python -m chatapp restore FILE  replace the database with a backup
  python -m chatapp user passwd NAME
                                  give somebody a new password, while the server runs or not
  python -m chatapp rotate-key    replace the key of the log-in cookies; nobody has to log in again
  python -m chatapp bench         measure what this machine can carry, on a temporary database

A flag overrides its variable, which is named in parentheses above; an empty variable counts as unset.
The following are set by variables only. 0 means no limit for rates and numbers of tabs:
{limits}

A secret can be read from a file: {secrets}=/run/secrets/chatapp-key.
Any other variable that begins with CHATAPP_ is refused, so that a typo does not go unnoticed.
"""
