"""Stored passwords of imported databases: which can be verified, and which are common defaults."""

from __future__ import annotations

import ast
import re

from chatapp.workers import hashes, verifiers, wellknown
from chatapp.workers.verifiers import Verifier

LONGEST = 1_024  # characters of a stored password

_NOBODYS = "!"  # how the program stores that a name never had an account; an account cannot have it
_MARK = "!default:"
_NUMBER = "number:"
_PYTHON_BYTES = re.compile(r"""b'[^']*'|b"[^"]*\"""")
_DIGEST_SIZES = (16, 20, 28, 32, 48, 64)  # bytes
_QUICK = 0.001  # seconds; what takes less can be told from nothing only by a longer wait elsewhere

# Seconds to look whether somebody's password is a default: a class of hundreds must not wait long for its first start.
_BUDGET = 0.02
# Names that programs come with are worth some tries in any case.
_ROLES = frozenset("admin administrator root sysadmin quantri test guest user demo".split())  # noqa: SIM905
_TRIES = 4


def text(value: object) -> str:
    """Return what to store for an account whose password some program kept as ``value``, whatever SQLite holds.

    It is "" where there is none, which no log-in verifies.
    """
    if isinstance(value, int | float):
        return f"{_NUMBER}{value!r}"
    if isinstance(value, bytes):
        value = _decoded(value)
    return "" if value is None or value == _NOBODYS else str(value)


def _decoded(value: bytes) -> str:
    if len(value) in _DIGEST_SIZES and not value.isascii():
        return value.hex()
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def readable(stored: str) -> bool:
    """Tell whether a log-in can verify a stored password."""
    return _verifier(stored) is not None


def verify(stored: str, password: str) -> bool:
    """Tell whether a password is the stored one. It takes up to seconds: not for the event loop."""
    check = _verifier(stored)
    return check is not None and check.matches(password.encode("utf-8", "surrogatepass"))


def is_quick(stored: str) -> bool:
    """Tell whether a stored password is verified so quickly that the time would tell its form."""
    check = _verifier(stored)
    return check is None or check.seconds < _QUICK


def is_well_known(username: str, stored: str) -> bool:
    """Tell whether a stored password is one of the first that anyone would try.

    Of a form that takes long to verify, only a few are tried: the log-in looks again at what was typed.
    """
    check = _verifier(stored)
    if check is None:
        return False
    least = _TRIES if username.casefold() in _ROLES else 0
    guesses = wellknown.guesses(username)[: max(least, int(_BUDGET / check.seconds))]
    return any(check.matches(guess.encode("utf-8", "surrogatepass")) for guess in guesses)


def marked(stored: str) -> str:
    """Return what to store for an account that nobody may log in to until it has another password."""
    return stored if is_marked(stored) else _MARK + stored


def is_marked(stored: str) -> bool:
    """Tell whether nobody may log in until the account has another password."""
    return stored.startswith(_MARK)


def unmarked(stored: str) -> str:
    """Return the stored password under the mark."""
    return stored.removeprefix(_MARK)


def _verifier(stored: str) -> Verifier | None:
    if not 0 < len(stored) <= LONGEST or stored == _NOBODYS or is_marked(stored):
        return None
    if stored.startswith(_NUMBER):
        return verifiers.number(stored.removeprefix(_NUMBER))
    inner = _unwrapped(stored.strip())
    check = hashes.verifier(inner)
    if check or hashes.is_like_a_hash(inner):
        return check
    return verifiers.plain(stored if inner == stored.strip() else inner)


def _unwrapped(stored: str) -> str:
    """Return what is in ``str(b"...")``, which many a program stored in place of the bytes."""
    if not _PYTHON_BYTES.fullmatch(stored):
        return stored
    try:
        value = ast.literal_eval(stored)
        return value.decode() if isinstance(value, bytes) else stored
    except (ValueError, SyntaxError):
        return stored
