"""What was spent and what came of it: a fold over attempts and outcomes."""

from __future__ import annotations

import math
from collections import Counter
from contextvars import ContextVar
from typing import Any

from msgspec import Struct

from walee_async.events import RunEnded
from walee_async.outcomes import Attempt, Charge, Failed, Outcome
from walee_async.retry import RetryQuota


class Ledger:
    """The account of one run. Every number is a count; it can be read at any time."""

    def __init__(self) -> None:
        self.fetched = 0
        self.reused = 0
        """Fetched outcomes that were read from the store."""
        self.failed = 0
        self.failures: Counter[str] = Counter()
        """Failed outcomes by the name of their error's class."""
        self.charges: Counter[Charge] = Counter()
        """Attempts by what they may have cost."""
        self.ambiguous: Counter[str] = Counter()
        """Attempts that may have bought a report without delivering it, by handle."""

    @property
    def outcomes(self) -> int:
        """Handles that came to an end, one outcome each."""
        return self.fetched + self.failed

    @property
    def bought(self) -> int:
        """Attempts answered with a report."""
        return self.charges[Charge.BILLED]

    def spent(self, price: float) -> float:
        """What was bought, in the unit of the price of one report; what may have been bought is not counted."""
        return self.bought * price

    @property
    def sent(self) -> int:
        """Requests that reached the gateway, or may have."""
        return self.charges.total() - self.charges[Charge.NOT_SENT]

    def add_attempt(self, attempt: Attempt) -> None:
        """Enter one attempt."""
        self.charges[attempt.charge] += 1
        if attempt.charge is Charge.AMBIGUOUS:
            self.ambiguous[attempt.handle] += 1

    def add_outcome(self, outcome: Outcome[Any]) -> None:
        """Enter one outcome."""
        if isinstance(outcome, Failed):
            self.failed += 1
            self.failures[type(outcome.error).__name__] += 1
        else:
            self.fetched += 1
            self.reused += outcome.payload.reused

    def closed(self, run: str, how: str) -> RunEnded:
        """The account of a run that has ended so, as a value."""
        return RunEnded(
            run=run,
            how=how,
            fetched=self.fetched,
            reused=self.reused,
            failed=self.failed,
            bought=self.bought,
            ambiguous=self.ambiguous.total(),
        )

    def __repr__(self) -> str:
        charges = ", ".join(f"{charge}={count}" for charge, count in sorted(self.charges.items()))
        return f"Ledger(fetched={self.fetched}, failed={self.failed}, {charges})"


class Account(Struct):
    """Who pays: the ledger that the attempts of a run are entered in, and the purse its retries are taken from.

    A source only knows handles. The run that asks travels in a context variable, so that whoever wraps a source need
    not pass it on, and a request shared by two runs is entered once, for the run that started it.
    """

    ledger: Ledger
    quota: RetryQuota
    id: str
    """Of the run, as events name it."""
    began: float = math.inf
    """The loop time at which the run began."""
    run: int | None = None
    """The run's number in the store, if there is one."""
    retry: frozenset[str] = frozenset()
    """Remembered failures to try again all the same, by class or code."""


ACCOUNT: ContextVar[Account] = ContextVar("walee_async_account")
DOUBTS: ContextVar[int] = ContextVar("walee_async_doubts", default=0)
"""How often the handle that is being fetched may have been bought already, in earlier runs or calls."""
REPORT: ContextVar[int | None] = ContextVar("walee_async_report", default=None)
"""What is being fetched, as events number it; only known while somebody listens."""
