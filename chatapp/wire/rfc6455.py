"""WebSocket frames, RFC 6455: opcodes and close codes, building frames to send, reading the payload of a close."""

from __future__ import annotations

import struct

from chatapp.model.refusals import Close

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA  # opcodes, section 5.2
FIN = 0x80  # bit of the first byte: the last frame of its message
SHORT, _MEDIUM = 126, 65_536  # lengths from which the header grows
_REASON = 123  # bytes that a close frame holds besides its code

# Close codes, section 7.4.1, and two of the IANA registry that section 7.4.2 set up: RESTART asks the peer to
# reconnect soon, TRY_AGAIN later.
PROTOCOL_ERROR, UNSUPPORTED, NOT_UTF8, TOO_BIG, FAILED = 1002, 1003, 1007, 1009, 1011
RESTART, TRY_AGAIN = Close.RESTART, Close.TRY_AGAIN
CLOSE_GRACE = 1.0  # seconds that a peer has to answer a close before its transport is aborted
_SAYABLE = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}  # codes that may stand in a frame


def frame(text: str) -> bytes:
    """Return a whole text frame."""
    return _frame(TEXT, text.encode())


def closing(code: int | None, reason: str = "") -> bytes:
    """Return a whole close frame; without a code, an empty one."""
    return _frame(CLOSE, struct.pack("!H", code) + reason.encode()[:_REASON] if code else b"")


def pong(payload: bytes) -> bytes:
    """Return a whole pong frame, the answer to a ping."""
    return _frame(PONG, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    first, length = FIN | opcode, len(payload)
    if length < SHORT:
        return struct.pack("!BB", first, length) + payload
    if length < _MEDIUM:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


ping = _frame(PING, b"")


class Violation(Exception):  # noqa: N818 - it ends a connection in good order
    """The peer broke the protocol; ``code`` is what its connection is to be closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def close_code(payload: bytes) -> int | None:
    """Return the code in the payload of a close frame; None if there is none. Raise Violation."""
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or code not in _SAYABLE:
        raise Violation(PROTOCOL_ERROR, "not a close code")
    decoded(payload[2:])
    return code


def decoded(payload: bytes) -> str:
    """Decode the payload of a text frame. Raise Violation."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise Violation(NOT_UTF8, "not UTF-8") from error
