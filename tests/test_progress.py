from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.progress import Progress, RecentRate


def progress(done: int, total: int | None, rate: float, duplicates: int = 0) -> Progress:
    return Progress(
        done=done,
        fetched=done,
        failed=0,
        in_flight=0,
        parked=0,
        duplicates=duplicates,
        total=total,
        rate=rate,
        elapsed=1.0,
    )


def test_the_time_left_follows_from_the_rate() -> None:
    """What is left of the list, less the duplicates, over the rate of late."""
    assert progress(20, 100, 8.0, duplicates=40).eta == pytest.approx(5.0)


def test_the_time_left_is_unknown_without_a_total_or_a_rate() -> None:
    """No number is made up."""
    assert progress(20, None, 8.0).eta is None
    assert progress(20, 100, 0.0).eta is None


def test_a_list_that_names_fewer_handles_than_expected_is_never_late_below_zero() -> None:
    """A total that was guessed too low gives no negative time."""
    assert progress(20, 10, 8.0).eta == 0.0


@given(per_second=st.integers(1, 50), start=st.floats(0, 1e6), seconds=st.integers(6, 30))
def test_a_steady_rate_is_told_as_it_is(per_second: int, start: float, seconds: int) -> None:
    """Whatever the clock reads, evenly spaced events give their own rate within one event."""
    rate = RecentRate(start)
    now = start
    for step in range(1, per_second * seconds + 1):
        now = start + step / per_second
        rate.count(now)
    assert rate.at(now) == pytest.approx(per_second, abs=0.5)


def test_silence_brings_the_rate_down_to_nothing() -> None:
    """Five seconds after the last event the rate is zero, so that a pause can be seen."""
    rate = RecentRate(0.0)
    for step in range(100):
        rate.count(step / 10)
    assert rate.at(20.0) == 0.0
