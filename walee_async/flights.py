"""Concurrent requests for one handle share one purchase."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from walee_async.errors import WaleeError
from walee_async.ledger import ACCOUNT

if TYPE_CHECKING:
    from walee_async.interfaces import Source
    from walee_async.outcomes import Payload


class _Flight:
    __slots__ = ("buys", "passengers", "task")

    def __init__(self, task: asyncio.Task[Payload], *, buys: bool) -> None:
        self.task = task
        self.buys = buys
        self.passengers = 0


def _has_come(task: asyncio.Task[Payload]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


class SharedFlights:
    """A source around a source: whoever asks for a handle that is being fetched waits for that answer.

    `source` may give what it has; `buying` (left out, the same) buys, and is asked by `fresh`. A caller who is
    cancelled leaves the flight to the others; the last one to leave cancels it and waits until it is gone. The attempts
    are entered in the books of the caller who started it.
    """

    def __init__(self, source: Source, buying: Source | None = None) -> None:
        self._source = source
        self._buying = source if buying is None else buying
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
            with suppress(WaleeError):
                payload = await self._board(handle, self._source)
                if not payload.reused:
                    return payload
        return await self._board(handle, self._buying)

    async def _board(self, handle: str, source: Source) -> Payload:
        flight = self._flights.get(handle)
        if flight is None:
            task = asyncio.create_task(source.fetch(handle), name=f"walee fetch {handle}")
            flight = self._flights[handle] = _Flight(task, buys=source is self._buying)
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            if flight.passengers == 1 and not flight.task.done():
                await self._call_off(handle, flight)
            # In a run that is left, a report that has come is still to be had; a single caller wants to be gone.
            if ACCOUNT.get(None) is not None and _has_come(flight.task):
                return flight.task.result()
            raise
        finally:
            flight.passengers -= 1
            if flight.task.done() or not flight.passengers:
                self._land(handle, flight)

    async def _call_off(self, handle: str, flight: _Flight) -> None:
        """Cancel a flight, and wait until it is gone, or has come all the same."""
        self._land(handle, flight)
        flight.task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({flight.task})

    def _land(self, handle: str, flight: _Flight) -> None:
        """Let the next request for the handle start anew, unless it has already."""
        if self._flights.get(handle) is flight:
            del self._flights[handle]


class _Fresh:
    def __init__(self, flights: SharedFlights) -> None:
        self._flights = flights

    async def fetch(self, handle: str) -> Payload:
        return await self._flights.buy(handle)
