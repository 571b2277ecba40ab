from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.errors import (
    AmbiguousError,
    ConfigError,
    LongPauseError,
    NoReportError,
    NotSentError,
    RateLimitError,
    RefusedKeyError,
    ServerError,
    WaleeError,
)
from walee_async.retry import RetryPolicy, RetryQuota, Tally, delay_before_retry


def delays(errors: list[WaleeError], policy: RetryPolicy, quota: RetryQuota | None = None) -> list[float | None]:
    """What the rule says of each error in turn for one handle, with dice that always fall highest."""
    tally, purse = Tally(), quota or RetryQuota()
    return [delay_before_retry(error, tally, policy, purse, 1.0) for error in errors]


def test_the_back_off_doubles_up_to_its_cap() -> None:
    """The ceiling of the wait doubles with every failure, from the base to the cap."""
    policy = RetryPolicy(attempts=8)
    assert delays([ServerError("x")] * 8, policy) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, None]


@given(dice=st.floats(0, 1, exclude_max=True), failures=st.integers(1, 20))
def test_the_wait_is_a_random_share_of_the_ceiling(dice: float, failures: int) -> None:
    """Full jitter: the wait is spread evenly from nothing to the ceiling, so that clients do not come back together."""
    tally = Tally(failures=failures - 1)
    delay = delay_before_retry(ServerError("x"), tally, RetryPolicy(attempts=100), RetryQuota(), dice)
    assert delay == pytest.approx(dice * min(8.0, 0.5 * 2 ** (failures - 1)))


def test_a_failing_gateway_is_given_the_rest_it_asks_for() -> None:
    """Retry-After of a 503 holds back that handle, at least for so long; past the deadline it is given up at once."""
    error = ServerError("down")
    error.retry_after = 30.0
    assert delays([error], RetryPolicy()) == [30.0]
    assert delays([error], RetryPolicy(deadline=30.0)) == [None]
    error.retry_after = 0.0
    assert delays([error], RetryPolicy()) == [0.5]


def test_too_fast_is_no_attempt() -> None:
    """However often the gateway says too fast, the handle goes on at once: the gate does the waiting."""
    assert delays([RateLimitError("x")] * 50, RetryPolicy(attempts=1)) == [0.0] * 50


@pytest.mark.parametrize("kind", [NoReportError, RefusedKeyError, LongPauseError, ConfigError])
def test_what_is_final_is_not_tried_again(kind: type[WaleeError]) -> None:
    """An answer that another attempt cannot change ends the handle at once."""
    assert delays([kind("x")], RetryPolicy(attempts=10)) == [None]


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_report_that_may_be_bought_is_asked_for_again_only_as_often_as_allowed(allowed: int) -> None:
    """Every resend of an ambiguous request may buy twice, so the policy counts them apart."""
    policy = RetryPolicy(attempts=10, resend_ambiguous=allowed)
    answers = delays([AmbiguousError("x")] * (allowed + 1), policy)
    assert answers[-1] is None
    assert None not in answers[:-1]


def test_other_failures_do_not_use_up_the_resend() -> None:
    """A refused connection bought nothing and leaves the resend of an ambiguous request untouched."""
    policy = RetryPolicy(attempts=10, resend_ambiguous=1)
    answers = delays([NotSentError("x"), ServerError("x"), AmbiguousError("x"), AmbiguousError("x")], policy)
    assert [answer is None for answer in answers] == [False, False, False, True]


def test_a_sick_gateway_draws_a_hundred_retries_and_no_more() -> None:
    """The purse holds 100 retries for a run in which nothing succeeds, however many handles it has."""
    quota = RetryQuota()
    granted = sum(delays([ServerError("x")], RetryPolicy(), quota) != [None] for _ in range(10_000))
    assert granted == 100


def test_successes_refill_the_purse() -> None:
    """Five successes pay for one retry, so a gateway that fails one in six is retried for ever."""
    quota = RetryQuota()
    for _ in range(2_000):
        for _ in range(5):
            quota.earn()
        assert delays([ServerError("x")], RetryPolicy(), quota) != [None]


def test_a_success_pays_for_a_fifth_of_a_retry() -> None:
    """After the purse is empty, four pay for none and the fifth for one."""
    quota = RetryQuota()
    while quota.spend():
        pass
    for paid in (False, False, False, False, True, False):
        quota.earn()
        assert quota.spend() is paid


def test_a_policy_may_wait_for_nothing_and_hardly_at_all() -> None:
    """No back-off, no resend and any deadline above zero are wishes like others."""
    policy = RetryPolicy(attempts=1, base=0, cap=0, resend_ambiguous=0, deadline=0.5)
    assert delays([ServerError("x")], policy) == [None]
    assert delays([ServerError("x")] * 2, RetryPolicy(cap=0)) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", 0),
        ("attempts", 2.5),
        ("attempts", "3"),
        ("attempts", True),
        ("base", -1.0),
        ("base", math.inf),
        ("cap", -0.1),
        ("cap", None),
        ("resend_ambiguous", -1),
        ("resend_ambiguous", 0.5),
        ("deadline", 0.0),
        ("deadline", math.nan),
        ("deadline", "300"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(field: str, value: Any) -> None:
    """The error names the field and the value, and says what it must be."""
    bound = r"it must be a (whole number of at least \d|number of seconds, (at least 0, and finite|above 0))\.$"
    with pytest.raises(ConfigError, match=rf"RetryPolicy\.{field} is {re.escape(repr(value))}; {bound}"):
        RetryPolicy(**{field: value})


def test_a_handle_may_be_tried_for_ever() -> None:
    """A deadline without end is one, and so is any whole number as a time."""
    assert RetryPolicy(deadline=math.inf, base=1, cap=10**400).deadline == math.inf
