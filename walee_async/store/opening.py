"""Opening a store for writing: the lock, what a crash left, the tables, and the books put in order."""

from __future__ import annotations

from contextlib import closing, nullcontext, suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from walee_async.errors import StoreDamagedError, StoreWriteError
from walee_async.store.books import told
from walee_async.store.check import first_damage
from walee_async.store.connect import (
    check_header,
    check_version,
    connect_reader,
    connect_writer,
    enable_log,
    sidecar,
    size_of,
)
from walee_async.store.journal import close_orphans, next_attempt
from walee_async.store.lock import Lock
from walee_async.store.paths import check_links, make, sync_folder, wipe
from walee_async.store.reader import StoreReader
from walee_async.store.reserve import Reserve
from walee_async.store.schema import check_sqlite, migrate
from walee_async.store.views import forget
from walee_async.store.wal import examine, valid_frames

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class Opened(Struct):
    """A store ready to be written to."""

    connection: sqlite3.Connection
    lock: Lock
    reserve: Reserve
    orphans: tuple[str, ...]
    remarks: tuple[str, ...]
    next_attempt: int
    cramped: StoreWriteError | None
    """Why nothing new may be begun: no room could be set aside for what would be under way when the disk is full."""


def open_for_writing(path: Path, *, fresh: bool, under_way: int) -> Opened:
    """Take the lock of a store and make it ready; `fresh` removes what is there first.

    A disk without room for the reports of `under_way` requests is no error: what is there can be read and removed.

    Raises:
        StoreError: it cannot be had; nothing that was kept is changed, and the lock is free again.
    """
    check_sqlite()
    # Before a lock is left beside a file that is none of ours. A damaged one may be wiped.
    with suppress(StoreDamagedError) if fresh else nullcontext():
        check_header(path)
    lock = Lock.acquire(path)
    try:
        if fresh:
            wipe(path)
        check_links(path)
        known = check_header(path)
        if not known:
            forget(path)  # of a store that somebody removed by hand
        make(path)
        with told(path):
            remarks = _recover(path) if known else []
            return _ready(path, lock, remarks, under_way)
    except BaseException:
        lock.release()
        raise


def _ready(path: Path, lock: Lock, remarks: list[str], under_way: int) -> Opened:
    connection = connect_writer(path)
    try:
        check_version(connection, path)
        migrate(connection)
        enable_log(connection)
        sync_folder(path)
        orphans = close_orphans(connection)
        reserve = Reserve(path, under_way)
        cramped = None if reserve.fill() else _cramped(path, under_way, reserve.size)
        return Opened(connection, lock, reserve, orphans, tuple(remarks), next_attempt(connection), cramped)
    except BaseException:
        connection.close()
        raise


def _cramped(path: Path, under_way: int, size: int) -> StoreWriteError:
    return StoreWriteError(
        f"the disk that holds {path} is nearly full: the {under_way:,} reports that can be under way at once need"
        f" {size / 1e6:,.0f} MB, or what is bought might not be kept"
    )


def _recover(path: Path) -> list[str]:
    """Look at what a process that did not close the store has left, before anything is changed.

    The connection here cannot write, and leaves the files as they are when it closes.

    Raises:
        StoreDamagedError: what was committed is not all there.
    """
    with closing(connect_reader(path)) as connection:
        check_version(connection, path)
        if not size_of(sidecar(path, "-wal")):
            return []
        remark = examine(path, valid_frames(path))
        problem = first_damage(StoreReader(connection, path))
        if problem is not None:
            raise StoreDamagedError(f"{path} is damaged: {problem.problem}", handle=problem.handle)
    return [remark] if remark is not None else []
