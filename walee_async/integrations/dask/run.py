"""The client's part: a list on its way through a cluster, chunk by chunk, with one outcome for each distinct handle."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from distributed import KilledWorker
from distributed.client import FutureCancelledError

from walee_async.errors import AmbiguousError, BudgetError, ConfigError, RunEndedError, WaleeError
from walee_async.feed import Feed
from walee_async.integrations.dask.desk import GRACE, Desk, stop, work
from walee_async.integrations.dask.orders import CHUNK, Came, Kept, Terms, check_asynchronous, not_attempted
from walee_async.integrations.dask.scheduler import GONE, Keeper
from walee_async.ledger import Ledger
from walee_async.outcomes import Failed
from walee_async.progress import Progress, RecentRate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from os import PathLike
    from types import TracebackType

    from walee_async.feed import Handles

AHEAD: Final = 2
"""Chunks handed out for each thread of the workers: one to work on, and one that waits so that none is idle."""
PAUSE: Final = 0.2
"""Seconds for which a list may say nothing until a chunk goes without what is missing to it."""
_DEFAULT: Final = Terms()


class ClusterRun:
    """A list on its way through a cluster: enter it, iterate over it, and each distinct handle comes out once.

    What is bought stays with the workers, in the shards of the folder. A `Kept` tells that the report of a handle is in
    one of them, a `Failed` why there is none. Handles are taken from the list as the workers ask for them. A worker
    that dies costs the requests that it had under way: its chunk is done again by another, which takes what any store
    of the folder has. What is wrong with the account, or with every worker, ends the run as it does a `Run`.
    """

    def __init__(
        self, client: Any, handles: Handles, folder: str | PathLike[str], terms: Terms, *, total: int | None = None
    ) -> None:
        check_asynchronous(client)
        self.id = uuid.uuid4().hex[:12]
        self.ledger = Ledger()
        """As far as the chunks told; what a worker had under way when it died is in the books of its shard."""
        self.folder = Path(folder).absolute()
        self.terms = terms
        self.lost = 0
        """Workers that have gone since the run began."""
        self._total = total
        self._client = client
        self._desk = Desk(self.id, str(self.folder), terms)
        self._feed = Feed(handles)
        self._came: deque[list[Kept | Failed]] = deque()
        self._out: dict[int, int] = {}
        """The chunks that are handed out, and how many handles each has."""
        self._heard: dict[int, tuple[int, int]] = {}
        """Of those, how many handles are done, and how many of them failed, as far as is known."""
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: WaleeError | None = None
        self._bug: Exception | None = None
        self._asked: asyncio.Future[str | Failed | None] | None = None
        self._reading = False
        self._entered = False

    # -- the block ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigError("A run can be entered once; make another one to fetch again")
        self._entered = self._reading = True
        self._began = asyncio.get_running_loop().time()
        self._rate = RecentRate(self._began)
        await self._client.register_plugin(Keeper())
        await self._client.register_plugin(self._desk)
        self._client.subscribe_topic(self._desk.name, self._hear)
        self._client.subscribe_topic(self._desk.name + GONE, self._lose)
        self._feed.open()
        self._start(self._feed.read())
        self._start(self._hand_out())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._feed.close()
        self._reading = False
        if self._tasks:
            await self._tell_to_stop()
        if self._tasks:  # meanwhile they may have ended
            await asyncio.wait(self._tasks, timeout=3 * GRACE)
        left: list[asyncio.Future[Any]] = [*self._tasks, *([self._asked] if self._asked is not None else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for topic in (self._desk.name, self._desk.name + GONE):
            self._client.unsubscribe_topic(topic)
        with suppress(OSError, TimeoutError):  # the scheduler is gone, and its workers with it
            await self._client.unregister_worker_plugin(self._desk.name)

    def __aiter__(self) -> AsyncIterator[Kept | Failed]:
        return self

    async def __anext__(self) -> Kept | Failed:
        if not self._entered:
            raise ConfigError("Enter the run first: async with fetch_on_dask(...) as run")
        while not self._came:
            if not self._tasks:
                raise self._bug or self._end()
            self._news.clear()
            await self._news.wait()
        outcome = self._came[0].pop()
        if not self._came[0]:
            self._came.popleft()
            self._room.set()
        return outcome

    def _end(self) -> Exception:
        if self._ended is None:
            return StopAsyncIteration()
        return RunEndedError(f"the run ended before the list did: {self._ended.detail}").because_of(self._ended)

    def stop(self) -> None:
        """Take no more handles, here and on the workers; what is under way there has a moment to come."""
        self._feed.stop()
        self._start(self._tell_to_stop())

    def progress(self) -> Progress:
        """How far the run has come, the chunks under way included as far as they have told."""
        now = asyncio.get_running_loop().time()
        done = sum(done for done, _ in self._heard.values())
        failed = sum(failed for _, failed in self._heard.values())
        return Progress(
            done=self.ledger.outcomes + done,
            fetched=self.ledger.fetched + done - failed,
            failed=self.ledger.failed + failed,
            in_flight=sum(self._out.values()) - done,
            parked=self._feed.parked,
            duplicates=self._feed.duplicates,
            total=self._total,
            rate=self._rate.at(now),
            elapsed=now - self._began,
        )

    # -- handing out --------------------------------------------------------------------------------------------------

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bug = self._bug or (error if isinstance(error, Exception) else RuntimeError(repr(error)))
            self._feed.stop()
        self._news.set()

    async def _hand_out(self) -> None:
        number = 0
        while self._reading:
            while len(self._out) + len(self._came) >= self._most():
                self._room.clear()
                await self._room.wait()
            chunk = await self._next()
            if not chunk:
                return
            number += 1
            handles = [one for one in chunk if isinstance(one, str)]
            self._out[number] = len(handles)
            self._start(self._chunk(number, handles, [one for one in chunk if not isinstance(one, str)]))

    def _most(self) -> int:
        """The chunks that may be out at once; known a few seconds late when workers come and go."""
        return AHEAD * max(1, int(self._client.scheduler_info()["total_threads"]))

    async def _next(self) -> list[str | Failed]:
        """The next handles of the list, fewer where it pauses; none at its end."""
        chunk: list[str | Failed] = []
        while len(chunk) < CHUNK:
            self._asked = self._asked or asyncio.ensure_future(self._feed.next())
            await asyncio.wait({self._asked}, timeout=PAUSE if chunk else None)
            if not self._asked.done():
                break
            one, self._asked = self._asked.result(), None
            if one is None:
                break
            chunk.append(one)
        return chunk

    async def _chunk(self, number: int, handles: list[str], outcomes: list[Kept | Failed]) -> None:
        came = Came()
        # Past the budget, what is in a store is still to be had.
        if self._ended is not None and not isinstance(self._ended, BudgetError):
            came.outcomes = [not_attempted(handle, self._ended) for handle in handles]
        elif handles:
            came = await self._submit(number, handles)
        heard, _ = self._heard.pop(number, (0, 0))
        del self._out[number]
        self._count(len(came.outcomes) + len(outcomes) - heard)
        self._enter(came, outcomes)
        outcomes += came.outcomes
        if outcomes:
            self._came.append(outcomes)
        self._room.set()

    async def _submit(self, number: int, handles: list[str]) -> Came:
        key = f"walee-fetch-{self.id}-{number}"
        future = self._client.submit(work, self._desk.name, number, handles, key=key, pure=False)
        try:
            came: Came = await future
        except KilledWorker:
            came = _unheard(handles, "the workers that had it died, one after the other")
        except FutureCancelledError as error:
            came = _unheard(handles, "its chunk was handed out, and the cluster went away")
            came.ended = WaleeError(f"the cluster has given up the run: {error.reason}")
        finally:
            future.release()
        self._ended = self._ended or came.ended
        return came

    def _enter(self, came: Came, others: list[Kept | Failed]) -> None:
        """Enter in the books what a chunk came to."""
        self.ledger.charges += came.charges
        self.ledger.ambiguous += came.ambiguous
        for outcome in (*came.outcomes, *others):
            if isinstance(outcome, Failed):
                self.ledger.add_outcome(outcome)
            else:
                self.ledger.fetched += 1
                self.ledger.reused += outcome.reused

    # -- the workers --------------------------------------------------------------------------------------------------

    def _hear(self, event: tuple[float, tuple[int, int, int]]) -> None:
        number, done, failed = event[1]
        if number in self._out:
            self._count(done - self._heard.get(number, (0, 0))[0])
            self._heard[number] = done, failed

    def _lose(self, _: object) -> None:
        self.lost += 1

    def _count(self, outcomes: int) -> None:
        now = asyncio.get_running_loop().time()
        for _ in range(outcomes):
            self._rate.count(now)

    async def _tell_to_stop(self) -> None:
        with suppress(OSError, TimeoutError):
            await self._client.run(stop, self._desk.name, on_error="ignore")


def _unheard(handles: list[str], why: str) -> Came:
    """Nobody knows here what became of a chunk; the shards do."""
    why = f"{why}; what was bought by then is in the shards"
    return Came([Failed(handle, AmbiguousError(why, handle=handle)) for handle in handles])


def fetch_on_dask(
    client: Any, handles: Handles, folder: str | PathLike[str], terms: Terms = _DEFAULT, *, total: int | None = None
) -> ClusterRun:
    """Fetch the reports of many handles on the workers of a cluster: a run to enter and iterate over.

    The same call again goes on where the last one ended: what is in any store of the folder is not bought again. The
    API key is read by the workers from their own environment (WALEE_API_KEY, or WALEE_API_KEYS), and goes nowhere.

    Args:
        client: A Dask client made with `asynchronous=True`. Scheduler and workers must have this package installed.
        handles: Any iterable or async iterable; read as there is room.
        folder: Where the workers keep what they buy: each in a shard of its own, in `shards`. It may be on a disk of
            each machine's own, or one that all see; see `merge_shards`.
        terms: How they are bought; the rate is that of all workers together.
        total: Entries in the list, if you know.

    Raises:
        ConfigError: the client blocks.
    """
    return ClusterRun(client, handles, folder, terms, total=total)
