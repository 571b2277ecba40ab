"""A store as a folder of tables."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from walee_async.decode import decode
from walee_async.errors import ConfigError, PayloadError, StoreDamagedError
from walee_async.export.files import SUFFIXES, open_table
from walee_async.export.tidy import Stored, ledger, tidy_tables
from walee_async.store import Finding, StoreReader
from walee_async.store.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

    from walee_async.export.columns import Table, Unfit
    from walee_async.export.files import TableFile

TableFormat = Literal["parquet", "csv", "jsonl"]

_SELECTION: Final = {False: "the newest report of each handle", True: "every report"}


def export_tables(
    store: str | PathLike[str] | StoreReader,
    folder: str | PathLike[str],
    *,
    format: TableFormat = "parquet",  # noqa: A002  (the word users know)
    every: bool = False,
    bom: bool = False,
    replace: bool = False,
    on_trouble: Callable[[Finding], None] | None = None,
) -> dict[str, int]:
    """Write the tables of a store into a folder, a file for each, and return how many rows each has.

    It blocks: some milliseconds for each report; in an event loop, use a thread. In memory are twenty reports and, of
    each table, the rows of one row group. The files appear together when all of them are whole; an error leaves the
    folder as it was.

    Args:
        store: The store's file, or a reader of it.
        folder: Where to; made for its owner alone if it is not there.
        format: `parquet` needs the extra of that name; `csv` and `jsonl` need nothing.
        every: All versions of each creator's report rather than the newest.
        bom: CSV for spreadsheets; see `as_csv`.
        replace: Put the tables in the place of those in the folder.
        on_trouble: Is told of a report that is damaged (`damage`) or no report that can be decoded, which is then left
            out, of reports that may be missing, and of a cell past what a table can hold, which is left empty. Without
            it, the first is raised.

    Raises:
        ConfigError: an argument is wrong, the folder has tables already or cannot be written to, pyarrow is missing.
        StoreError: the store cannot be read; without `on_trouble`, also StoreDamagedError for a damaged report.
        PayloadError: a report cannot be decoded, and `on_trouble` is None.
        OSError: the disk is full or refuses.
    """
    if f".{format}" not in SUFFIXES:
        raise ConfigError(f"There is no format {format!r}; tables are parquet, csv or jsonl")
    if bom and format != "csv":
        raise ConfigError("A byte order mark is for CSV alone; say --format csv with --bom")
    with ExitStack() as stack:
        reader = store if isinstance(store, StoreReader) else stack.enter_context(StoreReader.open(store))
        paths = _paths(Path(folder), format, replace=replace)
        stack.enter_context(_made(Path(folder)))
        about, on_unfit = {"reports": _SELECTION[every]}, _teller(on_trouble)
        files = {
            table.name: stack.enter_context(
                open_table(paths[table.name], table, bom=bom, replace=replace, on_unfit=on_unfit, about=about)
            )
            for table in _tables()
        }
        _write(reader, files, every=every, on_trouble=on_trouble)
        for file in files.values():
            file.finish()  # all are on the disk before the first is moved into place
    return {name: file.rows for name, file in files.items()}


def _tables() -> tuple[Table, ...]:
    return (*(tidy.table for tidy in tidy_tables()), ledger()[0])


def _paths(folder: Path, suffix: str, *, replace: bool) -> dict[str, Path]:
    paths = {table.name: folder / f"{table.name}.{suffix}" for table in _tables()}
    there = [path.name for path in paths.values() if os.path.lexists(path)]
    if there and not replace:
        raise ConfigError(f"{folder} has {there[0]} already; name another folder, or say --replace")
    return paths


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make sure of the folder, and take it back if it was made for nothing."""
    try:
        there = folder.is_dir()
        make_folder(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}") from None
    try:
        yield
    finally:
        if not there:
            with suppress(OSError):  # it holds the tables
                folder.rmdir()


def _write(
    reader: StoreReader, files: dict[str, TableFile], *, every: bool, on_trouble: Callable[[Finding], None] | None
) -> None:
    for page in reader.pages(every=every, on_damage=on_trouble):
        reports = list(_reports(reader, page, on_trouble))
        for tidy in tidy_tables():
            files[tidy.table.name].write([row for stored in reports for row in tidy.of(stored)])
    table, row_of = ledger()
    last = 0
    while attempts := reader.attempts(last):
        last = attempts[-1].id
        files[table.name].write([row_of(attempt) for attempt in attempts])


def _reports(reader: StoreReader, page: list[int], on_trouble: Callable[[Finding], None] | None) -> Iterator[Stored]:
    for number in page:
        report_id: str | None = None
        try:
            if (found := reader.record(number)) is not None:
                version, payload = found
                report_id = version.report_id
                yield Stored(version, decode(payload))
        except (StoreDamagedError, PayloadError) as error:
            if on_trouble is None:
                raise
            damage = isinstance(error, StoreDamagedError)
            on_trouble(Finding(error.detail, error.handle, report_id, number, damage))


def _teller(on_trouble: Callable[[Finding], None] | None) -> Callable[[Unfit], None] | None:
    if on_trouble is None:
        return None
    names = ledger()[0].names

    def tell(unfit: Unfit) -> None:
        handle = unfit.row[names.index("handle")] if unfit.table == "ledger" else unfit.row[1]
        on_trouble(Finding(str(unfit), str(handle), damage=False))

    return tell
