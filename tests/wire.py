"""The other end of a connection, for tests without a network."""

from __future__ import annotations

import struct


class Wire:
    """A transport that remembers what was written and pretends to have a full buffer when told to."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.buffered = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True

    @property
    def texts(self) -> list[str]:
        """Return the text frames that were written."""
        return [payload.decode() for opcode, payload in frames(b"".join(self.writes)) if opcode == 1]


def masked(first: int, payload: bytes = b"", mask: bytes = bytes(4), *, claimed: int | None = None) -> bytes:
    """Return a client's frame whose header claims a length, by default the true one. Zeros mask nothing."""
    length = len(payload) if claimed is None else claimed
    if length < 126:
        head = struct.pack("!BB", first, 0x80 | length)
    elif length < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Take unmasked WebSocket frames apart."""
    found, at = [], 0
    while at < len(data):
        first, length = data[at : at + 2]
        at += 2
        if length >= 126:
            width = 2 if length == 126 else 8
            length = int.from_bytes(data[at : at + width], "big")
            at += width
        found.append((first & 15, data[at : at + length]))
        at += length
    return found
