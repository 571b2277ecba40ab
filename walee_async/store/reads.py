"""Reading a store from an event loop, on threads of its own."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from walee_async.errors import StoreDamagedError, StoreError
from walee_async.outcomes import Payload
from walee_async.store.check import examine
from walee_async.store.known import Known
from walee_async.store.reader import StoreReader
from walee_async.store.records import Finding

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from walee_async.outcomes import Charge
    from walee_async.store.records import Failure, Held, RunRecord, Standing, Totals, Version

T = TypeVar("T")

_THREADS: Final = 2
"""A read takes some 0.1 ms where the file is cached; on a slow disk one long read leaves the other thread."""


class StoreReads:
    """What `StoreReader` reads, without blocking the event loop; see there for what each method gives and raises."""

    def __init__(self, path: Path, *, sole_writer: bool) -> None:
        self.path = path
        self._filter = Known(trusted=sole_writer)
        self._local = threading.local()
        self._readers: list[StoreReader] = []
        self._process = os.getpid()
        self._threads = ThreadPoolExecutor(_THREADS, f"walee store {path.name} reader")

    async def latest(self, handle: str) -> Payload | None:
        """The newest report of a handle, or None."""
        return await self._read(lambda reader: reader.latest(handle))

    async def read(self, version: int) -> Payload:
        """The report with this id."""
        return await self._read(lambda reader: reader.read(version))

    async def history(self, handle: str) -> list[Version]:
        """Every report of a handle without its body, the newest first."""
        return await self._read(lambda reader: reader.history(handle))

    async def lookup(self, handles: Sequence[str]) -> dict[str, Held]:
        """How old the newest report of each handle is; handles without one are left out."""
        return await self._read(lambda reader: reader.lookup(handles))

    async def standing(self, handles: Sequence[str]) -> dict[str, Standing]:
        """All that bears on whether to buy the report of each handle."""

        def read(reader: StoreReader) -> dict[str, Standing]:
            found = reader.standing(handles)
            self._filter.learn(reader, len(handles))
            return found

        return await self._read(read)

    def is_new(self, handle: str) -> bool:
        """Whether there is certainly nothing that `standing` would tell of a handle; the store is not read for it.

        False while that is not known: before some have been looked up, more in a large store; in one that another
        process writes to; and after an import or a merge. A class whose `standing` knows of more says so here too.
        """
        return self._filter.is_new(handle)

    async def failures(self, run: int | None = None) -> list[Failure]:
        """The failures of a run; without one, every handle whose last outcome is a failure."""
        return await self._read(lambda reader: reader.failures(run))

    async def failed(self, handles: Sequence[str]) -> dict[str, Failure]:
        """Those of the handles whose last outcome is a failure, and which."""
        return await self._read(lambda reader: reader.failed(handles))

    async def parked(self, due_by: float = math.inf) -> list[Failure]:
        """Handles whose report was being prepared and is to be asked for again by a moment."""
        return await self._read(lambda reader: reader.parked(due_by))

    async def ambiguous(self, run: int | None = None) -> Counter[str]:
        """The attempts that may have bought a report without delivering it, by handle."""
        return await self._read(lambda reader: reader.ambiguous(run))

    async def doubts(self) -> Counter[str]:
        """The attempts that may have bought a report which did not come, and none has since; by handle."""
        return await self._read(StoreReader.doubts)

    async def charges(self, run: int | None = None) -> Counter[Charge]:
        """The attempts by what they may have cost."""
        return await self._read(lambda reader: reader.charges(run))

    async def runs(self) -> list[RunRecord]:
        """Every run, the oldest first."""
        return await self._read(StoreReader.runs)

    async def totals(self) -> Totals:
        """What is in the store, and what it cost."""
        return await self._read(StoreReader.totals)

    async def payloads(
        self, *, every: bool = False, on_damage: Callable[[Finding], None] | None = None
    ) -> AsyncIterator[Payload]:
        """The newest report of each handle, or every version, in bounded memory."""
        told: list[Finding] = []

        def pages(reader: StoreReader) -> Iterator[list[tuple[int, Payload | StoreDamagedError]]]:
            return map(reader.found, reader.pages(every=every, on_damage=told.append if on_damage else None))

        async with aclosing(self._walk(pages)) as walk:
            async for page in walk:
                for version, found in page:
                    if isinstance(found, Payload):
                        yield found
                    elif on_damage is not None:
                        on_damage(Finding(found.detail, found.handle, version=version))
                    else:
                        raise found
        if on_damage is not None:
            for finding in told:
                on_damage(finding)

    async def verify(self, on_examined: Callable[[int], None] | None = None) -> AsyncIterator[Finding]:
        """Examine the whole store, and tell what is wrong with it; nothing when all is well.

        `on_examined` is told every now and then how many reports have been examined.
        """
        async with aclosing(self._walk(examine)) as walk:
            async for one in walk:
                if isinstance(one, Finding):
                    yield one
                elif on_examined is not None:
                    on_examined(one)

    async def _walk(self, begin: Callable[[StoreReader], Iterator[T]]) -> AsyncGenerator[T, None]:
        """What is found one by one with a reader that is the walk's own, and never used by two threads at once."""
        reader, one_at_a_time = await self._read(lambda _: self._opened()), threading.Lock()
        found = begin(reader)

        def step(_: StoreReader) -> T | None:
            with one_at_a_time:
                return next(found, None)

        def end() -> None:
            with one_at_a_time:  # a step that nobody waits for any more may be going on
                self._readers.remove(reader)
                reader.close()

        try:
            while (one := await self._read(step)) is not None:
                yield one
        finally:
            if self._process == os.getpid():
                with suppress(RuntimeError):  # it was closed with the store
                    self._threads.submit(end)

    async def _stoppable(self, work: Callable[[StoreReader, threading.Event], T]) -> T:
        """As `_read`, for what takes long: cancelled, it is told to stop, and waited for."""
        stop = threading.Event()
        working = asyncio.ensure_future(self._read(lambda reader: work(reader, stop)))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait({working})
            raise

    async def _read(self, work: Callable[[StoreReader], T]) -> T:
        if self._process != os.getpid():  # the threads have stayed behind, and nobody would ever answer
            raise StoreError(
                f"{self.path} was opened by the process this one was forked from; open it here once more to read it"
            )
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._threads, self._on_thread, work)
        except RuntimeError:  # its threads have ended
            raise StoreError(f"{self.path} has been closed") from None
        return await reading

    def _on_thread(self, work: Callable[[StoreReader], T]) -> T:
        reader: StoreReader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._opened()
        return work(reader)

    def _opened(self) -> StoreReader:
        reader = StoreReader.open(self.path)
        self._readers.append(reader)
        return reader

    def _close_readers(self) -> None:
        self._threads.shutdown()  # what has been asked is answered
        for reader in self._readers:
            reader.close()
