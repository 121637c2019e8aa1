"""What a person's sockets may ask for together: so much at once, so much a second, and not for ever more."""

from __future__ import annotations

import pytest

from chatapp.chat import allowance
from chatapp.chat.allowance import Allowance


@pytest.fixture
def time() -> list[float]:
    return [1000.0]


@pytest.fixture
def ten_a_second(time: list[float]) -> Allowance:
    return Allowance(10, 20, lambda: time[0])


def test_a_burst_goes_through_and_what_follows_waits_its_turn(ten_a_second: Allowance) -> None:
    assert [ten_a_second.take("an", 1) for _ in range(20)] == [0] * 20
    assert [ten_a_second.take("an", 1) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert ten_a_second.take("binh", 20) == 0


def test_who_waits_as_long_as_told_never_takes_more_than_the_rate(ten_a_second: Allowance, time: list[float]) -> None:
    taken = 0
    while time[0] < 1100:
        time[0] += ten_a_second.take("an", 1)
        taken += 1
    assert taken == pytest.approx(20 + 100 * 10, abs=2)


def test_what_costs_more_than_a_burst_is_let_through_and_made_up_for(
    ten_a_second: Allowance, time: list[float]
) -> None:
    assert ten_a_second.take("an", 70) == pytest.approx(5)
    time[0] += 5
    assert ten_a_second.take("an", 1) == pytest.approx(0.1)


def test_only_who_never_takes_a_breath_is_tired(ten_a_second: Allowance, time: list[float]) -> None:
    for _ in range(300):
        time[0] += ten_a_second.take("an", 1)
    assert ten_a_second.tired("an") == pytest.approx(28, abs=0.2)
    time[0] += 1.1  # half of a burst has come back
    assert ten_a_second.tired("an") == 0
    assert ten_a_second.tired("nobody") == 0


def test_only_so_many_people_are_remembered(ten_a_second: Allowance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "KEYS", 100)
    for number in range(1000):
        ten_a_second.take(number, 1)
    assert len(ten_a_second._accounts) == 100


def test_what_is_long_or_looked_up_costs_more() -> None:
    assert allowance.price("join") > allowance.price("beat") == allowance.price("nonsense") == 1
    assert allowance.length_price("x" * 65_536) == 16 > allowance.length_price("x" * 4095) == 0
    assert allowance.length_price(bytearray(14 * 2**20)) == 56
