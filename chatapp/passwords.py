"""Hash and verify passwords with Argon2id, off the event loop and never more than a few at a time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chatapp.normal import normalize
from chatapp.records import Rejected, sentence

SHORTEST = 8  # characters
LONGEST = 256  # characters; a new password
LONGEST_BYTES = 1_024  # of a password to verify; more is not even hashed (ASVS 5.0, 6.2.9 and 15.2.2)
THREADS = 2  # each hash takes 19 MiB and 30 ms of a processor
TOO_LONG = sentence("This password is longer than any here can be. Please type it again.")
WAITING = 32  # hashes in the queue: about half a second of work
BUSY_SECONDS = 2.0

SALT_BYTES = 16
HASH_BYTES = 32

T = TypeVar("T")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")  # how the first version of the program stored passwords: without salt

# The commonest passwords of at least SHORTEST characters, in English and in Vietnamese.
_COMMON = frozenset(
    """
    00000000 01234567 0123456789 10203040 11111111 1111111111 11112222 11223344 112233445566 12121212 12341234
    12344321 12345678 123456789 1234567890 12345678910 1234567a 12345678a 123456789a 1234qwer 123123123 123321123
    123qweasd 123qwe123 13131313 147258369 14725836 159753456 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 1234abcd
    22222222 33333333 44444444 55555555 66666666 77777777 88888888 87654321 98765432 987654321 9876543210 99999999
    a1234567 a12345678 a123456789 aa123456 aa12345678 abc12345 abcd1234 abcd12345 abcdefgh abcdefghi admin123
    admin1234 administrator anhyeuem anhyeuem123 anhnhoem asdf1234 asdfasdf asdfghjk asdfghjkl baseball basketball
    bongda123 bóngđá123 changeme changeme123 chatapp1 chatchat computer conyeume conmeocon correcthorse
    default1 devilmaycry dragon123 emyeuanh emyeuanh123 facebook football football1 football123 gialinh123 giadinh123
    guest123 hanoi123 hello123 hello1234 helloworld hoilamgi iloveyou iloveyou1 iloveyou2 internet jordan23 khongbiet
    khongco1 khongcopass liverpool matkhau1 matkhau123 matkhau12 mậtkhẩu matkhaucuatoi master123 michelle motdenchin
    mothaiba motconvit minhanh123 monkey123 ngocanh123 p@ssw0rd p@ssword passw0rd passw0rd1 password password1
    password12 password123 password1234 password! pass1234 pa$$w0rd pokemon1 princess princess1 q1w2e3r4 q1w2e3r4t5
    qazwsxedc qwer1234 qwerasdf qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwe123qwe root1234 samsung1
    saigon123 secret123 starwars sunshine sunshine1 superman superman1 test1234 test12345 thanhcong toiyeuban
    toiyeuem trustno1 user1234 vietnam1 vietnam123 vietnamvodich welcome1 welcome123 whatever xinchao1 xinchao123
    yeuem123 yeuanh123 yeuthuong zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123 zxcvbnmm
    """.split()  # noqa: SIM905 - a list of so many strings is hard to read
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs to compute, and to guess."""

    memory: int  # KiB
    passes: int
    lanes: int = 1

    @property
    def prefix(self) -> str:
        """Return the beginning of every hash of this cost, in the PHC string format."""
        return f"$argon2id$v=19$m={self.memory},t={self.passes},p={self.lanes}$"


OWASP = Cost(memory=19_456, passes=2)  # OWASP Password Storage Cheat Sheet
CHEAPEST = Cost(memory=8, passes=1)  # for tests only: the least that Argon2 allows


class Passwords:
    """Hash and verify passwords at one cost, THREADS at a time; refuse work that would wait too long."""

    def __init__(self, cost: Cost = OWASP) -> None:
        self._cost = cost
        self._threads = ThreadPoolExecutor(THREADS, "passwords")
        self._unfinished = 0
        # Nobody's password: takes as long to verify as a real hash, so that a stranger cannot tell by the time
        # an answer takes whether there is such a user.
        salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (SALT_BYTES, HASH_BYTES))
        self._nobodys = f"{cost.prefix}{salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the hash of a password as a PHC string. Raise Rejected when too many are waiting."""
        return await self._run(lambda: self._hash(_material(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether a password belongs to a stored hash; take the same time when there is none (None).

        A stored hash of the first version (SHA-256) is understood too. Raise Rejected when too many are waiting.
        """
        return await self._run(lambda: self._verify(password, stored))

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a stored hash was made in another way than hashes are made now."""
        return not stored.startswith(self._cost.prefix)

    def close(self) -> None:
        """Give up what waits and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._unfinished >= THREADS + WAITING:
            reason = sentence("Too many people are logging in right now. Please try again in a moment.")
            raise Rejected("busy", reason, retry=True, retry_after=BUSY_SECONDS)
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
        if stored is not None and _SHA256.fullmatch(stored):
            _matches(b"", self._nobodys)
            digest = hashlib.sha256(password.encode("utf-8", "surrogatepass")).hexdigest()
            return hmac.compare_digest(digest, stored.lower())
        if stored is None or not stored.startswith("$argon2id$"):
            _matches(b"", self._nobodys)
            return False
        return _matches(_material(password), stored)


def is_too_long(password: str) -> bool:
    """Tell whether what somebody typed is longer than any password of this chat: there is nothing to verify."""
    return len(password) > LONGEST_BYTES or len(password.encode("utf-8", "surrogatepass")) > LONGEST_BYTES


def check_new(password: str) -> None:
    """Raise Rejected unless a password is good enough to be chosen."""
    if len(password) < SHORTEST:
        raise Rejected("password_short", sentence("A password must have at least {limit} characters."), limit=SHORTEST)
    if len(password) > LONGEST:
        raise Rejected("password_long", sentence("A password can have at most {limit} characters."), limit=LONGEST)
    if is_too_long(password) or len(_material(password)) > LONGEST_BYTES:
        raise Rejected("password_long", sentence("This password is too long."))
    if normalize("NFKC", password).casefold() in _COMMON:
        raise Rejected("password_common", sentence("This password is one of the first that anyone would try."))


def _material(password: str) -> bytes:
    # Keyboards differ in how they compose "ệ"; the same password must work from each (NIST SP 800-63B, 5.1.1.2).
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _matches(material: bytes, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(material, stored)
    except (InvalidKey, ValueError):
        return False
    return True
