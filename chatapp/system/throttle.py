"""Act at once when it is rare, and at most so often when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Throttle(Generic[Key]):
    """Call ``act(key)`` at once for the first request, then once per interval for all that follow within it."""

    def __init__(self, interval: float, act: Callable[[Key], None]) -> None:
        self._interval = interval  # seconds
        self._act = act
        self._wanted: dict[Key, bool] = {}  # keys inside their interval: whether they were asked for again

    def __call__(self, key: Key) -> None:
        """Ask for the action."""
        if key in self._wanted:
            self._wanted[key] = True
            return
        self._wanted[key] = False
        asyncio.get_running_loop().call_later(self._interval, self._after, key)
        self._act(key)

    def _after(self, key: Key) -> None:
        if self._wanted.pop(key, False):
            self(key)
