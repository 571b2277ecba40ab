"""Many keys as one source, and the one place that decides about another attempt."""

from __future__ import annotations

import asyncio
import math
import random
from typing import TYPE_CHECKING

from msgspec import Struct

from walee_async.budget import Budget
from walee_async.errors import AccountError, ConfigError, DeadlineError, RateLimitError, WaleeError
from walee_async.gate import GateStatistics
from walee_async.ledger import ACCOUNT, DOUBTS
from walee_async.outcomes import Charge
from walee_async.retry import RetryPolicy, RetryQuota, Tally, delay_before_retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.outcomes import Attempt, Payload
    from walee_async.session import Session


class KeyStatistics(Struct, frozen=True, kw_only=True):
    """One key at one moment: its label, its gate, and why it is benched (None: it is in use)."""

    label: str
    gate: GateStatistics
    benched: str | None = None


class SessionPool:
    """A source over the sessions of one or more keys.

    Each send goes to the session that can send soonest, so that keys carry what their limits allow. A key that is
    refused or used up is benched, and its handles go to the others.
    """

    def __init__(self, sessions: Sequence[Session], policy: RetryPolicy, budget: Budget | None = None) -> None:
        self._sessions = tuple(sessions)
        self._policy = policy
        self._budget = budget or Budget()
        self._quota = RetryQuota()
        for session in self._sessions[1:]:
            session.checkpoint = self._sessions[0].checkpoint

    async def fetch(self, handle: str) -> Payload:
        """Return the payload of a normalised handle, trying again as the policy allows.

        The deadline counts from here for a single call. Inside a run it counts from the handle's first failure, and
        gives each retry the time that the queue takes: it is the length of the list, and nobody's fault. Who is told
        "too fast" again and again gets none for it, or a gateway that says nothing else would be asked for hours.

        Raises:
            AccountError: no key is left.
            LongPauseError: every key is told to wait for longer than the deadline.
            BudgetError: buying it would pass the budget.
            StoreError: the store cannot take note of it; nothing was sent.
            WaleeError: any other reason that there is no report.
        """
        attempts: list[Attempt] = []
        tally = Tally(ambiguous=DOUBTS.get())
        try:
            if ACCOUNT.get(None) is None:
                payload = await self._in_time(handle, attempts, tally)
            else:
                payload = await self._persist(handle, attempts, tally)
        except DeadlineError as turn:  # the next one would come too late
            late = self._late(turn.detail, attempts, tally)
        except WaleeError as error:
            error.handle = handle
            error.attempts = tuple(attempts)
            raise
        except TimeoutError:
            late = self._late(f"no report within {self._policy.deadline:g} s", attempts, tally)
        else:
            payload.attempts = tuple(attempts)
            return payload
        late.handle = handle
        late.attempts = tuple(attempts)
        raise late

    def _late(self, detail: str, attempts: list[Attempt], tally: Tally) -> DeadlineError:
        if attempts and attempts[-1].charge is Charge.AMBIGUOUS:
            detail += "; the last request was cut off and may have been bought"
        elif tally.last is not None:
            detail += f"; the last failure: {tally.last.detail}"
        late = DeadlineError(detail)
        return late if tally.last is None else late.because_of(tally.last)

    async def _in_time(
        self, handle: str, attempts: list[Attempt], tally: Tally, delay: float | None = None, queue: float = 0.0
    ) -> Payload:
        """As `_persist`, after a delay, if any; raises TimeoutError when the deadline and the queue's time are over."""
        async with asyncio.timeout(self._policy.deadline + queue) as limit:
            if delay is not None:
                await asyncio.sleep(delay)
            return await self._persist(handle, attempts, tally, limit)

    async def _persist(
        self, handle: str, attempts: list[Attempt], tally: Tally, limit: asyncio.Timeout | None = None
    ) -> Payload:
        """Try until there is a report or a reason to give up; without a limit, one counts from the first failure."""
        account = ACCOUNT.get(None)
        quota = self._quota if account is None else account.quota
        while True:
            session, patience = self._soonest()
            deadline = (None if limit is None else limit.when()) or math.inf
            try:
                with self._budget.place(attempts) as ready:
                    payload = await session.attempt(handle, attempts, (deadline, patience), ready)
            except AccountError:
                continue
            except WaleeError as error:
                delay = delay_before_retry(error, tally, self._policy, quota, random.random())
                if delay is None:
                    raise
                queue = 0.0 if account is None or isinstance(error, RateLimitError) else session.queue_seconds
            else:
                if payload is not None:
                    quota.earn()
                    return payload
                await asyncio.sleep(0)  # Going over to another key must not keep the loop from turning.
                continue
            if limit is None:
                return await self._in_time(handle, attempts, tally, delay, queue)
            if queue and not limit.expired():
                limit.reschedule(deadline + queue)
            await asyncio.sleep(delay)

    def _soonest(self) -> tuple[Session, float]:
        """The session that can send soonest, and the loop time at which another one could."""
        if len(self._sessions) == 1 and self._sessions[0].benched is None:
            return self._sessions[0], math.inf
        ready = sorted(
            (session.full, session.gate.ready_at(), place)
            for place, session in enumerate(self._sessions)
            if not session.benched
        )
        if not ready:
            raise self._refusal()
        return self._sessions[ready[0][2]], ready[1][1] if len(ready) > 1 else math.inf

    def _refusal(self) -> AccountError:
        last = next(session.benched for session in reversed(self._sessions) if session.benched)
        error: AccountError = last.about(None)
        if len(self._sessions) > 1:
            error.detail = f"none of the {len(self._sessions)} keys can be used any more; the last: {error.detail}"
        return error

    def statistics(self) -> tuple[KeyStatistics, ...]:
        """Every key at this moment, in the order given."""
        return tuple(
            KeyStatistics(
                label=session.label,
                gate=session.gate.statistics(),
                benched=None if session.benched is None else type(session.benched).__name__,
            )
            for session in self._sessions
        )

    def pause(self, seconds: float, reason: str) -> None:
        """Let nobody here send for so long, with any key. Requests under way go on; who shares a gate is not told."""
        until = asyncio.get_running_loop().time() + seconds
        for session in self._sessions:
            session.gate.hold(until, reason)

    async def aclose(self) -> None:
        """Close the sessions; whoever waits for a turn is told."""
        for session in self._sessions:
            session.gate.close(ConfigError("the client was closed meanwhile"))
            await session.aclose()
