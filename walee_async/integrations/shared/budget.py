"""A budget that several processes spend from: every report is set aside on a server before it is bought."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

from walee_async.budget import Budget
from walee_async.errors import BudgetError, BudgetUnknownError, ConfigError
from walee_async.integrations.shared.link import NoAnswerError
from walee_async.outcomes import Charge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from walee_async.integrations.shared.link import Link
    from walee_async.interfaces import Ready
    from walee_async.outcomes import Attempt

PATIENCE: Final = 30.0
"""Seconds for which a server is waited for that does not answer: enough to restart it."""
RETRY: Final = 0.25
"""Seconds between two questions: while others must end first, and while no answer comes."""
GONE: Final = 120.0
"""Seconds after which a report that was set aside is waited for no more: its process is dead. It stays spent."""
KEEP: Final = 30 * 86_400.0
"""Seconds for which an account is kept after its last use."""


class CommonBudget(Budget):
    """At most so many reports, or so much money, for all processes that name the same budget; enter it in each.

    Args:
        link: Makes the way to the server, when the budget is entered.
        name: What the processes call this budget; another name is another account.
        max_reports: Reports that may be bought, the same number everywhere.
        max_spend: Money that may be spent, in the unit of `price`.
        price: What one report costs.

    Nothing is bought while the server is away: what is left cannot be known, and money that is spent twice does not
    come back. A report set aside by a process that died counts as bought.

    Raises:
        ConfigError: the name cannot be used, or a number as for `Budget`.
    """

    def __init__(
        self,
        link: Callable[[], Link],
        name: str,
        *,
        max_reports: int | None = None,
        max_spend: float | None = None,
        price: float | None = None,
    ) -> None:
        super().__init__(max_reports=max_reports, max_spend=max_spend, price=price)
        if not re.fullmatch(r"[\w.-]{1,64}", name):
            raise ConfigError(f"The budget's name is {name!r}; it must have 1 to 64 letters, digits, dots, _ or -")
        self._make_link = link
        self._keys = (f"walee:budget:{{{name}}}", f"walee:budget:{{{name}}}:aside")
        self._me = secrets.token_hex(8)
        self._number = 0
        self._epoch = ""
        self._answers = 0
        self._settled: dict[str, bool] = {}
        self._link: Link | None = None
        self._teller: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        """Be ready to ask; the first question is asked with the first report."""
        self._link = self._make_link()
        self._one = asyncio.Lock()  # one process wants one report: the others would only be told to wait as well
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Tell what became of the last reports, if the server answers, and close the connections."""
        if self._link is None:
            return
        teller, self._teller = self._teller, asyncio.current_task()  # what ends meanwhile is told by this one
        try:
            if teller is not None:
                teller.cancel()
                await asyncio.wait([teller])
            with suppress(NoAnswerError):
                while self._settled:
                    await self._ask("")
        finally:
            link, self._link, self._teller = self._link, None, None
            await link.aclose()

    @contextmanager
    def place(self, attempts: Sequence[Attempt]) -> Iterator[Ready]:
        """Yield what sets one report aside for the attempt made inside, and tell what became of it.

        While all that is left hangs on attempts under way, in any process, their end is waited for. Awaited, it raises
        BudgetError when the cap is reached for good, BudgetUnknownError when the server does not answer, and
        ConfigError when the budget is not open, or was closed meanwhile.
        """
        self._number += 1
        place = f"{self._me}:{self._number}"
        before = len(attempts)
        asked = False

        async def reserve() -> None:
            nonlocal asked
            self._opened()
            async with self._one:
                asked = True
                await self._reserve(place)

        try:
            yield reserve
        finally:
            sent = len(attempts) > before
            # Whether it was set aside or not: a question that nobody waited for may have been answered.
            if asked:
                self._settle(place, sent and attempts[-1].charge in {Charge.BILLED, Charge.AMBIGUOUS})

    def _opened(self) -> Link:
        if self._link is None:
            raise ConfigError("The shared budget is not open: use it inside `async with SharedBudget(...) as budget:`")
        return self._link

    async def _reserve(self, place: str) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            try:
                said = await self._ask(place)
            except NoAnswerError as error:
                if loop.time() - since > PATIENCE:
                    raise BudgetUnknownError(f"what is left of the budget cannot be known: {error}") from None
            else:
                if said > 0:
                    return
                if said < 0:
                    raise BudgetError(f"the budget of {self.cap:,} reports is spent")
                since = loop.time()
            await asyncio.sleep(RETRY)

    async def _ask(self, place: str) -> int:
        """Set a report aside (an empty name: none), and tell what became of earlier ones; return what the script says.

        Raises:
            ConfigError: the budget is not open, or was closed meanwhile.
            NoAnswerError: no answer came.
        """
        link, asked, told = self._opened(), self._epoch, dict(self._settled)
        cap = -1 if self.cap == math.inf else self.cap
        taken = self.spent + self.reserved_now
        args: list[str | float] = [cap, GONE * 1e6, int(KEEP * 1000), asked, taken, self._answers]
        args += [secrets.token_hex(8), place]
        for name, bought in told.items():
            args += [name, int(bought)]
        said, *account = await link.ask(self._keys, args)
        self._hear(asked, *account)
        for name in told:
            self._settled.pop(name, None)
        return int(said)

    def _hear(self, asked: str, spent: int, aside: int, epoch: str, answers: int) -> None:
        """Believe an answer to a question of the epoch `asked`, unless a newer one came before it."""
        newer = answers >= self._answers if epoch == self._epoch else asked == self._epoch
        if newer:
            self.spent, self.reserved_now, self._epoch, self._answers = spent, aside, epoch, answers

    def _settle(self, place: str, bought: bool) -> None:
        if self._link is None:
            return
        self._settled[place] = bought
        if self._teller is None or self._teller.done():
            self._teller = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._settled:
            try:
                await self._ask("")
            except NoAnswerError:
                await asyncio.sleep(RETRY)
