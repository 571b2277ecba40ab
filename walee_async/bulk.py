"""Many handles at once, a stream with one outcome for each distinct one; of a list only its handles are remembered."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import anyio

from walee_async.checkpoint import Checkpoint
from walee_async.decode import decode
from walee_async.errors import (
    BudgetError,
    ConfigError,
    NotAttemptedError,
    NotReadyError,
    RunEndedError,
    StoreError,
    WaleeError,
)
from walee_async.events import Emitter, OutcomeReached, RunStarted
from walee_async.feed import Feed, Handles
from walee_async.ledger import ACCOUNT, Account, Ledger
from walee_async.outcomes import Failed, Fetched, Outcome, Payload
from walee_async.progress import Progress, RecentRate
from walee_async.retry import ENDS_THE_RUN, UNHURRIED, RetryQuota, cut_off
from walee_async.waiting import finish

if TYPE_CHECKING:
    from types import TracebackType

    from walee_async.interfaces import Source
    from walee_async.options import RunOptions

T = TypeVar("T")

SPARE: Final = 2
"""Outcomes that may wait for the consumer, as a multiple of the concurrency; then nothing more is sent."""
_CUT: Final = "the run ended before the list did: a part of it was cancelled"
_NOT_ENTERED: Final = "Enter the run first: async with walee.creator_reports(...) as run"


class Run(Generic[T]):
    """A list on its way through a source: enter it, iterate over it, and each distinct handle comes out once.

    Handles are taken from the list as there is room for them, never all at once; an endless list is welcome. What is
    wrong with a handle comes as its `Failed` outcome. What is wrong with the account ends the run: every handle not
    sent yet comes out as `Failed` with a NotAttemptedError, and then RunEndedError is raised. A bug, in the list's
    iterator or here, is raised as it is. Leaving the block cancels what is under way.
    """

    def __init__(self, source: Source, entries: Handles, options: RunOptions, emitter: Emitter | None = None) -> None:
        self.id = uuid.uuid4().hex[:12]
        """Names the run in events and spans."""
        self.ledger = Ledger()
        """What was sent, what it may have cost and what came of it, so far."""
        self._source = source
        self._options = options
        self._emitter = emitter or Emitter()
        self._account = Account(self.ledger, RetryQuota(), self.id, retry=options.retry_failed)
        self._feed = Feed(entries)
        self._room = asyncio.Semaphore((1 + SPARE) * options.concurrency)
        self._ready: dict[int, Payload | Failed] = {}
        self._pulled = self._settled = self._delivered = self._workers = 0
        self._news = asyncio.Event()
        self._checkpoint = Checkpoint()
        self._workers_scope = anyio.CancelScope()
        self._tasks: tuple[asyncio.Task[None], asyncio.Task[None]] | None = None
        self._ended: WaleeError | None = None
        self._bug: BaseException | None = None

    # -- the block ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise ConfigError("A run can be entered once; make another one to fetch again")
        self._account.began = asyncio.get_running_loop().time()
        self._rate = RecentRate(self._account.began)
        if self._options.store is not None:
            self._account.run = await self._options.store.begin_run(self.id)
        self._emitter.emit(RunStarted(self.id, self._options.total))
        self._feed.open()
        self._workers = self._options.concurrency
        # Tasks of their own, and no scope around the block: a generator that holds it may be closed in another task.
        self._tasks = asyncio.create_task(self._read()), asyncio.create_task(self._work_together())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        whole = self._workers == 0 and self._bug is None and self._ended is None
        try:
            await self._leave()
        finally:
            why = self._ended or self._bug or error
            how = "complete" if whole else type(why).__name__ if why else "left"
            self._emitter.emit(self.ledger.closed(self.id, how))
        if self._options.store is not None and self._account.run is not None:
            with suppress(StoreError):  # it has been told where it mattered
                await self._options.store.end_run(self._account.run, how)

    async def _leave(self) -> None:
        """Cancel what is under way, and return when it is over, whoever is cancelled meanwhile."""
        assert self._tasks is not None
        self._feed.stop()
        self._workers_scope.cancel()
        if self._feed.reading:
            self._tasks[0].cancel()  # once, so that the list can wait while it cleans up
        try:
            await finish(self._tasks, urge=True)
        finally:
            self._feed.close()
            self._workers = 0  # also those that were cancelled before they began
            self._news.set()

    def __aiter__(self) -> AsyncIterator[Outcome[T]]:
        return self

    async def __anext__(self) -> Outcome[T]:
        if self._tasks is None:
            raise ConfigError(_NOT_ENTERED)
        await self._checkpoint()
        while self._delivered not in self._ready:
            if self._workers == 0:
                if not self._ready:
                    raise self._bug or self._end()
                # The block was left early: what had come is still to be had, past the gaps of what had not.
                self._delivered = min(self._ready)
                break
            self._news.clear()
            await self._news.wait()
        came = self._ready.pop(self._delivered)
        self._delivered += 1
        self._room.release()
        return self._deliver(came)

    def _end(self) -> Exception:
        if self._ended is None:
            return StopAsyncIteration()
        return RunEndedError(f"the run ended before the list did: {self._ended.detail}").because_of(self._ended)

    async def collect(self) -> list[Outcome[T]]:
        """Run the whole list and return every outcome; for lists whose reports fit in memory.

        Raises:
            RunEndedError: the account was refused; its `outcomes` holds one for every handle all the same.
        """
        outcomes: list[Outcome[T]] = []
        async with self:
            try:
                async for outcome in self:
                    outcomes.append(outcome)
            except RunEndedError as error:
                error.outcomes = outcomes
                raise
        return outcomes

    def stop(self) -> None:
        """Take no more handles from the list; those under way come to their end, and then the iteration does."""
        self._feed.stop()

    def progress(self) -> Progress:
        """How far the run has come; raises ConfigError before it was entered."""
        if self._tasks is None:
            raise ConfigError(_NOT_ENTERED)
        now = asyncio.get_running_loop().time()
        return Progress(
            done=self.ledger.outcomes,
            fetched=self.ledger.fetched,
            failed=self.ledger.failed,
            in_flight=self._pulled - self._settled,
            parked=self._feed.parked,
            duplicates=self._feed.duplicates,
            total=self._options.total,
            rate=self._rate.at(now),
            elapsed=now - self._account.began,
        )

    # -- the workers --------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        with self._guarded():
            await self._feed.read()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Have the iteration raise what ends a task: a bug, here or in the list, or somebody who cancels all tasks.

        Nothing more is taken then, and it is raised when what is under way has come: it is paid for.
        """
        try:
            yield
        except BaseException as error:
            cut = isinstance(error, asyncio.CancelledError)
            if not (cut and self._workers_scope.cancel_called):  # else the block is left
                self._bug = self._bug or (RunEndedError(_CUT) if cut else error)
                self._feed.stop()
            if not isinstance(error, Exception):
                raise

    async def _work_together(self) -> None:
        # anyio's scope, and not the task alone: it cancels also who swallows a cancellation, until he is gone.
        with self._workers_scope:
            async with anyio.create_task_group() as group:
                for _ in range(self._options.concurrency):
                    group.start_soon(self._work)

    async def _work(self) -> None:
        ACCOUNT.set(self._account)
        try:
            with self._guarded():
                while True:
                    await self._room.acquire()
                    handle = await self._feed.next()
                    if handle is None:
                        break
                    place = self._pulled
                    self._pulled += 1
                    came = handle if isinstance(handle, Failed) else await self._fetch(handle)
                    if not self._park(came):
                        self._settle(place, came)
        finally:
            self._workers -= 1
            if not self._workers:
                for late in self._feed.left_over():
                    self._pulled += 1
                    self._settle(self._pulled - 1, late)
            self._news.set()

    def _park(self, came: Payload | Failed) -> bool:
        """Put a handle aside whose report is being prepared. In input order it would hold up all that follow."""
        if not isinstance(came, Failed) or not isinstance(came.error, NotReadyError) or self._options.ordered:
            return False
        self._record(came, None)  # for a run after this one, if it is killed; of this one it is no outcome yet
        self._feed.park(came, UNHURRIED if came.error.eta is None else came.error.eta)
        self._pulled -= 1
        self._room.release()
        return True

    async def _fetch(self, handle: str) -> Payload | Failed:
        # Past the budget, what is in the store is still to be had; nothing can be bought any more.
        if self._ended is not None and not isinstance(self._ended, BudgetError):
            return Failed(handle, cut_off(handle, self._ended))
        try:
            return await self._source.fetch(handle)
        except ENDS_THE_RUN as error:
            self._ended = self._ended or error
            return Failed(handle, cut_off(handle, self._ended, error))
        except WaleeError as error:
            return Failed(handle, error)

    def _report(self, payload: Payload) -> T:
        report: T = decode(payload, self._options.view, cap=self._options.max_inflated)
        return report

    def _settle(self, place: int, came: Payload | Failed) -> None:
        self._ready[place if self._options.ordered else self._settled] = came
        self._settled += 1
        self._news.set()

    def _deliver(self, came: Payload | Failed) -> Outcome[T]:
        """Make an outcome of what has come, and enter it in the books.

        Only now, when it is asked for: a report that waited decoded would be ten times as large, and cold when it is
        read and when it is let go, which together takes more time than decoding.
        """
        outcome: Outcome[T]
        if isinstance(came, Failed):
            outcome = came
        else:
            try:
                outcome = Fetched(came.handle, self._report(came), came)
            except WaleeError as error:
                outcome = Failed(came.handle, error)
        self.ledger.add_outcome(outcome)
        self._rate.count(asyncio.get_running_loop().time())
        if isinstance(outcome, Failed):
            self._record(outcome, self._account.run)
        if self._emitter.listening:
            kind = type(outcome.error).__name__ if isinstance(outcome, Failed) else None
            reused = isinstance(outcome, Fetched) and outcome.payload.reused
            self._emitter.emit(OutcomeReached(self.id, outcome.handle, kind, reused))
        return outcome

    def _record(self, failed: Failed, run: int | None) -> None:
        """Write down what a later run should know of. What was not asked for is no news."""
        store, error = self._options.store, failed.error
        if store is None or not error.attempts or isinstance(error, NotAttemptedError):
            return
        due_at = None
        if isinstance(error, NotReadyError):
            last = error.attempts[-1]
            due_at = last.sent_at + last.service_seconds + (UNHURRIED if error.eta is None else error.eta)
        with suppress(StoreError):  # a store that is closed or refuses keeps nobody from what has come
            store.record_failure(failed.handle, error, run=run, due_at=due_at)
