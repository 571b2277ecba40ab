"""When failures in a row close a gate, for how long, and since when nothing has been answered."""

from __future__ import annotations

from typing import Final

BREAKER: Final = 10
"""Failures in a row that close the gate."""
FIRST_PROBE: Final = 0.5
LAST_PROBE: Final = 8.0
"""Seconds before the first probe of a closed gate; doubled by every probe that fails, up to the last."""


class Breaker:
    """Counts failures. Times are of one clock, in seconds; it reads none."""

    def __init__(self) -> None:
        self.delay: float | None = None
        """Seconds between probes while the gate is closed, else None."""
        self._last = ""
        self._failures = 0
        self._since: float | None = None

    def answered(self, *, probe: bool) -> None:
        """Take note of an answer; that to a probe opens the gate."""
        self._failures, self._since = 0, None
        if probe:
            self.delay = None

    def failed(self, now: float, what: str, *, probe: bool) -> bool:
        """Take note of a failure, and return whether the gate is to be closed for it."""
        self._failures += 1
        self._since = now if self._since is None else self._since
        self._last = what
        return probe or (self._failures >= BREAKER and self.delay is None)

    def back_off(self) -> float:
        """Seconds until the next probe."""
        self.delay = FIRST_PROBE if self.delay is None else min(LAST_PROBE, 2 * self.delay)
        return self.delay

    def reason(self) -> str:
        """Why the gate is closed."""
        return f"{self._failures} failures in a row" + (f", the last: {self._last}" if self._last else "")

    def silence(self, now: float) -> float:
        """Seconds for which there has been nothing but failures; 0 when the last thing that came was an answer."""
        return 0.0 if self._since is None else now - self._since
