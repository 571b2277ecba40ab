"""The test gateway's own limit, counted exactly and independently of any client."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from walee_async.testing.faults import Quota


class Verdict(Struct, frozen=True):
    """What the limiter says of one request: `wait` is None when it is within the quota, else seconds until one fits."""

    wait: float | None
    remaining: int
    reset: float
    """Seconds until the oldest counted request leaves the window."""


class SlidingWindow:
    """A sliding-window log: the times of the admitted requests of the last window.

    A request at time t is admitted when fewer than `quota.allowed` requests were admitted in (t − window, t]. Refused
    requests are not logged, so a client that keeps knocking is not locked out, and the admitted ones never exceed the
    quota in any window whatsoever.
    """

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._admitted: deque[float] = deque()

    def judge(self, now: float) -> Verdict:
        """Admit or refuse a request at `now` (seconds of any clock that does not go back)."""
        log, quota = self._admitted, self.quota
        while log and log[0] <= now - quota.window:
            log.popleft()
        allowed = quota.allowed
        if len(log) < allowed:
            log.append(now)
            return Verdict(None, allowed - len(log), quota.window - (now - log[0]))
        wait = quota.window - (now - log[len(log) - allowed])
        return Verdict(wait, 0, wait)
