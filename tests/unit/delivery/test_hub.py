"""Publishing never waits, writes once per connection and tick, and cuts who does not read."""

from __future__ import annotations

import asyncio
import struct

import pytest

from chatapp.delivery.audience import Listener
from chatapp.delivery.envelope import Format
from chatapp.delivery.hub import Hub
from chatapp.model.events import Failed, Sent
from chatapp.system import clock
from chatapp.wire.rfc6455 import frame
from rawsocket import frames
from wire import Wire


def hub(**options: int) -> Hub:
    """Return a hub whose events are texts."""
    return Hub({Format.HTML: lambda event, language: frame(event)}, **options)


def listen(to: Hub, room: str | None = "general", user: int = 1, session: str = "s") -> tuple[Listener, Wire]:
    wire = Wire()
    listener = Listener(wire, user, session)
    to.join(listener, room)
    to.go_live(listener)
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
    room = hub()
    wires = [listen(room)[1] for _ in range(3)]
    room.publish("general", "one")
    room.publish("general", "two")
    await tick()
    assert [(wire.texts, len(wire.writes)) for wire in wires] == [(["one", "two"], 1)] * 3


async def test_only_those_who_show_a_conversation_get_its_frames() -> None:
    room = hub()
    _, here = listen(room, "general")
    _, there = listen(room, "tech")
    room.publish("general", "x")
    await tick()
    assert (here.texts, there.texts) == (["x"], [])


async def test_what_an_author_is_told_stands_before_the_rooms_frames_in_the_same_write() -> None:
    room = hub()
    author, wire = listen(room)
    room.publish("general", "message")
    room.tell([author], "sent")
    await tick()
    assert wire.texts == ["sent", "message"]
    assert len(wire.writes) == 1


async def test_what_an_author_is_told_after_stands_behind_the_rooms_frames_in_the_same_write() -> None:
    room = hub()
    author, wire = listen(room)
    room.tell([author], "saved", after=True)
    room.publish("general", "message")
    room.tell([author], "sent")
    await tick()
    assert wire.texts == ["sent", "message", "saved"]
    assert len(wire.writes) == 1
    room.tell([author], "saved too", after=True)
    await tick()
    assert wire.texts[3:] == ["saved too"]


async def test_news_go_to_everybody_elsewhere() -> None:
    room = hub()
    _, here = listen(room, "general")
    _, there = listen(room, "tech")
    _, nowhere = listen(room, None)
    room.publish_elsewhere("general", "news")
    await tick()
    assert (here.texts, there.texts, nowhere.texts) == ([], ["news"], ["news"])


async def test_a_listener_that_catches_up_gets_live_frames_between_the_first_and_the_last() -> None:
    room = hub()
    wire = Wire()
    listener = Listener(wire, 1)
    room.publish("general", "before it came")
    room.join(listener, "general")
    room.publish("general", "live")
    await tick()
    assert wire.writes == []
    room.publish("general", "same tick")
    room.go_live(listener, [room.envelope("missed")], [room.envelope("ready")])
    room.publish("general", "after")
    await tick()
    assert wire.texts == ["missed", "live", "same tick", "ready", "after"]


async def test_frames_queued_before_a_listener_joins_in_the_same_tick_are_not_for_it() -> None:
    room = hub()
    _, early = listen(room)
    room.publish("general", "early")
    _, late = listen(room)
    await tick()
    assert (early.texts, late.texts) == (["early"], [])


async def test_a_connection_over_the_limit_is_cut_and_the_others_go_on() -> None:
    room = hub(buffer_limit=1000)
    slow, slow_wire = listen(room)
    _, quick = listen(room)
    slow_wire.buffered = 1001
    room.publish("general", "x")
    await tick()
    assert slow_wire.aborted
    assert slow.audience is None
    room.publish("general", "y")
    await tick()
    assert quick.texts == ["x", "y"]
    assert slow_wire.texts == ["x"]


async def test_a_half_full_connection_gets_no_droppable_frames_but_every_durable_one() -> None:
    room = hub(buffer_limit=1000)
    _, slow = listen(room)
    _, quick = listen(room)
    slow.buffered = 600
    room.publish("general", "typing", droppable=True)
    room.publish("general", "message")
    await tick()
    assert slow.texts == ["message"]
    assert quick.texts == ["message", "typing"]


async def test_a_listener_that_catches_up_too_slowly_is_cut() -> None:
    room = hub(buffer_limit=100)
    wire = Wire()
    room.join(Listener(wire, 1), "general")
    for _ in range(3):
        room.publish("general", "x" * 60)
        await tick()
    assert wire.aborted


async def test_closing_a_session_says_the_code_and_nothing_after_it() -> None:
    room = hub()
    _, mine = listen(room, session="mine")
    _, other = listen(room, session="other")
    room.publish("general", "x")
    room.close_session("mine")
    room.publish("general", "y")
    await tick()
    assert frames(b"".join(mine.writes))[-1] == (8, struct.pack("!H", 4401))
    assert "y" not in mine.texts
    assert other.texts == ["x", "y"]


async def test_closing_everything_sends_what_is_queued_first() -> None:
    room = hub()
    _, wire = listen(room)
    room.publish("general", "last words")
    room.close_all()
    opcodes = [(opcode, payload[:2]) for opcode, payload in frames(b"".join(wire.writes))]
    assert opcodes == [(1, b"la"), (8, struct.pack("!H", 1012))]


async def test_switching_rooms_keeps_the_connection_and_moves_its_frames() -> None:
    room = hub()
    listener, wire = listen(room, "general")
    room.join(listener, "tech")
    room.go_live(listener)
    room.publish("general", "old")
    room.publish("tech", "new")
    await tick()
    assert wire.texts == ["new"]
    assert room.count() == 1


async def test_counts_follow_coming_and_going() -> None:
    room = hub()
    wires = [Listener(Wire(), user, "s", address) for user, address in ((1, "a"), (1, "a"), (2, "b"))]
    for listener in wires:
        room.join(listener, "general")
    assert (room.count(), room.count("a"), room.users()) == (3, 2, {1, 2})
    room.leave(wires[0])
    room.leave(wires[0])
    room.leave(wires[2])
    assert (room.count(), room.count("a"), room.count("b"), room.users()) == (1, 1, 0, {1})


async def test_a_connection_that_breaks_in_this_tick_takes_nothing_from_the_others() -> None:
    room = hub()
    wires = [listen(room)[1] for _ in range(5)]
    wires[2].aborted = True
    room.publish("general", "x")
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
    to.go_live(listener)
    wire.writes.clear()
    return wire


async def test_after_a_tick_that_took_long_what_comes_next_shares_its_writes(time: list[float]) -> None:
    room = hub()
    wire = slow(room, time, 0.01)
    room.publish("general", "one")
    await tick()
    room.publish("general", "two")
    await tick()
    room.publish("general", "three")
    assert wire.texts == ["one"]
    async with asyncio.timeout(10):
        while wire.texts != ["one", "two", "three"]:
            await asyncio.sleep(0)
    assert len(wire.writes) == 2


async def test_after_a_short_tick_or_a_rest_nothing_waits(time: list[float]) -> None:
    room = hub()
    quick = slow(room, time, 0.0001)
    for text in ("one", "two", "three"):
        room.publish("general", text)
        await tick()
    assert quick.texts == ["one", "two", "three"]
    wire = slow(room, time, 0.01)
    room.publish("general", "four")
    await tick()
    time[0] += 1
    room.publish("general", "five")
    await tick()
    assert wire.texts == ["four", "five"]


@pytest.mark.parametrize("catching_up", [False, True])
async def test_what_is_told_in_one_tick_costs_no_more_when_much_was_told_before(catching_up: bool) -> None:
    room = hub(buffer_limit=2**30)
    listener, wire = listen(room)
    if catching_up:
        room.join(listener, "general")
    began = clock.monotonic()
    for number in range(100_000):  # copied each time, these took half a minute
        room.tell([listener], str(number))
    assert clock.monotonic() - began < 5
    if catching_up:
        room.go_live(listener)
    await tick()
    assert wire.texts == [str(number) for number in range(100_000)]


async def test_a_listener_that_catches_up_is_not_told_without_end() -> None:
    room = hub(buffer_limit=1000)
    listener, wire = listen(room)
    room.join(listener, "general")
    for _ in range(20):
        room.tell([listener], "x" * 60)
    assert wire.aborted


async def test_who_comes_while_frames_wait_for_the_end_of_a_tick_gets_none_of_them_and_holds_up_nobody() -> None:
    room = hub()
    _, here = listen(room, "general")
    _, elsewhere = listen(room, "tech")
    room.publish("general", "before")
    room.publish("tech", "other")
    _, late = listen(room, "general")
    assert (here.texts, elsewhere.texts, late.texts) == (["before"], [], [])
    await tick()
    assert (here.texts, elsewhere.texts, late.texts) == (["before"], ["other"], [])


async def test_who_moves_on_while_frames_wait_for_the_end_of_a_tick_gets_those_of_where_they_were() -> None:
    room = hub()
    listener, wire = listen(room, "general")
    room.publish("general", "somebody new")
    room.join(listener, "tech")
    room.go_live(listener, last=[room.envelope("ready")])
    await tick()
    assert wire.texts == ["somebody new", "ready"]


async def test_who_comes_in_the_moment_in_which_the_last_other_one_is_cut_hears_what_is_said_from_then_on() -> None:
    room = hub(buffer_limit=1000)
    _, slow = listen(room)
    slow.buffered = 1001
    room.publish("general", "x")
    _, wire = listen(room)
    assert slow.aborted
    room.publish("general", "y")
    await tick()
    assert wire.texts == ["y"]


class Counting:
    """An encoder that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, str]] = []

    def __call__(self, event: object, language: str) -> bytes:
        self.asked.append((event, language))
        if event == "broken":
            raise ValueError("no template for this")
        return frame(f"{event} {language}".strip() if isinstance(event, str) else type(event).__name__)


async def test_nothing_is_encoded_for_nobody() -> None:
    encoder = Counting()
    room = Hub({Format.HTML: encoder})
    listener, _ = listen(room, "tech")
    for number in range(5):
        room.publish("general", f"message {number}")
    room.tell([], "sent")
    room.leave(listener)
    room.tell([listener], "sent")
    room.publish_everywhere("beat")
    await tick()
    assert encoder.asked == []


async def test_an_event_for_many_audiences_is_encoded_once() -> None:
    encoder = Counting()
    room = Hub({Format.HTML: encoder})
    wires = [listen(room, key)[1] for key in ("general", "tech", None, "general")]
    room.publish_everywhere("beat")
    room.publish_elsewhere("general", "news")
    await tick()
    assert sorted(encoder.asked) == [("beat", ""), ("news", "")]
    assert [wire.texts for wire in wires] == [["beat"], ["beat", "news"], ["beat", "news"], ["beat"]]


async def test_a_sentence_is_told_to_each_listener_in_its_own_language_and_all_else_once() -> None:
    encoder = Counting()
    room = Hub({Format.HTML: encoder})
    listeners = [Listener(Wire(), 1, language=language) for language in ("vi", "en", "vi")]
    for listener in listeners:
        room.join(listener, "general")
        room.go_live(listener)
    failed, sent = Failed(None), Sent("a key", 7)  # type: ignore[arg-type]
    room.tell(listeners, failed)
    room.tell(listeners, sent)
    await tick()
    assert [language for event, language in encoder.asked if event is failed] == ["vi", "en"]
    assert [event for event, _ in encoder.asked if event is sent] == [sent]
    assert [listener.transport.texts for listener in listeners] == [["Failed", "Sent"]] * 3


async def test_an_event_that_cannot_be_encoded_keeps_no_other_from_anybody() -> None:
    room = Hub({Format.HTML: Counting()})
    _, wire = listen(room)
    for event in ("before", "broken", "after"):
        room.publish("general", event)
    await tick()
    assert wire.texts == ["before", "after"]


async def test_what_one_listener_is_told_while_it_catches_up_keeps_its_place_among_what_its_room_is_told() -> None:
    room = hub()
    wire = Wire()
    listener = Listener(wire, 1)
    room.join(listener, "general")
    room.publish("general", "message")
    room.tell([listener], "sent")
    await tick()
    room.tell([listener], "saved")
    await tick()
    assert wire.writes == []
    room.go_live(listener, [room.envelope("hello")], [room.envelope("ready")])
    assert wire.texts == ["hello", "sent", "message", "saved", "ready"]


async def test_who_moves_on_while_catching_up_keeps_what_it_was_told_and_nothing_of_the_room_it_left() -> None:
    room = hub()
    wire = Wire()
    listener = Listener(wire, 1)
    room.join(listener, "general")
    room.publish("general", "message")
    room.tell([listener], "refused")
    await tick()
    room.join(listener, "tech")
    room.publish("tech", "another")
    room.go_live(listener, [room.envelope("hello")], [room.envelope("ready")])
    assert wire.texts == ["hello", "refused", "another", "ready"]


async def test_what_a_listener_was_told_in_this_tick_is_written_before_it_moves_on() -> None:
    room = hub()
    listener, wire = listen(room, "general")
    room.tell([listener], "sent")
    room.join(listener, "tech")
    assert wire.texts == ["sent"]
    room.go_live(listener, [room.envelope("hello")])
    await tick()
    assert wire.texts == ["sent", "hello"]
