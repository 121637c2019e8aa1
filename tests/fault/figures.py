"""How much a run does, and what it measured."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

NAME = "figures"  # of the property of a test's report


def amount(name: str, usual: int) -> int:
    """Return how much of something to do: CHATAPP_TEST_<NAME>, or what a check of every change can afford."""
    return int(os.environ.get(f"CHATAPP_TEST_{name}", usual))


class Figures:
    """What a fault measured, for the table at the end."""

    def __init__(self, note: Callable[[str, object], None]) -> None:
        self._note = note

    def __call__(self, **figures: object) -> None:
        """Keep figures."""
        for name, value in figures.items():
            self._note(NAME, (name, f"{value:.3g}" if isinstance(value, float) else str(value)))

    def progress(self, done: int, of: int, what: str) -> None:
        """Say how far a long test is, to somebody who looks."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {done} of {of} " + ("\n" if done == of else ""))
