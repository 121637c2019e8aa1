"""Frames as clients send them: whole, in pieces, many at once, and wrong."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.wire import rfc6455
from chatapp.wire.decoder import Decoder
from chatapp.wire.rfc6455 import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Violation
from rawsocket import FIN, masked

MASK = b"\x11\x22\x33\x44"


def feed(decoder: Decoder, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give a decoder bytes; yield the messages that are complete with them."""
    decoder.add(data)
    while (found := decoder.next()) is not None:
        if found[0] != CONTINUATION:
            yield found


@pytest.mark.parametrize("length", [0, 1, 3, 4, 125, 126, 65_535, 65_536, 100_000])
def test_a_message_of_any_length_comes_out_as_it_was(length: int) -> None:
    text = os.urandom(length)
    assert [*feed(Decoder(200_000), masked(FIN | BINARY, text, os.urandom(4)))] == [(BINARY, text)]


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_it_does_not_matter_where_the_bytes_are_cut(texts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(masked(FIN | BINARY, text, MASK) for text in texts)
    decoder, found, at, turn = Decoder(1000), [], 0, 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        found += feed(decoder, data[at : at + step])
        at, turn = at + step, turn + 1
    assert found == [(BINARY, text) for text in texts]


def test_a_message_in_fragments_is_put_together_around_a_ping() -> None:
    data = masked(TEXT, b"one ") + masked(FIN | PING, b"?") + masked(CONTINUATION, b"two ")
    decoder = Decoder(100)
    assert [*feed(decoder, data)] == [(PING, b"?")]
    assert [*feed(decoder, masked(FIN | CONTINUATION, b"three"))] == [(TEXT, b"one two three")]
    assert [*feed(decoder, masked(FIN | BINARY, b"x"))] == [(BINARY, b"x")]


def test_nothing_is_kept_between_messages() -> None:
    decoder = Decoder(1000)
    [*feed(decoder, masked(FIN | TEXT, b"x" * 900))]
    assert (decoder._buffer, decoder._fragments) == (b"", None)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(FIN | 0x40 | TEXT, b"x"), 1002),
        (masked(FIN | 0x3, b"x"), 1002),
        (masked(FIN | CONTINUATION, b"x"), 1002),
        (masked(TEXT, b"x") + masked(FIN | TEXT, b"y"), 1002),
        (masked(FIN | PING, b"x" * 126), 1002),
        (masked(PING, b"x"), 1002),
        (b"\x81\x01x", 1002),
        (masked(FIN | TEXT, b"x" * 101), 1009),
        (masked(TEXT, b"x" * 60) + masked(FIN | CONTINUATION, b"x" * 41), 1009),
        (struct.pack("!BBQ", FIN | TEXT, 0xFF, 2**63), 1009),
    ],
)
def test_a_wrong_frame_says_with_which_code_to_close(data: bytes, code: int) -> None:
    with pytest.raises(Violation) as violation:
        [*feed(Decoder(100), data)]
    assert violation.value.code == code


def test_what_was_whole_before_a_wrong_frame_is_still_delivered() -> None:
    found = []
    with pytest.raises(Violation):
        found.extend(feed(Decoder(100), masked(FIN | TEXT, b"good") + b"\x81\x01x"))
    assert found == [(TEXT, b"good")]


@pytest.mark.parametrize(("payload", "code"), [(b"", None), (b"\x03\xe8", 1000), (b"\x11\x31bye", 4401)])
def test_a_close_frame_tells_its_code(payload: bytes, code: int | None) -> None:
    assert rfc6455.close_code(payload) == code


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x00\x01", 1002), (b"\x03\xe8\xff", 1007)]
)
def test_a_close_frame_that_says_what_none_may_say_is_wrong_too(payload: bytes, code: int) -> None:
    with pytest.raises(Violation) as violation:
        rfc6455.close_code(payload)
    assert violation.value.code == code


def test_what_the_server_says_of_the_connection_is_a_frame_of_its_kind() -> None:
    assert rfc6455.closing(1012, "soon") == bytes([FIN | CLOSE, 6]) + b"\x03\xf4soon"
    assert rfc6455.closing(None) == bytes([FIN | CLOSE, 0])
    assert len(rfc6455.closing(1008, "x" * 500)) == 2 + 125
    assert rfc6455.pong(b"abc") == bytes([FIN | PONG, 3]) + b"abc"
    assert rfc6455.ping == bytes([FIN | PING, 0])
