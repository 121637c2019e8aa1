"""The variables of the environment that are meant for this program: which there are, and secrets that lie in files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from chatapp.options import Option

PREFIX = "CHATAPP_"
TESTS = "CHATAPP_TEST_"  # what the program's own tests are told by
FILE = "_FILE"  # after the variable of a secret: the name of a file that holds it, as container platforms hand them out
_LONGEST = 64 * 2**10  # bytes of such a file; a key has 44


def refuse_unknown(variables: Mapping[str, str], options: Iterable[Option]) -> None:
    """Raise ValueError with a sentence that names every variable that means nothing, and what may have been meant."""
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
    ends = [each.removeprefix(PREFIX) for each in known]  # they all begin alike, which would make all look near
    return PREFIX + difflib.get_close_matches(name.removeprefix(PREFIX).upper(), ends, 1, 0)[0]


def value(option: Option, variables: Mapping[str, str]) -> tuple[str, str | None]:
    """Return where a setting is set, and what is written there; None if nowhere. Raise ValueError with a sentence.

    An empty variable counts as none: compose files and service units often pass them so.
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
    except ValueError as error:  # bytes that are no text, or a name that no file can have
        raise ValueError(f"{name}: {str(path)!r} is not a text file.") from error
    if not text.strip() or len(content) > _LONGEST:
        raise ValueError(f"{name}: {path} {'is too large' if text.strip() else 'is empty'}: it must hold the secret.")
    return text
