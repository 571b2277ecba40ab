from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.errors import ConfigError
from walee_async.pacing import CUT, FLOOR, KNEE, PROBE, REGAIN, START, Pacing, check_rate


def test_a_stated_rate_is_the_pace_from_the_start() -> None:
    """A caller who states a rate gets it at once, and no amount of waiting raises it."""
    pacing = Pacing(8.0)
    pacing.grow(3600)
    assert pacing.pace == 8.0


def test_processes_that_share_a_gate_do_not_each_look_for_its_limit() -> None:
    """They want one stated rate; a process by itself may look."""
    with pytest.raises(ConfigError, match=r"^A shared gate wants a stated rate, the same everywhere; "):
        check_rate("auto", shared=True)
    assert (check_rate("auto"), check_rate(8, shared=True)) == (None, 8.0)


def test_an_unknown_limit_is_looked_for_by_doubling() -> None:
    """Without a rate the pace starts low and doubles with every second in which it held somebody back."""
    pacing = Pacing(None)
    assert pacing.pace == START
    pacing.grow(3.0)
    assert pacing.pace == pytest.approx(8 * START)


def test_one_congestion_cuts_once() -> None:
    """Answers to requests that were sent before the last cut tell of the same congestion and do not cut again."""
    pacing = Pacing(10.0)
    assert pacing.too_fast(sent_at=5.0, pace=10.0, now=6.0)
    assert pacing.pace == pytest.approx(10 * CUT)
    assert not pacing.too_fast(sent_at=5.9, pace=10.0, now=6.1)
    assert pacing.pace == pytest.approx(10 * CUT)
    assert pacing.too_fast(sent_at=6.05, pace=7.0, now=6.2)
    assert pacing.pace == pytest.approx(10 * CUT * CUT)


def test_a_lone_accident_is_recovered_from_at_full_speed() -> None:
    """One "too fast" under a stated rate is made good at 5 % a second, all the way up."""
    pacing = Pacing(10.0)
    pacing.too_fast(sent_at=1.0, pace=10.0, now=1.0)
    pacing.grow(math.log(1 / CUT) / math.log(REGAIN) + 0.01)
    assert pacing.pace == 10.0


def test_a_limit_met_twice_is_approached_slowly() -> None:
    """A second "too fast" soon after the first marks a ceiling, and just under it the pace hardly grows."""
    pacing = Pacing(25.0)
    pacing.too_fast(sent_at=1.0, pace=25.0, now=1.0)
    pacing.too_fast(sent_at=8.0, pace=20.0, now=8.0)
    while pacing.pace < KNEE * 17.5:
        pacing.grow(0.1)
    before = pacing.pace
    pacing.grow(1.0)
    assert pacing.pace == pytest.approx(before * PROBE)


def test_beyond_an_old_ceiling_the_pace_grows_again() -> None:
    """A limit that has gone does not hold the pace down for ever."""
    pacing = Pacing(None)
    pacing.too_fast(sent_at=1.0, pace=START, now=1.0)
    for _ in range(5000):
        pacing.grow(0.1)
    assert pacing.pace > 10 * START


def test_what_the_gateway_states_bounds_the_pace() -> None:
    """A limit that the gateway states lowers a higher rate and never raises a lower one."""
    high, low, unknown = Pacing(50.0), Pacing(5.0), Pacing(None)
    for pacing in (high, low, unknown):
        pacing.learn(21, 1.0)
    unknown.grow(60)
    assert (high.pace, low.pace, unknown.pace) == (20.0, 5.0, 20.0)


def test_what_the_gateway_states_later_counts() -> None:
    """The limit follows the gateway up and down; a stated rate is never raised, and comes back after a lower limit."""
    unknown, stated = Pacing(None), Pacing(30.0)
    for quota, limit in ((21, 20.0), (41, 40.0), (21, 20.0)):
        unknown.learn(quota, 1.0)
        assert unknown.limit == limit
    for quota, limit, pace in ((41, 30.0, 30.0), (21, 20.0, 20.0), (41, 30.0, 20.0)):
        stated.learn(quota, 1.0)
        assert (stated.limit, stated.pace) == (limit, pace)
    stated.grow(1.0)
    assert stated.pace == pytest.approx(20 * REGAIN)
    stated.grow(60)
    assert stated.pace == 30.0


def test_a_cut_by_somebody_else_is_followed_down_and_not_up() -> None:
    """Whoever shares a key's pace tells of its cuts: one that is lower is news, and tells of the same congestion."""
    pacing = Pacing(10.0)
    assert not pacing.follow(10.0, 5.0)
    assert not pacing.follow(12.0, 5.0)
    assert pacing.too_fast(sent_at=4.0, pace=10.0, now=5.0)
    assert pacing.follow(6.0, 6.0)
    assert pacing.pace == 6.0
    assert not pacing.too_fast(sent_at=5.9, pace=7.0, now=6.1)
    assert pacing.too_fast(sent_at=6.05, pace=6.0, now=6.2)


@pytest.mark.parametrize("limit", [None, 10.0, 7.5])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 60, 5000])
def test_turns_come_no_sooner_than_the_pace_can_grow(limit: float | None, cut: bool, turns: int) -> None:
    """As many come as a pace gives that grows without a break, up to the limit and not past it."""
    pacing = Pacing(limit)
    if cut:
        pacing.follow(CUT * pacing.pace, 1.0)
    soonest, step = pacing.soonest(turns), 0.001
    seconds = came = 0.0
    while came < turns:
        pacing.grow(step)
        came += pacing.pace * step
        seconds += step
    assert soonest == pytest.approx(seconds, rel=0.002, abs=2 * step)


@given(quota=st.integers(1, 10_000), window=st.floats(0.1, 60))
def test_a_stated_quota_is_never_passed_in_a_closed_window(quota: int, window: float) -> None:
    """Sends at the learned pace, the first and the last of a window counted, are at most the quota."""
    pacing = Pacing(1e9)
    pacing.learn(quota, window)
    assert int(window * pacing.pace * (1 - 1e-9)) + 1 <= quota
    assert pacing.pace >= 0.95 * quota / window


@given(
    limit=st.one_of(st.none(), st.floats(0.1, 1000)),
    steps=st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=40),
)
def test_the_pace_stays_between_the_floor_and_the_limit(limit: float | None, steps: list[tuple[float, bool]]) -> None:
    """Whatever the answers, the pace is above zero, at least the floor (or a lower limit), at most the limit."""
    pacing = Pacing(limit)
    now = 0.0
    for seconds, too_fast in steps:
        now += seconds
        if too_fast:
            pacing.too_fast(sent_at=now, pace=pacing.pace, now=now)
        else:
            pacing.grow(min(seconds, 5.0))
        assert min(FLOOR, pacing.limit) <= pacing.pace <= pacing.limit
