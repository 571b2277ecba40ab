"""Many handles at once: a stream with one outcome for each distinct handle, in memory that does not grow with the list.

(Only the distinct handles themselves are remembered, so that none is bought twice.)
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

import anyio
from msgspec import Struct

from walee_async.decode import check_view, decode
from walee_async.errors import (
    AccountError,
    ConfigError,
    InvalidHandleError,
    LongPauseError,
    NotAttemptedError,
    RunEndedError,
    WaleeError,
)
from walee_async.events import Emitter, OutcomeReached
from walee_async.handles import Entry, resolve
from walee_async.inflate import MAX_INFLATED
from walee_async.ledger import ACCOUNT, Account, Ledger
from walee_async.outcomes import Failed, Fetched, Outcome
from walee_async.progress import Progress, RecentRate
from walee_async.retry import RetryQuota

if TYPE_CHECKING:
    from types import TracebackType

    from anyio.abc import TaskGroup

    from walee_async.interfaces import Source

T = TypeVar("T")

SPARE: Final = 2
"""Outcomes that may wait for the consumer, as a multiple of the concurrency; then nothing more is sent."""
BREATH: Final = 1000
"""Duplicates skipped in a row before other tasks get a turn."""


class RunOptions(Struct, frozen=True, kw_only=True):
    """How a run goes.

    Raises:
        ConfigError: the concurrency is below 1, or the view is none that a report can be decoded into.
    """

    view: type[Any]
    """What to decode each report into."""
    ordered: bool = False
    """Outcomes in the order of the list, instead of as they come."""
    concurrency: int = 64
    """Handles under way at once, those waiting for a turn included."""
    total: int | None = None
    """Entries in the list, if known; only the progress uses it."""
    max_inflated: int = MAX_INFLATED
    """Bytes that one report may decompress to."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigError(f"The concurrency is {self.concurrency}; it must be at least 1")
        check_view(self.view)  # A bad view must be found out before anything is bought.


class Run(Generic[T]):
    """A list on its way through a source: enter it, iterate over it, and each distinct handle comes out once.

    Handles are taken from the list as there is room for them, never all at once; an endless list is welcome. What is
    wrong with a handle comes as its `Failed` outcome. What is wrong with the account ends the run: every handle not
    sent yet comes out as `Failed` with a NotAttemptedError, and then RunEndedError is raised. A bug, in the list's
    iterator or here, is raised as it is. Leaving the block cancels what is under way.
    """

    def __init__(
        self,
        source: Source,
        entries: Iterable[str | Entry] | AsyncIterable[str | Entry],
        options: RunOptions,
        emitter: Emitter | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.ledger = Ledger()
        self._source = source
        self._options = options
        self._emitter = emitter or Emitter()
        self._account = Account(ledger=self.ledger, quota=RetryQuota())
        self._next = _puller(entries)
        self._pulling = asyncio.Lock()
        self._room = asyncio.Semaphore((1 + SPARE) * options.concurrency)
        self._seen: set[str] = set()
        self._ready: dict[int, Outcome[T]] = {}
        self._pulled = self._settled = self._delivered = self._duplicates = self._workers = 0
        self._news = asyncio.Event()
        self._group: TaskGroup | None = None
        self._stopped = False
        self._ended: WaleeError | None = None
        self._bug: Exception | None = None

    # -- the block ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise ConfigError("A run can be entered once; make another one to fetch again")
        self._began = asyncio.get_running_loop().time()
        self._rate = RecentRate(self._began)
        self._group = await anyio.create_task_group().__aenter__()
        self._workers = self._options.concurrency
        for _ in range(self._workers):
            self._group.start_soon(self._work)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._group is not None
        self._stopped = True
        self._group.cancel_scope.cancel()
        # The consumer's own exception is not the group's to wrap: it goes on as it is when this returns.
        await self._group.__aexit__(None, None, None)

    def __aiter__(self) -> AsyncIterator[Outcome[T]]:
        return self

    async def __anext__(self) -> Outcome[T]:
        if self._group is None:
            raise ConfigError("Enter the run first: async with walee.creator_reports(...) as run")
        while self._delivered not in self._ready:
            if self._bug is not None:
                raise self._bug
            if self._workers == 0:
                if not self._ready:
                    raise self._end()
                # The block was left early: what had come is still to be had, past the gaps of what had not.
                self._delivered = min(self._ready)
                break
            self._news.clear()
            await self._news.wait()
        outcome = self._ready.pop(self._delivered)
        self._delivered += 1
        self._room.release()
        return outcome

    def _end(self) -> Exception:
        if self._ended is None:
            return StopAsyncIteration()
        error = RunEndedError(f"the run ended before the list did: {self._ended.detail}")
        error.__cause__ = self._ended
        return error

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
        self._stopped = True

    def progress(self) -> Progress:
        """How far the run has come."""
        now = asyncio.get_running_loop().time()
        return Progress(
            done=self.ledger.outcomes,
            fetched=self.ledger.fetched,
            failed=self.ledger.failed,
            in_flight=self._pulled - self._settled,
            duplicates=self._duplicates,
            total=self._options.total,
            rate=self._rate.at(now),
            elapsed=now - self._began,
        )

    # -- the workers --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        ACCOUNT.set(self._account)
        try:
            while (pulled := await self._pull()) is not None:
                place, handle = pulled
                outcome = handle if isinstance(handle, Failed) else await self._outcome(handle)
                self._settle(place, outcome)
        except Exception as error:  # noqa: BLE001 - a bug, here or in the list's iterator: the iteration raises it
            self._bug = self._bug or error
            self._stopped = True
        finally:
            self._workers -= 1
            self._news.set()

    async def _pull(self) -> tuple[int, str | Failed] | None:
        """Wait for room, then take the next handle that the list has not named before; None at the end."""
        await self._room.acquire()
        async with self._pulling:
            while not self._stopped:
                try:
                    entry = await self._next()
                except StopAsyncIteration:
                    self._stopped = True
                    break
                handle = self._new(entry)
                if handle is not None:
                    self._pulled += 1
                    return self._pulled - 1, handle
                self._duplicates += 1
                if self._duplicates % BREATH == 0:
                    await asyncio.sleep(0)
        self._room.release()
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

    async def _outcome(self, handle: str) -> Outcome[T]:
        if self._ended is not None:
            return Failed(handle, self._not_attempted(handle))
        try:
            payload = await self._source.fetch(handle)
            return Fetched(handle, decode(payload, self._options.view, cap=self._options.max_inflated), payload)
        except (AccountError, LongPauseError) as error:
            self._ended = self._ended or error
            refused = self._not_attempted(handle)
            refused.attempts = error.attempts
            return Failed(handle, refused)
        except WaleeError as error:
            return Failed(handle, error)

    def _not_attempted(self, handle: str) -> NotAttemptedError:
        assert self._ended is not None
        return NotAttemptedError(f"the run ended first: {self._ended.detail}", handle=handle)

    def _settle(self, place: int, outcome: Outcome[T]) -> None:
        self.ledger.add_outcome(outcome)
        self._rate.count(asyncio.get_running_loop().time())
        self._ready[place if self._options.ordered else self._settled] = outcome
        self._settled += 1
        self._news.set()
        if self._emitter.listening:
            error = type(outcome.error).__name__ if isinstance(outcome, Failed) else None
            self._emitter.emit(OutcomeReached(self.id, outcome.handle, error))


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
