"""What is written, as functions of the writing connection: attempts and their charge, reports, failures, runs."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from walee_async.errors import StoreError
from walee_async.outcomes import Charge
from walee_async.store.books import PRUNABLE
from walee_async.store.packing import COLUMNS, Row, pack, stamp, values_of
from walee_async.store.records import Failure, Pruned
from walee_async.wire import report_url

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from walee_async.outcomes import Attempt, Payload

_INTEND = "INSERT INTO attempts (id, run, handle, number, key, intended_at) VALUES (?, ?, ?, ?, ?, ?)"
# An attempt that somebody else took for an orphan, because the lock's file was removed, is still ours to settle.
_SETTLE = (
    "UPDATE attempts SET settled_at = ?, charge = ?, status = ?, queue_seconds = ?, service_seconds = ?"
    " WHERE id = ? AND (charge IS NULL OR (charge = 'ambiguous' AND settled_at IS NULL))"
)
# Not `OR IGNORE`, which also passes over what breaks a rule of the table, and would lose a report without a word.
_KEEP = (
    f"INSERT INTO reports (id, {COLUMNS}, seal) VALUES (?, {'?, ' * len(Row.__struct_fields__)}?)"
    " ON CONFLICT (handle, received_at, sha256) DO NOTHING"
)
CHUNK = 200
"""Reports removed in one transaction: few enough that a record queued meanwhile does not wait for long."""


class Origin(Struct, frozen=True, kw_only=True):
    """Where a report to be kept comes from."""

    status: int | None = None
    attempt: int | None = None
    source: str = "gateway"


def intend(connection: sqlite3.Connection, attempts: Sequence[tuple[int, int | None, str, int, str, float]]) -> None:
    """Note that requests are about to be sent: the intent, run, handle, number, key label and time of each."""
    connection.executemany(_INTEND, attempts)


def settle(connection: sqlite3.Connection, ended: Sequence[tuple[int, float, Attempt, Payload | None]]) -> None:
    """Note what intended requests came to and when, and keep the reports that they brought.

    Raises:
        StoreError: one of them is not to be settled. Which one is told when each is settled by itself.
    """
    rows = [
        (at, attempt.charge.value, attempt.status, attempt.queue_seconds, attempt.service_seconds, intent)
        for intent, at, attempt, _ in ended
    ]
    if connection.executemany(_SETTLE, rows).rowcount != len(rows):
        intent, _, attempt, _ = ended[0]
        raise StoreError(f"attempt {intent} was never intended, or is settled already", handle=attempt.handle)
    keep(
        connection,
        [
            (payload, Origin(status=attempt.status, attempt=intent))
            for intent, _, attempt, payload in ended
            if payload is not None
        ],
    )


def keep(connection: sqlite3.Connection, reports: Sequence[tuple[Payload, Origin]]) -> int:
    """Keep reports; how many of them were not there. What failed for their handles before has come right."""
    if not reports:
        return 0
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM reports").fetchone()
    rows: list[tuple[object, ...]] = []
    bodies: list[tuple[int, bytes]] = []
    for version, (payload, origin) in enumerate(reports, last + 1):
        stored, packing = pack(payload.body, payload.encoding)
        rows.append((version, *_columns(payload, packing, origin)))
        bodies.append((version, stored))
    if connection.executemany(_KEEP, rows).rowcount != len(rows):
        added = {version for (version,) in connection.execute("SELECT id FROM reports WHERE id > ?", (last,))}
        rows = [row for row in rows if row[0] in added]
        bodies = [body for body in bodies if body[0] in added]
    connection.executemany("INSERT INTO bodies (id, body) VALUES (?, ?)", bodies)
    handles = [row[1:2] for row in rows]
    connection.executemany("UPDATE failures SET standing = 0 WHERE handle = ? AND standing = 1", handles)
    return len(rows)


def _columns(payload: Payload, packing: str, origin: Origin) -> tuple[object, ...]:
    said = stamp(payload)
    row = Row(
        handle=payload.handle,
        received_at=payload.received_at + 0.0,  # SQLite does not tell -0.0 from 0.0, the seal does
        created=said.created,
        report_id=said.report_id,
        user_id=said.user_id,
        encoding=payload.encoding,
        packing=packing,
        size=len(payload.body),
        sha256=hashlib.sha256(payload.body).digest(),
        request=report_url("", payload.handle),
        status=origin.status,
        key=payload.key,
        attempt=origin.attempt,
        source=origin.source,
    )
    return values_of(row)


def record_failure(connection: sqlite3.Connection, failure: Failure) -> None:
    """Note that a handle came to an end without a report; it takes the place of what was noted before."""
    connection.execute("UPDATE failures SET standing = 0 WHERE handle = ? AND standing = 1", (failure.handle,))
    connection.execute(
        "INSERT INTO failures (handle, kind, detail, status, code, at, due_at, run, standing)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            failure.handle,
            failure.kind,
            failure.detail,
            failure.status,
            failure.code,
            failure.at,
            failure.due_at,
            failure.run,
        ),
    )


def begin_run(connection: sqlite3.Connection, command: str) -> int:
    """Note the start of a run and return its number."""
    run = connection.execute("INSERT INTO runs (started, command) VALUES (?, ?)", (time.time(), command)).lastrowid
    assert run is not None
    return run


def end_run(connection: sqlite3.Connection, run: int, reason: str) -> None:
    """Note the end of a run."""
    connection.execute("UPDATE runs SET ended = ?, reason = ? WHERE id = ?", (time.time(), reason, run))


def close_orphans(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Settle what a process that died left open: its attempts are ambiguous.

    Return the handles of all its attempts that may have bought a report without delivering it, one for each, those that
    had broken off before included: nobody has summed them up. To be called when the store is opened for writing: nobody
    else writes, so nothing open can still be going on.
    """
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute(
        "SELECT id, handle FROM attempts WHERE charge IS NULL UNION ALL"
        " SELECT id, handle FROM attempts WHERE charge = 'ambiguous' AND run IN"
        " (SELECT id FROM runs WHERE reason IS NULL) ORDER BY id"
    ).fetchall()
    connection.execute("UPDATE attempts SET charge = ? WHERE charge IS NULL", (Charge.AMBIGUOUS.value,))
    connection.execute("UPDATE runs SET reason = 'killed' WHERE reason IS NULL")
    connection.execute("COMMIT")
    return tuple(handle for _, handle in rows)


def prune_chunk(connection: sqlite3.Connection, before: float, keep_latest: bool) -> Pruned:
    """Remove up to `CHUNK` reports that are dated before a moment."""
    rows = connection.execute(
        f"SELECT id, size FROM reports AS r WHERE {PRUNABLE} LIMIT ?",
        (before, keep_latest, CHUNK),
    ).fetchall()
    connection.executemany("DELETE FROM reports WHERE id = ?", [(version,) for version, _ in rows])
    return Pruned(len(rows), sum(size for _, size in rows))


def next_attempt(connection: sqlite3.Connection) -> int:
    """The number after that of the last attempt."""
    (last,) = connection.execute("SELECT max(id) FROM attempts").fetchone()
    return (last or 0) + 1


def vacuum(connection: sqlite3.Connection) -> int:
    """Give unused pages back to the disk; return how many bytes. Not within a transaction."""
    ((free, size),) = connection.execute("SELECT * FROM pragma_freelist_count(), pragma_page_size()").fetchall()
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return int(free) * int(size)
