"""Reading a store: one connection that cannot write, for one thread at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Self

from walee_async.errors import StoreDamagedError, StoreError, StorePathError
from walee_async.outcomes import Payload
from walee_async.store.books import IN_DOUBT, Books, told
from walee_async.store.connect import check_header, check_version, connect_reader
from walee_async.store.lock import is_held
from walee_async.store.packing import COLUMNS, Row, check_seal, unpack
from walee_async.store.paths import resolve
from walee_async.store.records import Finding, Held, Standing, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike
    from types import TracebackType

PAGE: Final = 20
"""Reports that an iteration holds at a time: half a megabyte of bodies."""
UNORDERED: Final = "the table of reports is damaged: numbers in it are wrong, and reports may be missing"
"""What is said where ids are out of order or not as many as they should be."""
_WIDTH: Final = len(Row.__struct_fields__)
_WHOLE: Final = f"SELECT r.id, {COLUMNS}, seal, body FROM reports AS r LEFT JOIN bodies USING (id)"
_NEWEST: Final = (
    "NOT EXISTS (SELECT 1 FROM reports AS n"
    " WHERE n.handle = r.handle AND (n.received_at, n.id) > (r.received_at, r.id))"
)


class StoreReader(Books):
    """A store opened for reading, alone or beside one that writes. Everything blocks: for threads and worker processes.

    No report is given out whose bytes, handle or dates are not those that were written. Every method may raise
    StoreError when the file cannot be read, and StoreDamagedError when it is not as written.
    """

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Self:
        """Open a store for reading.

        Raises:
            StorePathError: there is none.
            StoreVersionError: a newer version of this package made it.
            StoreDamagedError: it is too damaged to open.
        """
        file = resolve(path, create=False)
        if not check_header(file):
            raise StorePathError(f"{file} is empty; it is no store yet")
        with told(file):
            connection = connect_reader(file)
            try:
                check_version(connection, file)
            except BaseException:
                connection.close()
                raise
        return cls(connection, file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def latest(self, handle: str) -> Payload | None:
        """The newest report of a handle, by when it came; None when there is none.

        Raises:
            StoreDamagedError: it is damaged. An older one may be whole: see `history` and `read`.
        """
        rows = self._all(f"{_WHOLE} WHERE r.handle = ? ORDER BY r.received_at DESC, r.id DESC LIMIT 1", (handle,))
        if not rows:
            return None
        if rows[0][1] != handle:
            raise StoreDamagedError("the stored report is damaged: it is filed under another handle", handle=handle)
        return _payload(rows[0])

    def read(self, version: int) -> Payload:
        """The report with this id, as `history` gives it.

        Raises:
            StoreDamagedError: it is damaged.
            StoreError: there is none.
        """
        rows = self._all(f"{_WHOLE} WHERE r.id = ?", (version,))
        if not rows:
            raise StoreError(f"there is no report {version} in {self.path}")
        return _payload(rows[0])

    def record(self, version: int) -> tuple[Version, Payload] | None:
        """The report with this id and what is known of it; None when it is not there, such as removed just now.

        Raises:
            StoreDamagedError: it is damaged.
        """
        for row in self._all(f"{_WHOLE} WHERE r.id = ?", (version,)):
            return _version(row), _payload(row)
        return None

    def history(self, handle: str) -> list[Version]:
        """Every report of a handle without its body, the newest first."""
        query = f"SELECT id, {COLUMNS}, seal FROM reports WHERE handle = ? ORDER BY received_at DESC, id DESC"
        return [_version(row) for row in self._all(query, (handle,))]

    def version(self, version: int) -> Version:
        """One report without its body, by its id.

        Raises:
            StoreDamagedError: it is damaged.
            StoreError: there is none.
        """
        rows = self._all(f"SELECT id, {COLUMNS}, seal FROM reports WHERE id = ?", (version,))
        if not rows:
            raise StoreError(f"there is no report {version} in {self.path}")
        return _version(rows[0])

    def lookup(self, handles: Sequence[str]) -> dict[str, Held]:
        """How old the newest report of each handle is; handles without one are left out."""
        query = "SELECT handle, created, received_at FROM reports WHERE handle IN"
        rows = self._about(handles, query, "ORDER BY received_at, id")
        return {handle: Held(created, received_at) for handle, created, received_at in rows}

    def newest(self, handles: Sequence[str]) -> dict[str, int]:
        """The id of the newest report of each handle; handles without one are left out."""
        query = f"SELECT handle, id FROM reports AS r WHERE {_NEWEST} AND handle IN"
        return dict(self._about(handles, query))

    def handles(self, first: str, most: int) -> list[str]:
        """The handles that have a report, from one on, in the order of their bytes."""
        query = "SELECT DISTINCT handle FROM reports WHERE handle >= ? ORDER BY handle LIMIT ?"
        return [handle for (handle,) in self._all(query, (first, most))]

    def versions(self, after: int = 0, *, every: bool = False) -> list[int]:
        """The ids of the next `PAGE` reports after one: the newest of each handle, or every version."""
        query = f"SELECT id FROM reports AS r WHERE id > ? AND (? OR {_NEWEST}) ORDER BY id LIMIT ?"
        return [version for (version,) in self._all(query, (after, every, PAGE))]

    def pages(self, *, every: bool = False, on_damage: Callable[[Finding], None] | None = None) -> Iterator[list[int]]:
        """The ids of all reports, some at a time: the newest of each handle, or every version.

        At the end it is told, or raised where nobody is to be told, when ids are out of order, or not as many as the
        index has, so that reports may be missing. The latter is known only if nothing was written meanwhile.
        """
        before, last, seen, ordered = self._changes(), 0, 0, True
        while page := self.versions(last, every=every):
            ordered = ordered and all(one < other for one, other in pairwise((last, *page)))
            seen += len(page)
            yield page
            if page[-1] <= last:
                break  # it would go round for ever
            last = page[-1]
        ((held,),) = self._all(f"SELECT count({'*' if every else 'DISTINCT handle'}) FROM reports")
        if not ordered or (seen != held and self._changes() == before):
            if on_damage is None:
                raise StoreDamagedError(UNORDERED)
            on_damage(Finding(UNORDERED))

    def _changes(self) -> int:
        """A number that is another once somebody has written."""
        ((number,),) = self._all("PRAGMA data_version")
        return int(number)

    def payloads(self, *, every: bool = False, on_damage: Callable[[Finding], None] | None = None) -> Iterator[Payload]:
        """The newest report of each handle, or every version, in the order they were kept; in bounded memory.

        What is kept or removed while the iteration goes on may or may not be part of it.

        Args:
            every: All versions rather than the newest.
            on_damage: Is told of a damaged report, which is then left out; without it, it is raised.
        """
        for page in self.pages(every=every, on_damage=on_damage):
            for version, found in self.found(page):
                if isinstance(found, Payload):
                    yield found
                elif on_damage is not None:
                    on_damage(Finding(found.detail, found.handle, version=version))
                else:
                    raise found

    def standing(self, handles: Sequence[str]) -> dict[str, Standing]:
        """All that bears on whether to buy the report of each handle; every handle asked for is in the answer."""
        held, failed = self.lookup(handles), self.failed(handles)
        doubts = dict(
            self._about(
                handles,
                f"SELECT handle, count(*) FROM attempts AS a WHERE charge = 'ambiguous' AND {IN_DOUBT} AND handle IN",
                "GROUP BY handle",
            )
        )
        cut_off = self._cut_off(handles)
        return {
            handle: Standing(held.get(handle), failed.get(handle), doubts.get(handle, 0) + cut_off.get(handle, 0))
            for handle in handles
        }

    def _cut_off(self, handles: Sequence[str]) -> dict[str, int]:
        """The attempts without an end, if no process is left that could note one; else they are under way."""
        query = "SELECT handle, count(*) FROM attempts WHERE charge IS NULL AND handle IN"
        found = dict(self._about(handles, query, "GROUP BY handle"))
        return found if found and not is_held(self.path) else {}

    def found(self, versions: Sequence[int]) -> list[tuple[int, Payload | StoreDamagedError]]:
        """Reports by their ids, those removed since left out; in place of the damaged ones what is wrong with them."""
        found: list[tuple[int, Payload | StoreDamagedError]] = []
        for version in versions:
            try:
                # One by one: where a page of the file is damaged, the others can still be read.
                found.extend((version, _payload(row)) for row in self._all(f"{_WHOLE} WHERE r.id = ?", (version,)))
            except StoreDamagedError as error:
                found.append((version, error))
        return found


def _row(columns: Sequence[Any]) -> Row:
    return Row(**dict(zip(Row.__struct_fields__, columns, strict=True)))


def _payload(columns: Sequence[Any]) -> Payload:
    row = _row(columns[1 : 1 + _WIDTH])
    body = unpack(row, columns[1 + _WIDTH], columns[2 + _WIDTH])
    return Payload(handle=row.handle, body=body, encoding=row.encoding, key=row.key, received_at=row.received_at)


def _version(columns: Sequence[Any]) -> Version:
    row = _row(columns[1 : 1 + _WIDTH])
    check_seal(row, columns[1 + _WIDTH])
    return Version(
        id=columns[0],
        handle=row.handle,
        received_at=row.received_at,
        created=row.created,
        report_id=row.report_id,
        user_id=row.user_id,
        encoding=row.encoding,
        size=row.size,
        sha256=row.sha256.hex(),
        request=row.request,
        status=row.status,
        key=row.key,
        attempt=row.attempt,
        source=row.source,
    )
