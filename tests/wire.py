"""The other end of a connection, for tests without a network."""

from __future__ import annotations

from rawsocket import TEXT, frames


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
        return [payload.decode() for opcode, payload in frames(b"".join(self.writes)) if opcode == TEXT]
