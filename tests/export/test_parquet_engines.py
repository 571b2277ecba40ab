"""The tables in the programs people read them with: pyarrow, DuckDB and Polars see the same, and it is the reports'."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from walee_async.export import Kind, Table, export_tables, ledger, tidy_tables

Stored = tuple[Path, dict[str, dict[str, Any]]]
TABLES = {table.name: table for table in (*(tidy.table for tidy in tidy_tables()), ledger()[0])}


@pytest.fixture(scope="module")
def exported(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store in Parquet."""
    folder = tmp_path_factory.mktemp("tables")
    export_tables(stored[0], folder)
    return folder


def sums_of(reports: Iterable[dict[str, Any]]) -> dict[str, tuple[int, dict[str, float]]]:
    """For each table its rows, and the sums of some of its columns, from the reports' JSON."""
    found: dict[str, tuple[int, dict[str, float]]] = {}

    def add(table: str, rows: Iterable[dict[str, Any]], *columns: str) -> None:
        rows = list(rows)
        count, sums = found.get(table, (0, dict.fromkeys(columns, 0)))
        added = {column: math.fsum([sums[column], *(row.get(column) or 0 for row in rows)]) for column in columns}
        found[table] = count + len(rows), added

    for report in reports:
        profile, data = report["user_profile"], report.get("audience_followers", {}).get("data", {})
        add("creators", [profile], "followers", "engagement_rate", "avg_views")
        add("history", profile.get("stat_history", []), "followers", "avg_saves", "total_likes")
        for name in ("top_posts", "recent_posts"):
            add("posts", [post.get("stat", {}) for post in profile.get(name, [])], "views", "saves")
        for people in (profile.get("similar_users"), data.get("audience_lookalikes"), data.get("notable_users")):
            add("people", people or [], "followers", "score", "engagements")
        for tags in (profile.get("top_hashtags"), profile.get("relevant_tags")):
            add("tags", tags or [], "weight", "distance", "freq")
        add("histogram", report.get("extra", {}).get("engagement_rate_histogram", []), "min", "max", "total")
        for name in ("audience_genders", "audience_ages", "audience_languages", "audience_reachability"):
            add("audience", data.get(name, []), "weight")
        add("audience", data.get("audience_geo", {}).get("countries", []), "weight")
        for row in data.get("audience_genders_per_age", []):
            add("audience", [{"weight": row["female"]}, {"weight": row["male"]}], "weight")
    found["ledger"] = 28, {"queue_seconds": 28 * 0.25, "service_seconds": 28 * 1.5}
    return found


def in_arrow(path: Path, columns: list[str]) -> list[Any]:
    table = pq.read_table(path)
    return [table.num_rows, *(pc.sum(table[column]).as_py() for column in columns)]


def in_duckdb(path: Path, columns: list[str]) -> list[Any]:
    sums = ", ".join(f'sum("{column}")' for column in columns)
    with duckdb.connect() as connection:
        return list(connection.execute(f"SELECT count(*), {sums} FROM read_parquet(?)", [str(path)]).fetchall()[0])


def in_polars(path: Path, columns: list[str]) -> list[Any]:
    row = pl.scan_parquet(path).select(pl.len(), *(pl.col(column).sum() for column in columns)).collect().row(0)
    return list(row)


@pytest.mark.parametrize("engine", [in_arrow, in_duckdb, in_polars])
def test_counts_and_sums_are_those_of_the_reports(
    stored: Stored, exported: Path, engine: Callable[[Path, list[str]], list[Any]]
) -> None:
    """Every engine finds as many rows, and sums, in every table as there are in the JSON of the reports."""
    expected = sums_of(stored[1].values())
    assert set(expected) == set(TABLES)
    for name, (count, sums) in expected.items():
        found = engine(exported / f"{name}.parquet", list(sums))
        assert found == [count, *(pytest.approx(total) for total in sums.values())], name


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_engines_agree_on_every_number(exported: Path, table: Table) -> None:
    """In every column of numbers, the three find the same sum."""
    columns = [column.name for column in table.columns if column.kind in (Kind.INTEGER, Kind.NUMBER)]
    found = [engine(exported / f"{table.name}.parquet", columns) for engine in (in_arrow, in_duckdb, in_polars)]
    none = [[value or 0 for value in values] for values in found]  # the sum of nothing is null or 0
    assert none[1] == [pytest.approx(value) for value in none[0]] == none[2]
