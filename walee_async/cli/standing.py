"""What is in a store, as a person or a program wants to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from walee_async.cli.kinds import by_kind, kind_of
from walee_async.cli.text import clean, duration, listed, moment, money, plural, size
from walee_async.outcomes import Charge

if TYPE_CHECKING:
    from rich.console import RenderableType

    from walee_async.store import Failure, RunRecord, StoreReader

RUNS: Final = 5
"""Runs that are shown, the last ones."""
FAILED: Final = 10
"""Failures that are shown, the last ones."""


class Picture(Struct, frozen=True, kw_only=True):
    """A store at one moment. Times are Unix seconds, sizes bytes; in JSON the names are these."""

    store: str
    reports: int
    handles: int
    bytes: int
    file_bytes: int
    imported: int
    oldest: float | None
    newest: float | None
    """When the first and the last report came."""
    bought: int
    charges: dict[str, int]
    """Requests by what they may have cost."""
    under_way: int
    """Requests without an end: going on now, or their process was killed and none has written since."""
    price: float | None
    spent: float | None
    ambiguous: dict[str, int]
    """Requests that may have bought a report without delivering it, by handle."""
    missing: list[str]
    """The handles among them of which no report has come since."""
    failed: dict[str, int]
    """Handles whose last outcome is a failure, by the error's name."""
    failures: list[Failure]
    runs: list[RunRecord]
    by_run: dict[int, tuple[int, int, int]]
    """By the number of a run: reports bought, maybe bought, handles given up."""


def picture(reader: StoreReader, price: float | None) -> Picture:
    """Look at a store.

    Raises:
        StoreError: it cannot be read.
    """
    totals = reader.totals()
    bought = totals.charges[Charge.BILLED]
    return Picture(
        store=str(reader.path),
        reports=totals.reports,
        handles=totals.handles,
        bytes=totals.bytes,
        file_bytes=totals.file_bytes,
        imported=totals.imported,
        oldest=totals.oldest,
        newest=totals.newest,
        bought=bought,
        charges={charge.value: count for charge, count in totals.charges.items()},
        under_way=totals.under_way,
        price=price,
        spent=None if price is None else bought * price,
        ambiguous=dict(totals.ambiguous),
        missing=list(reader.doubts()),
        failed=dict(totals.failed),
        failures=reader.failures(),
        runs=reader.runs(),
        by_run=reader.by_run(),
    )


def summary_of(found: Picture) -> bytes:
    """The picture in JSON, on one line."""
    return msgspec.json.encode(found)


def table_of(found: Picture) -> list[RenderableType]:
    """The picture for reading, to be shown one part below the other."""
    return [_numbers(found), *_failures(found), *_runs(found)]


def _numbers(found: Picture) -> Table:
    table = _grid()
    came = "" if found.oldest is None or found.newest is None else f"{moment(found.oldest)} to {moment(found.newest)}"
    table.add_row("store", "", Text(clean(f"{found.store} ({size(found.file_bytes)})")))
    creators = f"of {plural(found.handles, 'creator')}, {size(found.bytes)} as received"
    table.add_row("reports", f"{found.reports:,}", creators)
    if came:
        table.add_row("", "", came)
    if found.imported:
        table.add_row("  imported", f"{found.imported:,}", "not bought here")
    table.add_row("bought", f"{found.bought:,}", "" if found.spent is None else f"spent {money(found.spent)}")
    doubts = sum(found.ambiguous.values())
    table.add_row("maybe bought", f"{doubts:,}", Text(listed(list(found.ambiguous), doubts) if doubts else ""))
    if found.missing:
        table.add_row("  did not come", f"{len(found.missing):,}", Text(listed(found.missing, len(found.missing))))
    if found.under_way:
        table.add_row("under way", f"{found.under_way:,}", "or cut off, if no run is going on")
    others = {name: count for name, count in found.charges.items() if name not in {"billed", "ambiguous"}}
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(others.items()))
    table.add_row("not charged", f"{sum(others.values()):,}", told)
    table.add_row("failed", f"{sum(found.failed.values()):,}", "handles whose last outcome was a failure")
    for kind, count in by_kind(found.failed):
        table.add_row(f"  {kind}", f"{count:,}", "")
    return table


def _failures(found: Picture) -> list[RenderableType]:
    if not found.failures:
        return []
    table = _grid()
    for failure in found.failures[-FAILED:]:
        due = f"; due {moment(failure.due_at)}" if failure.due_at is not None else ""
        table.add_row(
            Text(f"  {clean(failure.handle, 30)}"), kind_of(failure.kind), Text(clean(failure.detail, 160) + due)
        )
    more = len(found.failures) - FAILED
    return [Text(""), Text(f"The last {FAILED} of them:" if more > 0 else "Failed:"), table]


def _runs(found: Picture) -> list[RenderableType]:
    if not found.runs:
        return []
    table = _grid()
    for run in found.runs[-RUNS:]:
        table.add_row(f"  {moment(run.started)}", clean(run.reason or "not ended", 40), _account(found, run))
    more = len(found.runs) > RUNS
    return [Text(""), Text(f"{plural(len(found.runs), 'run')}{', the last of them' if more else ''}:"), table]


def _account(found: Picture, run: RunRecord) -> str:
    """What a run came to: how long it took, what it bought and spent, and what it did not get."""
    bought, doubts, failed = found.by_run.get(run.id, (0, 0, 0))
    parts = [
        "" if run.ended is None else duration(run.ended - run.started),
        f"{bought:,} bought" + ("" if found.price is None else f" for {money(bought * found.price)}"),
        f"{doubts:,} maybe bought" if doubts else "",
        f"{failed:,} failed" if failed else "",
    ]
    return ", ".join(part for part in parts if part)


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", ratio=1)
    return table
