"""Formats in which other programs store passwords, each recognised by a pattern that matches all of it.

Sources: the documentation and code of werkzeug, Django, passlib, argon2-cffi and bcrypt; the forms without a library
are those of the snippets that students copy.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from functools import partial

from chatapp.workers.verifiers import DIGESTS, Verifier, any_of, argon2, blowfish, digest, pbkdf2, plain, salted, scrypt

# What werkzeug's "pbkdf2:sha256" without a number meant, from version to version, and its "scrypt" to this day.
_PBKDF2_ITERATIONS = (1_000, 50_000, 150_000, 260_000, 600_000, 1_000_000)
_SCRYPT_NUMBERS = 32_768, 8, 1
_SNIPPET_ITERATIONS = 100_000  # the example in Python's own documentation of pbkdf2_hmac
_SLOW_DIGESTS = (32, 64)  # bytes: the sizes of that example

_ALPHABETS = bytes.maketrans(b"-_.", b"+/+")  # of base64: that for addresses, and passlib's

_HEX = r"(?:[0-9a-fA-F]{2})"
_DIGEST = "|".join(rf"{_HEX}{{{size}}}" for size in DIGESTS)
_NAME = r"md5|sha1|sha224|sha256|sha384|sha512"
_BASE64 = r"[A-Za-z0-9+/._-]+={0,2}"
_BCRYPT = r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"
_SALT = r"[^:$\s]{1,128}"


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text)


def _unbase64(text: str) -> bytes:
    plain = text.rstrip("=").encode().translate(_ALPHABETS)
    return base64.b64decode(plain + b"=" * (-len(plain) % 4))


def _werkzeug_pbkdf2(name: str | None, iterations: str | None, salt: str, stored: str) -> Verifier | None:
    make = partial(pbkdf2, name or "sha256", salt=salt.encode(), stored=_unhex(stored))
    return make(iterations=int(iterations)) if iterations else any_of(make(iterations=n) for n in _PBKDF2_ITERATIONS)


def _werkzeug_scrypt(n: str | None, r: str, p: str, salt: str, stored: str) -> Verifier | None:
    numbers = (int(n), int(r), int(p)) if n else _SCRYPT_NUMBERS
    return scrypt(*numbers, salt.encode(), _unhex(stored))


def _passlib_bcrypt(rounds: str, salt: str, stored: str) -> Verifier | None:
    def before(password: bytes) -> bytes:
        return base64.b64encode(hmac.digest(salt.encode(), password, "sha256"))

    return blowfish(f"$2b${int(rounds):02d}${salt}{stored}", before)


def _django_bcrypt(stored: str) -> Verifier | None:
    return blowfish(stored, lambda password: hashlib.sha256(password).hexdigest().encode())


def _pair(one: str, other: str) -> Verifier:
    """Take a digest and its salt in the order in which somebody wrote them; of two digests the shorter is a salt."""
    return any_of(
        _mixed(salt, stored)
        for salt, stored in ((one, other), (other, one))
        if re.fullmatch(_DIGEST, stored) and not (len(salt) > len(stored) and re.fullmatch(_DIGEST, salt))
    )


def _mixed(salt: str, stored: str) -> Verifier:
    wanted = _unhex(stored)
    names, salts = DIGESTS[len(wanted)], [salt.encode()]
    if re.fullmatch(f"{_HEX}+", salt):
        salts.append(_unhex(salt))
    slow = salts if len(wanted) in _SLOW_DIGESTS else []
    return any_of(
        (
            *(salted(names, each, wanted) for each in salts),
            *(pbkdf2(names[0], _SNIPPET_ITERATIONS, each, wanted) for each in slow),
        )
    )


_FORMS: tuple[tuple[str, Callable[..., Verifier | None]], ...] = (
    (rf"(?:0x|\\x)?({_DIGEST})", lambda stored: digest(_unhex(stored))),
    (
        r"([A-Za-z0-9+/_-]{22}==|[A-Za-z0-9+/_-]{27}=|[A-Za-z0-9+/_-]{43}=|[A-Za-z0-9+/_-]{86}==)",
        lambda stored: digest(_unbase64(stored)),
    ),
    (rf"(?:bcrypt\$)?({_BCRYPT})", blowfish),
    (rf"bcrypt_sha256\$({_BCRYPT})", _django_bcrypt),
    (r"\$bcrypt-sha256\$v=2,t=2b,r=(\d\d?)\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})", _passlib_bcrypt),
    (rf"pbkdf2(?::({_NAME}))?(?::(\d{{1,9}}))?\$([^$]*)\$({_HEX}+)", _werkzeug_pbkdf2),
    (
        rf"pbkdf2_({_NAME})\$(\d{{1,9}})\$([^$]*)\$({_BASE64})",
        lambda name, count, salt, stored: pbkdf2(name, int(count), salt.encode(), _unbase64(stored)),
    ),
    (
        rf"\$pbkdf2(?:-({_NAME}))?\$(\d{{1,9}})\$({_BASE64})\$({_BASE64})",
        lambda name, count, salt, stored: pbkdf2(name or "sha1", int(count), _unbase64(salt), _unbase64(stored)),
    ),
    (rf"scrypt(?::(\d{{1,9}}):(\d{{1,4}}):(\d{{1,4}}))?\$([^$]+)\$({_HEX}+)", _werkzeug_scrypt),
    (
        rf"scrypt\$(\d{{1,9}})\$([^$]+)\$(\d{{1,4}})\$(\d{{1,4}})\$({_BASE64})",
        lambda n, salt, r, p, stored: scrypt(int(n), int(r), int(p), salt.encode(), _unbase64(stored)),
    ),
    (
        rf"\$scrypt\$ln=(\d\d?),r=(\d{{1,4}}),p=(\d{{1,4}})\$({_BASE64})\$({_BASE64})",
        lambda ln, r, p, salt, stored: scrypt(2 ** int(ln), int(r), int(p), _unbase64(salt), _unbase64(stored)),
    ),
    (
        r"(?:argon2)?(\$argon2(id|i|d)\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]{22,})",
        lambda stored, kind, memory, passes, lanes: argon2(stored, kind, int(memory), int(passes), int(lanes)),
    ),
    (
        rf"({_NAME})\$([^$]*)\$({_DIGEST})",
        lambda name, salt, stored: salted([name], salt.encode(), _unhex(stored)),
    ),
    (r"plain\$[^$]*\$(.+)", plain),  # werkzeug's
    (rf"(?:{_NAME})[:$]({_DIGEST})", lambda stored: digest(_unhex(stored))),
    (
        rf"({_HEX}{{32}})({_HEX}{{64}})",  # a snippet that takes the digits of its salt as text
        lambda salt, stored: pbkdf2("sha512", _SNIPPET_ITERATIONS, salt.encode(), _unhex(stored)),
    ),
    (rf"({_DIGEST})[:$]({_SALT})", _pair),
    (rf"({_SALT})[:$]({_DIGEST})", _pair),
)
_PATTERNS = tuple((re.compile(pattern, re.ASCII | re.DOTALL), make) for pattern, make in _FORMS)

# What nobody chose as a password: hashes of other kinds, hashes of these kinds that are damaged, encrypted texts.
_HASH_LIKE = re.compile(
    r"\$[\w-]{1,20}\$\S{8,}"
    r"|(?i:pbkdf2|scrypt|argon2|bcrypt|plain|md5|sha\d|hmac|crypt)[\w:-]*\$.*"
    r"|\{[\w.-]{2,20}\}\S{8,}"
    r"|[!*]\S{40,}"
    r"|[0-9a-fA-F]{32,}"
    r"|(?=\S*[0-9])(?=\S*[a-z])(?=\S*[A-Z])[A-Za-z0-9+/_-]{40,}={0,2}",
    re.DOTALL,
)


def verifier(stored: str) -> Verifier | None:
    """Return what verifies a stored hash; None if its form is not known, or it asks for too much work."""
    for pattern, make in _PATTERNS:
        if match := pattern.fullmatch(stored):
            try:
                return make(*match.groups())
            except ValueError:  # invalid base64
                return None
    return None


def is_like_a_hash(stored: str) -> bool:
    """Tell whether what is stored is a hash, or may be one, so that it is never taken for the password itself."""
    return _HASH_LIKE.fullmatch(stored) is not None or any(pattern.fullmatch(stored) for pattern, _ in _PATTERNS)
