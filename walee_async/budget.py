"""A cap on what may be bought: reserved before each send, settled after it, never passed at any concurrency."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Self

from walee_async.errors import BudgetError, ConfigError
from walee_async.outcomes import Charge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from walee_async.interfaces import Ready
    from walee_async.outcomes import Attempt


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


class Budget:
    """At most so many reports, or so much money.

    Args:
        max_reports: Reports that may be bought.
        max_spend: Money that may be spent, in the unit of `price`.
        price: What one report costs; needed with `max_spend`, and then for showing what was spent.

    An attempt that may have bought a report counts as one that did: the cap holds even if every doubt is a purchase.

    Raises:
        ConfigError: a number below zero or without end, part of a report, a `max_spend` without a price, or one that is
            less than the price and not 0.
    """

    def __init__(
        self, *, max_reports: int | None = None, max_spend: float | None = None, price: float | None = None
    ) -> None:
        for name, value in (("max_reports", max_reports), ("max_spend", max_spend), ("price", price)):
            if value is not None and not _is_amount(value):
                raise ConfigError(f"The budget's {name} is {value!r}; it must be a number of at least 0, and finite")
        if max_reports is not None and max_reports != int(max_reports):
            raise ConfigError(f"The budget's max_reports is {max_reports}; it must be a whole number")
        if max_spend is not None and not price:
            raise ConfigError("A budget with max_spend needs the price of one report")
        affordable = math.inf if max_spend is None or not price else max_spend / price
        if affordable < math.inf:
            affordable = math.floor(affordable + 1e-9)  # 0.3 / 0.1 is 2.9999999999999996
            if max_spend and not affordable:
                said = f"The budget's max_spend is {max_spend:g}, and one report costs {price:g}"
                raise ConfigError(f"{said}: give as much, or 0 to buy nothing")
        self.price = price
        self.cap = min(math.inf if max_reports is None else int(max_reports), affordable)
        self.spent = 0
        """Reports bought, or perhaps bought."""
        self.reserved_now = 0
        """Reports set aside for attempts under way."""
        self._changed: asyncio.Event | None = None  # made when somebody waits, in the loop of that moment

    @property
    def left(self) -> float:
        """Reports that may still be reserved; infinite without a cap."""
        return self.cap - self.spent - self.reserved_now

    def place(self, attempts: Sequence[Attempt]) -> AbstractContextManager[Ready]:
        """What sets one report aside for the attempt made inside its block, and books what became of it.

        It is to be awaited when the attempt's turn has come, so that nothing is set aside for those who still wait.
        While all that is left hangs on attempts under way, it waits for their end: one that fails leaves room. It
        raises BudgetError when the cap is reached for good.
        """
        return _Place(self, attempts)

    async def _take(self) -> None:
        while self.left < 1:
            if self.spent >= self.cap:
                raise BudgetError(f"the budget of {self.cap:,} reports is spent")
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()
        self.reserved_now += 1

    def _book(self, *, bought: bool) -> None:
        self.reserved_now -= 1
        self.spent += bought
        if self._changed is not None:
            self._changed.set()
            self._changed = None


class _Place:
    """One attempt's place in a budget. There is one for each report, and a generator would take longer."""

    __slots__ = ("_attempts", "_before", "_budget", "_taken")

    def __init__(self, budget: Budget, attempts: Sequence[Attempt]) -> None:
        self._budget = budget
        self._attempts = attempts
        self._before = len(attempts)
        self._taken = False

    async def __call__(self) -> None:
        await self._budget._take()
        self._taken = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._taken:
            sent = len(self._attempts) > self._before
            self._budget._book(bought=sent and self._attempts[-1].charge in {Charge.BILLED, Charge.AMBIGUOUS})
