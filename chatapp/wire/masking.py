"""Unmasking: what a browser sends is hidden from proxies by a mask of four bytes (RFC 6455, section 5.3)."""

from __future__ import annotations

from functools import cache

MASK_BYTES = 4
_LONG = 2048  # bytes from which translation tables are faster than large integers (measured)


def unmask(payload: bytes | bytearray, mask: bytes) -> bytes:
    """Return a payload without its mask, whose first byte belongs to the first byte of the payload."""
    size = len(payload)
    if size >= _LONG:
        plain = bytearray(payload)
        for place, key in enumerate(mask):
            plain[place::MASK_BYTES] = plain[place::MASK_BYTES].translate(_table(key))
        return bytes(plain)
    pattern = (mask * (size // MASK_BYTES + 1))[:size]
    # XOR of two large integers: no loop over the bytes in Python.
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


@cache
def _table(key: int) -> bytes:
    """Return the translation table of one byte of a mask."""
    return bytes(byte ^ key for byte in range(256))
