"""A clock for tests: an event loop whose time jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any, Final

TICK: Final = 1e-9
"""Seconds that each turn of the loop takes: if time stood still, a rounding error would be waited for without end."""


class _JumpingSelector(selectors.DefaultSelector):
    """Polls real sockets without waiting, and reports the wait it was asked for when there is nothing to do."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        self.waited += TICK if ready or not timeout else max(TICK, timeout)
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, in seconds from 0: an hour of waiting takes no time, in the exact order.

    Use it for code that waits and does not talk: `asyncio.Runner(loop_factory=VirtualClockLoop)`, or in anyio's
    pytest plugin an `anyio_backend` fixture returning `("asyncio", {"loop_factory": VirtualClockLoop})`.
    """

    def __init__(self) -> None:
        self._jumps = _JumpingSelector()
        super().__init__(self._jumps)

    def time(self) -> float:
        """Seconds of virtual time since the loop was made."""
        return self._jumps.waited


def run_virtually(main: Any) -> Any:
    """Run a coroutine to its end on a virtual clock of its own and return its result."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)
