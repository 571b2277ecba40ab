"""What a list would cost, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from walee_async.errors import NotReadyError
from walee_async.outcomes import Failed
from walee_async.reuse import is_young, remembered
from walee_async.store import Standing

if TYPE_CHECKING:
    from walee_async.budget import Budget
    from walee_async.feed import Feed
    from walee_async.store import Store

_NAMED: Final = 5
"""Entries that are named which cannot be a handle."""
_BATCH: Final = 500
"""Handles looked up at a time."""


class Plan(Struct, kw_only=True):
    """What a run over a list would do, in distinct handles; the parts add up to `distinct`."""

    distinct: int = 0
    duplicates: int = 0
    """Entries that name a handle again."""
    invalid: int = 0
    """Entries that cannot be a handle."""
    first_invalid: list[str] = []
    """What is wrong with the first five of those."""
    fresh: int = 0
    """In the store and young enough."""
    stale: int = 0
    """In the store and too old: bought again, and counted in `to_buy` as well."""
    parked: int = 0
    """Being prepared, and not due yet."""
    given_up: int = 0
    """Known to have no report, or bought perhaps already as often as allowed."""
    to_buy: int = 0
    in_doubt: list[str] = []
    """Of those to buy: an earlier request for it got no whole answer, so that it may have been bought already."""
    budget: int | None = None
    """The most that the budget allows to buy, if it has a limit; the run ends when it is spent."""
    price: float | None = None
    rate: float | None = None
    """Requests per second of all keys together; None when it is to be found out."""

    @property
    def cost(self) -> float | None:
        """What the reports to buy cost within the budget, in the unit of the price."""
        return None if self.price is None else self._bought * self.price

    @property
    def seconds(self) -> float | None:
        """How long they take at the rate."""
        return None if self.rate is None else self._bought / self.rate

    @property
    def _bought(self) -> int:
        return self.to_buy if self.budget is None else min(self.to_buy, self.budget)


class Rules(Struct, frozen=True, kw_only=True):
    """By what a run would decide; as for the client and the run."""

    max_age: float
    resend_ambiguous: int
    fresh: bool = False
    retry_failed: frozenset[str] = frozenset()


async def make_plan(feed: Feed, store: Store | None, rules: Rules, *, budget: Budget, rate: float | None) -> Plan:
    """Go through a list and count what a run would do with it. Sends nothing; memory holds the distinct handles."""
    left = None if budget.left == math.inf else max(0, int(budget.left))
    plan = Plan(budget=left, price=budget.price, rate=rate)
    async for batch in _batches(feed):
        handles = [handle for handle in batch if isinstance(handle, str)]
        plan.distinct += len(batch)
        plan.invalid += len(batch) - len(handles)
        wrong = [str(failed.error.detail) for failed in batch if isinstance(failed, Failed)]
        plan.first_invalid.extend(wrong[: _NAMED - len(plan.first_invalid)])
        known = await store.standing(handles) if store is not None else dict.fromkeys(handles, Standing(None, None, 0))
        for handle, standing in known.items():
            _count(plan, handle, standing, rules)
    plan.duplicates = feed.duplicates
    return plan


def _count(plan: Plan, handle: str, standing: Standing, rules: Rules) -> None:
    held = standing.held
    if not rules.fresh and is_young(held, rules.max_age):
        plan.fresh += 1
        return
    known = None if rules.fresh else remembered(handle, standing, rules.resend_ambiguous, rules.retry_failed)
    if known is None:
        plan.to_buy += 1
        plan.stale += held is not None
        if standing.ambiguous:
            plan.in_doubt.append(handle)
    elif isinstance(known, NotReadyError):
        plan.parked += 1
    else:
        plan.given_up += 1


async def _batches(feed: Feed) -> AsyncIterator[list[str | Failed]]:
    batch: list[Any] = []
    while (handle := await feed.next()) is not None:
        batch.append(handle)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
