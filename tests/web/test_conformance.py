"""RFC 6455 case by case: framing, control frames, fragments, UTF-8, closing, limits. An owner that echoes answers.

The groups are those of the public test suites for WebSockets. Binary messages are not taken here (1003), compression is
not offered, and the limit of a message is small, so their cases are those of this server. Bytes go through a real
socket; where they have to arrive cut in a certain way, they are handed over as the transport would.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest

from chatapp.wire import rfc6455
from chatapp.wire.websocket import WebSocket
from rawsocket import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT, Client, masked

LIMIT = 2**16  # bytes of a message
MASK = b"\x37\xfa\x21\x3d"  # of the examples in section 5.7
BYE = masked(FIN | CLOSE, (1000).to_bytes(2, "big"), MASK)
Sent = tuple[int, bytes]
Talk = Callable[..., Awaitable[list[Sent]]]


class Echo(WebSocket):
    """Answer each text with the same one."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport, LIMIT)
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    async def received(self, text: str | bytearray) -> None:
        assert isinstance(text, str)
        if not self.closed:
            self.transport.write(rfc6455.frame(text))

    def shut(self, code: int, reason: str = "") -> None:
        if not self.closed:
            self._closed = True
            self.transport.write(rfc6455.closing(code, reason))

    def disconnected(self) -> None:
        pass


class Line(Client):
    """Both ends of a connection: a client's bytes, and the server that gets them."""

    def __init__(self, echo: Echo, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.echo = echo

    async def send(self, data: bytes, chop: int = 0) -> None:
        if chop:
            for at in range(0, len(data), chop):
                self.echo.data_received(data[at : at + chop])
                await asyncio.sleep(0)
        else:
            self.writer.write(data)
            await self.writer.drain()

    async def heard(self) -> list[Sent]:
        """Return the frames up to a close frame, of which only the code."""
        found = []
        async with asyncio.timeout(10):
            while not found or found[-1][0] != CLOSE:
                found.append(await self.frame())
        opcode, payload = found.pop()
        return [*found, (opcode, payload[:2])]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    echo = Echo(transport)
    transport.set_protocol(echo)
    reader, writer = await asyncio.open_connection(sock=theirs)
    yield Line(echo, reader, writer)
    writer.close()
    transport.abort()


@pytest.fixture
def talk(line: Line) -> Talk:
    """Send something and then a goodbye. Return all that was answered."""

    async def talk(data: bytes, chop: int = 0) -> list[Sent]:
        await line.send(data + BYE, chop)
        return await line.heard()

    return talk


def text(payload: str | bytes, first: int = FIN | TEXT) -> bytes:
    return masked(first, payload.encode() if isinstance(payload, str) else payload, MASK)


def more(payload: str | bytes, *, last: bool = False) -> bytes:
    return text(payload, (FIN if last else 0) | CONTINUATION)


def pieces(payload: bytes, size: int) -> bytes:
    """Return a text in fragments of a size."""
    cut = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    firsts = [TEXT, *[CONTINUATION] * (len(cut) - 1)]
    firsts[-1] |= FIN
    return b"".join(masked(first, piece, MASK) for first, piece in zip(firsts, cut, strict=True))


def ended(code: int) -> Sent:
    return CLOSE, code.to_bytes(2, "big")


def said(*texts: str | bytes) -> list[Sent]:
    return [(TEXT, each.encode() if isinstance(each, str) else each) for each in texts]


DONE, WRONG = ended(1000), ended(1002)

# --- 1: framing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chop", [0, 1, 997], ids="chop{}".format)
@pytest.mark.parametrize("length", [0, 1, 2, 125, 126, 127, 128, 65_535, 65_536])
async def test_a_text_of_any_length_is_understood_however_it_is_cut(talk: Talk, length: int, chop: int) -> None:
    payload = "*" * length
    if chop == 1 and length > 1000:
        chop = 7
    assert await talk(text(payload), chop) == [*said(payload), DONE]


@pytest.mark.parametrize("length", [0, 125, 126, 65_536])
async def test_bytes_that_are_no_text_are_not_taken(talk: Talk, length: int) -> None:
    assert await talk(masked(FIN | BINARY, b"\xfe" * length, MASK)) == [ended(1003)]


@pytest.mark.parametrize("mask", [bytes(4), b"\xff" * 4, b"\x00\x00\x00\x01", b"\x80\x00\x00\x00"], ids=bytes.hex)
@pytest.mark.parametrize("chop", [0, 1, 3], ids="chop{}".format)
async def test_any_mask_is_taken_off(talk: Talk, mask: bytes, chop: int) -> None:
    assert await talk(masked(FIN | TEXT, "Chào bạn".encode(), mask), chop) == [*said("Chào bạn"), DONE]


@pytest.mark.parametrize("first", [FIN | TEXT, TEXT, FIN | BINARY, FIN | PING, FIN | PONG, FIN | CLOSE])
async def test_a_frame_without_a_mask_ends_the_connection(talk: Talk, first: int) -> None:
    assert await talk(bytes([first, 2]) + b"\x03\xe8") == [WRONG]


async def test_texts_that_come_together_are_answered_in_their_order(talk: Talk) -> None:
    texts = [str(number) for number in range(500)]
    assert await talk(b"".join(map(text, texts))) == [*said(*texts), DONE]


# --- 2: pings and pongs -------------------------------------------------------------------------------------------

PAYLOADS = [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125]


@pytest.mark.parametrize("chop", [0, 1], ids="chop{}".format)
@pytest.mark.parametrize("payload", PAYLOADS, ids=len)
async def test_a_ping_is_answered_with_what_it_held(talk: Talk, payload: bytes, chop: int) -> None:
    assert await talk(masked(FIN | PING, payload, MASK), chop) == [(PONG, payload), DONE]


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("length", [126, 127, 65_535, 65_536])
async def test_a_ping_or_a_pong_of_more_than_125_bytes_ends_the_connection(
    talk: Talk, opcode: int, length: int
) -> None:
    assert await talk(masked(FIN | opcode, b"\xfe" * length, MASK)) == [WRONG]


@pytest.mark.parametrize("payload", [b"", b"unsolicited", b"\xfe" * 125], ids=len)
async def test_a_pong_that_nobody_asked_for_is_ignored(talk: Talk, payload: bytes) -> None:
    assert await talk(masked(FIN | PONG, payload, MASK)) == [DONE]


async def test_a_pong_and_a_ping_get_one_answer(talk: Talk) -> None:
    data = masked(FIN | PONG, b"unsolicited", MASK) + masked(FIN | PING, b"ping", MASK)
    assert await talk(data) == [(PONG, b"ping"), DONE]


@pytest.mark.parametrize("count", [10, 300])
@pytest.mark.parametrize("chop", [0, 1], ids="chop{}".format)
async def test_many_pings_are_answered_one_by_one(talk: Talk, count: int, chop: int) -> None:
    payloads = [b"payload-%d" % number for number in range(count)]
    data = b"".join(masked(FIN | PING, payload, MASK) for payload in payloads)
    assert await talk(data, chop) == [*((PONG, payload) for payload in payloads), DONE]


# --- 3: reserved bits ---------------------------------------------------------------------------------------------

BITS = [bits << 4 for bits in range(1, 8)]


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
@pytest.mark.parametrize("bits", BITS, ids=bin)
async def test_a_reserved_bit_ends_the_connection(talk: Talk, bits: int, opcode: int) -> None:
    assert await talk(masked(FIN | bits | opcode, b"\x03\xe8", MASK)) == [WRONG]


@pytest.mark.parametrize("chop", [0, 1], ids="chop{}".format)
@pytest.mark.parametrize("bits", BITS, ids=bin)
async def test_what_stands_before_a_reserved_bit_is_answered_and_what_follows_is_not(
    talk: Talk, bits: int, chop: int
) -> None:
    data = text("before") + text("wrong", FIN | bits | TEXT) + masked(FIN | PING, b"after", MASK) + text("after")
    assert await talk(data, chop) == [*said("before"), WRONG]


# --- 4: opcodes ---------------------------------------------------------------------------------------------------

UNKNOWN = [*range(0x3, 0x8), *range(0xB, 0x10)]


@pytest.mark.parametrize("payload", [b"", b"reserved"], ids=len)
@pytest.mark.parametrize("opcode", UNKNOWN, ids=hex)
async def test_an_unknown_opcode_ends_the_connection(talk: Talk, opcode: int, payload: bytes) -> None:
    assert await talk(masked(FIN | opcode, payload, MASK)) == [WRONG]


@pytest.mark.parametrize("chop", [0, 1], ids="chop{}".format)
@pytest.mark.parametrize("opcode", UNKNOWN, ids=hex)
async def test_what_stands_before_an_unknown_opcode_is_answered_and_what_follows_is_not(
    talk: Talk, opcode: int, chop: int
) -> None:
    data = text("before") + masked(FIN | opcode, b"x", MASK) + masked(FIN | PING, b"after", MASK) + text("after")
    assert await talk(data, chop) == [*said("before"), WRONG]


# --- 5: fragments -------------------------------------------------------------------------------------------------

FRAGMENTS: dict[str, tuple[bytes, list[Sent]]] = {
    "a ping in pieces": (masked(PING, b"x", MASK) + more("y", last=True), [WRONG]),
    "a pong in pieces": (masked(PONG, b"x", MASK) + more("y", last=True), [WRONG]),
    "a close in pieces": (masked(CLOSE, b"\x03", MASK) + more(b"\xe8", last=True), [WRONG]),
    "two": (text("one ", TEXT) + more("two", last=True), [*said("one two"), DONE]),
    "three": (text("one ", TEXT) + more("two ") + more("three", last=True), [*said("one two three"), DONE]),
    "a ping between": (
        text("one ", TEXT) + masked(FIN | PING, b"ping", MASK) + more("two", last=True),
        [(PONG, b"ping"), *said("one two"), DONE],
    ),
    "pings between": (
        text("1", TEXT)
        + b"".join(masked(FIN | PING, b"%d" % number, MASK) + more(f"{number}") for number in range(5))
        + more("!", last=True),
        [*((PONG, b"%d" % number) for number in range(5)), *said("101234!"), DONE],
    ),
    "a pong between": (
        text("one ", TEXT) + masked(FIN | PONG, b"pong", MASK) + more("two", last=True),
        [*said("one two"), DONE],
    ),
    "a whole continuation of nothing": (more("x", last=True) + text("after"), [WRONG]),
    "a continuation of nothing": (more("x") + text("after"), [WRONG]),
    "an empty continuation of nothing": (more(""), [WRONG]),
    "a continuation after a whole text": (text("whole") + more("x", last=True), [*said("whole"), WRONG]),
    "a text inside a text": (text("one", TEXT) + text("two"), [WRONG]),
    "a piece of a text inside a text": (text("one", TEXT) + text("two", TEXT), [WRONG]),
    "bytes inside a text": (text("one", TEXT) + masked(FIN | BINARY, b"two", MASK), [WRONG]),
    "an empty first": (text("", TEXT) + more("x", last=True), [*said("x"), DONE]),
    "an empty middle": (text("x", TEXT) + more("") + more("y", last=True), [*said("xy"), DONE]),
    "an empty last": (text("x", TEXT) + more("", last=True), [*said("x"), DONE]),
    "nothing but empty ones": (text("", TEXT) + more("") + more("", last=True), [*said(""), DONE]),
    "bytes": (masked(BINARY, b"x", MASK) + more(b"\xff", last=True), [ended(1003)]),
    "twice": (
        text("a", TEXT) + more("b", last=True) + text("c", TEXT) + more("d", last=True),
        [*said("ab", "cd"), DONE],
    ),
    "a text and then pieces": (text("a") + text("b", TEXT) + more("c", last=True), [*said("a", "bc"), DONE]),
    "never finished": (text("a", TEXT) + more("b"), [DONE]),
    "a reserved bit in a continuation": (text("a", TEXT) + masked(FIN | RSV1, b"b", MASK), [WRONG]),
    "no mask in a continuation": (text("a", TEXT) + b"\x80\x01b", [WRONG]),
}


@pytest.mark.parametrize("chop", [0, 1, 5], ids="chop{}".format)
@pytest.mark.parametrize("name", FRAGMENTS)
async def test_fragments(talk: Talk, name: str, chop: int) -> None:
    data, expected = FRAGMENTS[name]
    assert await talk(data, chop) == expected


async def test_a_ping_in_the_middle_is_answered_before_the_message_is_complete(line: Line) -> None:
    await line.send(text("one ", TEXT) + masked(FIN | PING, b"now", MASK))
    assert await line.frame() == (PONG, b"now")
    await line.send(more("two", last=True) + BYE)
    assert await line.heard() == [*said("one two"), DONE]


# --- 6: UTF-8 -----------------------------------------------------------------------------------------------------

VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "Phở bò 🍜 là nhất",
    "\x00",
    "\x7f",
    "\x80",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\ufdd0",  # a noncharacter is a character all the same
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\U00010000",
    "\U0001ffff",
    "\U0010fffd",
    "\U0010ffff",
]
INVALID = {
    "a byte that is none": b"\xff",
    "two bytes that are none": b"\xfe\xff",
    "a continuation alone": b"\x80",
    "continuations alone": b"\x80\xbf\x80\xbf",
    "the start of two": b"\xc3",
    "the start of three": b"\xe1\x88",
    "the start of four": b"\xf0\x9f\x8d",
    "a start and a letter": b"\xc3x",
    "a start and a start": b"\xc3\xc3\xb6",
    "overlong in two": b"\xc0\xaf",
    "overlong in three": b"\xe0\x80\xaf",
    "overlong in four": b"\xf0\x80\x80\xaf",
    "overlong in five": b"\xf8\x80\x80\x80\xaf",
    "overlong in six": b"\xfc\x80\x80\x80\x80\xaf",
    "the longest overlong in two": b"\xc1\xbf",
    "the longest overlong in three": b"\xe0\x9f\xbf",
    "the longest overlong in four": b"\xf0\x8f\xbf\xbf",
    "an overlong zero": b"\xc0\x80",
    "past the last": b"\xf4\x90\x80\x80",
    "far past the last": b"\xf7\xbf\xbf\xbf",
    "in five": b"\xf8\x88\x80\x80\x80",
    "in six": b"\xfc\x84\x80\x80\x80\x80",
    "half a pair, the first": b"\xed\xa0\x80",
    "half a pair, the last of the first": b"\xed\xaf\xbf",
    "half a pair, the second": b"\xed\xb0\x80",
    "half a pair, the last": b"\xed\xbf\xbf",
    "a pair": b"\xed\xa0\x80\xed\xb0\x80",
    "in the middle": "κόσμε".encode() + b"\xed\xa0\x80edited",
}
HOWS = ["whole", "chopped", "in fragments of a byte", "in two fragments"]


def shaped(payload: bytes, how: str) -> tuple[bytes, int]:
    """Return a text as it is sent, and how it is cut."""
    if how == "whole":
        return text(payload), 0
    if how == "chopped":
        return text(payload), 1
    return pieces(payload, 1 if how == "in fragments of a byte" else len(payload) // 2 + 1), 0


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("payload", VALID, ids=ascii)
async def test_text_that_is_utf_8_is_taken_wherever_it_is_cut(talk: Talk, payload: str, how: str) -> None:
    assert await talk(*shaped(payload.encode(), how)) == [*said(payload), DONE]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", INVALID)
async def test_text_that_is_not_utf_8_ends_the_connection(talk: Talk, name: str, how: str) -> None:
    assert await talk(*shaped(INVALID[name], how)) == [ended(1007)]


NEVER = {name: payload for name, payload in INVALID.items() if not name.startswith("the start of")}


@pytest.mark.parametrize("name", NEVER)
async def test_a_first_fragment_that_can_become_no_text_ends_the_connection_at_once(line: Line, name: str) -> None:
    await line.send(text(b"good so far " + NEVER[name], TEXT))
    assert await line.heard() == [ended(1007)]


@pytest.mark.parametrize("name", NEVER)
async def test_half_a_frame_that_can_become_no_text_ends_the_connection_at_once(line: Line, name: str) -> None:
    payload = b"good so far " + NEVER[name]
    whole = masked(FIN | TEXT, payload + b"x" * 100, MASK)
    await line.send(whole[: 6 + len(payload)])
    assert await line.heard() == [ended(1007)]


# What is wrong with a character is known before its last byte has come.
@pytest.mark.parametrize("start", [b"\xf4\x90", b"\xed\xa0", b"\xe0\x80", b"\xf0\x80", b"\xc0", b"\xf5"], ids=bytes.hex)
async def test_half_a_character_that_can_become_none_ends_the_connection_at_once(line: Line, start: bytes) -> None:
    await line.send(text("κόσμε".encode() + start, TEXT))
    assert await line.heard() == [ended(1007)]


async def test_half_a_character_that_may_become_one_is_waited_for(line: Line) -> None:
    await line.send(text(b"\xf0\x9f", TEXT) + masked(FIN | PING, b"?", MASK))
    assert await line.frame() == (PONG, b"?")
    await line.send(more(b"\x8d\x9c", last=True) + BYE)
    assert await line.heard() == [*said("🍜"), DONE]


# --- 7: closing ---------------------------------------------------------------------------------------------------

GOOD_CODES = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4401, 4999]
BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
AFTER = [text("after"), masked(FIN | PING, b"after", MASK), BYE, b"\xff" * 20, text("after", TEXT), bytes(1000)]


@pytest.mark.parametrize("code", GOOD_CODES)
async def test_a_code_that_may_be_sent_comes_back(line: Line, code: int) -> None:
    await line.send(masked(FIN | CLOSE, code.to_bytes(2, "big") + "tạm biệt".encode(), MASK))
    assert await line.heard() == [ended(code)]
    assert await line.reader.read() == b""


@pytest.mark.parametrize("reason", [b"", b"why"], ids=len)
@pytest.mark.parametrize("code", BAD_CODES)
async def test_a_code_that_may_not_be_sent_is_an_error(line: Line, code: int, reason: bytes) -> None:
    await line.send(masked(FIN | CLOSE, code.to_bytes(2, "big") + reason, MASK))
    assert await line.heard() == [WRONG]


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"", (CLOSE, b"")),
        (b"\x03", WRONG),
        (b"\x03\xe8" + b"*" * 123, DONE),
        (b"\x03\xe8" + b"*" * 124, WRONG),
        (b"\x03\xe8" + "Xin chào các bạn".encode(), DONE),
        (b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80", ended(1007)),
        (b"\x03\xe8\xff", ended(1007)),
        (b"\x03\xe8\xc3", ended(1007)),
    ],
    ids=["empty", "half a code", "longest reason", "too long", "letters", "half a pair", "no byte", "half a letter"],
)
@pytest.mark.parametrize("chop", [0, 1], ids="chop{}".format)
async def test_what_a_goodbye_may_hold(line: Line, payload: bytes, answer: Sent, chop: int) -> None:
    await line.send(masked(FIN | CLOSE, payload, MASK), chop)
    assert await line.heard() == [answer]


@pytest.mark.parametrize("chop", [0, 1], ids="chop{}".format)
@pytest.mark.parametrize("after", AFTER, ids=["text", "ping", "close", "nonsense", "piece", "zeros"])
async def test_nothing_counts_after_a_goodbye(line: Line, after: bytes, chop: int) -> None:
    await line.send(text("before") + BYE + after, chop)
    assert await line.heard() == [*said("before"), DONE]
    try:
        assert await line.reader.read() == b""
    except ConnectionResetError:
        pass  # it was closed while something lay unread


async def test_a_goodbye_ends_a_message_in_pieces(line: Line) -> None:
    await line.send(text("one", TEXT) + BYE + more("two", last=True))
    assert await line.heard() == [DONE]


async def test_a_long_text_is_answered_before_the_goodbye_that_follows_it(talk: Talk) -> None:
    payload = "BAsd7&jh23" * 6000
    assert await talk(text(payload)) == [*said(payload), DONE]


async def test_a_ping_before_a_goodbye_is_answered(talk: Talk) -> None:
    assert await talk(masked(FIN | PING, b"", MASK)) == [(PONG, b""), DONE]


# --- 9 and 10: limits, and large messages in pieces ---------------------------------------------------------------


@pytest.mark.parametrize("size", [64, 256, 1300, 4096, 65_535, 65_536])
async def test_a_message_as_large_as_may_be_comes_in_pieces_of_any_size(talk: Talk, size: int) -> None:
    payload = bytes(random.Random(size).choices(range(32, 127), k=LIMIT))
    assert await talk(pieces(payload, size)) == [*said(payload), DONE]


@pytest.mark.parametrize("chop", [64, 512, 1300, 4096], ids="chop{}".format)
async def test_a_message_as_large_as_may_be_comes_in_segments_of_any_size(talk: Talk, chop: int) -> None:
    payload = "ọ" * (LIMIT // 3)
    assert await talk(text(payload), chop) == [*said(payload), DONE]


@pytest.mark.parametrize("first", [FIN | TEXT, TEXT, FIN | BINARY])
@pytest.mark.parametrize("claimed", [LIMIT + 1, 2**20, 2**31, 2**32 + 5, 2**63 - 1, 2**63, 2**64 - 1], ids=hex)
async def test_the_head_of_a_frame_that_is_too_long_ends_the_connection(line: Line, first: int, claimed: int) -> None:
    await line.send(struct.pack("!BBQ", first, 0xFF, claimed) + MASK)
    assert await line.heard() == [ended(1009)]


@pytest.mark.parametrize("size", [LIMIT // 2 + 1, 1300, 100])
async def test_pieces_that_are_too_much_together_end_the_connection(talk: Talk, size: int) -> None:
    assert await talk(pieces(b"x" * (LIMIT + 1), size)) == [ended(1009)]


async def test_a_message_in_thousands_of_pieces_ends_the_connection(talk: Talk) -> None:
    assert await talk(text("", TEXT) + more("") * 5000) == [ended(1009)]


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("chop", [0, 1000], ids="chop{}".format)
async def test_control_frames_between_pieces_do_not_count_against_the_limit(talk: Talk, opcode: int, chop: int) -> None:
    half, between = "x" * (LIMIT // 2), masked(FIN | opcode, b"?" * 125, MASK)
    answers = [(PONG, b"?" * 125)] * 2 if opcode == PING else []
    data = text(half, TEXT) + between + more(half) + between + more("", last=True)
    assert await talk(data, chop) == [*answers, *said(half + half), DONE]


async def test_every_message_has_the_limit_to_itself(talk: Talk) -> None:
    payload = "x" * LIMIT
    assert await talk(text(payload) * 3) == [*said(payload, payload, payload), DONE]


# --- 12 and 13: compression is not offered ------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"\x00", b"\xf2\x48\xcd\xc9\xc9\x07\x00", os.urandom(50)], ids=len)
@pytest.mark.parametrize("first", [FIN | RSV1 | TEXT, RSV1 | TEXT, FIN | RSV1 | BINARY])
async def test_a_compressed_message_ends_the_connection(talk: Talk, first: int, payload: bytes) -> None:
    assert await talk(masked(first, payload, MASK)) == [WRONG]


# --- what the handshake takes -------------------------------------------------------------------------------------

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD: list[dict[str, str]] = [
    {},
    {"Upgrade": "WebSocket"},
    {"Upgrade": "WEBSOCKET"},
    {"Connection": "upgrade"},
    {"Connection": "keep-alive, Upgrade"},
    {"Connection": "Upgrade , keep-alive"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; server_no_context_takeover; server_max_window_bits=10, x-other"},
    {"Sec-WebSocket-Extensions": "x-webkit-deflate-frame"},
    {"Sec-WebSocket-Protocol": "chat, superchat"},
]
BAD: list[dict[str, str | list[str]]] = [
    *({"Sec-WebSocket-Version": version} for version in ("", "0", "7", "8", "12", "14", "013", "13.0", "13, 8", "x")),
    {"Sec-WebSocket-Version": ["13", "13"]},
    *(
        {"Sec-WebSocket-Key": key}
        for key in (
            "",
            "short",
            "?" * 24,
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "AAAA" * 8,
            KEY + "\xe9",
        )
    ),
    {"Sec-WebSocket-Key": [KEY, KEY]},
    {"Upgrade": ""},
    {"Upgrade": "websockets"},
    {"Upgrade": "h2c"},
    {"Upgrade": "x-websocket"},
    {"Connection": ""},
    {"Connection": "close"},
    {"Connection": "upgrades"},
    {"Connection": "no-upgrade"},
]


async def handshake(client: Any, person: Any, changes: dict[str, Any], request: str = "GET /ws HTTP/1.1") -> str:
    """Shake hands as the standard says but for the changes. Return the head of the answer."""
    fields: dict[str, Any] = {
        "Host": person.origin.partition("//")[2],
        "Origin": person.origin,
        "Cookie": f"chatapp={person.cookie}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    fields |= changes
    lines = [request]
    for name, values in fields.items():
        lines += [f"{name}: {value}" for value in ([values] if isinstance(values, str) else values) if value]
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    finally:
        writer.close()


async def test_handshakes_that_are_right_are_answered_without_extensions(client: Any, meet: Any) -> None:
    an = await meet("An")
    for changes in GOOD:
        head = await handshake(client, an, changes)
        assert head.startswith("HTTP/1.1 101 "), (changes, head)
        assert f"Sec-WebSocket-Accept: {ACCEPT}" in head
        assert "Sec-WebSocket-Extensions" not in head
        assert "Sec-WebSocket-Protocol" not in head


async def test_handshakes_that_are_wrong_are_answered_with_the_version_that_is_right(client: Any, meet: Any) -> None:
    an = await meet("An")
    for changes in BAD:
        head = await handshake(client, an, changes)
        assert head.startswith("HTTP/1.1 400 "), (changes, head)
        assert "Sec-WebSocket-Version: 13" in head
        assert "Sec-WebSocket-Accept" not in head


@pytest.mark.parametrize(
    ("request_line", "statuses"),
    [
        ("HEAD /ws HTTP/1.1", {400, 405}),
        ("POST /ws HTTP/1.1", {403, 405}),
        ("PUT /ws HTTP/1.1", {403, 405}),
        ("OPTIONS /ws HTTP/1.1", {403, 405}),
        ("GET /ws HTTP/1.0", {400}),
        ("HEAD /ws HTTP/1.0", {400, 405}),
        ("GET /ws HTTP/0.9", {400}),
        ("GET /ws HTTP/2.0", {400, 505}),
    ],
)
async def test_only_a_get_of_http_1_1_is_a_handshake(
    client: Any, meet: Any, request_line: str, statuses: Iterable[int]
) -> None:
    an = await meet("An")
    head = await handshake(client, an, {}, request_line)
    assert int(head.split()[1]) in statuses, head
    assert "Sec-WebSocket-Accept" not in head
