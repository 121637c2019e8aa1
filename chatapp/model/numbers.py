"""Ids and cursors as they stand in addresses and frames."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.model.refusals import NotFound

ID_LIMIT = 2**53  # ids stay exact in JavaScript's numbers below this


def number(value: object) -> int | None:
    """Parse an id or a cursor from a URL or a frame. Return None if it is not one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(ID_LIMIT)):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < ID_LIMIT:
        return value
    return None


def cursor(given: Mapping[str, object]) -> int | None:
    """Return the cursor that a page gives as ``since``, None if it gives none.

    A value that is not a number counts as beyond every id: the page reloads its list, and never gets part of a gap.
    """
    if "since" not in given:
        return None
    found = number(given["since"])
    return ID_LIMIT if found is None else found


def parse_id(text: str) -> int:
    """Return the id in an address. Raise NotFound."""
    found = number(text)
    if not found:
        raise NotFound
    return found
