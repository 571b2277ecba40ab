"""The scheduler as the server in the middle: where there is no Redis, it hands out the turns and keeps the budget."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from walee_async.integrations.dask.turns import BudgetBook, GateBook
from walee_async.integrations.shared.budget import CommonBudget
from walee_async.integrations.shared.link import NoAnswerError, in_time, name_of
from walee_async.integrations.shared.turns import SharedTurns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.interfaces import Door, MakeTurns

    SchedulerPlugin = object  # the types are checked without Dask as well
else:
    from distributed import SchedulerPlugin


GONE: Final = "-gone"
"""Behind the name of a run's desk, the topic of workers that have gone, by their addresses. A Dask client knows one
listener to a topic, so each run has its own."""
DESK: Final = "walee-"
"""What the name of every desk begins with."""


class Keeper(SchedulerPlugin):
    """Keeps gates and budgets by name, for as long as the scheduler runs. Registering it again changes nothing."""

    name = "walee-keeper"
    idempotent = True

    def __init__(self) -> None:
        self._gates: dict[str, GateBook] = {}
        self._budgets: dict[str, BudgetBook] = {}

    async def start(self, scheduler: Any) -> None:
        """Answer the workers, beside what the scheduler answers itself."""
        scheduler.handlers["walee_gate"] = self.gate
        scheduler.handlers["walee_budget"] = self.budget

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        """Let the clients know that a worker is gone, and let nobody wait for what it had set aside."""
        for desk in scheduler.worker_plugins:
            if desk.startswith(DESK):
                scheduler.log_event(f"{desk}{GONE}", worker)
        for book in self._budgets.values():
            book.bury(worker)

    async def gate(self, name: str, who: str, asked: Sequence[Any]) -> list[Any]:
        """Answer one question about turns."""
        return self._gates.setdefault(name, GateBook()).answer(time.monotonic() * 1e6, asked)

    async def budget(self, name: str, who: str, asked: Sequence[Any]) -> list[Any]:
        """Answer one question about a budget, of the worker at this address."""
        return self._budgets.setdefault(name, BudgetBook()).answer(time.monotonic() * 1e6, who, asked)


class SchedulerLink:
    """A way to the keeper on a scheduler; see `walee_async.integrations.shared.link.Link`."""

    def __init__(self, scheduler: Any, question: str, who: str) -> None:
        self._ask = getattr(scheduler, f"walee_{question}")
        self._where = scheduler.address
        self._who = who
        self._closed = False

    async def ask(self, keys: Sequence[str], args: Sequence[str | float]) -> Any:
        """Ask once.

        Raises:
            NoAnswerError: no answer came.
        """
        said = None
        if not self._closed:
            with suppress(OSError, RuntimeError):  # RuntimeError: what it went through is closed
                said = await in_time(self._ask(name=keys[0], who=self._who, asked=list(args)))
        if said is None:
            raise NoAnswerError(f"the scheduler at {self._where} does not answer")
        return said

    async def aclose(self) -> None:
        """Ask nothing more; the connections are the worker's."""
        self._closed = True


class SchedulerGate:
    """Lets the workers of a cluster share the pace and the pauses of their key through its scheduler.

    `scheduler` is a worker's or a client's way to it (`worker.scheduler`); a `Keeper` must be registered there.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def turns(self, secret: str) -> MakeTurns:
        """Make turns that are shared with all who have the same API key. The scheduler sees a keyed hash of it."""
        name = name_of(secret)

        def make(gate: Door, rate: float, burst: int) -> SharedTurns:
            return SharedTurns(gate, rate, burst, SchedulerLink(self._scheduler, "gate", ""), name)

        return make


def scheduler_budget(scheduler: Any, who: str, name: str, **limits: Any) -> CommonBudget:
    """A budget that is kept by the scheduler, as the worker at the address `who` has it; see `CommonBudget`."""
    return CommonBudget(partial(SchedulerLink, scheduler, "budget", who), name, **limits)
