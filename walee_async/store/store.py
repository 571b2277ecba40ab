"""The store: every report that was paid for, and what was paid."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import logging
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from walee_async.errors import StoreWriteError, WaleeError
from walee_async.store import journal
from walee_async.store.exchange import export_payloads, import_file
from walee_async.store.merge import merge
from walee_async.store.opening import Opened, open_for_writing
from walee_async.store.paths import resolve
from walee_async.store.reader import StoreReader
from walee_async.store.reads import StoreReads
from walee_async.store.records import Failure, Finding, Imported, Merged, Pruned
from walee_async.store.ticket import RowTicket, WorkTicket
from walee_async.store.views import forget
from walee_async.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

    from walee_async.outcomes import Attempt, Payload

logger = logging.getLogger("walee_async")
_NAMED: Final = 20
"""Handles in one sentence."""
_DETAIL: Final = 500
"""Characters of a failure's sentence that are kept."""


class Intent:
    """A request about to be sent. Await it before sending: then it is on disk. `id` is known at once."""

    __slots__ = ("_recorded", "id")

    def __init__(self, number: int, recorded: Awaitable[None]) -> None:
        self.id = number
        self._recorded = recorded

    def __await__(self) -> Generator[Any, None, int]:
        """Wait until the intent is on disk; raises StoreError if it cannot be written."""
        yield from self._recorded.__await__()
        return self.id


class Store(StoreReads):
    """One SQLite file that keeps each report as it was received, before anything can fail on it, and the books.

    Made by `open`; a context manager, with `async with` or `with`. Writes are queued at once and awaited until they are
    on disk; awaiting is optional for all but the intent: what was queued is written even when nobody waits, at the
    latest on closing. A StoreWriteError means that the disk refused: every later intent is refused at once with the
    same sentence, and what was kept before can be read. When the disk is full, what is under way can still be settled:
    room for that is set aside in the file `.reserve`. While another program holds the file, intents are refused with a
    StoreLockedError, and settlements wait for it.

    Attributes:
        orphans: The handles of the requests by which the last process, if it died, may have bought reports without
            delivering them, one for each: those that were under way, and those of its run that had broken off.
        remarks: Sentences about what opening has found that a person should know.
    """

    def __init__(self, path: Path, opened: Opened | None) -> None:
        super().__init__(path, sole_writer=opened is not None)
        self.orphans = opened.orphans if opened else ()
        self.remarks = opened.remarks if opened else ()
        self._lock = opened.lock if opened else None
        self._writer = Writer(opened.connection, path, opened.lock, opened.reserve, opened.cramped) if opened else None
        self._numbers = itertools.count(opened.next_attempt if opened else 1)
        self._closing = threading.Lock()
        self._closed = False
        # Settlements that nobody waits for are written even when the program ends without closing the store.
        atexit.register(self.close)

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        create: bool = True,
        read_only: bool = False,
        wipe: bool = False,
        under_way: int = 64,
    ) -> Self:
        """Open a store. It blocks for some milliseconds, after a crash longer: in an event loop, use a thread.

        Args:
            path: The file. Beside it are `-wal` and `-shm` while it is in use, `.lock` and `.reserve`; `.views` once
                it has been scored.
            create: Make it where there is none; its folder must be there.
            read_only: Write nothing and take no lock, so that it can be read while another process writes to it.
            wipe: Remove what is in it first.
            under_way: The requests that can be under way at once. Where the disk has no room for that many reports,
                the store can be read and pruned, and every intent is refused.

        Raises:
            StorePathError: there is no store at the path, or none can be made there.
            StoreLockedError: another process writes to it.
            StoreVersionError: a newer version of this package made it.
            StoreDamagedError: its files are not as they were written, and something that was kept is not there.
            StoreWriteError: the disk is full or refuses.
        """
        file = resolve(path, create=create and not read_only)
        if read_only:
            StoreReader.open(file).close()
            return cls(file, None)
        return cls(file, open_for_writing(file, fresh=wipe, under_way=under_way))

    @property
    def unkept(self) -> tuple[str, ...]:
        """The handles of the reports that were paid for and could not be written; closing logs them."""
        return tuple(self._writer.unkept) if self._writer is not None else ()

    # -- the journal --------------------------------------------------------------------------------------------------

    def intend(self, handle: str, number: int, key: str, run: int | None = None) -> Intent:
        """Note that request `number` for a handle is about to be sent with the key of that label.

        Await the intent, then send, then `settle` it, whatever happens; also when the wait for it was cancelled.

        Raises:
            StoreError: by the await; it is not on disk. Do not send.
        """
        self._filter.add(handle)
        intent = next(self._numbers)
        ticket = RowTicket(journal.intend, (intent, run, handle, number, key, time.time()), handle, begins=True)
        return Intent(intent, self._writes().submit(ticket))

    def settle(self, intent: Intent, attempt: Attempt, payload: Payload | None = None) -> Awaitable[None]:
        """Note what an intended request came to, and keep its report, in one transaction. Awaitable until on disk.

        Raises:
            StoreError: by the await; it is not on disk, and the error holds the payload.
        """
        self._filter.add(attempt.handle if payload is None else payload.handle)
        row = (intent.id, time.time(), attempt, payload)
        return self._writes().submit(RowTicket(journal.settle, row, attempt.handle, payload))

    def record_failure(
        self, handle: str, error: WaleeError, *, run: int | None = None, due_at: float | None = None
    ) -> Awaitable[None]:
        """Note that a handle came to an end without a report; `due_at` (Unix seconds) is when to ask again, if ever."""
        self._filter.add(handle)
        failure = Failure(
            handle=handle,
            kind=type(error).__name__,
            detail=error.detail[:_DETAIL],
            status=error.status,
            code=error.code,
            at=time.time(),
            due_at=due_at,
            run=run,
        )
        return self._writes().submit(WorkTicket(partial(journal.record_failure, failure=failure), handle, settles=True))

    def begin_run(self, command: str = "") -> Awaitable[int]:
        """Note the start of a run; its number. `command` must not hold a key."""
        return self._writes().submit(WorkTicket(partial(journal.begin_run, command=command), begins=True))

    def end_run(self, run: int, reason: str) -> Awaitable[None]:
        """Note the end of a run and why it ended, such as `complete`."""
        return self._writes().submit(WorkTicket(partial(journal.end_run, run=run, reason=reason)))

    # -- upkeep -------------------------------------------------------------------------------------------------------

    async def prune(self, older_than: float, *, keep_latest: bool = True) -> Pruned:
        """Remove the reports older than that many seconds, by their own date, else by when they came.

        `keep_latest` spares the newest of each handle. The books stay; the file shrinks with `vacuum`. What scoring
        has put beside the store goes first, and once more at the end: another process may have made it anew meanwhile.
        """
        reports = size = 0
        before, writer = time.time() - older_than, self._writes()
        work = partial(journal.prune_chunk, before=before, keep_latest=keep_latest)
        await asyncio.to_thread(forget, self.path)
        while (chunk := await writer.submit(WorkTicket(work))).reports:
            reports, size = reports + chunk.reports, size + chunk.bytes
        await asyncio.to_thread(forget, self.path)
        return Pruned(reports, size)

    async def vacuum(self) -> int:
        """Give unused room back to the disk, and return how many bytes. Meanwhile it needs as much as the file has."""
        return await asyncio.wrap_future(self._writes().submit_from_thread(journal.vacuum, alone=True))

    async def export(
        self, target: str | PathLike[str], *, every: bool = True, on_damage: Callable[[Finding], None] | None = None
    ) -> int:
        """Write the reports as they were received to a JSONL.gz file, for `import_`; the number written.

        Args:
            target: The file; an export that fails leaves none.
            every: All versions rather than the newest of each handle.
            on_damage: Is told of each damaged report, on another thread, and the report left out.

        Raises:
            StoreDamagedError: a report is damaged, and `on_damage` is None.
            ConfigError: the file cannot be written, or belongs to this store.
        """
        return await self._stoppable(
            lambda reader, stop: export_payloads(reader, target, stop, every=every, on_damage=on_damage)
        )

    async def import_(
        self, source: str | PathLike[str], on_imported: Callable[[int, int], None] | None = None
    ) -> Imported:
        """Bring in the reports of a file; those that are here already are left out, so that it can be repeated.

        The file is JSON lines, gzipped or not, of any of these: what `export` writes; `{"handle": …, "report": {…}}`;
        what `walee fetch` writes of a report that it bought and could not read, `{"handle": …, "error": {…},
        "payload": {"encoding": …, "body": …}}`; an answer of the gateway or the report in it, filed under its
        `username`. Or it is one JSON document of some 64 MiB at most, one of these or a list of them. `on_imported` is
        told now and then, on a thread, how many reports were added so far, and how many were here already.

        Raises:
            ConfigError: the file cannot be read.
            StoreError: they cannot be written.
        """
        writer = self._writes()
        self._filter.distrust()
        return await self._stoppable(lambda _, stop: import_file(source, writer, stop, on_imported))

    async def merge(self, source: str | PathLike[str]) -> Merged:
        """Bring in all that another store holds: reports, attempts and doubts, failures, runs; whole or not at all.

        What is here already is left out, so that it can be repeated. The other store is not changed.

        Raises:
            StoreLockedError: another process writes to the other store.
            StoreError: the other store cannot be read, or this one written to.
        """
        self._filter.distrust()
        work = partial(merge, source=resolve(source, create=False), next_attempt=partial(next, self._numbers))
        return await asyncio.wrap_future(self._writes().submit_from_thread(work, begins=True))

    # -- the end ------------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Write what is queued, and close. Safe to repeat."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """As `aclose`, but blocks."""
        with self._closing:
            if self._closed or self._process != os.getpid():
                return
            self._closed = True
            atexit.unregister(self.close)
            self._close_readers()
            if self._writer is not None:
                if problem := self._writer.close():
                    logger.error("%s", problem)
                self._tell_unkept()
            if self._lock is not None:
                self._lock.release()

    def _tell_unkept(self) -> None:
        if lost := self.unkept:
            more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
            named = ", ".join(lost[:_NAMED]) + more
            logger.error("%d reports that were paid for could not be kept in %s: %s", len(lost), self.path, named)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.path}>"

    def _writes(self) -> Writer:
        if self._closed:
            raise StoreWriteError(f"{self.path} has been closed")
        if self._writer is None:
            raise StoreWriteError(f"{self.path} was opened for reading only")
        if self._process != os.getpid():
            raise StoreWriteError(
                f"{self.path} was opened by the process this one was forked from; open it for reading"
            )
        return self._writer
