"""What few callers of a client change, and how a run goes."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from walee_async.budget import Budget
from walee_async.checks import check_kind, check_whole
from walee_async.decode import check_view
from walee_async.inflate import MAX_INFLATED
from walee_async.pacing import check_rate
from walee_async.retry import RetryPolicy
from walee_async.store import Store
from walee_async.transport import Transport

if TYPE_CHECKING:
    from walee_async.interfaces import Hooks, Sharing


class Options(Struct, frozen=True, kw_only=True):
    """What few callers change.

    Raises:
        ConfigError: the burst is below 1.
    """

    burst: int = 1
    """Requests that may go at once after a rest."""
    retry: RetryPolicy = RetryPolicy()
    """When to try again, and the deadline."""
    transport: Transport = Transport()
    """A session, connector, proxy or TLS context of your own, timeouts, connections."""
    hook: Hooks | None = None
    """Is told of every event; several go in a tuple."""
    sharing: Sharing | None = None
    """What the gates are shared through with other processes, such as `walee_async.integrations.redis.SharedGate`; it
    wants a stated rate, the same everywhere. None: this process is alone."""

    def __post_init__(self) -> None:
        check_whole("The burst", self.burst)


DEFAULTS: Final = Options()


def check_given(
    rate: float | Literal["auto"], store: object, budget: object, options: Options
) -> float | Literal["auto"]:
    """The rate of a client, when that and all else that it is made of is what it is taken for.

    Raises:
        ConfigError: something is not, or the rate cannot be one.
    """
    check_kind("The options argument", options, Options, "Options")
    check_kind("The store", store, Store | str | PathLike | None, "a path, an open Store or None")
    check_kind("The budget", budget, Budget | None, "a Budget or None")
    check_rate(rate, shared=options.sharing is not None)
    return rate


class RunOptions(Struct, frozen=True, kw_only=True):
    """How a run goes.

    Raises:
        ConfigError: the concurrency is below 1, or the view is none that a report can be decoded into.
    """

    view: type[Any]
    """What to decode each report into."""
    ordered: bool = False
    """Outcomes in the order of the list, instead of as they come."""
    concurrency: int = 64
    """Handles under way at once, those waiting for a turn included."""
    total: int | None = None
    """Entries in the list, if known, for the progress and for hooks."""
    max_inflated: int = MAX_INFLATED
    """Bytes that one report may decompress to."""
    store: Store | None = None
    """Where the run and its failures are written down."""
    retry_failed: frozenset[str] = frozenset()
    """Failures of earlier runs to try again although nothing may have changed: classes, codes, or `all`."""

    def __post_init__(self) -> None:
        check_whole("The concurrency", self.concurrency)
        check_view(self.view)  # A bad view must be found out before anything is bought.
