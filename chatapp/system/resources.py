"""Locations of the templates and static files: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return the folder of a name. Raise FileNotFoundError when this installation lacks it."""
    # Not importlib.resources: in an editable install it finds neither folder.
    for base in (_PACKAGE, _PACKAGE.parent):
        if (found := base / name).is_dir():
            return found
    raise FileNotFoundError(f"the {name!r} folder is missing from this installation of chatapp")
