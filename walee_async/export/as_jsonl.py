"""Tables as JSON lines: an object for each row, UTF-8, what is unknown left out, as reports do it."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.export.columns import Cell, Table

_encoder: Final = msgspec.json.Encoder()


class JsonLines:
    """Writes JSON lines. Times are `2026-01-15T12:00:00.25Z`, numbers numbers, ids texts."""

    def __init__(self, file: IO[bytes], table: Table) -> None:
        self._file = file
        self._names = table.names

    def write(self, columns: Sequence[Sequence[Cell]]) -> None:
        """Write rows, given by column."""
        rows = zip(*columns, strict=True)
        named = ({name: cell for name, cell in zip(self._names, row, strict=True) if cell is not None} for row in rows)
        self._file.write(_encoder.encode_lines(list(named)))

    def close(self) -> None:
        """Nothing to do: every line is written."""

    def abort(self) -> None:
        """Nothing to do."""
