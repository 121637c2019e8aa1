"""Numbers only ever rise, whatever the clock does and however often the server dies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.system import clock
from chatapp.system.clock import Stamper

NOON = 1_790_000_000.0  # seconds since 1970, some day in 2026


class Wall:
    """A clock that somebody plays with."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Server:
    """Stamps as the server does: the ceiling goes to disk with each commit, and a crash loses the rest."""

    def __init__(self, wall: Wall) -> None:
        self.wall = wall
        self.disk = 0
        self.start()

    def start(self) -> None:
        self.stamper = Stamper(self.disk, self.wall)
        self.commit()

    def commit(self) -> None:
        ceiling = self.stamper.reserve()
        self.disk = max(self.disk, ceiling)
        self.stamper.reserved(ceiling)

    def commit_fails(self) -> None:
        self.stamper.reserve()


YEARS = 40 * 365 * 86_400
STEPS = st.lists(
    st.one_of(
        st.just("stamp"),
        st.just("commit"),
        st.just("commit_fails"),
        st.just("crash"),
        st.floats(-YEARS, YEARS, allow_nan=False),  # the clock moves
        st.sampled_from([0.0005, 0.1, 59.0, 61.0, 121.0, -3600.0, 7e9, -7e9]),
    ),
    max_size=60,
)


@given(STEPS)
def test_numbers_strictly_rise_through_crashes_and_a_clock_that_jumps(steps: list[str | float]) -> None:
    wall = Wall()
    server = Server(wall)
    last = 0
    for step in steps:
        if isinstance(step, float):
            wall.now += step
        elif step == "stamp":
            number = server.stamper.next()
            assert last < number < 2**53
            assert number <= server.disk, "a crash now would forget this number"
            last = number
        elif step == "crash":
            server.start()
        else:
            getattr(server, step)()


def test_numbers_follow_the_clock_while_commits_follow_each_other() -> None:
    wall = Wall()
    server = Server(wall)
    for _ in range(100):
        wall.now += 30
        assert server.stamper.next() == int(wall.now * 1000) << 10
        server.commit()


def test_after_a_quiet_time_one_number_is_behind_the_clock_and_the_next_commit_catches_up() -> None:
    wall = Wall()
    server = Server(wall)
    last = server.stamper.next()
    wall.now += 86_400
    assert server.stamper.next() == last + 1
    server.commit()
    assert server.stamper.next() == int(wall.now * 1000) << 10


def test_a_thousand_numbers_of_one_millisecond_are_all_different() -> None:
    server = Server(Wall())
    numbers = [server.stamper.next() for _ in range(5_000)]
    assert numbers == sorted(set(numbers))


def test_the_ceiling_is_not_moved_with_every_commit() -> None:
    server = Server(Wall())
    assert server.stamper.reserve() == server.stamper.reserve()


def test_a_ceiling_that_was_made_durable_is_never_taken_back() -> None:
    stamper = Stamper(0, Wall())
    ceiling = stamper.reserve()
    stamper.reserved(ceiling)
    stamper.reserved(5)
    assert stamper.next() > 5


def test_a_clock_in_the_far_future_is_not_believed() -> None:
    server = Server(Wall(2**53))
    assert server.stamper.next() < 2**40


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 10, 0, tzinfo=UTC), "2026-11-22T10:00:00.000Z"),
        (datetime(2026, 11, 22, 10, 0, 0, 999_999, tzinfo=UTC), "2026-11-22T10:00:00.999Z"),
        (datetime(2026, 11, 23, 1, 0, tzinfo=timezone(timedelta(hours=7))), "2026-11-22T18:00:00.000Z"),
    ],
)
def test_a_timestamp_is_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert clock.timestamp(moment) == text


def test_the_timestamp_of_now_is_now() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert before <= datetime.fromisoformat(clock.timestamp()) <= datetime.now(UTC)
