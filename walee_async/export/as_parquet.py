"""Tables as Parquet, through pyarrow (the extra `parquet`): typed, compressed, with units and meanings inside."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

from walee_async.errors import ConfigError
from walee_async.export.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from walee_async.export.columns import Cell, Column, Table

GROUP_BYTES: Final = 16 * 1024 * 1024
"""Bytes in memory of the rows that are gathered for one row group. Thousands of rows, so that readers can skip and
compression has something to work on; and all that a table holds back, however many rows it gets."""


class Parquet:
    """Writes Parquet: zstd, row groups of `GROUP_BYTES`. The same rows make the same bytes.

    The metadata of a field has its `unit` and `description`, that of the file what `about` says.
    """

    def __init__(self, file: IO[bytes], table: Table, about: Mapping[str, str]) -> None:
        self._arrow, parquet = _pyarrow()
        metadata = {"table": table.name, "description": table.description, **about}
        self._schema = self._arrow.schema([_field(self._arrow, column) for column in table.columns], metadata)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._batches: list[Any] = []
        self._bytes = 0

    def write(self, columns: Sequence[Sequence[Cell]]) -> None:
        """Write rows, given by column."""
        arrays = [self._arrow.array(cells, field.type) for cells, field in zip(columns, self._schema, strict=True)]
        batch = self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the rows that are left, and the file's footer."""
        self._flush()
        self._writer.close()

    def abort(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._writer.close()
        self._writer.is_open = False  # else it writes once more, into a closed file, when it is collected

    def _flush(self) -> None:
        if self._bytes:
            self._writer.write_table(self._arrow.Table.from_batches(self._batches))
        self._batches, self._bytes = [], 0


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        advice = "pip install 'walee-async[parquet]', or choose another format, such as CSV"
        advice += " (tables: --format csv; scores: -o NAME.csv)"
        raise ConfigError(f"Parquet needs pyarrow: {advice}") from None
    return pa, parquet


def _field(arrow: Any, column: Column) -> Any:
    types = {
        Kind.TEXT: arrow.string(),
        Kind.INTEGER: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.TRUTH: arrow.bool_(),
        Kind.TIME: arrow.timestamp("us", tz="UTC"),
    }
    said = {"unit": column.unit, "description": column.description}
    return arrow.field(column.name, types[column.kind], metadata={name: text for name, text in said.items() if text})
