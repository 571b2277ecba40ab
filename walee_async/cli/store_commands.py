"""The commands about a store itself, and their options. Light, as app.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from walee_async.cli.exits import Exit
from walee_async.cli.options import STORE, ExportOptions

STORE_PATH = Annotated[Path, Parameter(metavar="STORE", help="The store.")]
_EXPORT = ExportOptions()


def status(
    store: STORE_PATH = STORE,
    *,
    price: Annotated[float | None, Parameter(metavar="P", help="What one report costs.")] = None,
    json: Annotated[bool, Parameter(help="Print it as JSON.")] = False,
) -> Exit:
    """Tell what is in a store, what it cost, what failed and what may have been bought; also during a run."""
    from walee_async.cli.upkeep import status as run

    return run(store, price, json=json)


def verify(store: STORE_PATH = STORE) -> Exit:
    """Examine every report of a store. Exit code 0: all well; 3: some cannot be read as reports; 5: damaged."""
    from walee_async.cli.upkeep import verify as run

    return run(store)


def prune(
    store: STORE_PATH,
    *,
    older_than: Annotated[str, Parameter(metavar="TIME", help="Such as 90d, 8w, 12h or 1y, by the report's own date.")],
    all_versions: Annotated[bool, Parameter(help="Also the newest report of a creator.")] = False,
    yes: Annotated[bool, Parameter(help="Do not ask.")] = False,
) -> Exit:
    """Remove old reports from a store, and give the room back to the disk. The newest of each creator stays."""
    from walee_async.cli.upkeep import prune as run

    return run(store, older_than, all_versions=all_versions, yes=yes)


def export(
    store: STORE_PATH,
    file: Annotated[Path | None, Parameter(metavar="FILE.jsonl.gz", help="The file to make.")] = None,
    options: ExportOptions = _EXPORT,
) -> Exit:
    """Take the reports of a store away: to a file as they came, for `walee import`, or with --tables as tidy tables.

    Into a file go all versions of each creator's report, unless --latest; into tables the newest, unless --every.
    """
    from walee_async.cli.upkeep import export as run

    return run(store, file, options)


def import_(
    store: STORE_PATH,
    file: Annotated[Path, Parameter(metavar="FILE", help="An export, the lines of `walee fetch`, or answers.")],
) -> Exit:
    """Bring reports into a store, which is made if it is not there; those it has are left out."""
    from walee_async.cli.upkeep import import_ as run

    return run(store, file)


def merge(
    store: STORE_PATH,
    *sources: Annotated[Path, Parameter(metavar="SHARD|DIR", help="Stores, or folders of them.")],
) -> Exit:
    """Bring all that other stores hold into one, which is made if it is not there: reports, doubts, failures and runs.

    The others are not changed, and a second time nothing is added.
    """
    from walee_async.cli.merging import merge as run

    return run(store, sources)
