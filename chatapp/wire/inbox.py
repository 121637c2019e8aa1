"""What came over a socket and waits its turn: a few messages, cut out of the bytes only as others are dealt with."""

from __future__ import annotations

from chatapp.wire import rfc6455
from chatapp.wire.decoder import BITE, Decoder, Larger
from chatapp.wire.rfc6455 import BINARY, CLOSE, CONTINUATION, PING, PONG, Violation

_WAITING = 32  # messages that wait before no more is read
_WAITING_BYTES = 64 * 1024  # and bytes of them
_AT_ONCE = 32  # frames that are cut in one go: one read may bring forty thousand

Text = str | bytearray  # a bytearray is a text that is larger than others may be
Message = Text | bytes | Violation  # bytes are the payload of a close frame


class Inbox(Decoder):
    """Messages in their order, and the bytes that will become some. Nothing is taken after a close or a violation."""

    __slots__ = ("_waiting", "admits", "ended", "kept", "more")

    def __init__(self, limit: int, larger: Larger | None = None) -> None:
        """Take texts of up to ``limit`` bytes, and some that may be ``larger``."""
        super().__init__(limit, larger)
        self._waiting: list[Message] = []
        self.ended = False  # what comes now means nothing any more
        self.kept = 0  # bytes of the messages that wait, about
        self.more = False  # there may be more to cut: it was left until some are dealt with
        self.admits = False  # there is room for a text that is larger than others

    def __bool__(self) -> bool:
        """Tell whether a message waits."""
        return bool(self._waiting)

    @property
    def asks(self) -> bool:
        """Tell whether a text is coming for which there must be room first."""
        return self._pieces is not None and self._pieces.larger and not self.admits

    def end(self) -> None:
        """Forget what was not cut yet, and all that comes."""
        self.drop()
        self.ended, self.more = True, False

    def clear(self) -> None:
        """Forget everything."""
        self.end()
        self._waiting.clear()
        self.kept = 0

    def pop(self) -> Message:
        """Return the next message."""
        message = self._waiting.pop(0)
        self.kept -= 0 if isinstance(message, Violation) else len(message)
        return message

    def cut(self) -> tuple[int, bytes]:
        """Cut some frames. Return how many, and the answers to the pings among them."""
        count, pongs = 0, b""
        self.more = False
        try:
            while not self.more and (found := self.next()) is not None:
                count += 1
                opcode, payload = found
                if opcode == PING:
                    pongs += rfc6455.pong(bytes(payload))
                elif opcode not in (PONG, CONTINUATION):
                    self._put(opcode, payload)
                self.more = found is BITE or self._is_enough(count) or self.asks
        except Violation as violation:
            self.end()
            self._waiting.append(violation)
        self.more = self.more or self.asks
        return count, pongs

    def _is_enough(self, count: int) -> bool:
        if self.ended:
            return False
        return count >= _AT_ONCE or self.kept >= _WAITING_BYTES or len(self._waiting) >= _WAITING

    def _put(self, opcode: int, payload: bytes | bytearray) -> None:
        """Let a message wait. Raise Violation."""
        if opcode == BINARY:
            raise Violation(rfc6455.UNSUPPORTED, "text only")
        message: Message
        if isinstance(payload, bytearray):
            message, self.admits = payload, False
        elif opcode == CLOSE:
            message = payload
        else:
            message = rfc6455.decoded(payload)
        self._waiting.append(message)
        self.kept += len(message)
        if opcode == CLOSE:
            self.end()  # nothing follows it (section 5.5.1)
