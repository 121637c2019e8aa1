"""Rate limits: sliding windows, token buckets and concurrency limits, kept in memory and bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from chatapp.chat.allowance import ACT_BURST, ACTS_PER_SECOND, FLOOD_SECONDS, FRAME_BURST, FRAMES_PER_SECOND, Allowance
from chatapp.settings import Settings
from chatapp.system import clock
from chatapp.wire.buffers import FORMS, Buffers

T = TypeVar("T")
Now = Callable[[], float]

# Keys remembered by one limit. A stranger who makes up more only evicts the least recently used ones.
KEYS = 10_000
ACCOUNT_SECONDS = 15 * 60  # OWASP ASVS 5.0 6.3.1 asks for a limit; the figures are those of Campfire's log-in
ADDRESS_SECONDS = 3 * 60
DAY_SECONDS = 24 * 60 * 60
BODIES_EACH, BODIES = 4, 32  # uploads at once, of a person and in all; each holds a picture in memory
NONSENSE = 20  # malformed frames a minute of a person, after which their connection is closed


class _Recent(OrderedDict[Hashable, T]):
    """A least-recently-used cache: one value for each key."""

    def remember(self, key: Hashable, value: T) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > KEYS:
            self.popitem(last=False)


class Tries:
    """Sliding window: allow ``count`` tries per key within any ``seconds``. A count of 0 allows everything."""

    def __init__(self, count: int, seconds: float, now: Now = clock.monotonic) -> None:
        self._count = count
        self._seconds = seconds
        self._now = now
        self._times: _Recent[deque[float]] = _Recent()

    def take(self, key: Hashable) -> float:
        """Count one try and return 0, or count nothing and return the seconds to wait for the next one."""
        if self._count <= 0:
            return 0
        now = self._now()
        times = self._times.get(key) or deque()
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._count:
            return times[0] + self._seconds - now
        times.append(now)
        self._times.remember(key, times)
        return 0

    def give_back(self, key: Hashable) -> None:
        """Take back the newest try of a key: it succeeded."""
        if times := self._times.get(key):
            times.pop()

    def forget(self, key: Hashable) -> None:
        """Take back every try of a key."""
        self._times.pop(key, None)


class Bucket:
    """Token bucket: allow each key ``rate`` acts a second and ``burst`` at once. A 0 in either allows everything."""

    def __init__(self, rate: float, burst: float, now: Now = clock.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._levels: _Recent[tuple[float, float]] = _Recent()  # tokens left, and when that was true

    def take(self, key: Hashable, tokens: float = 1) -> float:
        """Take some tokens and return 0, or take nothing and return the seconds to wait for them.

        Requests for more than a full bucket wait until it is full, and then empty it.
        """
        if self._rate <= 0 or self._burst <= 0:
            return 0
        now = self._now()
        level, since = self._levels.get(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        needed = min(tokens, self._burst)
        if level < needed:
            return (needed - level) / self._rate
        self._levels.remember(key, (level - needed, now))
        return 0


class Concurrency:
    """Allow each key ``each`` acts at the same time, and all keys ``together`` of them."""

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = together
        self._under_way: Counter[Hashable] = Counter()

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[bool]:
        """Tell whether there is room for one more, and count it as long as the block lasts."""
        if self._under_way[key] >= self._each or self._under_way.total() >= self._together:
            yield False
            return
        self._under_way[key] += 1
        try:
            yield True
        finally:
            self._under_way[key] -= 1
            self._under_way += Counter()  # drops the keys at zero


class Limits:
    """The limits of one server, from its settings."""

    def __init__(self, settings: Settings, now: Now = clock.monotonic) -> None:
        self._accounts = Tries(settings.login_tries, ACCOUNT_SECONDS, now)
        self._addresses = Tries(settings.address_tries, ADDRESS_SECONDS, now)
        self.registrations = Tries(settings.registrations, ADDRESS_SECONDS, now)
        self.messages = Bucket(settings.messages_per_second, settings.message_burst, now)
        self.frames = Allowance(FRAMES_PER_SECOND, FRAME_BURST, now)  # by person, over all of their sockets
        self.acts = Allowance(ACTS_PER_SECOND, ACT_BURST, now)
        self.buffers = Buffers()
        self.forms = Buffers(FORMS)
        self.nonsense = Tries(NONSENSE, 60, now)  # by person
        self.uploads = Bucket(settings.uploads_per_minute / 60, settings.uploads_per_minute, now)
        self.bodies = Concurrency(BODIES_EACH, BODIES)
        day = settings.upload_megabytes * 2**20
        self.upload_bytes = Bucket(day / DAY_SECONDS, day, now)

    def floods(self, person: int) -> bool:
        """Tell whether a person has kept sending too much, up to a moment ago."""
        return max(self.frames.tired(person), self.acts.tired(person)) > FLOOD_SECONDS

    async def log_in(self, name_key: str, address: str) -> float:
        """Count a try to log in before its password is looked at, and return 0 or the seconds to wait.

        A name is counted for each address, so a stranger's tries do not lock its owner out.
        """
        if wait := self._addresses.take(address):
            return wait
        if wait := self._accounts.take((name_key, address)):
            self._addresses.give_back(address)
            return wait
        return 0

    def logged_in(self, name_key: str, address: str) -> None:
        """Take back a try that succeeded: a whole class may log in from behind one address."""
        self._addresses.give_back(address)
        self._accounts.forget((name_key, address))
