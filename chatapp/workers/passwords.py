"""Password hashing with Argon2id, in a few threads off the event loop."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chatapp.model import normal
from chatapp.model.refusals import Rejected
from chatapp.workers import inherited, wellknown

SHORTEST = 8  # characters
LONGEST = 256  # characters; a new password
LONGEST_BYTES = 1_024  # of a password to verify; more is not even hashed (ASVS 5.0, 6.2.9 and 15.2.2)
THREADS = 2  # each hash takes 19 MiB and 30 ms of a processor
WAITING = 32  # hashes in the queue: about half a second of work

SALT_BYTES = 16
HASH_BYTES = 32

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one hash."""

    memory: int  # KiB
    passes: int
    lanes: int = 1

    @property
    def prefix(self) -> str:
        """Return the beginning of every hash of this cost, in the PHC string format."""
        return f"$argon2id$v=19$m={self.memory},t={self.passes},p={self.lanes}$"


OWASP = Cost(memory=19_456, passes=2)  # OWASP Password Storage Cheat Sheet
CHEAPEST = Cost(memory=8, passes=1)  # for tests only: the least that Argon2 allows
COSTS = {"owasp": OWASP, "cheapest": CHEAPEST}  # as the setting names them
_OURS = tuple(cost.prefix for cost in COSTS.values())


class Passwords:
    """Hash and verify passwords at one cost, THREADS at a time; refuse work that would wait too long."""

    def __init__(self, cost: Cost = OWASP) -> None:
        self._cost = cost
        self._threads = ThreadPoolExecutor(THREADS, "passwords")
        self._unfinished = 0
        # A hash of no password: verifying it takes as long as a real one, so that response times do not reveal
        # whether a user exists.
        salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (SALT_BYTES, HASH_BYTES))
        self._nobodys = f"{cost.prefix}{salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the hash of a password as a PHC string. Raise Rejected when too many are waiting."""
        return await self._run(lambda: self._hash(_material(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether a password belongs to a stored hash; take the same time when there is none (None).

        What the original program and its relatives stored is understood too. Raise Rejected when too many are waiting.
        """
        return await self._run(lambda: self._verify(password, stored))

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a stored hash was made in another way than hashes are made now."""
        return not stored.startswith(self._cost.prefix)

    def inherits(self, stored: str) -> bool:
        """Tell whether another program made a stored hash: nobody looked then whether the password is a common one."""
        return not stored.startswith((self._cost.prefix, *_OURS))

    def close(self) -> None:
        """Cancel waiting work and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._unfinished >= THREADS + WAITING:
            raise Rejected("busy.log_ins")
        self._unfinished += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._unfinished -= 1

    def _hash(self, material: bytes) -> str:
        cost = self._cost
        argon2 = Argon2id(
            salt=secrets.token_bytes(SALT_BYTES),
            length=HASH_BYTES,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory,
        )
        return argon2.derive_phc_encoded(material)

    def _verify(self, password: str, stored: str | None) -> bool:
        if is_too_long(password):
            password, stored = "", None
        if stored is not None and not self.needs_rehash(stored):
            return _matches(_material(password), stored)
        if stored is None or inherited.is_quick(stored):
            _matches(b"", self._nobodys)
        if stored is None:
            return False
        return inherited.verify(stored, password) or (
            stored.startswith(_OURS) and inherited.verify(stored, normal.normalize("NFKC", password))
        )


def is_too_long(password: str) -> bool:
    """Tell whether a password is longer than any can be, so that it needs no verification."""
    return len(password) > LONGEST_BYTES or len(password.encode("utf-8", "surrogatepass")) > LONGEST_BYTES


def check_new(password: str) -> None:
    """Raise Rejected unless a new password is acceptable."""
    if len(password) < SHORTEST:
        raise Rejected("password_short", limit=SHORTEST)
    if len(password) > LONGEST:
        raise Rejected("password_long", limit=LONGEST)
    if is_too_long(password) or len(_material(password)) > LONGEST_BYTES:
        raise Rejected("password_long.bytes")
    if wellknown.is_common(password):
        raise Rejected("password_common")


def _material(password: str) -> bytes:
    # Keyboards differ in how they compose "ệ"; the same password must work from each (NIST SP 800-63B, 5.1.1.2).
    return normal.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _matches(material: bytes, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(material, stored)
    except (InvalidKey, ValueError):
        return False
    return True
