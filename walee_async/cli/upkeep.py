"""What is done with a store itself: `walee status`, `verify`, `prune`, `export` and `import`."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from msgspec import Struct
from rich.text import Text

from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.keeping import DAY, confirm, is_of_report, open_store, tell_lost
from walee_async.cli.screen import Screen, console_on
from walee_async.cli.standing import picture, summary_of, table_of
from walee_async.cli.text import clean, plural, size
from walee_async.errors import ConfigError
from walee_async.store import Store, StoreReader
from walee_async.store.exchange import check_file

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from walee_async.cli.options import ExportOptions
    from walee_async.store import Finding
    from walee_async.store.records import Rejected

T = TypeVar("T")

_UNITS: Final = {"h": 3600.0, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
_TIME: Final = re.compile(r"(\d{1,6}(?:\.\d+)?)([hdwy])")
_NO_JSON: Final = ("JSON is malformed", "Input data was truncated")
"""How msgspec begins to say that something is no JSON at all."""
REJECTED: Final = 5
"""Lines of an import that are named."""
NAMED: Final = 20
"""Reports that are named which do not go into tables, or not whole."""


def status(path: Path, price: float | None, *, json: bool) -> Exit:
    """Print what is in a store.

    Raises:
        StoreError: it cannot be read.
    """
    with closing(StoreReader.open(path)) as reader:
        found = picture(reader, price)
    if json:
        sys.stdout.buffer.write(summary_of(found) + b"\n")
        return Exit.FETCHED
    console = console_on(sys.stdout)
    for part in table_of(found):
        console.print(part)
    return Exit.FETCHED


def verify(path: Path) -> Exit:
    """Print what is wrong with a store, and return the exit code that says how bad it is.

    Raises:
        StoreError: it cannot be opened at all.
    """
    done = asyncio.run(_unless_stopped(_verify(path)))
    if done.exit is not None:
        Screen().say("Interrupted: the rest was not examined.")
    return done.result if done.result is not None else done.exit or Exit.INTERRUPTED


async def _verify(path: Path) -> Exit:
    console = console_on(sys.stdout)
    damaged = unreadable = examined = 0

    def count(reports: int) -> None:
        nonlocal examined
        examined = reports

    async with await asyncio.to_thread(Store.open, path, read_only=True) as store:
        async for finding in store.verify(count):
            damaged += finding.damage
            unreadable += not finding.damage and is_of_report(finding)
            console.print(_told(finding), soft_wrap=True)
    well = "all are whole" if not damaged + unreadable else f"{damaged:,} damaged, {unreadable:,} unreadable"
    console.print(Text(f"{plural(examined, 'report')} examined: {well}."), soft_wrap=True)
    if damaged:
        return Exit.STORE
    return Exit.SOME_FAILED if unreadable else Exit.FETCHED


def _told(finding: Finding) -> Text:
    unreadable = ("unreadable", "yellow") if is_of_report(finding) else ("note", "yellow")
    kind = ("damaged", "bold red") if finding.damage else unreadable
    names = [finding.handle, finding.report_id and f"report {finding.report_id}"]
    where = ", ".join(name for name in names if name)
    return Text.assemble(kind, " ", clean(f"{where + ': ' if where else ''}{finding.problem}"))


def prune(path: Path, older_than: str, *, all_versions: bool, yes: bool) -> Exit:
    """Remove old reports, once somebody has agreed, and shrink the file.

    Raises:
        ConfigError: the time is none, or nobody agreed.
        StoreError: the store cannot be used.
    """
    screen = Screen()
    seconds = _seconds(older_than)
    with closing(StoreReader.open(path)) as reader:
        planned = reader.prunable(time.time() - seconds, keep_latest=not all_versions)
    if not planned.reports:
        screen.say(clean(f"{path} has nothing to remove that is older than {older_than}."))
        return Exit.FETCHED
    told = f"{plural(planned.reports, 'report')} of {size(planned.bytes)}"
    confirm(f"This removes {told} from {path}, older than {older_than}", screen, yes=yes)
    with open_store(path, screen) as store:
        pruned = asyncio.run(store.prune(seconds, keep_latest=not all_versions))
        # Said at once: to shrink the file takes room, which a full disk may not have.
        screen.say(clean(f"{plural(pruned.reports, 'report')} removed from {path}."))
        freed = asyncio.run(store.vacuum())
    screen.say(f"{size(freed)} given back to the disk.")
    return Exit.FETCHED


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text.strip().lower())
    if found is None:
        raise ConfigError(f"--older-than is {text!r}; it must be a time such as 90d, 8w, 12h or 1y")
    return float(found[1]) * _UNITS[found[2]]


def export(path: Path, file: Path | None, options: ExportOptions) -> Exit:
    """Write the reports of a store to a file or as tables; what cannot be read is told of and left out.

    Raises:
        ConfigError: the options do not go together, or what is to be made is there or cannot be made.
        StoreError: the store cannot be read.
        OutputError: the tables cannot be written.
    """
    if options.latest and options.every:
        raise ConfigError("--latest and --every exclude each other; give one of them")
    if (file is None) == (options.tables is None):
        raise ConfigError("walee export writes to a FILE or, with --tables, into a folder; give one of the two")
    if options.tables is not None:
        return _export_tables(path, options.tables, options)
    if options.format or options.bom or options.replace:
        raise ConfigError("--format, --bom and --replace are about tables; they go with --tables, not with a FILE")
    assert file is not None
    return _export_file(path, file, latest=options.latest)


def _export_file(path: Path, file: Path, *, latest: bool) -> Exit:
    if file.suffix.lower() != ".gz":
        ask = "walee export STORE --tables DIR --format csv"
        raise ConfigError(f"{file} would hold gzipped JSON lines, so name it .jsonl.gz; tables are made by `{ask}`")
    if file.exists():
        raise ConfigError(f"{file} is there already; name another file")
    screen = Screen()
    damaged: list[Finding] = []
    with Store.open(path, read_only=True) as store:
        done = asyncio.run(_unless_stopped(store.export(file, every=not latest, on_damage=damaged.append)))
    if done.exit is not None:
        screen.say(clean(f"Interrupted: {file} was not written."))
        return done.exit
    written = done.result or 0
    lost = tell_lost(path, screen)
    for finding in damaged:
        screen.warn(f"{_named(finding)}{finding.problem}.")
    screen.say(clean(f"{plural(written, 'report')} written to {file} ({size(file.stat().st_size)})."))
    return Exit.STORE if damaged or lost else Exit.FETCHED


def _named(finding: Finding) -> str:
    """How to begin to tell of a finding: with the report that is left out, or the handle, where it is about one."""
    if finding.version is None:
        return "" if finding.handle is None else f"{finding.handle}, "
    return f"Left out: {finding.handle or 'a report'}, "


def _export_tables(path: Path, folder: Path, options: ExportOptions) -> Exit:
    from walee_async.export import export_tables

    screen = Screen()
    troubles = Counter[bool]()

    def tell(finding: Finding) -> None:
        troubles[finding.damage] += 1
        if troubles.total() <= NAMED:
            screen.warn(f"{_named(finding)}{finding.problem}.")

    chosen = {"every": options.every, "bom": options.bom, "replace": options.replace}
    try:
        rows = export_tables(path, folder, format=options.format or "parquet", on_trouble=tell, **chosen)
    except OSError as error:
        raise OutputError(str(folder), error) from None
    if troubles.total() > NAMED:
        screen.warn(f"{troubles.total() - NAMED:,} more like these; `walee verify {path}` names them all.")
    counts = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    screen.say(clean(f"{plural(rows['creators'], 'report')} written to {folder} as tables, in rows: {counts}."))
    if tell_lost(path, screen) or troubles[True]:
        return Exit.STORE
    return Exit.SOME_FAILED if troubles else Exit.FETCHED


def import_(path: Path, file: Path) -> Exit:
    """Bring the reports of a file into a store.

    Raises:
        ConfigError: the file cannot be read.
        StoreError: the store cannot be used.
    """
    screen = Screen()
    if not file.exists():
        raise ConfigError(f"There is no file {file}")
    check_file(file)
    with open_store(path, screen, create=True) as store:
        counts = Counter[str]()
        try:
            done = asyncio.run(_unless_stopped(store.import_(file, partial(_count, counts))))
        except ConfigError as error:
            return _broken_off(error, counts, path, screen)
    if done.result is None:
        added = plural(counts["added"], "report")
        screen.say(clean(f"Interrupted: {added} brought into {path}; the same command again goes on."))
        return done.exit or Exit.INTERRUPTED
    imported = done.result
    if imported.first_rejected and not imported.added + imported.known and all(map(_no_json, imported.first_rejected)):
        first = imported.first_rejected[0]
        screen.warn(
            f"{file} is no export and no lines of `walee fetch`, which are JSON. "
            f"Line {first.line:,} of {file} holds no report: {first.problem}"
        )
        return Exit.SOME_FAILED
    for rejected in imported.first_rejected[:REJECTED]:
        screen.warn(f"Line {rejected.line:,} of {file} holds no report: {rejected.problem}")
    more = f", {plural(imported.rejected, 'line')} without a report" if imported.rejected else ""
    screen.say(
        clean(f"{plural(imported.added, 'report')} brought into {path}, {imported.known:,} there already{more}.")
    )
    return Exit.SOME_FAILED if imported.rejected else Exit.FETCHED


def _count(counts: Counter[str], added: int, known: int) -> None:
    counts.update({"added": added - counts["added"], "known": known - counts["known"]})


def _broken_off(error: ConfigError, counts: Counter[str], path: Path, screen: Screen) -> Exit:
    """Tell of a file that was cut off; the reports before that place are brought in."""
    if not counts.total():
        raise error
    screen.warn(str(error))
    there = f"{plural(counts['added'], 'report')} brought into {path}, {counts['known']:,} there already"
    screen.say(clean(f"{there}, up to where the file breaks off."))
    return Exit.SOME_FAILED


def _no_json(rejected: Rejected) -> bool:
    return rejected.problem.startswith(_NO_JSON)


class _Done(Struct, Generic[T]):
    """What came of something long: its result, or the exit code of the signal that stopped it."""

    result: T | None = None
    exit: Exit | None = None


async def _unless_stopped(work: Coroutine[Any, Any, T]) -> _Done[T]:
    """Do something long, which a signal cancels; it then ends in order, and nothing half is left."""
    with Interrupts() as interrupts:
        doing = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(interrupts.asked.wait())
        await asyncio.wait({doing, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if doing.done():
            return _Done(doing.result())
        doing.cancel()
        await asyncio.wait({doing})
        return _Done(exit=interrupts.exit) if doing.cancelled() else _Done(doing.result())
