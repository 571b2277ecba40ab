"""A pace as a leaky bucket: aiolimiter's, made to change its rate and to forgive late timers."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from aiolimiter import AsyncLimiter

from walee_async.errors import DeadlineError

LATENESS: Final = 0.002
"""Seconds by which a timer may fire late without costing the pace. An event loop rounds timers up to a millisecond and
serves them in turn: without the credit a bucket of one reached 96.6 % of 50/s and 95 % of 200/s."""
HELD_UP: Final = 0.05
"""Seconds between a turn and its request that are nothing out of the ordinary: some commits of a store, a busy loop."""


class Bucket:
    """A leaky bucket on aiolimiter whose rate can change and whose timers may be late.

    It admits at most `rate * window + burst` in any window; where timers are late, or the rate is above 1 / LATENESS,
    `rate * (window + LATENESS) + burst`: a turn that waited may be charged up to `LATENESS` less, which is what the
    timer cost it; one that came in its own time is charged in full.
    """

    __slots__ = ("_burst", "_credit", "_limiter", "_loop", "_taken_at", "rate")

    def __init__(self, rate: float, burst: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._burst = burst
        self._taken_at = -math.inf
        self._make(rate)

    def _make(self, rate: float) -> None:
        self.rate = rate
        self._credit = rate * LATENESS
        size = self._burst + self._credit
        self._limiter = AsyncLimiter(size, size / rate)

    async def change(self, rate: float) -> None:
        """Go on at another rate. A limiter cannot be changed, so the new one starts as full as the old can be."""
        full = 1.0 - (self._loop.time() - self._taken_at) * self.rate / (self._burst + self._credit)
        self._make(rate)
        if full > 0:
            await self._limiter.acquire(full * self._limiter.max_rate)

    async def take(self, deadline: float, waiting: int) -> float:
        """Wait for the next turn and take it; return the seconds that the rate held it back (0.0: none).

        Raises:
            DeadlineError: the turn would come after the deadline; none was taken.
        """
        limiter = self._limiter
        since = self._loop.time()
        held = 0.0
        # With a larger burst there may be room before that.
        sure = self._burst == 1 and self.next_at() > deadline
        if since > deadline or (sure and not limiter.has_capacity(1)):
            late = max(since, self.next_at()) - since
            raise DeadlineError(f"the next turn is {late:.1f} s away, past the deadline")
        # Room so soon after the last turn is what a late timer left; at a high rate it is room for many.
        soon = since - self._taken_at < max(1 / self.rate, LATENESS)
        if soon or not limiter.has_capacity(1):
            await limiter.acquire(1)
            held = self._loop.time() - since
        else:
            await limiter.acquire(1 + self._credit)
        self._taken_at = self._loop.time()
        return held

    def next_at(self) -> float:
        """The loop time of the next turn, at the latest."""
        return self._taken_at + 1 / self.rate

    def tell(self, until: float, pace: float | None) -> None:
        """Tell nobody: the turns of this bucket are of this process alone."""

    async def aclose(self) -> None:
        """There is nothing to let go of."""


class Spacing:
    """Whether requests are sent as far apart as their turns were.

    What was held up by the same thing after its turn, such as a slow disk or name server, would be sent all at once.
    It admits at most `rate * window + burst` in any window, and one more or what comes in `HELD_UP` seconds.
    """

    __slots__ = ("_burst", "_level", "_rate", "_sent_at")

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._level = self._rate = 0.0  # requests that the rate has not made up for
        self._sent_at = -math.inf

    def admits(self, now: float, rate: float) -> bool:
        """Whether a request may be sent now, a loop time; one that is admitted is taken note of as sent."""
        most = self._burst + max(1.0, HELD_UP * rate) - 1.0
        level = max(0.0, self._level - (now - self._sent_at) * rate)
        if rate < self._rate:  # what was sent before a cut is made up for by the cut, and costs no turn after it
            level = min(level, most)
        if level > most:
            return False
        self._level, self._sent_at, self._rate = level + 1.0, now, rate
        return True
