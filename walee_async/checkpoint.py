"""Where work lets the event loop turn, so that many reports that come at once do not hold up everybody else in it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

LONGEST: Final = 0.003
"""Seconds of one pass of the loop after which no more is begun in it. 200 answers that came at once held it up for 31
to 39 ms without checkpoints, and for 10 to 14 with them, most of which is to send 200 requests at once. With 32 at a
time, passes are hardly ever cut, since to wait is not free: to read no more than eight answers in a pass took a tenth
more of CPU."""
MOST: Final = 8
"""Pieces of work that have waited and go on in one pass: to decompress or to decode so many reports takes 1 to 3 ms."""


class Checkpoint:
    """To be awaited before each piece of work: what comes late in a long pass waits for another.

    Those who wait go on in their order. For one event loop.
    """

    __slots__ = ("_until", "_waiting")

    def __init__(self) -> None:
        self._until: float | None = None
        """When this pass will have been long enough; None until something asks in it."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self) -> None:
        """Return at once, or in a later pass."""
        loop = asyncio.get_running_loop()
        if self._until is None:
            self._begin(loop)
        elif self._waiting or loop.time() > self._until:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._until = loop.time() + LONGEST
        loop.call_soon(self._pass, loop)

    def _pass(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake some of those who wait, for the next pass."""
        self._until, woken = None, 0
        while self._waiting and woken < MOST:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever waited was cancelled
                turn.set_result(None)
                woken += 1
        if woken:
            self._begin(loop)
