"""The tables of a store, and the steps from one version of them to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from walee_async.errors import StoreError

APPLICATION_ID: Final = 0x57414C45
"""`WALE`: tells a store from any other SQLite file."""
OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables came with it."""

Step = Callable[[sqlite3.Connection], None]

# Bodies have a table of their own: a row with a body in it spreads over pages, and counting or looking up thousands of
# reports would read them all. `seal` is a checksum over the other columns, so that a report is never given out under
# another handle or date than its own; SQLite itself has none.
_FIRST: Final = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        started REAL NOT NULL,
        command TEXT NOT NULL,
        ended REAL,
        reason TEXT
    ) STRICT
    """,
    """
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY,
        run INTEGER REFERENCES runs,
        handle TEXT NOT NULL,
        number INTEGER NOT NULL,
        key TEXT NOT NULL,
        intended_at REAL NOT NULL,
        settled_at REAL,
        charge TEXT CHECK (charge IN ('not_sent', 'rejected', 'failed', 'ambiguous', 'billed')),
        status INTEGER,
        queue_seconds REAL,
        service_seconds REAL
    ) STRICT
    """,
    "CREATE INDEX attempts_open ON attempts (handle) WHERE charge IS NULL",
    "CREATE INDEX attempts_in_doubt ON attempts (handle, intended_at) WHERE charge = 'ambiguous'",
    """
    CREATE TABLE reports (
        id INTEGER PRIMARY KEY,
        handle TEXT NOT NULL,
        received_at REAL NOT NULL,
        created REAL,
        report_id TEXT,
        user_id TEXT,
        encoding TEXT NOT NULL,
        packing TEXT NOT NULL CHECK (packing IN ('', 'zlib')),
        size INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        request TEXT NOT NULL,
        status INTEGER,
        key TEXT NOT NULL,
        attempt INTEGER REFERENCES attempts,
        source TEXT NOT NULL CHECK (source IN ('gateway', 'import')),
        seal BLOB NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX reports_by_handle ON reports (handle, received_at, sha256)",
    "CREATE TABLE bodies (id INTEGER PRIMARY KEY REFERENCES reports ON DELETE CASCADE, body BLOB NOT NULL) STRICT",
    """
    CREATE TABLE failures (
        id INTEGER PRIMARY KEY,
        run INTEGER REFERENCES runs,
        handle TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        status INTEGER,
        code TEXT,
        at REAL NOT NULL,
        due_at REAL,
        standing INTEGER NOT NULL CHECK (standing IN (0, 1))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX failures_standing ON failures (handle) WHERE standing = 1",
)


def _create(connection: sqlite3.Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)


MIGRATIONS: Final[Sequence[Step]] = (_create,)
"""The step at place n leads from version n to n + 1; the first makes a store out of an empty file."""


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = MIGRATIONS) -> None:
    """Bring a store to the newest version, in one transaction: a crash leaves it as it was."""
    version = version_of(connection)
    if version == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version:]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables in a file; 0 in an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    assert isinstance(version, int)
    return version


def check_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Make sure that SQLite is new enough.

    Raises:
        StoreError: it is not.
    """
    if version < OLDEST_SQLITE:
        found, needed = (".".join(map(str, numbers)) for numbers in (version, OLDEST_SQLITE))
        raise StoreError(f"this Python has SQLite {found}; a store needs {needed} or newer")
