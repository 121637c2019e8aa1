"""Saying no to a person."""

from __future__ import annotations

from typing import Any


def N_(text: str) -> str:  # noqa: N802 - the name that gettext gives it
    """Mark a sentence for translation; it is translated where it is shown."""
    return text


class Rejected(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say no to what a person asked, with a reason that may be shown to them.

    ``code`` is for programs, ``reason`` an English sentence to translate and to fill with ``values``.
    ``retry`` says whether the same request can succeed later, ``retry_after`` (seconds) when.
    """

    def __init__(
        self, code: str, reason: str, *, retry: bool = False, retry_after: float | None = None, **values: Any
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry = retry
        self.retry_after = retry_after
        self.values = values


class NotFound(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say that a thing is not there, or not there for the person who asks."""
