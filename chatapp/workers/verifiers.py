"""Verification of a password against the hash of another program, within bounds on the work.

A hash that demands more work than libraries do is not verified: one log-in would delay all others.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

from chatapp.model import normal

# The most that a stored password may demand: Django asks for 1.2 million iterations of PBKDF2 today, libraries for 12
# to 14 rounds of bcrypt, OWASP and Django for at most 128 MiB of scrypt and Argon2.
_MOST_ITERATIONS = 3_000_000
_MOST_ROUNDS = 15  # of bcrypt: each one more takes twice as long
_MOST_MEMORY = 128 * 2**20  # bytes
_MOST_WORK = 2**21  # of scrypt, N * r * p; of Argon2, KiB * passes
_MOST_LANES = 64  # of Argon2: threads
_LEAST_BYTES = 16  # of a digest; a shorter one would let many passwords in
_MOST_BYTES = 128  # of a digest: each block more is as much work again
_BCRYPT_BYTES = 72  # of a password count; old versions of bcrypt cut the rest off, new ones refuse it

# Seconds of one step on a slow machine, to tell what can be tried often.
_ITERATION, _ROUND, _SCRYPT, _ARGON2, _INSTANT = 5e-7, 6e-5, 4e-7, 1e-6, 1e-5

DIGESTS = {  # by their size in bytes, the likeliest first
    16: ("md5",),
    20: ("sha1",),
    28: ("sha224", "sha3_224"),
    32: ("sha256", "sha3_256", "blake2s"),
    48: ("sha384", "sha3_384"),
    64: ("sha512", "sha3_512", "blake2b"),
}


@dataclass(frozen=True, slots=True)
class Verifier:
    """One stored password."""

    matches: Callable[[bytes], bool]  # whether a password, in UTF-8, is the stored one
    seconds: float  # that one try takes at most, about


def any_of(found: Iterable[Verifier | None]) -> Verifier:
    """Return what verifies a password that may have been stored in one of several ways."""
    checks = [each for each in found if each is not None]
    return Verifier(
        lambda password: any(each.matches(password) for each in checks), sum(each.seconds for each in checks)
    )


def digest(stored: bytes) -> Verifier | None:
    """Return what verifies a digest without salt; None if it has the size of none."""
    names = DIGESTS.get(len(stored))
    if names is None:
        return None
    return Verifier(lambda password: _equal((_hashed(name, password) for name in names), stored), _INSTANT)


def salted(names: Iterable[str], salt: bytes, stored: bytes) -> Verifier:
    """Take the three ways to mix a salt in: werkzeug's of old, Django's, and Django's the other way round."""

    def made(password: bytes) -> Iterable[bytes]:
        for name in names:
            yield _hashed(name, salt + password)
            yield _hashed(name, password + salt)
            yield hmac.digest(salt, password, name)

    return Verifier(lambda password: _equal(made(password), stored), _INSTANT)


def pbkdf2(name: str, iterations: int, salt: bytes, stored: bytes) -> Verifier | None:
    """Return what verifies PBKDF2; None if it asks for too much, or is too short to tell passwords apart."""
    if not 0 < iterations <= _MOST_ITERATIONS or not _LEAST_BYTES <= len(stored) <= _MOST_BYTES:
        return None

    def matches(password: bytes) -> bool:
        return _equal([hashlib.pbkdf2_hmac(name, password, salt, iterations, len(stored))], stored)

    return Verifier(matches, iterations * _ITERATION)


def scrypt(n: int, r: int, p: int, salt: bytes, stored: bytes) -> Verifier | None:
    """Return what verifies scrypt; None if its numbers have no meaning or ask for too much."""
    if min(n // 2, r, p) < 1 or n & (n - 1) or not _LEAST_BYTES <= len(stored) <= _MOST_BYTES:
        return None
    if 128 * r * n > _MOST_MEMORY or n * r * p > _MOST_WORK:
        return None
    memory = 128 * r * (n + p + 2)  # bytes

    def matches(password: bytes) -> bool:
        made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * memory, dklen=len(stored))
        return _equal([made], stored)

    return Verifier(matches, n * r * p * _SCRYPT)


def argon2(encoded: str, kind: str, memory: int, passes: int, lanes: int) -> Verifier | None:
    """Return what verifies Argon2 of a kind (d, i, id) as a PHC string; None if it asks for too much KiB or passes."""
    if memory * 1024 > _MOST_MEMORY or memory * passes > _MOST_WORK or lanes > _MOST_LANES:
        return None
    kinds: dict[str, type[Argon2id | Argon2i | Argon2d]] = {"id": Argon2id, "i": Argon2i, "d": Argon2d}

    def matches(password: bytes) -> bool:
        try:
            kinds[kind].verify_phc_encoded(password, encoded)
        except (InvalidKey, ValueError):
            return False
        return True

    return Verifier(matches, memory * passes * _ARGON2)


def blowfish(stored: str, before: Callable[[bytes], bytes] = bytes) -> Verifier | None:
    """Return a verifier for bcrypt, ``$2b$12$…``, of a password, first transformed by ``before``."""
    rounds = int(stored[4:6])
    if rounds > _MOST_ROUNDS:
        return None

    def matches(password: bytes) -> bool:
        try:
            return bcrypt.checkpw(before(password)[:_BCRYPT_BYTES], stored.encode())
        except ValueError:  # a salt, or a number of rounds, without meaning
            return False

    return Verifier(matches, 2**rounds * _ROUND)


def plain(stored: str) -> Verifier:
    """Return what verifies a password that was stored as it is."""
    # Keyboards differ in how they compose "ệ", and what stands here can be compared in any form.
    wanted = _composed(stored)

    def matches(password: bytes) -> bool:
        return hmac.compare_digest(_composed(password.decode("utf-8", "surrogatepass")), wanted)

    return Verifier(matches, _INSTANT)


def number(stored: str) -> Verifier:
    """Return what verifies a password that a numeric column has kept, without zeros in front, and to 15 digits."""

    def matches(password: bytes) -> bool:
        typed = password.decode("utf-8", "surrogatepass")
        if not re.fullmatch(r"[0-9]{1,40}(\.[0-9]{1,20})?", typed):
            return False
        return int(typed) == int(stored) if (typed + stored).isdecimal() else float(typed) == float(stored)

    return Verifier(matches, _INSTANT)


def _equal(made: Iterable[bytes], stored: bytes) -> bool:
    return any(hmac.compare_digest(each, stored) for each in made)


def _hashed(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data, usedforsecurity=False).digest()


def _composed(password: str) -> bytes:
    return normal.normalize("NFC", password).encode("utf-8", "surrogatepass")
