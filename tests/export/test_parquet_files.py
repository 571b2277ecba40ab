"""Tables in Parquet: what the file says of itself, and that it holds what CSV and JSON lines hold."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import walee_async
from walee_async.errors import ConfigError
from walee_async.export import Column, Kind, Row, Table, Unfit, export_tables, ledger, open_table, tidy_tables
from walee_async.export.as_parquet import GROUP_BYTES
from walee_async.store import Finding

Stored = tuple[Path, dict[str, dict[str, Any]]]
TABLES = {table.name: table for table in (*(tidy.table for tidy in tidy_tables()), ledger()[0])}
KINDS = Table("kinds", tuple(Column(kind.value, kind, "some unit", "Some text.") for kind in Kind), "All kinds.")
NOON = datetime(2026, 1, 15, 12, 0, 0, 250_000, UTC)


def rows_in(path: Path) -> list[Row]:
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def exported(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store in Parquet."""
    folder = tmp_path_factory.mktemp("tables")
    export_tables(stored[0], folder)
    return folder


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_every_format_holds_the_same(
    stored: Stored, exported: Path, tmp_path: Path, rows_of: Callable[[Path, Table], list[Row]], suffix: Any
) -> None:
    """Row by row, every cell of every table is the same; but for an empty text, which CSV cannot tell from unknown."""
    export_tables(stored[0], tmp_path / "t", format=suffix, bom=suffix == "csv")
    for name, table in TABLES.items():
        rows = rows_in(exported / f"{name}.parquet")
        if suffix == "csv":
            rows = [tuple(None if cell == "" else cell for cell in row) for row in rows]
        assert rows_of(tmp_path / "t" / f"{name}.{suffix}", table) == rows


def test_the_file_explains_its_columns(exported: Path) -> None:
    """Types, units and meanings are in the schema, and in the file who made it of which reports."""
    for name, table in TABLES.items():
        schema = pq.read_schema(exported / f"{name}.parquet")
        assert schema.names == list(table.names)
        for column, field in zip(table.columns, schema, strict=True):
            said = {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}
            assert said.get("unit") == column.unit
            assert said.get("description", "") == column.description
        about = {key.decode(): text.decode() for key, text in schema.metadata.items()}
        assert about == {
            "table": name,
            "description": table.description,
            "walee_async": walee_async.__version__,
            "reports": "the newest report of each handle",
        }
    field = pq.read_schema(exported / "creators.parquet").field("created")
    assert (str(field.type), field.metadata[b"description"]) == ("timestamp[us, tz=UTC]", b"When the report was made.")


def test_the_same_store_makes_the_same_bytes(stored: Stored, exported: Path, tmp_path: Path) -> None:
    """Two exports differ in nothing, so that they can be compared and kept in version control."""
    export_tables(stored[0], tmp_path / "again")
    for path in exported.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_every_kind_of_cell_comes_back(tmp_path: Path) -> None:
    """Texts, integers, numbers, truths and times are read as they were written, hostile texts and unknown too."""
    rows: list[Row] = [
        ("=a\0\r\n\u202e" + "n" * 100_000, -(2**63), -0.5, True, NOON),
        ("", 2**63 - 1, 3.0, False, NOON),
        (None,) * 5,
    ]
    with open_table(tmp_path / "k.parquet", KINDS) as file:
        file.write(rows)
        file.write([("\ud83e", None, None, None, None)])
    assert rows_in(tmp_path / "k.parquet") == [*rows, ("\ufffd", None, None, None, None)]


def test_what_parquet_cannot_hold_is_told(tmp_path: Path) -> None:
    """An integer past 64 bits leaves its cell empty rather than end the export; when nobody listens, it is raised."""
    told: list[Unfit] = []
    row = ("a", 2**63, float("nan"), None, None)
    with open_table(tmp_path / "k.parquet", KINDS, on_unfit=told.append) as file:
        file.write([row])
    assert rows_in(tmp_path / "k.parquet") == [("a", None, None, None, None)]
    assert [unfit.column for unfit in told] == ["integer", "number"]
    with pytest.raises(ConfigError, match="its integer is past"), open_table(tmp_path / "o.parquet", KINDS) as file:
        file.write([row])
    assert not (tmp_path / "o.parquet").exists()


def test_big_numbers_do_not_stop_an_export(
    put: Callable[[Path, Iterable[tuple[str, bytes]]], None], answer: Callable[[dict[str, Any]], bytes], tmp_path: Path
) -> None:
    """A report that says 2^63 followers is exported with that cell empty, and named."""
    put(tmp_path / "r.db", [("big", answer({"success": True, "user_profile": {"followers": 2**63}}))])
    told: list[Finding] = []
    export_tables(tmp_path / "r.db", tmp_path / "t", on_trouble=told.append)
    assert [finding.handle for finding in told] == ["big"]
    (row,) = pq.read_table(tmp_path / "t" / "creators.parquet").to_pylist()
    assert (row["handle"], row["followers"]) == ("big", None)


def test_rows_leave_memory_in_groups(tmp_path: Path) -> None:
    """However many rows there are, a table holds back one row group: the rest is on disk before the table is closed."""
    table = Table("t", (Column("text"),))
    rows = [("x" * 4096,)] * 256
    with open_table(tmp_path / "t.parquet", table) as file:
        for _ in range(40):
            file.write(rows)
    groups = pq.ParquetFile(tmp_path / "t.parquet").metadata
    sizes = [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]
    assert sum(sizes) == 40 * 256
    assert len(sizes) == 3
    assert max(sizes) * 4096 <= GROUP_BYTES + 4096 * 256


def test_no_rows_are_a_table_too(tmp_path: Path) -> None:
    """A table without rows has its columns."""
    open_table(tmp_path / "k.parquet", KINDS).close()
    found = pq.read_table(tmp_path / "k.parquet")
    assert (found.num_rows, found.column_names) == (0, list(KINDS.names))


@pytest.fixture
def small_files() -> Iterator[None]:
    """A disk on which no file can be larger than a megabyte."""
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_leaves_nothing_half(tmp_path: Path, small_files: None) -> None:
    """When the disk refuses, that is an OSError; nothing is left, and a good file that was there is as it was."""
    path = tmp_path / "t.parquet"
    table = Table("t", (Column("text"),))
    open_table(path, table).close()
    before = path.read_bytes()
    with pytest.raises(OSError, match="File too large"), open_table(path, table, replace=True) as file:
        for _ in range(16):
            file.write([(os.urandom(500_000).hex(),)])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    gc.collect()  # a writer that is not let go of complains when it is collected
