"""Reading what a store knows besides its reports: attempts and their charge, failures, runs."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from walee_async.errors import WaleeError
from walee_async.outcomes import Charge
from walee_async.store.connect import explain, sidecar, size_of
from walee_async.store.records import AttemptRecord, Failure, Pruned, RunRecord, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_ASKED: Final = 500
"""Handles in one query."""
_ATTEMPTS: Final = 1000
"""Attempts that one page holds."""
IN_DOUBT: Final = (
    "intended_at > coalesce((SELECT max(received_at) FROM reports AS r WHERE r.handle = a.handle),"
    " (SELECT max(settled_at) FROM attempts AS b WHERE b.handle = a.handle AND b.charge = 'billed'), 0)"
)
"""Which attempts, as `a`, no report has made up for since: the books remember one that was pruned."""
PRUNABLE: Final = (
    "min(coalesce(created, received_at), received_at) < ? AND (NOT ? OR EXISTS (SELECT 1 FROM reports AS n"
    " WHERE n.handle = r.handle AND (n.received_at, n.id) > (r.received_at, r.id)))"
)
"""Which reports, as `r`, pruning removes: dated before a moment, and all of them or not the newest of a handle."""
_FAILURE: Final = ", ".join(Failure.__struct_fields__)


class Books:
    """The books of a store, over one connection for one thread at a time.

    Every method blocks, and may raise StoreError.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.connection = connection

    def failures(self, run: int | None = None) -> list[Failure]:
        """The failures of a run; without one, every handle whose last outcome is a failure. The oldest first."""
        which, values = ("standing = 1", ()) if run is None else ("run = ?", (run,))
        return [
            Failure(*row) for row in self._all(f"SELECT {_FAILURE} FROM failures WHERE {which} ORDER BY id", values)
        ]

    def failed(self, handles: Sequence[str]) -> dict[str, Failure]:
        """Those of the handles whose last outcome is a failure, and which."""
        found = self._about(handles, f"SELECT {_FAILURE} FROM failures WHERE standing = 1 AND handle IN")
        return {row[0]: Failure(*row) for row in found}

    def parked(self, due_by: float = math.inf) -> list[Failure]:
        """Handles whose report was being prepared and is to be asked for again by a moment; the first due first."""
        query = f"SELECT {_FAILURE} FROM failures WHERE standing = 1 AND due_at <= ? ORDER BY due_at, id"
        return [Failure(*row) for row in self._all(query, (due_by,))]

    def ambiguous(self, run: int | None = None) -> Counter[str]:
        """The attempts that may have bought a report without delivering it, by handle; of one run, or of all."""
        query = "SELECT handle, count(*) FROM attempts WHERE charge = ? AND (? IS NULL OR run = ?) GROUP BY handle"
        return Counter(dict(self._all(query, (Charge.AMBIGUOUS.value, run, run))))

    def attempts(self, after: int = 0) -> list[AttemptRecord]:
        """The next thousand attempts after one, by id."""
        columns = AttemptRecord.__struct_fields__
        query = f"SELECT {', '.join(columns)} FROM attempts WHERE id > ? ORDER BY id LIMIT ?"
        with told(self.path):
            rows = [dict(zip(columns, row, strict=True)) for row in self._all(query, (after, _ATTEMPTS))]
            return msgspec.convert(rows, list[AttemptRecord])

    def doubts(self) -> Counter[str]:
        """The attempts that may have bought a report which did not come, and none has since; by handle."""
        query = f"SELECT handle, count(*) FROM attempts AS a WHERE charge = ? AND {IN_DOUBT} GROUP BY handle"
        return Counter(dict(self._all(query, (Charge.AMBIGUOUS.value,))))

    def unsettled(self) -> list[str]:
        """The handles whose last outcome is a failure, and those of all attempts that are ambiguous."""
        query = (
            "SELECT handle FROM failures WHERE standing = 1"
            " UNION ALL SELECT handle FROM attempts WHERE charge = 'ambiguous'"
        )
        return [handle for (handle,) in self._all(query)]

    def doubtful(
        self, handles: Sequence[str], *, under_way: bool, command: str | None = None
    ) -> Iterator[tuple[str, float, int, str]]:
        """The attempts that may have bought a report of these handles, made up for or not; with those under way or not.

        Each is the handle, when it was intended, which of the handle's it was, and the label of its key. A `command`
        leaves only those of the runs that it began.
        """
        mine = "" if command is None else "AND run IN (SELECT id FROM runs WHERE command = ?)"
        # One query for each charge: together they would use no index.
        for which in ("charge = 'ambiguous'", "charge IS NULL")[: 1 + under_way]:
            query = f"SELECT handle, intended_at, number, key FROM attempts WHERE {which} AND handle IN"
            yield from self._about(handles, query, mine, () if command is None else (command,))

    def bought_by(self, handles: Sequence[str], command: str) -> set[str]:
        """Those of the handles whose report was bought by a run that this command began, and is here."""
        query = (
            "SELECT r.handle FROM reports AS r JOIN attempts AS a ON r.attempt = a.id JOIN runs ON a.run = runs.id"
            " WHERE r.handle IN"
        )
        return {handle for (handle,) in self._about(handles, query, "AND runs.command = ?", (command,))}

    def billed(self, handles: Sequence[str]) -> dict[str, float]:
        """When the last report of each handle was bought, whether it is still here or not."""
        query = "SELECT handle, max(settled_at) FROM attempts WHERE charge = 'billed' AND handle IN"
        return dict(self._about(handles, query, "GROUP BY handle"))

    def charges(self, run: int | None = None) -> Counter[Charge]:
        """The attempts by what they may have cost, those under way left out; of one run, or of all."""
        return Counter({charge: count for charge, count in self._charges(run) if charge is not None})

    def runs(self) -> list[RunRecord]:
        """Every run, the oldest first."""
        query = f"SELECT {', '.join(RunRecord.__struct_fields__)} FROM runs ORDER BY id"
        return [RunRecord(*row) for row in self._all(query)]

    def by_run(self) -> dict[int, tuple[int, int, int]]:
        """What each run bought, what it may have bought without receiving it, and the handles it gave up."""
        query = "SELECT run, sum(charge = 'billed'), sum(charge = 'ambiguous') FROM attempts GROUP BY run"
        failed = dict(self._all("SELECT run, count(DISTINCT handle) FROM failures GROUP BY run"))
        return {run: (bought or 0, doubts or 0, failed.get(run, 0)) for run, bought, doubts in self._all(query)}

    def totals(self) -> Totals:
        """What is in the store, and what it cost."""
        ((reports, handles, size, imported, oldest, newest),) = self._all(
            "SELECT count(*), count(DISTINCT handle), coalesce(sum(size), 0), coalesce(sum(source = 'import'), 0),"
            " min(received_at), max(received_at) FROM reports"
        )
        charges = self._charges(None)
        ((runs,),) = self._all("SELECT count(*) FROM runs")
        failed = self._all("SELECT kind, count(*) FROM failures WHERE standing = 1 GROUP BY kind ORDER BY 2 DESC, 1")
        return Totals(
            reports=reports,
            handles=handles,
            bytes=size,
            file_bytes=size_of(self.path) + size_of(sidecar(self.path, "-wal")),
            imported=imported,
            charges=Counter({charge: count for charge, count in charges if charge is not None}),
            under_way=sum(count for charge, count in charges if charge is None),
            ambiguous=self.ambiguous(),
            failed=Counter(dict(failed)),
            runs=runs,
            oldest=oldest,
            newest=newest,
        )

    def prunable(self, before: float, *, keep_latest: bool = True) -> Pruned:
        """What pruning would remove: the reports dated before a moment."""
        ((reports, size),) = self._all(
            f"SELECT count(*), coalesce(sum(size), 0) FROM reports AS r WHERE {PRUNABLE}", (before, keep_latest)
        )
        return Pruned(reports, size)

    def _charges(self, run: int | None) -> list[tuple[Charge | None, int]]:
        query = "SELECT charge, count(*) FROM attempts WHERE ? IS NULL OR run = ? GROUP BY charge"
        with told(self.path):
            return [(None if charge is None else Charge(charge), n) for charge, n in self._all(query, (run, run))]

    def _about(
        self, handles: Sequence[str], query: str, rest: str = "", values: Sequence[object] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a query with a list of handles and then the rest, asked for some hundred at a time."""
        for start in range(0, len(handles), _ASKED):
            asked = handles[start : start + _ASKED]
            yield from self._all(f"{query} ({', '.join('?' * len(asked))}) {rest}", (*asked, *values))

    def _all(self, query: str, values: Iterable[object] = ()) -> list[Any]:
        with told(self.path):
            return self.connection.execute(query, tuple(values)).fetchall()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as this package's."""
    try:
        yield
    except WaleeError:
        raise
    except (sqlite3.Error, OSError, ValueError) as error:  # ValueError: a text or a word that nobody wrote
        raise explain(error, path, "read") from None
