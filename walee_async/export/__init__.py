"""Stored reports as tidy tables, in Parquet, CSV or JSON lines; and the means to write any table so.

`export_tables` writes the tables of a store; `open_table` writes rows to a table of the caller's own.
"""

from __future__ import annotations

from walee_async.export.as_csv import uncover
from walee_async.export.columns import Cell, Column, Kind, Row, Table, Unfit
from walee_async.export.files import TableFile, TableWriter, open_table
from walee_async.export.stores import TableFormat, export_tables
from walee_async.export.tidy import ledger, tidy_tables

__all__ = [
    "Cell",
    "Column",
    "Kind",
    "Row",
    "Table",
    "TableFile",
    "TableFormat",
    "TableWriter",
    "Unfit",
    "export_tables",
    "ledger",
    "open_table",
    "tidy_tables",
    "uncover",
]
