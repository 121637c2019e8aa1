"""A connection's receive queue: holds a few decoded texts, and decodes more only as they are handled."""

from __future__ import annotations

from chatapp.wire import rfc6455
from chatapp.wire.decoder import PARTIAL, Decoder
from chatapp.wire.fragments import LargeTexts
from chatapp.wire.rfc6455 import BINARY, CLOSE, CONTINUATION, PING, PONG, Violation

_WAITING = 32  # queued texts at which decoding pauses
_WAITING_BYTES = 64 * 1024  # and their total size
_AT_ONCE = 32  # frames per ``decode``: a single read may contain forty thousand

Text = str | bytearray  # a bytearray is a large text
Received = Text | bytes | Violation  # bytes are the payload of a close frame


class Inbox(Decoder):
    """Queue received texts in order; keep undecoded bytes. Everything after a close or a violation is ignored."""

    __slots__ = ("_waiting", "ended", "kept", "memory_reserved", "paused")

    def __init__(self, limit: int, large: LargeTexts | None = None) -> None:
        """Take texts of up to ``limit`` bytes, and those ``large`` ones that may be larger."""
        super().__init__(limit, large)
        self._waiting: list[Received] = []
        self.ended = False  # a close or a violation came: what follows is ignored
        self.kept = 0  # approximate bytes of the queued texts (for a str, its characters)
        self.paused = False  # decoding paused early: call ``decode`` again once these are handled
        self.memory_reserved = False  # memory is reserved for the large text that is arriving

    def __bool__(self) -> bool:
        """Tell whether anything is queued."""
        return bool(self._waiting)

    @property
    def needs_memory(self) -> bool:
        """Tell whether a large text is arriving for which memory must be reserved first."""
        return self._fragments is not None and self._fragments.large and not self.memory_reserved

    def end(self) -> None:
        """Discard undecoded bytes, and ignore all that follow."""
        self.drop()
        self.ended, self.paused = True, False

    def clear(self) -> None:
        """Discard everything."""
        self.end()
        self._waiting.clear()
        self.kept = 0

    def pop(self) -> Received:
        """Return the oldest queued item."""
        received = self._waiting.pop(0)
        self.kept -= 0 if isinstance(received, Violation) else len(received)
        return received

    def decode(self) -> tuple[int, bytes]:
        """Decode some frames. Return how many, and the encoded pongs for the pings among them."""
        count, pongs = 0, b""
        self.paused = False
        try:
            while not self.paused and (found := self.next()) is not None:
                count += 1
                opcode, payload = found
                if opcode == PING:
                    pongs += rfc6455.pong(bytes(payload))
                elif opcode not in (PONG, CONTINUATION):
                    self._put(opcode, payload)
                self.paused = found is PARTIAL or self._is_enough(count) or self.needs_memory
        except Violation as violation:
            self.end()
            self._waiting.append(violation)
        self.paused = self.paused or self.needs_memory
        return count, pongs

    def _is_enough(self, count: int) -> bool:
        if self.ended:
            return False
        return count >= _AT_ONCE or self.kept >= _WAITING_BYTES or len(self._waiting) >= _WAITING

    def _put(self, opcode: int, payload: bytes | bytearray) -> None:
        """Queue a text or the payload of a close frame. Raise Violation."""
        if opcode == BINARY:
            raise Violation(rfc6455.UNSUPPORTED, "text only")
        received: Received
        if isinstance(payload, bytearray):
            received, self.memory_reserved = payload, False
        elif opcode == CLOSE:
            received = payload
        else:
            received = rfc6455.decoded(payload)
        self._waiting.append(received)
        self.kept += len(received)
        if opcode == CLOSE:
            self.end()  # nothing follows it (section 5.5.1)
