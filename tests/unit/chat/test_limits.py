"""Limits count what they should, wait as long as they say, and forget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatapp.chat import limits
from chatapp.chat.limits import Bucket, Limits, Tries
from chatapp.settings import Settings
from chatapp.wire.addresses import address_key


class Watch:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_tries_are_free_up_to_the_count_and_then_say_how_long_to_wait(watch: Watch) -> None:
    tries = Tries(3, 60, watch)
    for _ in range(3):
        assert tries.take("an") == 0
        watch.time += 10
    assert tries.take("an") == 30


def test_waiting_as_long_as_was_said_is_enough_and_less_is_not(watch: Watch) -> None:
    tries = Tries(1, 60, watch)
    tries.take("an")
    wait = tries.take("an")
    watch.time += wait - 0.001
    assert tries.take("an") > 0
    watch.time += 0.002
    assert tries.take("an") == 0


def test_a_refused_try_does_not_lengthen_the_wait(watch: Watch) -> None:
    tries = Tries(1, 60, watch)
    tries.take("an")
    for _ in range(50):
        tries.take("an")
    watch.time += 60
    assert tries.take("an") == 0


def test_the_window_slides_and_does_not_start_anew_each_minute(watch: Watch) -> None:
    tries = Tries(2, 60, watch)
    assert tries.take("an") == 0
    watch.time += 50
    assert tries.take("an") == 0
    watch.time += 11
    assert tries.take("an") == 0
    assert tries.take("an") == 49


def test_one_key_does_not_use_up_the_tries_of_another(watch: Watch) -> None:
    tries = Tries(1, 60, watch)
    assert tries.take("an") == 0
    assert tries.take("binh") == 0
    assert tries.take("an") > 0


def test_a_try_given_back_can_be_taken_again(watch: Watch) -> None:
    tries = Tries(1, 60, watch)
    tries.take("an")
    tries.give_back("an")
    assert tries.take("an") == 0
    tries.forget("an")
    assert tries.take("an") == 0
    tries.give_back("nobody")
    tries.forget("nobody")


def test_a_count_of_zero_switches_tries_off(watch: Watch) -> None:
    tries = Tries(0, 60, watch)
    assert [tries.take("an") for _ in range(1000)] == [0] * 1000


def test_a_bucket_gives_a_burst_and_then_fills_at_its_rate(watch: Watch) -> None:
    bucket = Bucket(2, 10, watch)
    assert [bucket.take("an") for _ in range(10)] == [0] * 10
    assert bucket.take("an") == pytest.approx(0.5)
    watch.time += 0.5
    assert bucket.take("an") == 0
    assert bucket.take("an") == pytest.approx(0.5)


def test_a_full_bucket_holds_no_more_than_its_burst(watch: Watch) -> None:
    bucket = Bucket(2, 3, watch)
    bucket.take("an")
    watch.time += 1_000_000
    assert [bucket.take("an") for _ in range(3)] == [0] * 3
    assert bucket.take("an") > 0


def test_two_hundred_acts_in_a_second_become_at_most_twelve(watch: Watch) -> None:
    bucket, done = Bucket(2, 10, watch), 0
    for _ in range(200):
        done += bucket.take("an") == 0
        watch.time += 1 / 200
    assert 10 <= done <= 12


def test_a_bucket_gives_several_tokens_or_none_of_them(watch: Watch) -> None:
    bucket = Bucket(1, 10, watch)
    assert bucket.take("an", 8) == 0
    assert bucket.take("an", 3) == pytest.approx(1)
    assert bucket.take("an", 2) == 0
    assert bucket.take("an", 50) == pytest.approx(10)
    watch.time += 10
    assert bucket.take("an", 50) == 0


@pytest.mark.parametrize(("rate", "burst"), [(0, 10), (2, 0), (0, 0)])
def test_a_zero_switches_a_bucket_off(watch: Watch, rate: float, burst: float) -> None:
    bucket = Bucket(rate, burst, watch)
    assert [bucket.take("an") for _ in range(1000)] == [0] * 1000


def test_memory_is_bounded_and_the_key_unused_for_longest_goes_first(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEYS", 100)
    tries = Tries(1, 60, watch)
    tries.take("old")
    for number in range(99):
        tries.take(number)
    assert tries.take("old") > 0, "a hundred keys fit"
    for number in range(1000, 1100):
        tries.take(number)
    assert tries.take("old") == 0
    assert len(tries._times) == 100
    bucket = Bucket(1, 1, watch)
    for number in range(1000):
        bucket.take(number)
    assert len(bucket._levels) == 100


async def test_five_failures_hold_an_account_off_at_one_address_only(settings: Settings, watch: Watch) -> None:
    them = Limits(replace(settings, login_tries=5, address_tries=0), watch)
    for _ in range(5):
        assert await them.log_in("an", "192.0.2.1") == 0
    assert await them.log_in("an", "192.0.2.1") == limits.ACCOUNT_SECONDS
    assert await them.log_in("an", "192.0.2.2") == 0, "its owner is not locked out elsewhere"
    assert await them.log_in("binh", "192.0.2.1") == 0


async def test_ten_failures_under_changing_names_hold_an_address_off(settings: Settings, watch: Watch) -> None:
    them = Limits(replace(settings, login_tries=5, address_tries=10), watch)
    for number in range(10):
        assert await them.log_in(f"name {number}", "192.0.2.1") == 0
    assert await them.log_in("an", "192.0.2.1") == limits.ADDRESS_SECONDS
    assert await them.log_in("an", "192.0.2.2") == 0


async def test_a_whole_class_logs_in_from_behind_one_address(settings: Settings, watch: Watch) -> None:
    them = Limits(replace(settings, login_tries=5, address_tries=10), watch)
    for number in range(40):
        assert await them.log_in(f"pupil {number}", "192.0.2.1") == 0
        them.logged_in(f"pupil {number}", "192.0.2.1")


async def test_logging_in_now_and_then_does_not_let_a_guesser_start_anew(settings: Settings, watch: Watch) -> None:
    them = Limits(replace(settings, login_tries=5, address_tries=10), watch)
    guesses = 0
    for number in range(100):
        if await them.log_in(f"victim {number}", "192.0.2.1") == 0:
            guesses += 1
        if await them.log_in("own account", "192.0.2.1") == 0:
            them.logged_in("own account", "192.0.2.1")
    assert guesses == 10


async def test_a_try_refused_for_its_account_does_not_count_for_its_address(settings: Settings, watch: Watch) -> None:
    them = Limits(replace(settings, login_tries=1, address_tries=3), watch)
    for _ in range(20):
        await them.log_in("an", "192.0.2.1")
    assert await them.log_in("binh", "192.0.2.1") == 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        (None, ""),
        ("a socket file", "a socket file"),
    ],
)
def test_the_addresses_of_one_ipv6_network_count_as_one(address: str | None, expected: str) -> None:
    assert address_key(address) == expected
