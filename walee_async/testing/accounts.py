"""The accounts behind the test gateway's keys: quota, credits, and when each request came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from walee_async.testing.answers import Answer, quota_headers, refusal, wait_headers
from walee_async.testing.quota import SlidingWindow

if TYPE_CHECKING:
    from walee_async.testing.faults import Quota

Keys = int | Iterable[str] | Mapping[str, "Quota | None"] | None
"""A number of made-up keys, the keys, or the keys each with its own quota; None is one made-up key."""


class Account:
    """One key's account. Its times are of one monotonic clock, in seconds."""

    def __init__(self, key: str, quota: Quota | None, credits: int | None) -> None:
        self.key = key
        self.limiter = SlidingWindow(quota) if quota is not None else None
        self.credits = credits
        """Reports it may still buy; None is without end."""
        self.revoked = False
        self.arrivals: list[float] = []
        self.breaches = 0

    def admit(self, now: float, connections: int) -> tuple[Answer | None, dict[str, str]]:
        """Count a request; return a refusal if it is over the quota, and the rate-limit headers for any answer."""
        self.arrivals.append(now)
        if self.limiter is None:
            return None, {}
        quota = self.limiter.quota
        if quota.connections is not None and connections > quota.connections:
            return refusal(420, "conn_limit_exceeded"), {}
        verdict = self.limiter.judge(now)
        advertised = quota_headers(quota, verdict)
        if verdict.wait is None:
            return None, advertised
        self.breaches += 1
        return refusal(429, "rate_limit_exceeded", {**advertised, **wait_headers(quota, verdict.wait)}), advertised

    def set_quota(self, quota: Quota, now: float) -> None:
        """Limit the account by a new quota, which counts the request at hand as its first."""
        self.limiter = SlidingWindow(quota)
        self.limiter.judge(now)

    def busiest(self, window: float) -> int:
        """Return the most requests that came within any half-open span of `window` seconds."""
        most, span = 0, deque[float]()
        for at in self.arrivals:
            span.append(at)
            while span[0] <= at - window:
                span.popleft()
            most = max(most, len(span))
        return most


def open_accounts(keys: Keys, seed: int, quota: Quota | None, credits: int | None) -> dict[str, Account]:
    """Return the accounts by key; a key without a quota of its own has the common one."""
    if isinstance(keys, Mapping):
        return {key: Account(key, own or quota, credits) for key, own in keys.items()}
    if keys is None or isinstance(keys, int):
        keys = [made_up_key(seed, number) for number in range(keys or 1)]
    return {key: Account(key, quota, credits) for key in keys}


def made_up_key(seed: int, number: int) -> str:
    """Return a key as they look, the same for the same seed and number."""
    return f"wk_test_{blake2b(f'{seed}/{number}'.encode(), digest_size=16).hexdigest()}"
