"""Looking for damage: in the tables, their indexes and every report."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from walee_async.decode import decode
from walee_async.errors import PayloadError, StoreDamagedError, StoreError
from walee_async.store import wal
from walee_async.store.books import told
from walee_async.store.connect import sidecar
from walee_async.store.lock import is_held
from walee_async.store.reader import StoreReader
from walee_async.store.records import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TAIL: Final = 1000
"""Reports examined after a crash. Pages that the WAL held can be wrong; at its usual size it holds some 160 reports."""
_TABLES: Final = ("reports", "attempts", "failures", "runs")


def verify(reader: StoreReader) -> Iterator[Finding]:
    """Examine a whole store: the file's structure, its log, then that every body unpacks, hashes and decodes.

    It reads every page of the file, and takes about a millisecond per report; nothing is changed.
    """
    yield from (found for found in examine(reader) if isinstance(found, Finding))


def examine(reader: StoreReader) -> Iterator[Finding | int]:
    """As `verify`; between the findings, after some reports each, how many have been examined so far."""
    yield from _structure(reader.connection, "PRAGMA integrity_check")
    yield from _strays(reader.connection)
    if (lost := lost_commits(reader.path)) is not None:
        yield lost
    last = examined = 0
    remarks: list[Finding] = []
    try:
        for page in reader.pages(every=True, on_damage=remarks.append):
            for version in page:
                last = version
                yield from _report(reader, version, decoded=True)
            examined += len(page)
            yield examined
    except StoreError as error:
        yield Finding(f"the table of reports cannot be read past number {last}: {error.detail}")
    yield from remarks


def lost_commits(path: Path) -> Finding | None:
    """What a damaged log keeps from whoever reads, who is given what precedes it; None while somebody writes.

    A last commit that alone is incomplete is told and not called damage, because a power cut leaves it.

    Raises:
        StoreError: the log cannot be read.
    """
    before = _log_stat(path)
    if before is None or is_held(path):
        return None
    found = lost_in_log(path)
    # Who came to write meanwhile has put the log in order, or has begun it anew.
    return None if is_held(path) or _log_stat(path) != before else found


def lost_in_log(path: Path) -> Finding | None:
    """As `lost_commits`, for whoever holds the lock."""
    try:
        with told(path):
            remark = wal.examine(path, wal.valid_frames(path)) if _log_stat(path) is not None else None
    except StoreDamagedError as error:
        return Finding(error.detail)
    return None if remark is None else Finding(remark, damage=False)


def _log_stat(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = sidecar(path, "-wal").stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def first_damage(reader: StoreReader) -> Finding | None:
    """Examine what a crash can have touched: the tables but for old bodies, and the last reports."""
    for table in _TABLES:
        for finding in _structure(reader.connection, f"PRAGMA integrity_check({table})"):
            return finding
    ((last,),) = reader.connection.execute("SELECT coalesce(max(id), 0) FROM reports").fetchall()
    after = max(0, last - TAIL)
    while page := reader.versions(after, every=True):
        after = page[-1]
        for version in page:
            for finding in _report(reader, version, decoded=False):
                return finding
    return None


def _structure(connection: sqlite3.Connection, pragma: str) -> Iterator[Finding]:
    try:
        for (line,) in connection.execute(pragma).fetchall():
            if line != "ok":
                yield Finding(f"the file's structure: {line}")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield Finding(f"the file's structure: {error}")


def _strays(connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchall():
            yield Finding(f"row {row} of {table} belongs to a row of {parent} that is not there")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield Finding(f"the file's structure: {error}")


def _report(reader: StoreReader, version: int, *, decoded: bool) -> Iterator[Finding]:
    try:
        record = reader.record(version)
    except StoreError as error:
        yield Finding(error.detail, *_name(reader.connection, version), version)
        return
    if record is None or not decoded:
        return  # a report that was removed since its number was read is no damage
    said, payload = record
    try:
        decode(payload)
    except PayloadError as error:
        yield Finding(error.detail, error.handle, said.report_id, version, damage=False)


def _name(connection: sqlite3.Connection, version: int) -> tuple[str | None, str | None]:
    """What a damaged row says of itself, where it can still be read."""
    with suppress(sqlite3.Error, UnicodeDecodeError):
        for handle, report_id in connection.execute("SELECT handle, report_id FROM reports WHERE id = ?", (version,)):
            return str(handle), None if report_id is None else str(report_id)
    return None, None
