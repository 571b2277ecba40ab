"""What a table is: a name and its columns; and its cells, made to fit them whatever the format."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from walee_async.errors import ConfigError

Cell = str | int | float | bool | datetime | None
"""A value of a table. None is unknown, in every format."""
Row = Sequence[Cell]
"""The cells of one row, in the order of the columns."""

_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
"""Integers of tables have 64 bits: the most that Parquet, DuckDB and Polars have in common."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Kind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    """Also ids, which have up to 19 digits and are no numbers."""
    INTEGER = "integer"
    NUMBER = "number"
    """With a fraction."""
    TRUTH = "truth"
    TIME = "time"
    """An aware datetime, or Unix seconds; files hold it in UTC, to the microsecond."""


class Column(Struct, frozen=True):
    """One column. `unit` is what its numbers count, such as `followers` or `seconds`; None where they count nothing."""

    name: str
    kind: Kind = Kind.TEXT
    unit: str | None = None
    description: str = ""


class Table(Struct, frozen=True):
    """What a table is called and what its columns are, without its rows."""

    name: str
    columns: tuple[Column, ...]
    description: str = ""

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.columns):
            raise ValueError(f"two columns of {self.name} have the same name")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)


class Unfit(Struct, frozen=True):
    """A cell left empty, because no file could hold its value.

    That is an integer past 64 bits, a number without end, or a time past the year 9999.
    """

    table: str
    column: str
    row: Row

    def __str__(self) -> str:
        return f"its {self.column} is past what a table can hold; the cell in {self.table} is left empty"


def fit(table: Table, rows: Iterable[Row], on_unfit: Callable[[Unfit], None] | None) -> list[tuple[Cell, ...]]:
    """Turn rows into columns whose every cell can be written: finite, within 64 bits, in UTC, without lone surrogates.

    Raises:
        ConfigError: a cell cannot, and nobody is told by `on_unfit`.
        ValueError: the rows are of another table.
    """
    rows = list(rows)
    columns: list[tuple[Cell, ...]] = list(zip(*rows, strict=True)) if rows else [()] * len(table.columns)
    if len(columns) != len(table.columns):
        raise ValueError(f"{table.name} has {len(table.columns)} columns, and a row has {len(columns)} cells")

    def fitted(column: Column, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        if column.kind is Kind.TRUTH or (column.kind is Kind.TEXT and _is_writable(cells)):
            return cells
        made = tuple(_FIT[column.kind](cell) if cell is not None else None for cell in cells)
        for row, before, after in zip(rows, cells, made, strict=True):
            if after is None and before is not None:
                _tell(Unfit(table.name, column.name, row), on_unfit)
        return made

    return [fitted(column, cells) for column, cells in zip(table.columns, columns, strict=True)]


def _tell(unfit: Unfit, on_unfit: Callable[[Unfit], None] | None) -> None:
    if on_unfit is None:
        raise ConfigError(f"A row of {unfit.table} cannot be written: {unfit}")
    on_unfit(unfit)


def _is_writable(cells: tuple[Cell, ...]) -> bool:
    try:
        "".join([cell for cell in cells if isinstance(cell, str)]).encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(cell: Cell) -> Cell:
    return _SURROGATE.sub("\ufffd", cell) if isinstance(cell, str) else cell


def _integer(cell: Cell) -> Cell:
    return cell if isinstance(cell, int) and _LEAST <= cell <= _MOST else None


def _number(cell: Cell) -> Cell:
    try:
        number = float(cell)  # type: ignore[arg-type]  # anything but a number is the caller's mistake, and raised
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _time(cell: Cell) -> Cell:
    try:
        if isinstance(cell, datetime):
            return cell.astimezone(UTC)
        return datetime.fromtimestamp(cell, UTC)  # type: ignore[arg-type]  # as above
    except (OverflowError, OSError, ValueError):  # a year past 9999, or before 1
        return None


_FIT: Final = {Kind.TEXT: _text, Kind.INTEGER: _integer, Kind.NUMBER: _number, Kind.TIME: _time}
