"""One setting: how it is named, what values it takes, and how it is explained."""

from __future__ import annotations

import base64
import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chatapp.model.normal import normalize

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Value = TypeVar("Value")

NAME_LIMIT = 60  # characters: the server's name stands in one line of a phone's title bar
DEFAULT_PORTS = {"http": 80, "https": 443}
_KEY_BYTES = 32  # of a Fernet key: half of it signs, half encrypts
_HOST = re.compile(r"[A-Za-z0-9_.:%-]*")
_STANDARD = str.maketrans("-_", "+/")  # the other alphabet of base64
# Only what a URL path may hold unescaped, so that the prefix reads the same in pages, cookies and a proxy's rules.
_BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


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
    secret: bool = False  # its value is never shown, not even a wrong one


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


def secret(name: str, default: Value, read: Callable[[str], Value], text: str) -> Value:
    """Declare a secret: only its variable sets it, as every user of a computer can read the flags of a program."""
    option = Option(read, text, "CHATAPP_" + name, None, "none", None, many=False, secret=True)
    return field(default=default, repr=False, metadata={"option": option})


def port(raw: str) -> int:
    """Read a port."""
    if not re.fullmatch(r"[0-9]{1,5}", raw) or int(raw) > 65535:
        raise ValueError("is not a port number between 1 and 65535")
    return int(raw)


def host(raw: str) -> str:
    """Read an address or a host name."""
    if not _HOST.fullmatch(raw):
        raise ValueError("is not an address or a host name")
    return raw


def name(raw: str) -> str:
    """Read a name that people see."""
    name = normalize("NFC", raw.strip())
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise ValueError(f"is not a name of 1 to {NAME_LIMIT} visible characters")
    return name


def path(raw: str) -> Path:
    """Read the name of a file."""
    path = Path(raw).expanduser()
    if not raw.strip() or "\0" in raw or str(path) == ":memory:":  # what SQLite takes for no file at all
        raise ValueError("is not a file name")
    return path


def base_path(raw: str) -> str:
    """Read a path in front of all others, to begin with a slash and end without one."""
    path = "/" + raw.strip("/") if raw.strip("/") else ""
    if not _BASE_PATH.fullmatch(path):
        raise ValueError("is not a path such as /chat")
    return path


def public_url(raw: str) -> str:
    """Read an address as browsers write it: small letters, no port that goes without saying, no slash at the end."""
    url = re.fullmatch(r"(?i:(https?)://)([^\s/?#@\\]+)(/[^?#]*)?", raw)
    try:
        parts = urlsplit(raw if url else "")
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # a port that is none, half of an IPv6 address, a label too long
        host, port = "", None
    if url is None or not host or not _HOST.fullmatch(host):
        raise ValueError("is not an address such as https://chat.example.org")
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        authority += f":{port}"
    return f"{parts.scheme}://{authority}{base_path(parts.path)}"


def secret_keys(raw: str) -> tuple[bytes, ...]:
    """Read keys as ``openssl rand -base64 32`` makes them, in either alphabet of base64."""
    keys = re.split(r"[\s,]+", raw.strip())
    for key in keys:
        if not re.fullmatch(r"[A-Za-z0-9_+/-]{43}=", key):
            raise ValueError(f"is not a list of keys of {_KEY_BYTES} bytes each in base64")
    return tuple(base64.urlsafe_b64encode(base64.b64decode(key.translate(_STANDARD))) for key in keys)


def networks(raw: str) -> tuple[Network, ...]:
    """Read addresses and networks that commas separate."""
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in raw.split(",") if part.strip())
    except ValueError:
        raise ValueError("is not an address or a network such as 10.0.0.0/8 (separate several by commas)") from None


def whole(low: int, high: int = 2**53) -> Callable[[str], int]:
    """Return what reads a whole number within bounds."""

    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"is not a whole number from {low} up" + (f" to {high}" if high < 2**53 else ""))
        return int(raw)

    return read


def decimal(low: float) -> Callable[[str], float]:
    """Return what reads a number from ``low`` up."""

    def read(raw: str) -> float:
        number = float(raw) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", raw) else math.nan
        if not number >= low:
            raise ValueError(f"is not a number from {low:g} up")
        return number

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return what reads one of a few words."""

    def read(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"is not one of: {', '.join(choices)}")
        return raw

    return read
