"""Throttle: run an action at once, then at most once per interval."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVarTuple

Key = TypeVarTuple("Key")


class Throttle(Generic[*Key]):
    """Call ``act`` at once for the first request, then once per interval for all requests within it.

    Requests with different arguments, which must be hashable, are throttled apart.
    """

    def __init__(self, interval: float, act: Callable[[*Key], None]) -> None:
        self._interval = interval  # seconds
        self._act = act
        self._again: dict[tuple[*Key], bool] = {}  # inside their interval: whether they were requested again

    def __call__(self, *key: *Key) -> None:
        """Request the action."""
        if key in self._again:
            self._again[key] = True
            return
        self._again[key] = False
        asyncio.get_running_loop().call_later(self._interval, self._after, key)
        self._act(*key)

    def _after(self, key: tuple[*Key]) -> None:
        if self._again.pop(key, False):
            self(*key)
