"""Back-pressure for sockets: how much of the server one person may use.

Anyone over it is read more slowly: reading from their socket pauses until the debt is repaid, and TCP flow control
slows their machine down. Nothing is lost. A page asks for a few things a second, even when it comes back with a full
outbox, because it sends one message at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from chatapp.system import clock

KEYS = 10_000  # people remembered; the least recently seen ones are evicted

# Whatever comes on the wire, by frame. A ping or an empty piece costs some microseconds, so a thousand a second are
# below one percent of a core, and a person's twenty tabs never come near it.
FRAMES_PER_SECOND, FRAME_BURST = 1000.0, 2000.0
# What frames ask for, in beats. A beat costs some tens of microseconds: fifty a second are below one percent.
ACTS_PER_SECOND, ACT_BURST = 50.0, 200.0
_PRICES = {"join": 10.0}  # all that was missed is looked up
_BYTES = 4096  # characters of a text that cost as much again: a long one takes its time to be read
_PICTURE_BYTES = 256 * 1024  # of a large text, which is read by the side
# Seconds in debt without recovering after which a person's sockets are closed: nobody types that much.
FLOOD_SECONDS = 30.0


@dataclass(slots=True)
class _Account:
    level: float
    at: float
    tired: float | None = None  # since when it has been in debt; None once it is half full again


class Allowance:
    """A token bucket that may be overdrawn, at the price of a wait: ``rate`` a second, ``burst`` at once."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = clock.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._accounts: OrderedDict[Hashable, _Account] = OrderedDict()

    def take(self, key: Hashable, amount: float) -> float:
        """Take an amount, even more than there is, and return the seconds until the debt is repaid."""
        account = self._settled(key)
        account.level -= amount
        if account.level >= 0:
            return 0
        if account.tired is None:
            account.tired = account.at
        return -account.level / self._rate

    def tired(self, key: Hashable) -> float:
        """Return for how many seconds a key has been in debt without recovering."""
        account = self._settled(key) if key in self._accounts else None
        return account.at - account.tired if account is not None and account.tired is not None else 0

    def _settled(self, key: Hashable) -> _Account:
        now = self._now()
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account(self._burst, now)
            while len(self._accounts) > KEYS:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(key)
        account.level, account.at = min(self._burst, account.level + (now - account.at) * self._rate), now
        if account.level >= self._burst / 2:
            account.tired = None
        return account


def price(kind: str) -> float:
    """Return the price of a kind of frame; a beat costs 1."""
    return _PRICES.get(kind, 1.0)


def length_price(text: str | bytearray) -> float:
    """Return the price of a text's length, due before it is parsed; a bytearray is a large one with a picture."""
    return len(text) // (_BYTES if isinstance(text, str) else _PICTURE_BYTES)
