"""Tables as files, whole or not there: written beside their name, and moved into place when they are closed."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from walee_async.errors import ConfigError
from walee_async.export.as_csv import Csv
from walee_async.export.as_jsonl import JsonLines
from walee_async.export.as_parquet import Parquet
from walee_async.export.columns import Unfit, fit
from walee_async.store.files import WholeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike
    from types import TracebackType

    from walee_async.export.columns import Cell, Row, Table

SUFFIXES: Final = (".parquet", ".csv", ".jsonl")


class TableWriter(Protocol):
    """Writes a table to a file in one format. It does not close the file."""

    def write(self, columns: Sequence[Sequence[Cell]]) -> None:
        """Write rows, given by column, every cell as `fit` makes it."""
        ...

    def close(self) -> None:
        """Write what is left: the table is whole."""
        ...

    def abort(self) -> None:
        """Let go of the file; what was written is thrown away."""
        ...


class TableFile:
    """A table that is being written; a context manager, whose block leaves the whole file or, on an error, nothing."""

    def __init__(self, path: Path, table: Table, on_unfit: Callable[[Unfit], None] | None) -> None:
        self.path = path
        self.table = table
        self.rows = 0
        """Written so far."""
        self._on_unfit = on_unfit
        try:
            self._whole = WholeFile(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
        self._writer: TableWriter | None = None

    def begin(self, *, bom: bool, about: Mapping[str, str]) -> Self:
        """Write the table's head in the format of its suffix."""
        try:
            match self.path.suffix.lower():
                case ".csv":
                    self._writer = Csv(self._whole.file, self.table, bom=bom)
                case ".jsonl":
                    self._writer = JsonLines(self._whole.file, self.table)
                case _:
                    self._writer = Parquet(self._whole.file, self.table, about)
        except BaseException:
            self.abort()
            raise
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows, best some hundred at a time: they are in memory together.

        Raises:
            ConfigError: a cell is past what a table can hold, and nobody is told by `on_unfit`.
            OSError: the disk is full or refuses.
        """
        assert self._writer is not None
        columns = fit(self.table, rows, self._on_unfit)
        if columns and columns[0]:
            self._writer.write(columns)
            self.rows += len(columns[0])

    def finish(self) -> None:
        """Bring all of it to the disk, without moving it into place; so several tables can appear together.

        Raises:
            OSError: the disk is full or refuses.
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._whole.finish()

    def close(self) -> None:
        """Bring all of it to the disk, and move it into place.

        Raises:
            OSError: the disk is full or refuses.
        """
        try:
            self.finish()
            self._whole.close()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Leave nothing behind. Safe to repeat, and after `close`."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        self._whole.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def open_table(
    path: str | PathLike[str],
    table: Table,
    *,
    bom: bool = False,
    replace: bool = False,
    on_unfit: Callable[[Unfit], None] | None = None,
    about: Mapping[str, str] | None = None,
) -> TableFile:
    """Begin a table as a file, in the format of its suffix: .parquet, .csv or .jsonl. Only its owner can read it.

    Args:
        path: The file. It is there when the table is closed, and not before.
        table: The columns.
        bom: Make the CSV one for spreadsheets; see `as_csv`.
        replace: Put it in the place of a file of that name.
        on_unfit: Is told of a cell past what a table can hold, which is then left empty; without it, it is raised.
        about: What to note in a Parquet file's metadata beside the version of this package.

    Raises:
        ConfigError: the suffix is of no format, the file is there already or cannot be made, or pyarrow is missing.
    """
    file = Path(path)
    if file.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{file} names no format; a table is .parquet, .csv or .jsonl")
    if bom and file.suffix.lower() != ".csv":
        raise ConfigError(f"{file} can have no byte order mark; it is for CSV")
    if not replace and os.path.lexists(file):
        raise ConfigError(f"{file} is there already; name another file, or have it replaced")
    return TableFile(file, table, on_unfit).begin(bom=bom, about=_provenance(about or {}))


def _provenance(about: Mapping[str, str]) -> dict[str, str]:
    # No date: the same rows make the same file.
    return {"walee_async": version("walee-async"), **about}
