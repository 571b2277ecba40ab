"""The list of a run: read as it is asked for, each distinct handle once, those that are not ready put aside."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterable, Iterable
from typing import Any, Final

from walee_async.errors import ConfigError, InvalidHandleError
from walee_async.handles import Entry, resolve
from walee_async.outcomes import Failed

BREATH: Final = 1000
"""Duplicates skipped in a row before other tasks get a turn."""


class Feed:
    """Hands out the handles of a list. Only the distinct ones are remembered, so that none is bought twice.

    A handle whose report is being prepared can be put aside until it is due; it is handed out again when it is, as long
    as the list goes on. Nobody waits for it.
    """

    def __init__(self, entries: Iterable[str | Entry] | AsyncIterable[str | Entry]) -> None:
        self.duplicates = 0
        self.stopped = False
        self._next = _puller(entries)
        self._turn = asyncio.Lock()
        self._seen: set[str] = set()
        self._parked: list[tuple[float, int, Failed]] = []
        self._parkings = 0

    async def next(self) -> str | Failed | None:
        """The next handle, or what is wrong with the next entry; None at the end. Raises what the list raises."""
        async with self._turn:
            while not self.stopped:
                if self._parked and self._parked[0][0] <= asyncio.get_running_loop().time():
                    return heapq.heappop(self._parked)[2].handle
                try:
                    entry = await self._next()
                except StopAsyncIteration:
                    self.stopped = True
                    break
                handle = self._new(entry)
                if handle is not None:
                    return handle
                self.duplicates += 1
                if self.duplicates % BREATH == 0:
                    await asyncio.sleep(0)
        return None

    def _new(self, entry: str | Entry) -> str | Failed | None:
        """The handle of an entry, or what is wrong with it; None when it has been seen."""
        failed: Failed | None = None
        try:
            handle = resolve(entry)
        except InvalidHandleError as error:
            handle = entry if isinstance(entry, str) else entry.text
            failed = Failed(handle, error)
        if handle in self._seen:
            return None
        self._seen.add(handle)
        return failed or handle

    def park(self, failed: Failed, seconds: float) -> None:
        """Put a handle aside for that long."""
        self._parkings += 1
        heapq.heappush(self._parked, (asyncio.get_running_loop().time() + seconds, self._parkings, failed))

    @property
    def parked(self) -> int:
        """How many are put aside now."""
        return len(self._parked)

    def left_over(self) -> list[Failed]:
        """Those put aside that did not come due before the end; they are then put aside no more."""
        left, self._parked = [failed for _, _, failed in self._parked], []
        return left


def _puller(entries: Iterable[Any] | AsyncIterable[Any]) -> Any:
    """An async `next` over either kind of iterable; it raises StopAsyncIteration at the end."""
    if isinstance(entries, str | bytes):
        raise ConfigError(f"A run takes a list of handles, not one text: pass [{entries!r}]")
    if isinstance(entries, AsyncIterable):
        return aiter(entries).__anext__
    iterator = iter(entries)

    async def pull() -> Any:
        for entry in iterator:
            return entry
        raise StopAsyncIteration

    return pull
