"""What a bench says follows from what it measured, and it begins nowhere where others could reach it unasked."""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from chatapp import bench
from chatapp.bench.crowd import Crowd, Heard
from chatapp.bench.report import Figures, percentile, report, verdict
from chatapp.bench.wire import Wire
from chatapp.system.startup import CannotStart


def figures(
    *,
    arrival: float = 0.002,
    saving: float = 0.01,
    late: float = 0.001,
    lost: int = 0,
    refused: int = 0,
    seconds: float = 10.0,
    own: float = 0.05,
    server: float | None = 0.1,
    memory: float | None = 60.0,
) -> Figures:
    """Return what a bench of 100 clients at 20 messages per second found."""
    heard = Heard(100, sent=200, seconds=seconds, lost=lost, refused=refused)
    heard.received = array("d", [arrival] * (200 * 100 - lost))
    heard.saved = array("d", [saving] * (200 - refused))
    heard.late = array("d", [late] * 200)
    return Figures(20.0, heard, own, server, memory, Path("/srv"))


@pytest.mark.parametrize(
    ("values", "share", "result"),
    [([3, 1, 2], 0.5, 2), ([1], 0.99, 1), (range(1, 101), 0.99, 99), (range(1, 102), 0.99, 100), ([1, 2], 0.5, 1)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, result: float) -> None:
    assert percentile(values, share) == result


def test_of_nothing_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (
            {},
            (
                r"this machine carries 100 clients at 20 messages per second with time to spare: "
                r".* 2\.0 ms.* 10 % of a core"
            ),
        ),
        ({"server": 0.6}, "about as much as .*: the server uses 60 % of a core.*faster processor"),
        ({"server": 1.2}, "too much for this machine: the server uses 120 % of a core"),
        ({"saving": 0.6}, "about as much as .*: it takes up to 600 ms until a message is saved.*disk.*/srv"),
        ({"saving": 3.0}, r"too much .*: it takes up to 3,000 ms until a message is saved\."),
        ({"arrival": 0.3, "saving": 0.7}, "about as much as .*: it takes up to 300 ms until a message arrives"),
        ({"arrival": 1.5, "saving": 1.5}, "too much .*: it takes up to 1,500 ms until a message arrives"),
        ({"lost": 7}, "too much .*: of 200 messages 0 .* and 7 receipts of 20,000 never came"),
        ({"refused": 9}, "too much .*: of 200 messages 9 were refused and 0 not saved"),
        ({"lost": 20_000}, "too much .*: .* 20,000 receipts of 20,000 never came"),
    ],
)
def test_the_verdict_names_what_is_short_and_what_helps(measured: dict[str, Any], said: str) -> None:
    line = verdict(figures(**measured))
    assert "\n" not in line
    assert re.search(said, line), line


def test_the_worst_comes_before_the_likeliest() -> None:
    assert "too much for this machine: it takes up to 3,000 ms" in verdict(figures(server=0.6, saving=3.0))


def test_figures_that_a_slow_bench_has_spoiled_are_no_verdict_on_the_server() -> None:
    assert verdict(figures(arrival=2.0, own=0.95)).startswith("not clear. The bench, ")
    assert "something keeps this machine busy" in verdict(figures(arrival=2.0, late=0.3))
    assert verdict(figures(seconds=20.0, late=0.3)).startswith("not clear")


def test_a_slow_bench_does_not_excuse_a_server_that_is_at_its_end() -> None:
    assert "too much for this machine: the server" in verdict(figures(arrival=2.0, late=0.3, server=0.97))


def test_a_machine_that_does_well_although_the_bench_had_to_wait_does_well() -> None:
    assert "with time to spare" in verdict(figures(late=0.3))


def test_what_a_system_does_not_tell_is_left_out() -> None:
    full, bare = report(figures()), report(figures(server=None, memory=None))
    for label in ("memory of the server", "the server's share of a core"):
        assert label in full
        assert label not in bare
    assert "with time to spare: 99 of 100 arrive within 2.0 ms.\n" in bare + "\n"


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.168.1.7", "chat.example.org", "fe80::1%eth0"])
def test_an_address_that_others_can_reach_is_refused(host: str, tmp_path: Path) -> None:
    plan = bench.Plan(2, 1.0, 1.0, tmp_path, host)
    with pytest.raises(CannotStart, match="--anywhere"):
        bench.run(plan, lambda _: lambda done, total: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_the_addresses_of_this_computer_alone_are_known(host: str) -> None:
    assert bench.is_loopback(host)


class Line:
    """The transport of a wire: keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


@pytest.fixture(params=[1, 7, 100_000])
def pieces(request: pytest.FixtureRequest) -> Callable[[bytes], list[bytes]]:
    size: int = request.param
    return lambda data: [data[at : at + size] for at in range(0, len(data), size)]


def test_a_wire_reads_frames_of_every_length_however_they_are_cut(pieces: Callable[[bytes], list[bytes]]) -> None:
    texts = [b"", b"a" * 125, b"b" * 126, b"c" * 65_535, b"d" * 65_536]
    headers = [b"\x81\x00", b"\x81\x7d", b"\x81\x7e\x00\x7e", b"\x81\x7e\xff\xff", b"\x81\x7f" + (65_536).to_bytes(8)]
    stream = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    stream += b"".join(header + text for header, text in zip(headers, texts, strict=True))
    stream += b"\x89\x02hi" + b"\x88\x02\x03\xf4"
    heard: list[bytes] = []
    gone: list[str] = []
    line, wire = Line(), Wire("http://[::1]:9", "/ws?a=b", "c=d", lambda _, text: heard.append(text), gone.append)
    wire.connection_made(cast("Any", line))
    for piece in pieces(stream):
        wire.data_received(piece)
    assert heard == texts
    assert line.written[0].startswith(
        b"GET /ws?a=b HTTP/1.1\r\nHost: [::1]:9\r\nOrigin: http://[::1]:9\r\nCookie: c=d\r\n"
    )
    assert line.written[1:] == [b"\x8a\x82\x00\x00\x00\x00hi"], "a ping is answered"
    assert gone == ["The server closed a connection with 1012."]


def test_a_wire_that_is_not_let_in_says_why() -> None:
    gone: list[str] = []
    wire = Wire("http://[::1]:9", "/ws", "", lambda *_: None, gone.append)
    wire.connection_made(cast("Any", Line()))
    wire.data_received(b"HTTP/1.1 403 Forbidden\r\n\r\nno")
    assert gone == ["The server answered a new connection with HTTP/1.1 403 Forbidden."]


# --- a crowd that cannot keep up ------------------------------------------------------------------------------------


class Mute:
    """A socket that hears nothing. ``said`` is called with each text."""

    def __init__(self, said: Callable[[str], object]) -> None:
        self.send = said


async def crowd_of(wire: Mute) -> Crowd:
    crowd = await Crowd("http://127.0.0.1").__aenter__()
    crowd._wires = [cast("Wire", wire)]
    return crowd


async def test_a_rate_that_nobody_can_keep_ends_in_time_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.bench.crowd._BEHIND", 2.0)
    monkeypatch.setattr("chatapp.bench.crowd._DRAIN", 0.1)
    shown: list[tuple[int, int]] = []
    crowd = await crowd_of(Mute(lambda text: None))
    async with asyncio.timeout(20):
        heard = await crowd.talk(10**9, 0.1, lambda done, total: shown.append((done, total)))
    assert 0 < heard.sent < 10**8
    assert heard.rate < 10**9
    assert shown[-1] == (10**8, 10**8)  # which ends the line


async def test_a_stop_is_heard_also_by_a_crowd_that_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.bench.crowd._BEHIND", 30.0)
    said: list[str] = []

    def stop(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            talking.cancel()  # as Ctrl+C does, at whatever moment

    crowd = await crowd_of(Mute(stop))
    talking = asyncio.create_task(crowd.talk(10**9, 1e-7))
    await asyncio.wait([talking], timeout=20)
    assert talking.cancelled()
    assert len(said) == 3


def test_a_large_rate_is_said_in_full() -> None:
    assert replace(figures(), rate=30_000.0).what == "100 clients at 30,000 messages per second"
