"""Connections to a store's file, and what SQLite's complaints mean."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from walee_async.errors import (
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StorePathError,
    StoreVersionError,
    StoreWriteError,
)
from walee_async.store.schema import APPLICATION_ID, MIGRATIONS, version_of

_WRITER: Final = (
    # Of a new file: a body of 25 KB takes 4 pages and not 7, for 2 % more room; 15 µs less of CPU for each report.
    "page_size = 8192",
    # Milliseconds. Only foreign programs can hold the file, ours are kept apart by the lock; a report that was bought
    # meanwhile is better kept late than not.
    "busy_timeout = 30000",
    # An acknowledged commit outlives a power cut: the WAL is synced at each. NORMAL would sync at checkpoints only.
    "synchronous = FULL",
    # On macOS a plain fsync leaves the data in the drive's cache; elsewhere these two do nothing.
    "fullfsync = ON",
    "checkpoint_fullfsync = ON",
    # In pages of 8 KiB: at 4 MiB, some 160 reports, the WAL is carried over to the file and begun anew. It bounds what
    # an opening after a crash has to examine.
    "wal_autocheckpoint = 500",
    # A WAL that grew while a reader held it up goes back to this size.
    "journal_size_limit = 16777216",
    "foreign_keys = ON",
)
_BOTH: Final = (
    # Look at each page's structure when it is read, so that damage is an error rather than a wrong row.
    "cell_size_check = ON",
    # A file from elsewhere may hold views and triggers; they must not call functions.
    "trusted_schema = OFF",
    # A disk error under mapped memory would be a signal that ends the process, not an error that can be told.
    "mmap_size = 0",
)

SIDECARS: Final = (".views", ".reserve", ".lock", "-wal", "-shm", "-journal")
"""What is put behind a store's name for the files beside it; the last three are SQLite's."""

_JOURNAL: Final = bytes.fromhex("d9d505f920a163d7")
"""How a journal begins that is to be rolled back (https://www.sqlite.org/fileformat.html#the_rollback_journal); some
programs leave one that is not, and begins with zeros."""

_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PATH = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes. The file must exist, and its lock be held."""
    # Built on one thread and used on another: that is sound as long as no two use it at once.
    connection = sqlite3.connect(_uri(path, "rw"), uri=True, isolation_level=None, check_same_thread=False)
    return _set_up(connection, _BOTH + _WRITER)


def enable_log(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on: readers and the writer do not wait for each other, a commit is one append and fsync.

    The tables are made before, so that the file's header says what it is even when the log is lost.

    Raises:
        StoreError: the file system cannot do it.
    """
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError("a store needs a file system with shared memory, such as a local disk")


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. It sees what has been committed, also by another process just now."""
    uri = _uri(path, "ro")
    try:
        return _open_reader(uri)
    except sqlite3.OperationalError as error:
        # In a folder that cannot be written to, SQLite cannot make the file by which readers and writer agree. Without
        # a WAL there is no writer to agree with.
        if primary(error) not in _PATH or not path.is_file():
            raise
        if size_of(sidecar(path, "-wal")):
            raise StorePathError(
                f"{path} was not closed, and nothing can be written beside it to read it; "
                f"copy it with {path.name}-wal to a folder that can be written to"
            ) from None
        return _open_reader(f"{uri}&immutable=1")


def _open_reader(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection = _set_up(connection, (*_BOTH, "busy_timeout = 5000", "query_only = ON"))
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _uri(path: Path, mode: str) -> str:
    return f"{path.as_uri()}?mode={mode}"


def sidecar(path: Path, suffix: str) -> Path:
    """One of the files beside a store; which there are is `SIDECARS`."""
    return path.with_name(path.name + suffix)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def check_header(path: Path) -> bool:
    """Say whether a file holds a store already; False for one that is empty, missing, or to be rolled back.

    Reads its first page.

    Raises:
        StorePathError: it holds something else.
        StoreDamagedError: it is empty or missing, and files beside it say that there was a store.
    """
    pages = _rolled_back_to(path)
    if not size_of(path):
        # Somebody may remove a store by hand and forget the reserve; nobody empties it by hand.
        rest = size_of(sidecar(path, "-wal")) or (path.exists() and sidecar(path, ".reserve").exists())
        if rest and pages is None:
            raise StoreDamagedError(f"{path} is empty or gone, and was a store: other files of it are there")
        return False
    try:
        made_by = _application_id(path)
    except sqlite3.DatabaseError as error:
        if primary(error) == sqlite3.SQLITE_NOTADB:
            if pages == 0:
                return False  # a crash in the making
            raise StorePathError(f"{path} is no store, or its beginning is damaged") from None
        if primary(error) in _PATH:
            raise StorePathError(f"{path} cannot be read ({error})") from None
        return True  # what is damaged is said when it is opened
    if made_by != APPLICATION_ID:
        raise StorePathError(f"{path} is an SQLite file, but no store of reports, or its beginning is damaged")
    return pages is None


def _rolled_back_to(path: Path) -> int | None:
    """The pages that SQLite will bring a file back to after a crash; None when there is nothing to roll back."""
    try:
        with sidecar(path, "-journal").open("rb") as file:
            header = file.read(20)
    except OSError:
        return None
    return int.from_bytes(header[16:20], "big") if header.startswith(_JOURNAL) else None


def _application_id(path: Path) -> int:
    """What the header says. Takes no locks, makes no files.

    Read by SQLite, because closing a file that was opened past it would drop the locks that this process has on it
    (https://www.sqlite.org/howtocorrupt.html, 2.2): another program could then remove the log of a store in use.
    """
    with closing(sqlite3.connect(f"{_uri(path, 'ro')}&immutable=1", uri=True)) as connection:
        (number,) = connection.execute("PRAGMA application_id").fetchone()
    return int(number)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that this package knows the store's tables.

    Raises:
        StoreVersionError: a newer one made them.
    """
    version = version_of(connection)
    if version > len(MIGRATIONS):
        known = len(MIGRATIONS)
        raise StoreVersionError(
            f"{path} is of version {version}; this walee-async knows {known}: upgrade it, or use another store"
        )


def primary(error: Exception) -> int:
    """SQLite's result code without its extension; 0 when the error is Python's own."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_busy(error: Exception) -> bool:
    """Whether another program holds the file."""
    return isinstance(error, sqlite3.Error) and primary(error) in _BUSY


def may_want_room(error: Exception) -> bool:
    """Whether room on the disk may help: where a quota or a limit is met, SQLite calls it an error of the disk."""
    return isinstance(error, sqlite3.Error) and primary(error) in _NO_ROOM


def is_lasting(error: Exception) -> bool:
    """Whether an error is of the disk or the file, so that the next write would fail as well."""
    return isinstance(error, sqlite3.Error) and primary(error) in _REFUSED | _DAMAGED | _PATH


def explain(error: Exception, path: Path, doing: str = "used") -> StoreError:
    """The error of this package that says what SQLite's means, or one in reading its texts."""
    code, name = primary(error), getattr(error, "sqlite_errorname", None)
    said = f"{error}, {name}" if name else str(error)
    if code == sqlite3.SQLITE_FULL:
        return StoreWriteError(f"the disk that holds {path} is full")
    if code in _REFUSED:
        return StoreWriteError(f"the disk that holds {path} refused ({said})")
    if code in _DAMAGED or "decode to UTF-8" in said or isinstance(error, ValueError):
        return StoreDamagedError(f"{path} is damaged ({said})")
    if code in _PATH:
        return StorePathError(f"{path} cannot be {doing} ({said})")
    if code in _BUSY:
        return StoreLockedError(f"another program holds {path} ({said})")
    return StoreError(f"{path} cannot be {doing} ({said})")
