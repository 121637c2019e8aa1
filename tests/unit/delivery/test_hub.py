"""Publishing never waits, writes once per connection and tick, and cuts who does not read."""

from __future__ import annotations

import asyncio
import struct

import pytest

from chatapp.delivery.audience import Listener
from chatapp.delivery.hub import Hub
from chatapp.system import clock
from chatapp.wire.rfc6455 import frame
from rawsocket import frames
from wire import Wire


def listen(to: Hub, room: str | None = "general", user: int = 1, session: str = "s") -> tuple[Listener, Wire]:
    wire = Wire()
    listener = Listener(wire, user, session)
    to.join(listener, room)
    to.go_live(listener, b"", b"")
    wire.writes.clear()
    return listener, wire


async def tick() -> None:
    """Let everything that was scheduled for the end of this loop tick happen."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_of_any_length_can_be_taken_apart_again(length: int) -> None:
    assert frames(frame("x" * length)) == [(1, b"x" * length)]


async def test_frames_of_one_tick_are_written_to_each_connection_once() -> None:
    room = Hub()
    wires = [listen(room)[1] for _ in range(3)]
    room.publish("general", frame("one"))
    room.publish("general", frame("two"))
    await tick()
    assert [(wire.texts, len(wire.writes)) for wire in wires] == [(["one", "two"], 1)] * 3


async def test_only_those_who_show_a_conversation_get_its_frames() -> None:
    room = Hub()
    _, here = listen(room, "general")
    _, there = listen(room, "tech")
    room.publish("general", frame("x"))
    await tick()
    assert (here.texts, there.texts) == (["x"], [])


async def test_what_an_author_is_told_stands_before_the_rooms_frames_in_the_same_write() -> None:
    room = Hub()
    author, wire = listen(room)
    room.publish("general", frame("message"))
    room.tell([author], frame("sent"))
    await tick()
    assert wire.texts == ["sent", "message"]
    assert len(wire.writes) == 1


async def test_news_go_to_everybody_elsewhere() -> None:
    room = Hub()
    _, here = listen(room, "general")
    _, there = listen(room, "tech")
    _, nowhere = listen(room, None)
    room.publish_elsewhere("general", frame("news"))
    await tick()
    assert (here.texts, there.texts, nowhere.texts) == ([], ["news"], ["news"])


async def test_a_listener_that_catches_up_gets_live_frames_between_the_first_and_the_last() -> None:
    room = Hub()
    wire = Wire()
    listener = Listener(wire, 1)
    room.publish("general", frame("before it came"))
    room.join(listener, "general")
    room.publish("general", frame("live"))
    await tick()
    assert wire.writes == []
    room.publish("general", frame("same tick"))
    room.go_live(listener, frame("missed"), frame("ready"))
    room.publish("general", frame("after"))
    await tick()
    assert wire.texts == ["missed", "live", "same tick", "ready", "after"]


async def test_frames_queued_before_a_listener_joins_in_the_same_tick_are_not_for_it() -> None:
    room = Hub()
    _, early = listen(room)
    room.publish("general", frame("early"))
    _, late = listen(room)
    await tick()
    assert (early.texts, late.texts) == (["early"], [])


async def test_a_connection_over_the_limit_is_cut_and_the_others_go_on() -> None:
    room = Hub(buffer_limit=1000)
    slow, slow_wire = listen(room)
    _, quick = listen(room)
    slow_wire.buffered = 1001
    room.publish("general", frame("x"))
    await tick()
    assert slow_wire.aborted
    assert slow.audience is None
    room.publish("general", frame("y"))
    await tick()
    assert quick.texts == ["x", "y"]
    assert slow_wire.texts == ["x"]


async def test_a_half_full_connection_gets_no_fleeting_frames_but_every_durable_one() -> None:
    room = Hub(buffer_limit=1000)
    _, slow = listen(room)
    _, quick = listen(room)
    slow.buffered = 600
    room.publish("general", frame("typing"), fleeting=True)
    room.publish("general", frame("message"))
    await tick()
    assert slow.texts == ["message"]
    assert quick.texts == ["message", "typing"]


async def test_a_listener_that_catches_up_too_slowly_is_cut() -> None:
    room = Hub(buffer_limit=100)
    wire = Wire()
    room.join(Listener(wire, 1), "general")
    for _ in range(3):
        room.publish("general", frame("x" * 60))
        await tick()
    assert wire.aborted


async def test_closing_a_session_says_the_code_and_nothing_after_it() -> None:
    room = Hub()
    _, mine = listen(room, session="mine")
    _, other = listen(room, session="other")
    room.publish("general", frame("x"))
    room.close_session("mine")
    room.publish("general", frame("y"))
    await tick()
    assert frames(b"".join(mine.writes))[-1] == (8, struct.pack("!H", 4401))
    assert "y" not in mine.texts
    assert other.texts == ["x", "y"]


async def test_closing_everything_sends_what_is_queued_first() -> None:
    room = Hub()
    _, wire = listen(room)
    room.publish("general", frame("last words"))
    room.close_all()
    opcodes = [(opcode, payload[:2]) for opcode, payload in frames(b"".join(wire.writes))]
    assert opcodes == [(1, b"la"), (8, struct.pack("!H", 1012))]


async def test_switching_rooms_keeps_the_connection_and_moves_its_frames() -> None:
    room = Hub()
    listener, wire = listen(room, "general")
    room.join(listener, "tech")
    room.go_live(listener, b"", b"")
    room.publish("general", frame("old"))
    room.publish("tech", frame("new"))
    await tick()
    assert wire.texts == ["new"]
    assert room.count() == 1


async def test_counts_follow_coming_and_going() -> None:
    room = Hub()
    wires = [Listener(Wire(), user, "s", address) for user, address in ((1, "a"), (1, "a"), (2, "b"))]
    for listener in wires:
        room.join(listener, "general")
    assert (room.count(), room.count("a"), room.users()) == (3, 2, {1, 2})
    room.leave(wires[0])
    room.leave(wires[0])
    room.leave(wires[2])
    assert (room.count(), room.count("a"), room.count("b"), room.users()) == (1, 1, 0, {1})


async def test_a_connection_that_breaks_in_this_tick_takes_nothing_from_the_others() -> None:
    room = Hub()
    wires = [listen(room)[1] for _ in range(5)]
    wires[2].aborted = True
    room.publish("general", frame("x"))
    await tick()
    assert [wire.texts for wire in wires] == [["x"], ["x"], [], ["x"], ["x"]]


class SlowWire(Wire):
    """A transport to which each write takes some time of a clock that goes by itself."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds

    def write(self, data: bytes) -> None:
        super().write(data)
        self._clock[0] += self._seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The hub's clock, which stands still between writes."""
    now = [1000.0]
    monkeypatch.setattr("chatapp.system.clock.monotonic", lambda: now[0])
    return now


def slow(to: Hub, time: list[float], seconds: float) -> Wire:
    wire = SlowWire(time, seconds)
    listener = Listener(wire, 1)
    to.join(listener, "general")
    to.go_live(listener, b"", b"")
    wire.writes.clear()
    return wire


async def test_after_a_tick_that_took_long_what_comes_next_shares_its_writes(time: list[float]) -> None:
    room = Hub()
    wire = slow(room, time, 0.01)
    room.publish("general", frame("one"))
    await tick()
    room.publish("general", frame("two"))
    await tick()
    room.publish("general", frame("three"))
    assert wire.texts == ["one"]
    async with asyncio.timeout(10):
        while wire.texts != ["one", "two", "three"]:
            await asyncio.sleep(0)
    assert len(wire.writes) == 2


async def test_after_a_short_tick_or_a_rest_nothing_waits(time: list[float]) -> None:
    room = Hub()
    quick = slow(room, time, 0.0001)
    for text in ("one", "two", "three"):
        room.publish("general", frame(text))
        await tick()
    assert quick.texts == ["one", "two", "three"]
    wire = slow(room, time, 0.01)
    room.publish("general", frame("four"))
    await tick()
    time[0] += 1
    room.publish("general", frame("five"))
    await tick()
    assert wire.texts == ["four", "five"]


@pytest.mark.parametrize("catching_up", [False, True])
async def test_what_is_told_in_one_tick_costs_no_more_when_much_was_told_before(catching_up: bool) -> None:
    room = Hub(buffer_limit=2**30)
    listener, wire = listen(room)
    if catching_up:
        room.join(listener, "general")
    began = clock.monotonic()
    for number in range(100_000):  # copied each time, these took half a minute
        room.tell([listener], frame(str(number)))
    assert clock.monotonic() - began < 5
    if catching_up:
        room.go_live(listener, b"", b"")
    await tick()
    assert wire.texts == [str(number) for number in range(100_000)]


async def test_a_listener_that_catches_up_is_not_told_without_end() -> None:
    room = Hub(buffer_limit=1000)
    listener, wire = listen(room)
    room.join(listener, "general")
    for _ in range(20):
        room.tell([listener], frame("x" * 60))
    assert wire.aborted


async def test_who_comes_while_frames_wait_for_the_end_of_a_tick_gets_none_of_them_and_holds_up_nobody() -> None:
    room = Hub()
    _, here = listen(room, "general")
    _, elsewhere = listen(room, "tech")
    room.publish("general", frame("before"))
    room.publish("tech", frame("other"))
    _, late = listen(room, "general")
    assert (here.texts, elsewhere.texts, late.texts) == (["before"], [], [])
    await tick()
    assert (here.texts, elsewhere.texts, late.texts) == (["before"], ["other"], [])


async def test_who_moves_on_while_frames_wait_for_the_end_of_a_tick_gets_those_of_where_they_were() -> None:
    room = Hub()
    listener, wire = listen(room, "general")
    room.publish("general", frame("somebody new"))
    room.join(listener, "tech")
    room.go_live(listener, b"", frame("ready"))
    await tick()
    assert wire.texts == ["somebody new", "ready"]


async def test_who_comes_in_the_moment_in_which_the_last_other_one_is_cut_hears_what_is_said_from_then_on() -> None:
    room = Hub(buffer_limit=1000)
    _, slow = listen(room)
    slow.buffered = 1001
    room.publish("general", frame("x"))
    _, wire = listen(room)
    assert slow.aborted
    room.publish("general", frame("y"))
    await tick()
    assert wire.texts == ["y"]
