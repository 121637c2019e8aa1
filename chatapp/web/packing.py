"""Files compressed ahead, and which form of one a browser gets. Nothing is compressed while somebody waits for it."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Container

import brotli  # type: ignore[import-untyped]

BROTLI, GZIP = "br", "gzip"  # as they are called on the wire; the first is smaller by a tenth
_FROM = 256  # bytes; what is smaller gains nothing
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


def choose(accepted: str, offered: Container[str]) -> str | None:
    """Return the encoding that an Accept-Encoding header likes best of those offered; None for the file as it is.

    Between equals it is Brotli. ``q=0`` means never (RFC 9110, 12.5.3).
    """
    weights = dict(map(_weight, accepted.lower().split(",")))
    liked = {name: weights.get(name, weights.get("*", 0.0)) for name in (BROTLI, GZIP) if name in offered}
    best = max(liked, key=liked.__getitem__, default=None)
    return best if best is not None and liked[best] > 0 else None


def _weight(part: str) -> tuple[str, float]:
    name, _, weight = part.replace(" ", "").replace("\t", "").partition(";")
    try:
        return name, float(weight.removeprefix("q=")) if weight else 1.0
    except ValueError:
        return name, 0.0
