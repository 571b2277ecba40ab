"""The tables of a store, against the JSON of its reports."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import anyio
import msgspec
import pytest

from walee_async.errors import ConfigError, DecodeError, StoreDamagedError
from walee_async.export import Kind, Row, Table, TableFormat, export_tables, ledger, tidy_tables
from walee_async.export.units import COUNTS_NOTHING
from walee_async.models import CreatorReport
from walee_async.store import Finding, Store, StoreReader
from walee_async.testing import Maker

Stored = tuple[Path, dict[str, dict[str, Any]]]
Put = Callable[[Path, Iterable[tuple[str, bytes]]], None]
Rows = Callable[[Path, Table], list[Row]]
TABLES = {table.name: table for table in (*(tidy.table for tidy in tidy_tables()), ledger()[0])}


def named(rows: Iterable[Row], table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.names, row, strict=True)) for row in rows]


@pytest.fixture(params=["csv", "jsonl"])
def tables(
    request: pytest.FixtureRequest, stored: Stored, tmp_path: Path, rows_of: Rows
) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of the store, by name, as read from files."""
    counts = export_tables(stored[0], tmp_path / "tables", format=request.param)
    found = {
        name: named(rows_of(tmp_path / "tables" / f"{name}.{request.param}", table), table)
        for name, table in TABLES.items()
    }
    assert counts == {name: len(rows) for name, rows in found.items()}
    assert len(list((tmp_path / "tables").iterdir())) == len(TABLES)
    return found


def test_every_list_of_a_report_is_rows(stored: Stored, tables: dict[str, list[dict[str, Any]]]) -> None:
    """For each creator, every table has as many rows as the lists in the JSON of its newest report."""
    handles = {name: Counter(row["handle"] for row in rows) for name, rows in tables.items()}
    assert len(stored[1]) == 26
    for handle, report in stored[1].items():
        profile = report["user_profile"]
        data = report.get("audience_followers", {}).get("data", {})
        lists = {
            "creators": [1],
            "history": profile.get("stat_history", []),
            "posts": [*profile.get("top_posts", []), *profile.get("recent_posts", [])],
            "people": [
                *profile.get("similar_users", []),
                *data.get("audience_lookalikes", []),
                *data.get("notable_users", []),
            ],
            "tags": [*profile.get("top_hashtags", []), *profile.get("relevant_tags", [])],
            "histogram": report.get("extra", {}).get("engagement_rate_histogram", []),
            "audience": [
                *data.get("audience_genders", []),
                *data.get("audience_ages", []),
                *2 * data.get("audience_genders_per_age", []),
                *data.get("audience_languages", []),
                *data.get("audience_geo", {}).get("countries", []),
                *data.get("audience_reachability", []),
            ],
        }
        assert {name: handles[name][handle] for name in lists} == {name: len(rows) for name, rows in lists.items()}


def test_values_are_those_of_the_report(stored: Stored, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Numbers, texts, times and truths of a creator are its report's, wherever they are nested; unknown is None."""
    for row in tables["creators"]:
        report = stored[1][row["handle"]]
        profile, cqs, info = report["user_profile"], report.get("cqs", {}), report.get("report_info", {})
        scores = cqs.get("value_description", {})
        country = profile.get("geo", {}).get("country", {})
        expected = {
            "followers": profile.get("followers"),
            "engagement_rate": profile.get("engagement_rate"),
            "is_verified": profile.get("is_verified"),
            "fullname": profile.get("fullname"),
            "user_id": profile.get("user_id"),
            "gender": profile.get("gender"),
            "language_code": profile.get("language", {}).get("code"),
            "country_code": country.get("code"),
            "country_lat": country.get("coords", {}).get("lat"),
            "cqs_value": cqs.get("cqs_value"),
            "cqs_mark": cqs.get("mark"),
            "cqs_followers_growth_score_value": scores.get("followers_growth_score", {}).get("value"),
            "cqs_followers_credibility_score_mark": scores.get("followers_credibility_score", {}).get("mark"),
            "followers_range_right_number": report.get("extra", {}).get("followers_range", {}).get("right_number"),
            "location": report.get("location"),
            "report_id": info.get("report_id"),
            "audience_likers_error": report.get("audience_likers", {}).get("error"),
            "audience_followers_success": report.get("audience_followers", {}).get("success"),
            "created": datetime.fromisoformat(info["created"]) if info else None,
        }
        assert {name: row[name] for name in expected} == expected
        assert (row["source"], row["key_label"], row["http_status"]) == ("gateway", "key 1 (…a3f9)", 200)
    assert sum(row["cqs_value"] is None for row in tables["creators"]) > 1


def test_rows_of_lists_are_in_their_order(stored: Stored, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Ranks count from 1 within each list, and each row is the item of that rank."""
    for row in tables["people"]:
        report = stored[1][row["handle"]]
        data = report["audience_followers"].get("data", {})
        lists = {
            "similar": report["user_profile"].get("similar_users"),
            "lookalike": data.get("audience_lookalikes"),
            "notable": data.get("notable_users"),
        }
        person = lists[row["list"]][row["rank"] - 1]
        assert (row["user_id"], row["followers"], row["score"]) == (
            person["user_id"],
            person["followers"],
            person.get("score"),
        )
        assert row["audience"] == (None if row["list"] == "similar" else "followers")
    for row in tables["posts"]:
        post = stored[1][row["handle"]]["user_profile"][f"{row['list']}_posts"][row["rank"] - 1]
        assert row["text"] == post.get("text") or not post.get("text")
        assert row["views"] == post.get("stat", {}).get("views")
        assert row["saves"] == post.get("stat", {}).get("saves")
        assert row["hashtags"] == (" ".join(post["hashtags"]) if post.get("hashtags") else None)
        assert row["created"] == datetime.fromisoformat(post["created"])


def test_an_audience_is_looked_up_by_its_codes(stored: Stored, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Each share is found by segment and code, and the joint one by gender and age."""
    found = {(row["handle"], row["segment"], row["code"]): row["weight"] for row in tables["audience"]}
    joint = {(row["handle"], row["gender"], row["age"]): row["weight"] for row in tables["audience"]}
    for handle, report in stored[1].items():
        data = msgspec.convert(report, CreatorReport).audience
        if data is None:
            continue
        for row in data.audience_genders_per_age or ():
            assert found[handle, "gender_age", f"FEMALE {row.code}"] == joint[handle, "FEMALE", row.code] == row.female
            assert found[handle, "gender_age", f"MALE {row.code}"] == row.male
        for country in (data.audience_geo.countries if data.audience_geo else None) or ():
            assert found[handle, "country", country.code] == data.country(str(country.code))
        for share in data.audience_reachability or ():
            assert found[handle, "reachability", share.code] == share.weight


def test_tables_join(stored: Stored, tables: dict[str, list[dict[str, Any]]]) -> None:
    """The key is one per report, also of a report without an id, and every other table has only keys of `creators`."""
    keys = {row["report_key"]: row["handle"] for row in tables["creators"]}
    assert len(keys) == 26
    assert {row["handle"] for row in tables["creators"] if row["report_id"] is None} == {"hostile"}
    for name, rows in tables.items():
        if name != "ledger":
            assert {(row["report_key"], row["handle"]) for row in rows} <= set(keys.items())
    attempts = {row["attempt"]: row for row in tables["ledger"]}
    assert len(attempts) == 28
    for row in tables["creators"]:
        bought = attempts[row["attempt"]]
        assert (bought["handle"], bought["charge"], bought["number"], bought["run"]) == (row["handle"], "billed", 1, 1)
        assert (bought["queue_seconds"], bought["service_seconds"], bought["http_status"]) == (0.25, 1.5, 200)
        assert bought["intended_at"] <= bought["settled_at"]


def test_the_newest_report_or_every_one(stored: Stored, tmp_path: Path, rows_of: Rows) -> None:
    """A creator with two reports has the newer one's row, or both, each with the key it has in any export."""
    found: dict[bool, list[dict[str, Any]]] = {}
    for every in (False, True):
        counts = export_tables(stored[0], tmp_path / str(every), format="jsonl", every=every)
        assert counts["creators"] == (28 if every else 26)
        found[every] = named(rows_of(tmp_path / str(every) / "creators.jsonl", TABLES["creators"]), TABLES["creators"])
    twice = Counter(row["handle"] for row in found[True])
    again = {handle for handle, count in twice.items() if count == 2}
    assert len(again) == 2
    assert {row["followers"] for row in found[False] if row["handle"] in again} == {777_777}
    assert {row["report_key"] for row in found[False]} < {row["report_key"] for row in found[True]}
    assert len({row["report_key"] for row in found[True]}) == 28


def test_the_keys_outlive_a_move(stored: Stored, tmp_path: Path, rows_of: Rows) -> None:
    """A report brought into another store has the same key there, though its number is another."""
    with Store.open(stored[0], read_only=True) as store, Store.open(tmp_path / "other.db") as other:
        anyio.run(store.export, tmp_path / "all.jsonl.gz")
        anyio.run(other.import_, tmp_path / "all.jsonl.gz")
    keys = []
    for name, path in (("one", stored[0]), ("other", tmp_path / "other.db")):
        export_tables(path, tmp_path / name, format="csv")
        keys.append({row[:2] for row in rows_of(tmp_path / name / "creators.csv", TABLES["creators"])})
    assert keys[0] == keys[1]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_columns_are_named_and_measured(table: Table) -> None:
    """Names are snake_case, every number has a unit or is a name itself, and what is no number has none."""
    named_by_numbers = COUNTS_NOTHING | {"rank", "version_id", "country_id", "http_status"}
    for column in table.columns:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column.name)
        counts = column.kind in (Kind.INTEGER, Kind.NUMBER) and column.name not in named_by_numbers
        assert (column.unit is not None) == counts, column.name
    assert table.description.endswith(".")


def test_every_scalar_of_a_report_has_its_column() -> None:
    """`creators` has as many columns as the models have fields that are no list, and those of the store."""
    of_the_store = (
        "report_key handle version_id received_at body_bytes body_sha256 http_status key_label attempt source"
    )
    assert TABLES["creators"].names[:10] == tuple(of_the_store.split())
    assert len(TABLES["creators"].columns) == 10 + scalars(CreatorReport)


def scalars(model: type[msgspec.Struct]) -> int:
    """The fields of a model, and of the models within, that hold one value."""
    kinds = [get_args(kind)[0] for kind in get_type_hints(model).values()]
    whole = [kind for kind in kinds if get_origin(kind) is None]
    return sum(scalars(kind) if issubclass(kind, msgspec.Struct) else 1 for kind in whole)


def test_what_cannot_be_read_is_told_and_left_out(
    put: Put, answer: Callable[[dict[str, Any]], bytes], tmp_path: Path, rows_of: Rows
) -> None:
    """Damage and reports that do not decode are named with their handles; the others are exported all the same."""
    maker = Maker(creators=3, small=True)
    path = tmp_path / "r.db"
    wrong = answer({"success": True, "report_info": {"report_id": "x1"}, "user_profile": {"followers": "many"}})
    put(path, [(maker.handle(0), maker.gzip(0)), ("wrong", wrong), ("broken", b"\x1f\x8bno"), ("hurt", maker.gzip(1))])
    data = path.read_bytes()
    place = data.rindex(maker.gzip(1))
    path.write_bytes(data[: place + 100] + bytes(20) + data[place + 120 :])
    told: list[Finding] = []
    counts = export_tables(path, tmp_path / "tables", format="csv", on_trouble=told.append)
    assert (counts["creators"], counts["ledger"]) == (1, 4)
    assert [(finding.handle, finding.damage, finding.version) for finding in told] == [
        ("wrong", False, 2),
        ("broken", False, 3),
        ("hurt", True, 4),
    ]
    assert told[0].report_id == "x1"
    assert "$.user_profile.followers: expected" in told[0].problem
    assert [row[1] for row in rows_of(tmp_path / "tables" / "creators.csv", TABLES["creators"])] == [maker.handle(0)]
    with pytest.raises(DecodeError, match="wrong: "):
        export_tables(path, tmp_path / "other", format="csv")
    assert not (tmp_path / "other").exists()
    with StoreReader.open(path) as reader, pytest.raises(StoreDamagedError):
        list(reader.payloads())


def test_months_ascend(put: Put, answer: Callable[[dict[str, Any]], bytes], tmp_path: Path, rows_of: Rows) -> None:
    """In whatever order a report has them."""
    months = ["2026-02", "2025-12", "2026-01"]
    report = {"success": True, "user_profile": {"stat_history": [{"month": month} for month in months]}}
    put(tmp_path / "r.db", [("a", answer(report))])
    export_tables(tmp_path / "r.db", tmp_path / "t", format="csv")
    rows = named(rows_of(tmp_path / "t" / "history.csv", TABLES["history"]), TABLES["history"])
    assert [row["month"] for row in rows] == sorted(months)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_numbers_past_64_bits_do_not_stop_an_export(
    put: Put, answer: Callable[[dict[str, Any]], bytes], tmp_path: Path, rows_of: Rows, suffix: TableFormat
) -> None:
    """Such a number leaves its cell empty and is told with its handle; without anyone to tell, it is an error."""
    month = {"month": "2026-01", "followers": 2**64, "total_likes": 2**62}
    report = {"success": True, "user_profile": {"followers": 2**63, "posts_count": 2**63 - 1, "stat_history": [month]}}
    put(tmp_path / "r.db", [("big", answer(report))])
    told: list[Finding] = []
    export_tables(tmp_path / "r.db", tmp_path / "t", format=suffix, on_trouble=told.append)
    sentence = "its followers is past what a table can hold; the cell in {} is left empty"
    assert told == [Finding(sentence.format(name), "big", damage=False) for name in ("creators", "history")]
    (creator,) = named(rows_of(tmp_path / "t" / f"creators.{suffix}", TABLES["creators"]), TABLES["creators"])
    assert (creator["followers"], creator["posts_count"]) == (None, 2**63 - 1)
    with pytest.raises(ConfigError, match="A row of creators cannot be written: its followers is past"):
        export_tables(tmp_path / "r.db", tmp_path / "other", format=suffix)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["t"]


def test_the_ledger_has_every_attempt(tmp_path: Path, rows_of: Rows) -> None:
    """A long ledger comes whole and in order; what is under way has neither charge nor end."""

    async def intend() -> None:
        async with Store.open(tmp_path / "r.db") as store:
            for number in range(2345):
                intent = store.intend("a", number + 1, "key 1 (…a3f9)")
            await intent
            export_tables(tmp_path / "r.db", tmp_path / "t", format="jsonl")

    anyio.run(intend)
    rows = named(rows_of(tmp_path / "t" / "ledger.jsonl", TABLES["ledger"]), TABLES["ledger"])
    assert [row["number"] for row in rows] == list(range(1, 2346))
    assert {(row["charge"], row["settled_at"], row["run"]) for row in rows} == {(None, None, None)}


def test_an_interrupted_export_leaves_the_folder_as_it_was(stored: Stored, put: Put, tmp_path: Path) -> None:
    """Whatever ends it midway, no half a table is left, no new folder, and the tables that were there are whole."""
    path = tmp_path / "r.db"
    shutil.copy(stored[0], path)
    export_tables(path, tmp_path / "t", format="csv")
    before = {file.name: file.read_bytes() for file in (tmp_path / "t").iterdir()}
    put(path, [("broken", b"\x1f\x8bno")])

    def interrupt(finding: Finding) -> None:
        assert len(list((tmp_path / "t").iterdir())) == 2 * len(TABLES)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_tables(path, tmp_path / "t", format="csv", replace=True, on_trouble=interrupt)
    assert {file.name: file.read_bytes() for file in (tmp_path / "t").iterdir()} == before


def test_tables_that_are_there_stay_unless_told(stored: Stored, tmp_path: Path) -> None:
    """A folder with one of the tables is left alone; `replace` puts the new ones there; other files stay."""
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "people.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"t has people\.csv already; name another folder, or say --replace"):
        export_tables(stored[0], folder, format="csv")
    assert {file.name for file in folder.iterdir()} == {"notes.txt", "people.csv"}
    export_tables(stored[0], folder, format="csv", replace=True)
    assert (folder / "notes.txt").read_text() == "mine"
    assert len((folder / "people.csv").read_bytes()) > 1000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"format": "xlsx"}, "There is no format 'xlsx'; tables are parquet, csv or jsonl"),
        ({"format": "jsonl", "bom": True}, "A byte order mark is for CSV alone; say --format csv with --bom"),
    ],
)
def test_wrong_options_are_told(stored: Stored, tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    """An option that means nothing is a sentence, and nothing is made."""
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        export_tables(stored[0], tmp_path / "t", **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file cannot be made: File exists"):
        export_tables(stored[0], tmp_path / "file", format="csv")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_reader_of_the_store_will_do(stored: Stored, tmp_path: Path) -> None:
    """A reader that is open already is used, and left open."""
    with StoreReader.open(stored[0]) as reader:
        assert export_tables(reader, tmp_path / "t", format="csv")["creators"] == 26
        assert reader.totals().reports == 28
