"""What can go wrong with any store, whatever database it keeps."""

from __future__ import annotations


class Busy(Exception):  # noqa: N818 - a state that passes by itself
    """Another program holds the database's lock. Try again soon."""


class Unwritable(Exception):  # noqa: N818 - a state that passes when the operator frees space
    """The disk is full, read-only or failing, or the database is closed: nothing can be written now."""
