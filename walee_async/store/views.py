"""What was read out of reports, kept beside the store, so that reading the same again costs a tenth.

An SQLite file of its own, the store's name and `.views`: it finds any report without holding an index in memory, and
lets several processes read and write. It can be removed at any time. What is damaged in it, half written, or made
for another view is as if it were not there; where it cannot be read or written there is none, and nobody is told.

Each entry has a checksum over the view, the layout of the view, and the seal of the report's row, which is a checksum
in turn over the handle, the dates and the body's hash. So a view is given out only for a row that is as it was written,
whose body was whole when the view was made. Damage to the body since then goes unnoticed here; `check.verify` reads
every body.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec
from msgspec.inspect import type_info

from walee_async.errors import StorePathError
from walee_async.store.connect import is_busy, is_lasting, primary, sidecar
from walee_async.store.packing import COLUMNS, seal_of
from walee_async.store.paths import make

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from walee_async.store.reader import StoreReader

T = TypeVar("T")

SUFFIX: Final = ".views"
_FORMAT: Final = 1
"""To be raised when the file, or what `decode` makes of a body, changes; the layout of a view is seen to by itself."""
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS views (id INTEGER PRIMARY KEY, checksum BLOB NOT NULL, view BLOB NOT NULL) STRICT"
)
_PRAGMAS: Final = (
    # Of a new file: a read takes 1.1 µs a report of 5.6 KB rather than 2.0, and little of a page is left over.
    "page_size = 32768",
    # Milliseconds. Writing a chunk takes some 2; after more than this it is quicker to do without.
    "busy_timeout = 100",
    # No file of its own name that another process could take for that of a new file, and nothing to wait for: what a
    # power cut leaves half written fails its checksum.
    "journal_mode = MEMORY",
    "synchronous = OFF",
    # As for the store: damage is an error, a file from elsewhere calls no functions, a disk error is no signal.
    "cell_size_check = ON",
    "trusted_schema = OFF",
    "mmap_size = 0",
)


class Views(Generic[T]):
    """The views of one store's reports, for one thread at a time."""

    def __init__(self, reader: StoreReader, view: type[T]) -> None:
        """Open the file or make it. To be done before reading what is to be added: see `forget`."""
        self._reader = reader
        self._decode = msgspec.msgpack.Decoder(view).decode
        self._layout = layout(view)
        self._made: list[tuple[int, bytes, bytes]] = []
        self._seals: dict[int, bytes] = {}
        self._path = sidecar(reader.path, SUFFIX)
        self._connection = _open(self._path, int.from_bytes(self._layout[:3], "big") + 1)
        self._writable = True

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def walk(self, versions: Sequence[int]) -> Iterator[tuple[int, tuple[str, T] | None]]:
        """Go through some hundred reports by their ids; with each the handle and the view, or None where there is none.

        What is added on the way is written at the end.
        """
        rows = self._rows(versions)
        self._seals = {version: seal for version, (_, seal) in rows.items()}
        entries = self._entries(list(rows))
        for version in versions:
            row, entry = rows.get(version), entries.get(version)
            if row is None or entry is None or not self._is_true(row[1], *entry):
                yield version, None
            else:
                yield version, (row[0], self._decode(entry[1]))
        self._write()

    def add(self, version: int, view: T) -> None:
        """Add the view of the report that the walk has come to."""
        seal = self._seals.get(version)
        if seal is not None and self._writable:
            # JSON has numbers past 64 bits, msgpack has not.
            with suppress(OverflowError):
                data = msgspec.msgpack.encode(view)
                self._made.append((version, self._checksum(seal, data), data))

    def _rows(self, versions: Sequence[int]) -> dict[int, tuple[str, bytes]]:
        """The handle and the seal of each report whose row is whole."""
        if self._connection is None:
            return {}
        query = f"SELECT id, {COLUMNS}, seal FROM reports WHERE id IN ({_marks(versions)})"
        try:
            rows = self._reader.connection.execute(query, versions).fetchall()
        except (sqlite3.Error, ValueError):
            return {}  # reading them one by one will tell
        return {row[0]: (row[1], row[-1]) for row in rows if seal_of(row[1:-1]) == row[-1]}

    def _entries(self, versions: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        if self._connection is None:
            return {}
        query = f"SELECT id, checksum, view FROM views WHERE id IN ({_marks(versions)})"
        try:
            return {row[0]: row[1:] for row in self._connection.execute(query, versions)}
        except (sqlite3.Error, ValueError) as error:
            self._cope(error)
            return {}

    def _is_true(self, seal: bytes, checksum: object, view: object) -> bool:
        return isinstance(view, bytes) and checksum == self._checksum(seal, view)

    def _checksum(self, seal: bytes, view: bytes) -> bytes:
        return hashlib.blake2b(view, digest_size=16, key=self._layout, salt=seal).digest()

    def _write(self) -> None:
        made, self._made = self._made, []
        if not made or self._connection is None:
            return
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO views VALUES (?, ?, ?)", made)
        except (sqlite3.Error, ValueError) as error:
            self._cope(error)

    def _cope(self, error: Exception) -> None:
        """Go on after an error: without what is damaged, without writing where there is no room or no leave."""
        if is_busy(error):
            return
        if not _is_spoilt(error):
            self._writable = False
            return
        # Another file in its place is for the next time: what was read until now may have been removed since.
        self.close()
        _remove(self._path)


def layout(view: type[Any]) -> bytes:
    """What a view is made of, down to the types of its fields: 32 bytes that no other layout has."""
    return hashlib.blake2b(f"{_FORMAT} {type_info(view)!r}".encode(), digest_size=32).digest()


def forget(store: Path) -> None:
    """Remove the views of a store whose reports are to be removed, and once more when they have been.

    Who has the file open then goes on with one that has no name; who opens it anew finds no removed report to add.

    Raises:
        StorePathError: it cannot be removed.
    """
    path = sidecar(store, SUFFIX)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorePathError(f"{path} cannot be removed: {error.strerror}; it holds parts of reports") from None


def _open(path: Path, version: int) -> sqlite3.Connection | None:
    """Open the file, or another one in its place where it is damaged or of another version; None where it cannot be."""
    for _ in range(2):
        with suppress(StorePathError):  # there may be one that can be read
            make(path)
        try:
            uri = f"{path.as_uri()}?mode=rw"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        except sqlite3.Error:
            return None
        try:
            if _is_ready(connection, version):
                return connection
        except (sqlite3.Error, ValueError) as error:
            if not _is_spoilt(error):
                connection.close()
                return None
        connection.close()
        _remove(path)
    return None


def _is_ready(connection: sqlite3.Connection, version: int) -> bool:
    """Set a connection up, and make the table in an empty file; False for a file of another version."""
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if not found:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version = {version}")
    return found in (0, version)


def _is_spoilt(error: Exception) -> bool:
    """Whether the file is at fault, rather than the disk, the leave to use it, or another process.

    A ValueError is: SQLite's sentence about damage may hold a damaged name, which is no text.
    """
    damaged = primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return damaged or not (is_busy(error) or is_lasting(error))


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
