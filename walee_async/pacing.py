"""How fast one key may send: congestion control as a pure function of time and answers.

Additive recovery and multiplicative cuts, after TCP (Chiu and Jain, 1989; the knee below the last ceiling after CUBIC,
RFC 9438). Rates are requests per second, times seconds on any one clock.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from walee_async.errors import ConfigError

CUT: Final = 0.7
"""What a "too fast" leaves of the pace: CUBIC's factor. In a simulation of 6,000 handles at 20/s it lost nothing."""
REGAIN: Final = 1.05
"""Growth per second after a cut: back from 0.7 in 7.3 s."""
SLOW_START: Final = 2.0
"""Growth per second while no limit has been met."""
PROBE: Final = 1.0002
"""Growth per second just under a pace that drew a cut: five minutes from the knee to the ceiling, so that a known limit
is met again once in 6,000 sends at 20/s."""
KNEE: Final = 0.94
"""Where under the ceiling the growth slows down: a limit counted over the last second is met some 3 % late by a pace
that grows by 5 % a second, so this leaves 3 % of the limit unused."""
FLOOR: Final = 0.5
"""No cut goes below: one request every two seconds still finds out when the trouble is over."""
START: Final = 2.0
"""The first pace of a slow start."""
SLOWEST: Final = 1 / 86_400
"""One request a day. A lower rate is a slip of the pen."""
MEMORY: Final = 60.0
"""Seconds. Two cuts within it are the same limit met twice; a single one under a stated rate may be an accident."""


class Pacing:
    """The pace of one key.

    `limit` is the rate the caller stated, or None to find it by a slow start. The pace grows only with the time that
    it held a sender back: an idle or a slow caller proves nothing about the limit.
    """

    __slots__ = ("_auto", "_ceiling", "_cut_at", "_slow_start", "_stated", "limit", "pace")

    def __init__(self, limit: float | None) -> None:
        self.limit = self._stated = math.inf if limit is None else limit
        self.pace = START if limit is None else limit
        self._auto = limit is None
        self._slow_start = limit is None
        self._ceiling = math.inf
        self._cut_at = -math.inf

    def grow(self, seconds: float) -> None:
        """Let the pace recover for a time in which it held somebody back."""
        if self.pace < self.limit:
            self.pace = min(self.limit, self.pace * self._growth() ** seconds)

    def soonest(self, turns: int) -> float:
        """Seconds in which so many turns can come: while the pace grows as fast as it may, and then at the limit."""
        if self.pace >= self.limit:
            return turns / self.pace
        speed = math.log(SLOW_START if self._slow_start else REGAIN)
        # The pace is p e^(speed t), so that after t seconds p (e^(speed t) - 1) / speed turns have come.
        growing = min(math.log1p(turns * speed / self.pace), math.log(self.limit / self.pace)) / speed
        return growing + (turns - self.pace * math.expm1(speed * growing) / speed) / self.limit

    def _growth(self) -> float:
        if self._slow_start:
            return SLOW_START
        near = KNEE * self._ceiling <= self.pace <= self._ceiling
        return PROBE if near else REGAIN

    def too_fast(self, sent_at: float, pace: float, now: float) -> bool:
        """Take note of a "too fast" for a request sent at `sent_at` under `pace`; return whether the pace was cut.

        Only the answer to a request sent after the last cut cuts again: the others tell of the same congestion.
        """
        if sent_at <= self._cut_at:
            return False
        met = min(self.pace, pace)
        if self._auto or now - self._cut_at <= MEMORY:
            self._ceiling = met
        self._slow_start = False
        self._cut_at = now
        self.pace = max(min(FLOOR, self.limit), CUT * met)
        return True

    def follow(self, pace: float, now: float) -> bool:
        """Take over the cut that somebody else on the key made; return whether it was news."""
        if pace >= self.pace:
            return False
        self._cut_at = now
        self.pace = pace
        return True

    def learn(self, quota: float, window: float) -> None:
        """Take note that the gateway allows `quota` requests per `window` seconds; the last word counts.

        It never raises a stated rate, up to which the pace comes back when the gateway allows more again.

        N intervals span N + 1 sends, so a pace of `quota / window` would put one too many into a closed window: one
        less is sent, or 5 % less where that is more.
        """
        self.limit = min(self._stated, max(quota - 1, 0.95 * quota) / window)
        self.pace = min(self.pace, self.limit)


def check_rate(rate: float | Literal["auto"], *, shared: bool = False) -> float | None:
    """The rate as requests per second, None for "auto".

    Raises:
        ConfigError: it is neither "auto" nor a number of at least one request a day; or it is "auto" and several
            processes share it, each of which would look for the limit by itself.
    """
    if rate == "auto":
        if shared:
            raise ConfigError(
                'A shared gate wants a stated rate, the same everywhere; rate="auto" is for one process alone'
            )
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not SLOWEST <= rate < math.inf:
        least = f"at least one a day ({SLOWEST:.2g})"
        raise ConfigError(f'The rate is {rate!r}; it must be a number of requests per second, {least}, or "auto"')
    return float(rate)
