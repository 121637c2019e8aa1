"""The only reader of time: what the wall says, what has passed, and the numbers that order everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

# Milliseconds shifted left by ten: 1,024 numbers a millisecond before the counter runs ahead of the clock.
_SHIFT = 10
# How far ahead of the numbers in use the durable ceiling is kept: two minutes, half of which may pass without a
# commit before numbers fall behind the clock.
_RESERVE = 120_000 << _SHIFT
# A clock past the year 2109 is wrong. Numbers stay below 2**53 (exact in JavaScript) even after having believed one
# that is almost there.
_BELIEVED = 2**52


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (now by default) in UTC as ISO 8601 with milliseconds and ``Z``."""
    moment = moment.astimezone(UTC) if moment else datetime.now(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def unix_time() -> int:
    """Return the seconds since 1970, for ages that must survive a restart."""
    return int(time.time())


monotonic: Callable[[], float] = time.monotonic
sleep: Callable[[float], None] = time.sleep  # for programs beside the server only: it would stop everybody's messages


class Stamper:
    """Hand out strictly increasing numbers, below 2**53, whatever the clock does and however the server ends.

    Numbers follow the clock as far as a durable ceiling and only count on above the last one where the clock is ahead
    of it (after a quiet time) or behind (set back). So ``floor``, the ceiling that was last made durable, is above
    every number that a former life of the server handed out, although nothing waits for a disk here.
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
        """Return the ceiling that is to be made durable with the next commit."""
        ahead = max(self.last, self._clock())
        if ahead + _RESERVE // 2 > self.ceiling:
            self.ceiling = ahead + _RESERVE
        return self.ceiling

    def reserved(self, ceiling: int) -> None:
        """Use numbers up to a ceiling, which is durable now."""
        self._durable = max(self._durable, ceiling)

    def _clock(self) -> int:
        number = int(self._now() * 1000) << _SHIFT
        return number if number < _BELIEVED else 0
