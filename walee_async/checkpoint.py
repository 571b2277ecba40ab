"""Where work lets the event loop turn, so that many reports that come at once do not hold up everybody else in it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST: Final = 8
"""Pieces of work in one pass of the loop: to decode so many reports takes 1 to 3 ms, to decompress them as long. When
200 answers came at once, the loop was held up for 31 to 39 ms without this, and for 10 to 11 with it."""


class Checkpoint:
    """To be awaited before each piece of work of one kind: what is more than `MOST` in a pass waits for the next.

    First come, first served. For one event loop at a time.
    """

    __slots__ = ("_done", "_waiting")

    def __init__(self) -> None:
        self._done = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self) -> None:
        """Return at once, or in a later pass."""
        if self._done == MOST:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
            return
        if not self._done:
            asyncio.get_running_loop().call_soon(self._pass)
        self._done += 1

    def _pass(self) -> None:
        """Begin a pass with those who wait; they are woken in the one after it."""
        self._done = 0
        while self._waiting and self._done < MOST:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever waited was cancelled
                turn.set_result(None)
                self._done += 1
        if self._done:
            asyncio.get_running_loop().call_soon(self._pass)
