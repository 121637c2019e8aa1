"""The only reader of time: what the wall says, what has passed, and the numbers that order everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

# Milliseconds shifted left by ten: 1,024 numbers a millisecond before the counter runs ahead of the clock,
# and below 2**53 (exact in JavaScript) until the year 2248.
_SHIFT = 10
# How far ahead of the last number handed out the durable ceiling is kept. Longer than the time a message may
# stay unsaved, so that a restart with a clock set back cannot hand out a number that somebody has seen.
_RESERVE = 120_000 << _SHIFT


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (now by default) in UTC as ISO 8601 with milliseconds and ``Z``."""
    moment = moment or datetime.now(UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def unix_time() -> int:
    """Return the seconds since 1970, for ages that must survive a restart."""
    return int(time.time())


monotonic: Callable[[], float] = time.monotonic


class Stamper:
    """Hand out strictly increasing numbers, below 2**53, whatever the clock does.

    ``floor`` is the largest number that may have been handed out before: the ceiling that was last made durable.
    """

    def __init__(self, floor: int = 0, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.last = floor
        self.ceiling = floor

    def next(self) -> int:
        """Return the next number."""
        self.last = max(self.last + 1, int(self._now() * 1000) << _SHIFT)
        return self.last

    def reserve(self) -> int:
        """Return the ceiling that must be durable before the numbers handed out next are lost sight of."""
        if self.last + _RESERVE // 2 > self.ceiling:
            self.ceiling = max(self.last, int(self._now() * 1000) << _SHIFT) + _RESERVE
        return self.ceiling
