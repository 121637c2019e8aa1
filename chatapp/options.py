"""One setting: its names, how it is declared, and how its value is read from flags, variables and files."""

from __future__ import annotations

import base64
import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chatapp.model.normal import normalize

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Value = TypeVar("Value")

NAME_LIMIT = 60  # characters: the server's name fits in a phone's title bar
PREFIX = "CHATAPP_"
TESTS = "CHATAPP_TEST_"  # variables of the program's own tests
FILE = "_FILE"  # suffix of a secret's variable: it names a file that holds it, as container platforms provide them
_LONGEST = 64 * 2**10  # bytes of such a file; a key has 44
DEFAULT_PORTS = {"http": 80, "https": 443}
_KEY_BYTES = 32  # of a Fernet key: half signs, half encrypts
_HOST = re.compile(r"[A-Za-z0-9_.:%-]*")
_STANDARD = str.maketrans("-_", "+/")  # URL-safe base64
# Only characters that a URL path holds unescaped, so that the prefix is the same in pages, cookies and proxy rules.
_BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, slots=True)
class Option:
    """A setting: its names, its parser, its explanation."""

    read: Callable[[str], Any]  # parser; raises ValueError with the end of the sentence "'abc' ..."
    text: str
    variable: str  # CHATAPP_PORT
    flag: str | None  # "--port"; None if only the variable sets it
    shown: str  # the default, in words
    metavar: str | None
    many: bool  # repeatable
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
    """Declare a setting with a flag and a variable of the same name."""
    variable = "CHATAPP_" + name.strip("-").replace("-", "_").upper()
    option = Option(read, text, variable, name, str(default) if shown is None else shown, metavar, many)
    return field(default=default, metadata={"option": option})


def limit(name: str, default: Value, read: Callable[[str], Value], text: str) -> Value:
    """Declare a setting that only a variable sets."""
    option = Option(read, text, "CHATAPP_" + name, None, str(default), None, many=False)
    return field(default=default, metadata={"option": option})


def secret(name: str, default: Value, read: Callable[[str], Value], text: str) -> Value:
    """Declare a secret. Only a variable sets it: every user of the computer can see the flags of a process."""
    option = Option(read, text, "CHATAPP_" + name, None, "none", None, many=False, secret=True)
    return field(default=default, repr=False, metadata={"option": option})


# --- the environment ------------------------------------------------------------------------------------------------


def refuse_unknown(variables: Mapping[str, str], options: Iterable[Option]) -> None:
    """Raise ValueError with a sentence that names unknown variables and suggests known ones."""
    known = [name for option in options for name in _names(option)]
    unknown = sorted(
        name for name in variables if name.startswith(PREFIX) and name not in known and not name.startswith(TESTS)
    )
    if unknown:
        raise ValueError(
            " ".join(f"{name} is not a setting: did you mean {_nearest(name, known)}?" for name in unknown)
        )


def _names(option: Option) -> list[str]:
    return [option.variable, option.variable + FILE] if option.secret else [option.variable]


def _nearest(name: str, known: list[str]) -> str:
    ends = [each.removeprefix(PREFIX) for each in known]  # the common prefix would make all of them similar
    return PREFIX + difflib.get_close_matches(name.removeprefix(PREFIX).upper(), ends, 1, 0)[0]


def raw_value(option: Option, variables: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable of a setting and its raw value, None if unset. Raise ValueError with a sentence.

    An empty variable counts as unset: compose files and service units often pass empty ones.
    """
    name, raw = option.variable, variables.get(option.variable) or None
    file = variables.get(name + FILE) if option.secret else None
    if not file:
        return name, raw
    if raw is not None:
        raise ValueError(f"{name} and {name}{FILE} are both set: keep one of them.")
    return name + FILE, _content(name + FILE, Path(file))


def _content(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # not UTF-8, or an invalid file name
        raise ValueError(f"{name}: {str(path)!r} is not a text file.") from error
    if not text.strip() or len(content) > _LONGEST:
        raise ValueError(f"{name}: {path} {'is too large' if text.strip() else 'is empty'}: it must hold the secret.")
    return text


# --- values ---------------------------------------------------------------------------------------------------------


def port(raw: str) -> int:
    """Parse a port."""
    if not re.fullmatch(r"[0-9]{1,5}", raw) or int(raw) > 65535:
        raise ValueError("is not a port number between 1 and 65535")
    return int(raw)


def host(raw: str) -> str:
    """Parse an address or a host name."""
    if not _HOST.fullmatch(raw):
        raise ValueError("is not an address or a host name")
    return raw


def name(raw: str) -> str:
    """Parse a name that people see."""
    name = normalize("NFC", raw.strip())
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise ValueError(f"is not a name of 1 to {NAME_LIMIT} visible characters")
    return name


def path(raw: str) -> Path:
    """Parse a file name."""
    path = Path(raw).expanduser()
    if not raw.strip() or "\0" in raw or str(path) == ":memory:":  # to SQLite, a database in memory
        raise ValueError("is not a file name")
    return path


def base_path(raw: str) -> str:
    """Parse a URL prefix; return it with a leading slash and without a trailing one."""
    path = "/" + raw.strip("/") if raw.strip("/") else ""
    if not _BASE_PATH.fullmatch(path):
        raise ValueError("is not a path such as /chat")
    return path


def public_url(raw: str) -> str:
    """Parse a URL; return it as browsers write it: lower case, no default port, no trailing slash."""
    url = re.fullmatch(r"(?i:(https?)://)([^\s/?#@\\]+)(/[^?#]*)?", raw)
    try:
        parts = urlsplit(raw if url else "")
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # an invalid port, an incomplete IPv6 address, a label that is too long
        host, port = "", None
    if url is None or not host or not _HOST.fullmatch(host):
        raise ValueError("is not an address such as https://chat.example.org")
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        authority += f":{port}"
    return f"{parts.scheme}://{authority}{base_path(parts.path)}"


def secret_keys(raw: str) -> tuple[bytes, ...]:
    """Parse keys as ``openssl rand -base64 32`` makes them, in standard or URL-safe base64."""
    keys = re.split(r"[\s,]+", raw.strip())
    for key in keys:
        if not re.fullmatch(r"[A-Za-z0-9_+/-]{43}=", key):
            raise ValueError(f"is not a list of keys of {_KEY_BYTES} bytes each in base64")
    return tuple(base64.urlsafe_b64encode(base64.b64decode(key.translate(_STANDARD))) for key in keys)


def networks(raw: str) -> tuple[Network, ...]:
    """Parse comma-separated addresses and networks."""
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in raw.split(",") if part.strip())
    except ValueError:
        raise ValueError("is not an address or a network such as 10.0.0.0/8 (separate several by commas)") from None


def whole(low: int, high: int = 2**53) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds."""

    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"is not a whole number from {low} up" + (f" to {high}" if high < 2**53 else ""))
        return int(raw)

    return read


def decimal(low: float) -> Callable[[str], float]:
    """Return a parser of numbers from ``low`` up."""

    def read(raw: str) -> float:
        number = float(raw) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", raw) else math.nan
        if not number >= low:
            raise ValueError(f"is not a number from {low:g} up")
        return number

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser of one of a few words."""

    def read(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"is not one of: {', '.join(choices)}")
        return raw

    return read
