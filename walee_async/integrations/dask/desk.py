"""A worker's part: one client with one store for as long as the run goes on, and chunk after chunk of handles."""

from __future__ import annotations

import asyncio
import math
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
from distributed import get_worker
from msgspec import Raw

from walee_async.client import WaleeClient
from walee_async.errors import ConfigError, RunEndedError, StoreError, WaleeError
from walee_async.integrations.dask.orders import Came, Kept, not_attempted, told
from walee_async.integrations.dask.scheduler import DESK, SchedulerGate, scheduler_budget
from walee_async.integrations.dask.shard import Shard
from walee_async.keys import api_keys
from walee_async.options import DEFAULTS, Options
from walee_async.outcomes import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.bulk import Run
    from walee_async.integrations.dask.orders import Terms
    from walee_async.integrations.shared.budget import CommonBudget
    from walee_async.interfaces import Sharing

    WorkerPlugin = object  # the types are checked without Dask as well
else:
    from distributed import WorkerPlugin

GRACE: Final = 1.5
"""Seconds that requests under way have to end by themselves once the run is stopped: most answers come within one."""
TELL: Final = 0.5
"""Seconds between two words on how far a chunk has come."""


class Desk(WorkerPlugin):
    """Where the chunks of one run are worked on, in a worker. The client is opened with the first of them."""

    def __init__(self, run: str, folder: str, terms: Terms) -> None:
        self.name = f"{DESK}{run}"
        self._run = run
        self._folder = folder
        self._terms = terms

    def __repr__(self) -> str:
        return f"<Desk {self.name}>"

    async def setup(self, worker: Any) -> None:
        """Be ready for chunks."""
        self._worker = worker
        self._one = asyncio.Lock()
        self._open = AsyncExitStack()
        self._client: WaleeClient | None = None
        self._shard: Shard | None = None
        self._stopped = asyncio.Event()
        self._working: set[asyncio.Future[Any]] = set()
        self._ended: WaleeError | None = None

    async def teardown(self, worker: Any) -> None:
        """Let what is under way come to its end, and close."""
        whole = not self._stopped.is_set() and not self._working and self._ended is None
        self.stop()
        if self._working:
            await asyncio.wait(self._working, timeout=2 * GRACE)
        async with self._one:
            if self._shard is not None:
                with suppress(WaleeError):  # a store that refuses has said so where it mattered
                    await self._shard.finish("complete" if whole else "left")
            await self._open.aclose()

    def stop(self) -> None:
        """Take no more handles. What is under way may still come."""
        self._stopped.set()
        if self._client is not None:
            self._client.pause(2 * GRACE, "stopping")

    async def work(self, number: int, handles: Sequence[str]) -> Came:
        """Fetch the reports of a chunk, and tell what became of each handle.

        Also what keeps the worker from working at all, such as that there is no API key, is told and not raised: Dask
        would log it with its traceback.
        """
        done = asyncio.get_running_loop().create_future()
        self._working.add(done)
        try:
            walee = await self._opened()
            run = walee.creator_reports(
                handles,
                view=Raw,  # as it came: scores and tables are made of the shards
                concurrency=self._terms.concurrency,
                retry_failed=self._terms.retry_failed,
            )
            came = await self._take(number, run)
        except WaleeError as error:
            came = Came([not_attempted(handle, error) for handle in handles], ended=error)
        else:
            await self._correct(came)
        finally:
            self._working.discard(done)
            done.set_result(None)
        self._ended = self._ended or came.ended
        return came

    async def _correct(self, came: Came) -> None:
        """What a worker of this run had bought before it died was not there before the run."""
        reused = [one.handle for one in came.outcomes if isinstance(one, Kept) and one.reused]
        assert self._shard is not None
        with suppress(StoreError):  # it is about the summary only
            mine = await self._shard.bought_now(reused)
            came.outcomes = [Kept(one.handle, reused=False) if one.handle in mine else one for one in came.outcomes]

    async def _take(self, number: int, run: Run[Raw]) -> Came:
        came = Came()
        async with run:
            with anyio.CancelScope() as hurry:
                async with anyio.create_task_group() as company:
                    company.start_soon(self._tell, number, came)
                    company.start_soon(self._stop, run, hurry)
                    await _receive(run, came)
                    company.cancel_scope.cancel()
        await _receive(run, came)  # what came while it was left
        came.charges, came.ambiguous = run.ledger.charges, run.ledger.ambiguous
        return came

    async def _stop(self, run: Run[Raw], hurry: anyio.CancelScope) -> None:
        await self._stopped.wait()
        run.stop()
        await asyncio.sleep(GRACE)
        hurry.cancel()

    async def _tell(self, number: int, came: Came) -> None:
        """Let the client know how far the chunk has come."""
        said = 0
        while True:
            await asyncio.sleep(TELL)
            if len(came.outcomes) > said:
                said = len(came.outcomes)
                failed = sum(isinstance(outcome, Failed) for outcome in came.outcomes)
                self._worker.log_event(self.name, [number, said, failed])

    async def _opened(self) -> WaleeClient:
        async with self._one:
            if self._client is None:
                self._client = await self._enter()
                if self._stopped.is_set():
                    self._client.pause(2 * GRACE, "stopping")
            return self._client

    async def _enter(self) -> WaleeClient:
        terms = self._terms
        try:
            under_way = len(api_keys()) * DEFAULTS.transport.connections
        except ConfigError as error:
            raise ConfigError(f"On the worker {self._worker.address}: {error.detail}") from None
        shard = await asyncio.to_thread(Shard.take, Path(self._folder), self._run, terms, under_way)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(shard)
            sharing, budget = self._shared()
            if budget is not None:
                await stack.enter_async_context(budget)
            walee = WaleeClient(
                rate=terms.rate,
                base_url=terms.base_url,
                store=shard,
                max_age=math.inf,  # the shard judges
                budget=budget,
                options=Options(burst=terms.burst, retry=terms.retry, sharing=sharing),
            )
            await stack.enter_async_context(walee)
            self._open, self._shard = stack.pop_all(), shard
        return walee

    def _shared(self) -> tuple[Sharing, CommonBudget | None]:
        """What the gate and the budget are shared through."""
        terms = self._terms
        if terms.redis is not None:
            from walee_async.integrations.redis import SharedBudget, SharedGate

            common = SharedBudget(terms.redis, self._run, **terms.limits) if terms.capped else None
            return SharedGate(terms.redis), common
        way = self._worker.scheduler
        budget = scheduler_budget(way, self._worker.address, self._run, **terms.limits) if terms.capped else None
        return SchedulerGate(way), budget


async def _receive(run: Run[Raw], came: Came) -> None:
    try:
        async for outcome in run:
            came.outcomes.append(told(outcome))
    except RunEndedError as error:
        came.ended = error.__cause__ if isinstance(error.__cause__, WaleeError) else error


async def work(desk: str, number: int, handles: Sequence[str]) -> Came:
    """The task of a chunk: runs on a worker's own loop."""
    found: Any = get_worker().plugins[desk]
    came: Came = await found.work(number, handles)
    return came


async def stop(desk: str, dask_worker: Any) -> None:
    """Stop a run on a worker that has part in it."""
    if desk in dask_worker.plugins:
        dask_worker.plugins[desk].stop()
