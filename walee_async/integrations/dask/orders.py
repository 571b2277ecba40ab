"""What the client and the workers of a cluster tell each other: terms once, then handles and what they came to."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from msgspec import Struct, field

from walee_async.budget import Budget
from walee_async.checks import check_whole
from walee_async.client import BASE_URL
from walee_async.errors import ConfigError, NotAttemptedError, PayloadError, WaleeError
from walee_async.options import DEFAULTS
from walee_async.outcomes import Charge, Failed, Fetched, Outcome
from walee_async.pacing import check_rate
from walee_async.retry import RetryPolicy
from walee_async.reuse import MAX_AGE, check_age, reasons
from walee_async.wire import check_base_url

CHUNK: Final = 200
"""Handles that a worker is given at a time: some 25 s at 8/s, so that a message for each costs nothing."""


class Terms(Struct, frozen=True, kw_only=True):
    """How the reports are bought; the same as of a `WaleeClient`, for all workers together.

    Raises:
        ConfigError: something cannot be right.
    """

    rate: float = 8.0
    """Requests per second and key, of all workers together."""
    burst: int = 1
    base_url: str = BASE_URL
    concurrency: int = 64
    """Handles of one chunk under way at once."""
    retry: RetryPolicy = RetryPolicy()
    max_age: float = MAX_AGE
    fresh: bool = False
    retry_failed: tuple[str, ...] = ()
    max_reports: int | None = None
    max_spend: float | None = None
    price: float | None = None
    redis: str | None = None
    """A Redis to share the gate and the budget through; None: the scheduler does it."""

    def __post_init__(self) -> None:
        check_rate(self.rate, shared=True)
        check_whole("The burst", self.burst)
        check_base_url(self.base_url, allow_plain_http=DEFAULTS.transport.allow_plain_http)
        check_whole("The concurrency", self.concurrency)
        check_age(self.max_age)
        reasons(self.retry_failed)
        Budget(**self.limits)
        if self.redis is not None:
            from walee_async.integrations.redis.link import check_url

            check_url(self.redis)

    @property
    def limits(self) -> dict[str, Any]:
        """The budget's numbers."""
        return {"max_reports": self.max_reports, "max_spend": self.max_spend, "price": self.price}

    @property
    def capped(self) -> bool:
        """Whether there is a budget at all."""
        return self.max_reports is not None or self.max_spend is not None

    def __repr__(self) -> str:
        return f"<Terms {self.rate:g}/s at {self.base_url}>"  # the address of a Redis may hold a password


class Kept(Struct, frozen=True):
    """A handle whose report is in a store of the cluster; the report itself stays there."""

    handle: str
    reused: bool
    """It was there before the run."""


class Came(Struct):
    """What became of a chunk: an outcome for each handle, unless the run was stopped meanwhile."""

    outcomes: list[Kept | Failed] = field(default_factory=list)
    charges: Counter[Charge] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)
    ended: WaleeError | None = None
    """What is wrong with more than a handle: the run ends with it."""


def told(outcome: Outcome[Any]) -> Kept | Failed:
    """An outcome as it is sent to the client: without the report, and without the evidence."""
    if isinstance(outcome, Fetched):
        return Kept(outcome.handle, outcome.payload.reused)
    error = outcome.error.about(outcome.error.handle)
    error.attempts, error.exchange = outcome.error.attempts, None
    if isinstance(error, PayloadError):
        error.payload = None  # it is in the store
    return Failed(outcome.handle, error)


def not_attempted(handle: str, ended: WaleeError) -> Failed:
    """The outcome of a handle that a run has not come to, because it ended before."""
    return Failed(handle, NotAttemptedError(f"the run ended first: {ended.detail}", handle=handle).because_of(ended))


def check_asynchronous(client: Any) -> None:
    """Make sure that a Dask client can be awaited here.

    Raises:
        ConfigError: it blocks.
    """
    if not client.asynchronous:
        raise ConfigError("This needs a Dask client that can be awaited: await Client(address, asynchronous=True)")
