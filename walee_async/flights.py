"""Concurrent requests for one handle share one purchase."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from walee_async.errors import DeadlineError, WaleeError
from walee_async.ledger import ACCOUNT
from walee_async.waiting import finish

if TYPE_CHECKING:
    from walee_async.interfaces import Source
    from walee_async.outcomes import Payload


class _Flight:
    __slots__ = ("buys", "of_a_run", "passengers", "task")

    def __init__(self, task: asyncio.Task[Payload], *, buys: bool, of_a_run: bool) -> None:
        self.task = task
        self.buys = buys
        self.of_a_run = of_a_run
        self.passengers = 0


def _has_come(task: asyncio.Task[Payload]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


class SharedFlights:
    """A source around a source: whoever asks for a handle that is being fetched waits for that answer.

    `source` may give what it has; `buying` (left out, the same) buys, and is asked by `fresh`. A caller who is
    cancelled leaves the flight to the others; the last one to leave cancels it and waits until it is gone. The attempts
    are entered in the books of the caller who started it. A run waits for a turn as long as it takes, so whoever joins
    it with a single call waits `deadline` seconds.
    """

    def __init__(self, source: Source, buying: Source | None = None, *, deadline: float = math.inf) -> None:
        self._source = source
        self._buying = source if buying is None else buying
        self._deadline = deadline
        self._flights: dict[str, _Flight] = {}
        self.fresh: Source = _Fresh(self)
        """The source that buys every report, and shares what is being bought already."""

    async def fetch(self, handle: str) -> Payload:
        """Return the payload of a normalised handle; raises what the source raises."""
        return await self._board(handle, self._source)

    async def buy(self, handle: str) -> Payload:
        """Return the payload of a purchase that was not over when this was called."""
        while (flight := self._flights.get(handle)) is not None and not flight.buys:
            # It may find the report in the store, or know that there is none: only a purchase will do here.
            try:
                payload = await self._board(handle, self._source)
            except WaleeError:
                if not flight.task.done():
                    raise  # this caller's own deadline has passed
                continue
            if not payload.reused:
                return payload
        return await self._board(handle, self._buying)

    async def _board(self, handle: str, source: Source) -> Payload:
        flight = self._flights.get(handle)
        if flight is None:
            task = asyncio.create_task(source.fetch(handle), name=f"walee fetch {handle}")
            of_a_run = ACCOUNT.get(None) is not None
            flight = self._flights[handle] = _Flight(task, buys=source is self._buying, of_a_run=of_a_run)
        flight.passengers += 1
        try:
            if flight.of_a_run and ACCOUNT.get(None) is None:
                return await self._in_time(handle, flight)
            return await asyncio.shield(flight.task)
        except DeadlineError:
            await self._leave(handle, flight)
            raise
        except asyncio.CancelledError:
            await self._leave(handle, flight)
            # In a run that is left, a report that has come is still to be had; a single caller wants to be gone.
            if ACCOUNT.get(None) is not None and _has_come(flight.task):
                return flight.task.result()
            raise
        finally:
            flight.passengers -= 1
            if flight.task.done() or not flight.passengers:
                self._land(handle, flight)

    async def _in_time(self, handle: str, flight: _Flight) -> Payload:
        limit = asyncio.timeout(self._deadline)
        try:
            async with limit:
                return await asyncio.shield(flight.task)
        except TimeoutError:  # a DeadlineError of the source's is one too
            if not limit.expired():
                raise
            said = f"no report within {self._deadline:g} s; a run has it in its line"
            raise DeadlineError(said, handle=handle) from None

    async def _leave(self, handle: str, flight: _Flight) -> None:
        """Cancel a flight that nobody else is on, and wait until it is gone, or has come all the same."""
        if flight.passengers > 1 or flight.task.done():
            return
        self._land(handle, flight)
        flight.task.cancel()
        await finish([flight.task])

    def _land(self, handle: str, flight: _Flight) -> None:
        """Let the next request for the handle start anew, unless it has already."""
        if self._flights.get(handle) is flight:
            del self._flights[handle]


class _Fresh:
    def __init__(self, flights: SharedFlights) -> None:
        self._flights = flights

    async def fetch(self, handle: str) -> Payload:
        return await self._flights.buy(handle)
