"""The recipes of docs/tables.md, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from walee_async.export import export_tables, ledger, tidy_tables
from walee_async.models import CreatorReport

PAGE = (Path(__file__).parent.parent.parent / "docs" / "tables.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
Stored = tuple[Path, dict[str, dict[str, Any]]]


@pytest.fixture
def run(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the block that has a word, beside a folder of tables, and returns what it has defined."""
    export_tables(stored[0], tmp_path / "tables")
    monkeypatch.chdir(tmp_path)

    def call(word: str) -> dict[str, Any]:
        (block,) = (block for block in BLOCKS if word in block)
        defined: dict[str, Any] = {}
        exec(block, defined)
        return defined

    return call


def reports(stored: Stored) -> dict[str, CreatorReport]:
    return {handle: msgspec.convert(report, CreatorReport) for handle, report in stored[1].items()}


def test_women_in_a_country_with_duckdb(stored: Stored, run: Any) -> None:
    """The query gives for every creator what the report itself says, the unknown as NULL, the best first."""
    rows = run("duckdb")["best"]
    expected = {}
    for handle, report in reports(stored).items():
        women = pakistan = growth = None
        if report.audience is not None and report.audience.audience_genders_per_age is not None:
            women = sum(report.audience.gender_age("FEMALE", age) or 0.0 for age in ("18-24", "25-34"))
        if report.audience is not None:
            pakistan = report.audience.country("PK")
        months = (report.user_profile.stat_history if report.user_profile else None) or ()
        if months and months[0].followers:
            growth = (months[-1].followers or 0) / months[0].followers - 1
        expected[handle] = (women, pakistan, growth)
    found = {handle: (women, pakistan, growth) for handle, _, women, pakistan, _, growth in rows}
    assert found.keys() == expected.keys()
    for handle, values in expected.items():
        assert found[handle] == tuple(value if value is None else pytest.approx(value) for value in values)
    assert {pakistan is None for _, pakistan, _ in expected.values()} == {True, False}
    shares = [product for _, _, _, _, product, _ in rows if product is not None]
    assert shares == sorted(shares, reverse=True)


def test_standing_among_peers_with_polars(stored: Stored, run: Any) -> None:
    """The share of the tier in buckets wholly below a creator's engagement rate; creators without one are left out."""
    expected = {}
    for handle, report in reports(stored).items():
        rate = report.user_profile.engagement_rate if report.user_profile else None
        buckets = report.extra.engagement_rate_histogram if report.extra else None
        if rate is not None and buckets:
            below = sum(each.total or 0 for each in buckets if each.max is not None and each.max <= rate)
            expected[handle] = below / sum(each.total or 0 for each in buckets)
    found = {row["handle"]: row["better_than"] for row in run("polars")["standing"].to_dicts()}
    assert found == {handle: pytest.approx(share) for handle, share in expected.items()}
    assert len(found) > 20


def test_a_column_explains_itself(run: Any) -> None:
    """The metadata of a field has its unit and its meaning."""
    defined = run("read_schema")
    assert defined["unit"] == "likes per follower"
    assert defined["description"].startswith("Engagements per follower, a fraction")


def test_every_block_is_run() -> None:
    """No recipe of the page goes untested."""
    assert len(BLOCKS) == 3


def test_the_page_names_the_tables() -> None:
    """The page's list of tables is that of the package."""
    names = [*(tidy.table.name for tidy in tidy_tables()), ledger()[0].name]
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == names
