"""Files compressed ahead, pages compressed as they go out, and which form of either a browser gets."""

from __future__ import annotations

import functools
import gzip
import secrets
import zlib
from collections.abc import Container

import brotli  # type: ignore[import-untyped]

BROTLI, GZIP = "br", "gzip"  # as they are called on the wire; the first is smaller by a tenth
_FROM = 256  # bytes; what is smaller gains nothing
_PAGE_FROM = 1_400  # bytes; a page that fits into one packet gains nothing
# A room's page of 42 KB becomes 5.5 KB in 0.1 ms with Brotli, 6.2 KB in 0.15 ms with gzip. The levels above gain little
# and cost twice as much, while everybody's messages wait.
_PAGE_QUALITY, _PAGE_LEVEL = 2, 1
_PAGE_WINDOW = 18  # bits; 256 KB is more than most pages, and less memory than the default of 4 MB
_NAMED = b"\x1f\x8b\x08\x08\0\0\0\0\x04\xff"  # gzip with a name, without a time; compressed fast, by no known system
_FILLER = ord("-")
PADDING = 256  # bytes at most that a compressed page is longer than it needs to be
_QUALITY = 10  # 11 would gain three hundredths, for three times the time and 3 MB that the process keeps


@functools.cache  # a process has one set of files, however many applications its tests make
def pack(body: bytes, *, hard: bool) -> dict[str, bytes]:
    """Return the packed forms of a file by encoding, without those that gain nothing.

    ``hard`` takes in Brotli, which needs 50 ms for 100 KB; gzip needs 5.
    """
    if len(body) <= _FROM:
        return {}
    packed = {GZIP: gzip.compress(body, 9, mtime=0)}
    if hard:
        packed[BROTLI] = brotli.compress(body, quality=_QUALITY, mode=brotli.MODE_TEXT)
    return {encoding: form for encoding, form in packed.items() if len(form) < len(body)}


def pack_page(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """Return a page in the form that an Accept-Encoding header likes best, with its encoding: None for as it is.

    Pages hold secrets (messages, names) beside attacker-controlled text (messages, names). An observer of the length of
    encrypted responses could guess a secret by injecting text: where the two match, compression makes the response
    shorter (BREACH, CVE-2013-3587). So each is longer by some bytes, at random, as "Heal the BREACH" (Palacios,
    Fernández-Quilis and others, 2022) does with the name of a file in the header of gzip. They stand in places of the
    format that every reader skips, so the page itself stays what it is.
    """
    encoding = choose(accepted, (BROTLI, GZIP)) if len(body) >= _PAGE_FROM else None
    if encoding is None:
        return body, None
    padding = bytes([_FILLER]) * (1 + secrets.randbelow(PADDING))
    return (_brotli if encoding == BROTLI else _gzip)(body, padding), encoding


def _brotli(body: bytes, padding: bytes) -> bytes:
    """Compress with Brotli; the padding is a block of metadata (RFC 7932, 9.2), at a byte boundary after a flush."""
    packer = brotli.Compressor(quality=_PAGE_QUALITY, mode=brotli.MODE_TEXT, lgwin=_PAGE_WINDOW)
    # From the lowest bit: not the last block (0), metadata (11), reserved (0), one byte (01) with the length less one.
    head = (0b01_0_11_0 | (len(padding) - 1) << 6).to_bytes(2, "little")
    packed: bytes = packer.process(body) + packer.flush() + head + padding + packer.finish()
    return packed


def _gzip(body: bytes, padding: bytes) -> bytes:
    """Compress with gzip; the padding is the name of a file in the header (RFC 1952, 2.3)."""
    packer = zlib.compressobj(_PAGE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    end = zlib.crc32(body).to_bytes(4, "little") + (len(body) % 2**32).to_bytes(4, "little")
    return _NAMED + padding + b"\0" + packer.compress(body) + packer.flush() + end


def choose(accepted: str, offered: Container[str]) -> str | None:
    """Return the encoding that an Accept-Encoding header likes best of those offered; None for the file as it is.

    Between equals it is Brotli; the file as it is comes first only if it is named. ``q=0`` means never (RFC 9110,
    12.5.3).
    """
    weights = dict(map(_weight, accepted.lower().split(",")))
    liked = {name: weights.get(name, weights.get("*", 0.0)) for name in (BROTLI, GZIP) if name in offered}
    best = max(liked, key=liked.__getitem__, default=None)
    return best if best is not None and liked[best] > 0 and liked[best] >= weights.get("identity", 0.0) else None


def _weight(part: str) -> tuple[str, float]:
    name, _, weight = part.replace(" ", "").replace("\t", "").partition(";")
    try:
        return name, float(weight.removeprefix("q=")) if weight else 1.0
    except ValueError:
        return name, 0.0
