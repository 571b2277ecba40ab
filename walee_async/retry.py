"""Whether to try again and after how long: pure rules, so that there is one retry owner and it can be read."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from walee_async.checks import check_seconds, check_whole
from walee_async.errors import (
    AccountError,
    AmbiguousError,
    BudgetError,
    ConfigError,
    LongPauseError,
    NotAttemptedError,
    RateLimitError,
    ServerError,
    StoreLockedError,
    StorePathError,
    StoreWriteError,
    WaleeError,
)
from walee_async.outcomes import Charge

DOUBTFUL: Final = frozenset({"AmbiguousError", "all"})
"""What a run names to have sent again what may have been bought already as often as allowed."""
FINAL: Final = frozenset({"NoReportError"})
"""Failures that asking again would not change: a run does not repeat them unless told to."""

UNHURRIED: Final = 450.0
"""Seconds until a report that is being prepared is asked for again, where the gateway does not say: the middle of the
five to ten minutes that its vendor documents."""
ENDS_THE_RUN: Final = (
    AccountError,
    LongPauseError,
    BudgetError,
    StoreWriteError,
    StoreLockedError,
    StorePathError,
    ConfigError,
)
"""What is wrong with more than the one handle: nothing more is sent after it. ConfigError: the client was closed."""


def cut_off(handle: str, ended: WaleeError, error: WaleeError | None = None) -> WaleeError:
    """What becomes of a handle of a run that has ended; `error` is what its own attempts came to, if there were any."""
    refused: WaleeError = NotAttemptedError(f"the run ended first: {ended.detail}", handle=handle).because_of(ended)
    if error is not None:
        if any(attempt.charge is Charge.AMBIGUOUS for attempt in error.attempts):
            said = f"it was sent, and the run ended before it could be again: {error.detail}"
            refused = AmbiguousError(said, handle=handle)
        refused.attempts = error.attempts
    return refused


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How hard to try for one handle. Seconds throughout.

    Back-off is full-jitter exponential (Brooker, "Exponential Backoff And Jitter", AWS, 2015): a random share of
    `min(cap, base * 2 ** (failures - 1))`, and at least what a failing gateway asks for in Retry-After. A "too fast" is
    not counted as a failure: the gate makes everybody wait.
    """

    attempts: int = 3
    """Sends that may fail before the handle does."""
    base: float = 0.5
    cap: float = 8.0
    deadline: float = 300.0
    """For all waits and attempts of one handle together; in a run from its first failure on, and longer by the queue
    before each retry that is none of "too fast", because there the wait for a turn is the length of the list. A pause
    longer than it ends the run, resumably."""
    resend_ambiguous: int = 1
    """How often to send again after a request that may have bought the report already; 0 never buys twice."""

    def __post_init__(self) -> None:
        check_whole("RetryPolicy.attempts", self.attempts)
        check_whole("RetryPolicy.resend_ambiguous", self.resend_ambiguous, 0)
        check_seconds("RetryPolicy.base", self.base, 0)
        check_seconds("RetryPolicy.cap", self.cap, 0)
        check_seconds("RetryPolicy.deadline", self.deadline, endless=True)


class RetryQuota:
    """A run's purse for retries, so that a sick gateway is not hammered by thousands of handles at once.

    Sizes after botocore's standard retry mode: 500 in the purse, 5 a retry, 1 back for every success. A gateway that
    fails everything thus draws at most 100 retries over the first attempts; one that fails 1 in 6 can go on for ever.
    """

    CAPACITY: Final = 500
    COST: Final = 5
    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = self.CAPACITY

    def spend(self) -> bool:
        """Take the price of one retry; False when there is not enough left."""
        if self._left < self.COST:
            return False
        self._left -= self.COST
        return True

    def earn(self) -> None:
        """Put one back for a success."""
        self._left = min(self.CAPACITY, self._left + 1)


class Tally(Struct):
    """What has happened to one handle so far."""

    failures: int = 0
    ambiguous: int = 0
    last: WaleeError | None = None
    """The last failure after which another attempt was thought of."""


def delay_before_retry(
    error: WaleeError, tally: Tally, policy: RetryPolicy, quota: RetryQuota, dice: float
) -> float | None:
    """Count `error` in the tally; return the seconds to wait before the next send, or None to give up.

    `dice` is a random number in [0, 1). The quota is charged only when a retry is due.
    """
    if not error.retryable:
        return None
    tally.last = error
    if isinstance(error, RateLimitError):
        return 0.0
    tally.failures += 1
    if isinstance(error, AmbiguousError):
        tally.ambiguous += 1
        if tally.ambiguous > policy.resend_ambiguous:
            return None
    wait = dice * min(policy.cap, policy.base * 2.0 ** (tally.failures - 1))
    if isinstance(error, ServerError) and error.retry_after is not None:
        wait = max(wait, error.retry_after)
    if tally.failures >= policy.attempts or wait >= policy.deadline or not quota.spend():
        return None
    return wait
