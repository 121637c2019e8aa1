"""The clock, read nowhere else: wall time, monotonic time, and the numbers that order all messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

# Numbers are milliseconds shifted left by ten: 1,024 per millisecond before the counter runs ahead of the clock.
_SHIFT = 10
# How far the durable ceiling is kept ahead of the numbers in use: two minutes, of which one may pass without a
# commit before numbers fall behind the clock.
_RESERVE = 120_000 << _SHIFT
# A clock beyond the year 2109 is wrong, and ignored. Numbers stay below 2**53 (exact in JavaScript) even if a clock
# just below that was believed for a while.
_LATEST = 2**52


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment, by default now, in UTC as ISO 8601 with milliseconds and ``Z``."""
    moment = moment.astimezone(UTC) if moment else datetime.now(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def unix_time() -> int:
    """Return the seconds since 1970, for ages that must survive a restart."""
    return int(time.time())


monotonic: Callable[[], float] = time.monotonic
sleep: Callable[[float], None] = time.sleep  # for commands only: in the server it would block the event loop


class Stamper:
    """Issue strictly increasing numbers below 2**53, whatever the clock does and however the server ends.

    Numbers follow the clock up to a durable ceiling. Where the clock is beyond the ceiling (after a quiet time) or
    behind the last number (set back), they are counted up by one. So ``floor``, the last durable ceiling, is above
    every number issued before a restart or a crash, without waiting for the disk here.
    """

    def __init__(self, floor: int = 0, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._durable = floor
        self.last = floor
        self.ceiling = floor

    def next(self) -> int:
        """Return the next number."""
        now = self._clock()
        self.last = now if self.last < now <= self._durable else self.last + 1
        return self.last

    def reserve(self) -> int:
        """Return the ceiling to be made durable by the next commit."""
        ahead = max(self.last, self._clock())
        if ahead + _RESERVE // 2 > self.ceiling:
            self.ceiling = ahead + _RESERVE
        return self.ceiling

    def reserved(self, ceiling: int) -> None:
        """Allow numbers up to a ceiling that is durable now."""
        self._durable = max(self._durable, ceiling)

    def _clock(self) -> int:
        number = int(self._now() * 1000) << _SHIFT
        return number if number < _LATEST else 0
