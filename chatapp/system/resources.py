"""Where the templates and static files are: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return the folder of that name. Raise FileNotFoundError when this installation lacks it."""
    # importlib.resources is no help here: in an editable install it finds neither of the two folders.
    for base in (_PACKAGE, _PACKAGE.parent):
        if (found := base / name).is_dir():
            return found
    raise FileNotFoundError(f"the {name!r} folder is missing from this installation of chatapp")
