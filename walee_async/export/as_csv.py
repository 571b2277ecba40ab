"""Tables as CSV: RFC 4180, UTF-8, unknown is an empty cell; for programs, and safe to open in a spreadsheet.

A spreadsheet takes a cell that begins with `=` and the like for a formula, and reports hold texts of strangers. Such a
text gets an apostrophe before it, as OWASP advises against CSV injection; so does a text that begins with an apostrophe
itself. One rule undoes both, so that nothing is lost: a cell of text that begins with an apostrophe has one too many.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from datetime import datetime
from typing import IO, TYPE_CHECKING, Final

from walee_async.export.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from walee_async.export.columns import Cell, Table

# https://owasp.org/www-community/attacks/CSV_Injection: = + - @, tab, line breaks, and the full-width forms that
# spreadsheets in East Asian languages take for the same. Blanks before them are skipped by some.
_FORMULA: Final = re.compile(r"['\t\r\n]|[\s\x00\ufeff]*[=+\-@＝＋－＠]")  # noqa: RUF001
# Spreadsheets turn texts of digits into floats: they drop zeros before and, past 15 digits, change digits, so that
# 6512345678901234567 becomes 6.51235E+18, and the hexadecimal 4123e8 a number too. Quotes do not stop them. The usual
# ="651…" does, but a program that reads the file then finds formulas for ids. So in a file for spreadsheets these
# texts get the same apostrophe as formulas, and in a file for programs they stay the digits they are.
_TAKEN_FOR_A_NUMBER: Final = re.compile(r"\s*(?:\d{16,}|0\d+|\d[\d.]*e\d+)\s*", re.IGNORECASE)


def uncover(cell: str) -> str:
    """The text that a cell of a text column stands for."""
    return cell.removeprefix("'")


class Csv:
    """Writes CSV. With `bom` it is for spreadsheets: marked as UTF-8, its ids kept from becoming numbers."""

    def __init__(self, file: IO[bytes], table: Table, *, bom: bool) -> None:
        self._file = file
        self._kinds = [column.kind for column in table.columns]
        self._bom = bom
        if bom:
            file.write(codecs.BOM_UTF8)
        self._write([table.names])

    def write(self, columns: Sequence[Sequence[Cell]]) -> None:
        """Write rows, given by column."""
        cells = [map(self._cover if kind is Kind.TEXT else _plain, column) for kind, column in self._pairs(columns)]
        self._write(zip(*cells, strict=True))

    def close(self) -> None:
        """Nothing to do: every row is written."""

    def abort(self) -> None:
        """Nothing to do."""

    def _pairs(self, columns: Sequence[Sequence[Cell]]) -> zip[tuple[Kind, Sequence[Cell]]]:
        return zip(self._kinds, columns, strict=True)

    def _write(self, rows: Iterable[Iterable[object]]) -> None:
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows(rows)
        self._file.write(lines.getvalue().encode())

    def _cover(self, cell: Cell) -> Cell:
        if not isinstance(cell, str) or not cell:
            return cell
        if _FORMULA.match(cell) or (self._bom and _TAKEN_FOR_A_NUMBER.fullmatch(cell)):
            return f"'{cell}"
        return cell


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.isoformat().replace("+00:00", "Z")
    return cell
