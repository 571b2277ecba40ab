"""How far a run has come: counts, the rate of late, and when it will be done."""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

WINDOW: Final = 5
"""Seconds over which the rate is averaged: long enough to be steady at 8/s, short enough to show a pause."""


class Progress(Struct, frozen=True, kw_only=True):
    """A run at one moment, in handles. `done` have an outcome, `in_flight` are waiting for a turn or an answer."""

    done: int
    fetched: int
    failed: int
    in_flight: int
    duplicates: int
    """Entries that named a handle again."""
    total: int | None
    """Entries in the list, where the caller said so; duplicates count."""
    rate: float
    """Outcomes per second, over the last 5 s."""
    elapsed: float
    """Seconds since the run began."""

    @property
    def eta(self) -> float | None:
        """Seconds until the end at the present rate; None while the total or the rate is not known."""
        if self.total is None or self.rate <= 0:
            return None
        return max(0, self.total - self.duplicates - self.done) / self.rate


class RecentRate:
    """Events per second over the last few seconds, in constant memory. Times are seconds on any one clock."""

    __slots__ = ("_began", "_seconds")

    def __init__(self, now: float) -> None:
        self._began = now
        self._seconds: deque[list[int]] = deque(maxlen=WINDOW + 1)

    def count(self, now: float) -> None:
        """One more event."""
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])

    def at(self, now: float) -> float:
        """The rate now. The second under way counts for as much of it as has passed."""
        events = sum(
            count for second, count in self._seconds if second > now - WINDOW - 1 and second >= int(now) - WINDOW
        )
        span = min(now - self._began, WINDOW + now - int(now))
        return events / span if span > 0 else 0.0
