"""One store's contents into another: its reports, and the books, so that nothing paid for is lost or forgotten.

Everything is told apart by what it is and not by its number, so that merging once more adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from walee_async.errors import StoreDamagedError
from walee_async.outcomes import Charge
from walee_async.store.books import told
from walee_async.store.check import lost_in_log
from walee_async.store.journal import Origin, keep
from walee_async.store.lock import Lock
from walee_async.store.reader import StoreReader
from walee_async.store.records import AttemptRecord, Finding, Merged

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_FAILURE: Final = "run, handle, kind, detail, status, code, at, due_at"
_STANDING: Final = """
    UPDATE failures SET standing = 1 WHERE id IN (
        SELECT id FROM (
            SELECT id, handle, at, row_number() OVER (PARTITION BY handle ORDER BY at DESC, id DESC) AS place
            FROM failures WHERE handle IN (SELECT handle FROM temp.touched)
        ) AS f
        WHERE place = 1 AND at > coalesce(
            (SELECT max(received_at) FROM reports AS r WHERE r.handle = f.handle),
            (SELECT max(settled_at) FROM attempts AS b WHERE b.handle = f.handle AND b.charge = 'billed'), 0)
    )
"""
"""Of each handle that was touched the last failure stands, if no report has come since."""

_What = tuple[str, float, int, str]
"""An attempt, whatever its number: handle, when it was intended, which of the handle's, key."""


def merge(connection: sqlite3.Connection, source: Path, next_attempt: Callable[[], int]) -> Merged:
    """Bring all that a store holds into the one of the writing connection, within its transaction.

    Nobody may write to the source meanwhile: its lock is held. What a process that died left open there is ambiguous,
    and commits that its damaged log has lost are told.

    Raises:
        StoreLockedError: somebody writes to the source.
        StoreError: the source cannot be read, or the target written to; then nothing was changed.
    """
    with StoreReader.open(source) as reader:
        lock = Lock.acquire(source)
        try:
            merged = _Merge(connection, reader, next_attempt).all()
            lost = lost_in_log(source)
            return merged if lost is None else msgspec.structs.replace(merged, damaged=(lost, *merged.damaged))
        finally:
            lock.release()


class _Merge:
    """One source on its way into a target."""

    def __init__(self, connection: sqlite3.Connection, reader: StoreReader, next_attempt: Callable[[], int]) -> None:
        self._into = connection
        self._from = reader
        self._next = next_attempt
        self._runs: dict[int, int] = {}
        self._attempts: dict[int, int] = {}
        """The numbers here, by those there."""

    def all(self) -> Merged:
        self._into.execute("DROP TABLE IF EXISTS temp.touched")
        self._into.execute("CREATE TEMP TABLE touched (handle TEXT PRIMARY KEY)")
        self._merge_runs()
        attempts = self._merge_attempts()
        reports, damaged = self._merge_reports()
        failures = self._merge_failures()
        self._into.execute(
            "UPDATE failures SET standing = 0 WHERE standing = 1 AND handle IN (SELECT handle FROM temp.touched)"
        )
        self._into.execute(_STANDING)
        self._into.execute("DROP TABLE temp.touched")
        return Merged(reports=reports, attempts=attempts, failures=failures, damaged=tuple(damaged))

    def _touch(self, handle: str) -> None:
        self._into.execute("INSERT OR IGNORE INTO temp.touched VALUES (?)", (handle,))

    def _merge_runs(self) -> None:
        for run in self._from.runs():
            same = "SELECT id FROM runs WHERE command = ? AND started = ?"
            if self._into.execute(same, (run.command, run.started)).fetchone() is None:
                self._into.execute("INSERT INTO runs (started, command) VALUES (?, ?)", (run.started, run.command))
            (number,) = self._into.execute(same, (run.command, run.started)).fetchone()
            end = "UPDATE runs SET ended = ?, reason = ? WHERE id = ? AND ended IS NULL"
            self._into.execute(end, (run.ended, run.reason or "killed", number))
            self._runs[run.id] = number

    def _merge_attempts(self) -> int:
        known = self._known()
        added = 0
        for attempt in self._attempts_there():
            what = (attempt.handle, attempt.intended_at, attempt.number, attempt.key)
            number = known.get(what)
            if number is None:
                number = self._next()
                added += 1
                self._into.execute(
                    "INSERT INTO attempts (handle, intended_at, number, key, id, run) VALUES (?, ?, ?, ?, ?, ?)",
                    (*what, number, self._run(attempt.run)),
                )
            self._attempts[attempt.id] = number
            self._into.execute(
                "UPDATE attempts SET charge = ?, settled_at = ?, status = ?, queue_seconds = ?, service_seconds = ?"
                " WHERE id = ? AND settled_at IS NULL",
                (
                    (attempt.charge or Charge.AMBIGUOUS).value,
                    attempt.settled_at,
                    attempt.status,
                    attempt.queue_seconds,
                    attempt.service_seconds,
                    number,
                ),
            )
        return added

    def _known(self) -> dict[_What, int]:
        """The attempts that are here already, of the time that the source is about."""
        ((*times,),) = self._there("SELECT min(intended_at), max(intended_at) FROM attempts")
        query = "SELECT handle, intended_at, number, key, id FROM attempts WHERE intended_at BETWEEN ? AND ?"
        return {tuple(row[:4]): row[4] for row in self._into.execute(query, times)}

    def _there(self, query: str) -> Iterator[tuple[Any, ...]]:
        with told(self._from.path):  # the writer would take SQLite's own error for one of the file that it writes to
            yield from self._from.connection.execute(query)

    def _attempts_there(self) -> Iterator[AttemptRecord]:
        last = 0
        while page := self._from.attempts(last):
            last = page[-1].id
            yield from page

    def _merge_reports(self) -> tuple[int, list[Finding]]:
        added = 0
        damaged: list[Finding] = []
        for page in self._from.pages(every=True, on_damage=damaged.append):
            for version in page:
                try:
                    found = self._from.record(version)
                except StoreDamagedError as error:
                    damaged.append(Finding(error.detail, error.handle, version=version))
                    continue
                if found is None:
                    continue
                said, payload = found
                number = None if said.attempt is None else self._attempts.get(said.attempt)
                origin = Origin(status=said.status, attempt=number, source=said.source)
                added += keep(self._into, [(payload, origin)])
                self._touch(payload.handle)
        return added, damaged

    def _merge_failures(self) -> int:
        added = 0
        same = "SELECT 1 FROM failures WHERE handle = ? AND kind = ? AND at = ?"
        new = f"INSERT INTO failures ({_FAILURE}, standing) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"
        there = self._there(f"SELECT {_FAILURE} FROM failures ORDER BY id")
        for run, handle, kind, detail, status, code, at, due_at in there:
            self._touch(handle)
            if self._into.execute(same, (handle, kind, at)).fetchone() is None:
                self._into.execute(new, (self._run(run), handle, kind, detail, status, code, at, due_at))
                added += 1
        return added

    def _run(self, number: int | None) -> int | None:
        return None if number is None else self._runs.get(number)
