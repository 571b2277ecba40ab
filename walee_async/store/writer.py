"""The one thread that writes: it takes what is queued, commits it as one transaction, and tells who waits.

Whoever submits does not wait for the disk. What was submitted is written even when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from walee_async.errors import StoreError, StoreLockedError, StorePathError, StoreWriteError, WaleeError
from walee_async.store.connect import explain, is_busy, is_lasting, may_want_room
from walee_async.store.paths import is_same
from walee_async.store.ticket import Ticket, WorkTicket, tell, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from walee_async.store.lock import Lock
    from walee_async.store.reserve import Reserve

T = TypeVar("T")

MOST: Final = 64
"""Records in one commit: all that the default 64 connections can have on the way."""
ENOUGH: Final = 20
"""Records that wait for more only as long as more come."""
HOLD: Final = 0.01
"""Seconds that fewer wait for more: each commit costs an fsync and wakes two threads. With 32 requests under way, a
report took 540 µs of CPU rather than 620, at the same reports a second; 2 ms gain a third of that, 50 ms no more."""
PATIENCE: Final = 0.0005
"""Seconds without another record after which enough are written. Written while they still come, they cost a tenth more
CPU: whoever makes records and this thread took the interpreter from each other three times as often."""


class Writer:
    """Owns the writing connection, and the room set aside for a full disk; `refusal` is why nothing may be begun.

    The store's file and its lock are looked after: SQLite goes on writing to a file that was removed.

    Attributes:
        unkept: The handles of the reports that were paid for and could not be written.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        lock: Lock,
        reserve: Reserve,
        refusal: StoreError | None = None,
    ) -> None:
        self.unkept: list[str] = []
        self._connection = connection
        self._path = path
        self._reserve = reserve
        self._failure: StoreError | None = None
        """Why nothing is written any more."""
        self._refusal = refusal
        """Why nothing new is begun any more."""
        self._closing = False
        self._file = path.stat()
        self._lock = lock
        self._queue: queue.SimpleQueue[Ticket[Any] | None] = queue.SimpleQueue()
        self._next: list[Ticket[Any] | None] = []
        self._enough = threading.Event()
        self._company = False
        # A daemon, so that a store nobody closed does not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name=f"walee store {path.name}", daemon=True)
        self._thread.start()

    def submit(self, ticket: Ticket[T]) -> asyncio.Future[T]:
        """Queue a record from within an event loop; the future is done when it is on disk."""
        ticket.loop = asyncio.get_running_loop()
        ticket.future = future = ticket.loop.create_future()
        self._put(ticket)
        return future

    def submit_from_thread(
        self, work: Callable[[sqlite3.Connection], T], *, alone: bool = False, begins: bool = False
    ) -> Future[T]:
        """Queue a record from any thread."""
        ticket = WorkTicket(work, begins=begins)
        ticket.alone = alone
        future: Future[T] = Future()
        ticket.future = future
        self._put(ticket)
        return future

    def _put(self, ticket: Ticket[Any] | None) -> None:
        self._queue.put(ticket)
        if (ticket is None or self._queue.qsize() >= ENOUGH) and not self._enough.is_set():
            self._enough.set()

    def close(self) -> StoreError | None:
        """Write what is queued, then close the connection; what was wrong with the file, if nobody was told so far."""
        told = self._failure
        self._put(None)
        self._thread.join()
        return None if told else self._failure

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (batch := self._gather()) is not None:
            self._look()
            self._write(batch)
            tell(batch)
        self._look()
        self._closing = True
        while not self._queue.empty():  # what came while we closed, and what waited for another program
            if (ticket := self._queue.get()) is not None:
                self._write([ticket])
                tell([ticket])
        with suppress(sqlite3.Error):  # a checkpoint that fails leaves everything in the WAL, where it is as safe
            self._connection.close()

    def _gather(self) -> list[Ticket[Any]] | None:
        """Wait for a record and take what comes with it; None to end.

        Records wait for each other only while they come in company: a lone one is on disk after one fsync.
        """
        ticket = self._next.pop() if self._next else self._queue.get()
        if self._company:
            self._let_gather()
        self._enough.clear()
        batch: list[Ticket[Any]] = []
        while ticket is not None and not ticket.alone:
            batch.append(ticket)
            if len(batch) == MOST or self._queue.empty():
                break
            ticket = self._queue.get()
        else:
            if not batch:
                return None if ticket is None else [ticket]
            self._next.append(ticket)
        self._company = len(batch) > 1
        return batch

    def _let_gather(self) -> None:
        if self._queue.qsize() < ENOUGH:
            self._enough.wait(HOLD)
        seen = ENOUGH - 1
        while seen < (there := self._queue.qsize()) < MOST:
            seen = there
            time.sleep(PATIENCE)

    def _look(self) -> None:
        if self._failure is None and not is_same(self._path, self._file):
            self._failure = StorePathError(f"{self._path} was removed or replaced while it was written to")
        if self._refusal is None and self._lock.is_lost():
            self._refusal = StoreLockedError(f"the lock of {self._path} was removed, and others may write to it")

    def _write(self, batch: list[Ticket[Any]]) -> None:
        refused = [ticket for ticket in batch if self._failure or (self._refusal and ticket.begins)]
        for ticket in refused:
            ticket.error = self._told(ticket, self._failure or self._refusal)
        if refused:
            batch = [ticket for ticket in batch if ticket.error is None]
        if not batch:
            return
        for ticket in batch:
            ticket.late = False
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001  (whatever it is, somebody waits to be told)
            self._roll_back()
            self._cope(batch, error)

    def _cope(self, batch: list[Ticket[Any]], error: Exception) -> None:
        """Find a way on after a commit that failed, and see that everybody in it is written or told."""
        if is_busy(error) and not self._closing:
            self._wait(batch, error)
        elif batch[0].alone or (len(batch) == 1 and not is_lasting(error)):  # while closing, all are of one
            for ticket in batch:
                ticket.error = self._told(ticket, error)
        elif not is_lasting(error):
            for ticket in batch:  # one of them cannot be written; the others shall not suffer for it
                self._write([ticket])
        else:
            # One class for whatever is wrong with the file: the damage of one report that is read ends nothing.
            failure = StoreWriteError(explain(error, self._path, "written to").detail)
            if may_want_room(error) and self._reserve.release():
                self._refusal = failure
            else:
                self._failure = failure
            self._write(batch)

    def _wait(self, batch: list[Ticket[Any]], error: Exception) -> None:
        """Put what was paid for back into the queue; each try waits for the other program as long as SQLite does."""
        for ticket in batch:
            if ticket.settles:
                ticket.late = True
                self._queue.put(ticket)
            else:
                ticket.error = self._told(ticket, error)
        self._company = True  # should SQLite not wait, then HOLD does

    def _commit(self, batch: list[Ticket[Any]]) -> None:
        if batch[0].alone:
            write(self._connection, batch)
            return
        self._connection.execute("BEGIN IMMEDIATE")
        write(self._connection, batch)
        self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _told(self, ticket: Ticket[Any], error: Exception | None) -> Exception | None:
        """The error as one ticket's own: with its handle, and with its payload, which would otherwise be lost."""
        if isinstance(error, sqlite3.Error):
            error = explain(error, self._path, "written to")
        elif ticket.payload is not None and error is not None and not isinstance(error, StoreError):
            error = StoreError(f"the report cannot be kept in {self._path} ({type(error).__name__}: {error})")
        if not isinstance(error, WaleeError):
            return error
        own = error.about(ticket.handle)
        if isinstance(own, StoreError) and ticket.payload is not None:
            own.payload = ticket.payload
            self.unkept.append(ticket.payload.handle)
        return own
