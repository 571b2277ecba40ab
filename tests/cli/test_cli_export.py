"""`walee export --tables` on the command line: what it writes, what it says, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pyarrow.parquet as pq
import pytest

from walee_async import WaleeClient
from walee_async.cli.entry import run
from walee_async.store import StoreReader
from walee_async.testing import Garble, Gateway, Maker

NAMES = ["audience", "creators", "histogram", "history", "ledger", "people", "posts", "tags"]
Here = Callable[..., tuple[int, str, bytes]]


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the reports of six creators, the first of them bought twice and the second kept, but garbled."""
    path = tmp_path_factory.mktemp("bought") / "reports.db"

    async def buy() -> None:
        async with Gateway(6) as gateway:
            gateway.plan(gateway.handles[1], Garble())
            for handles in (gateway.handles, gateway.handles[:1]):
                async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=200, store=path) as walee:
                    await walee.creator_reports(handles, fresh=True).collect()

    anyio.run(buy)
    return path


@pytest.fixture
def here(
    bought: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> Here:
    """Runs `walee export reports.db` in this process, in a folder with that store."""
    shutil.copy(bought, tmp_path / "reports.db")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, bytes]:
        code = run(["export", "reports.db", *arguments])
        said = capfdbinary.readouterr()
        assert b"Traceback" not in said.err
        return code, " ".join(said.err.decode().split()), said.out

    return call


def misnumbered(path: Path) -> None:
    """Turn the number of the fourth report in its table into another."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'reports'").fetchone()
    content = bytearray(path.read_bytes())
    start = (root - 1) * 8192
    cell = start + int.from_bytes(content[start + 14 : start + 16], "big")
    number = cell + 1 + (content[cell] > 127)  # behind the row's length
    assert content[number] == 4
    content[number] ^= 64
    path.write_bytes(content)


def test_reports_that_may_be_missing_are_told(here: Here, tmp_path: Path) -> None:
    """Where numbers in the table of reports are wrong, that is said once, of no report, and the exit code is 5."""
    misnumbered(tmp_path / "reports.db")
    code, said, _ = here("--tables", "tables", "--every", "--format", "csv")
    assert code == 5
    assert "Note: the table of reports is damaged: numbers in it are wrong, and reports may be missing." in said
    assert (tmp_path / "tables" / "creators.csv").exists()


def files(folder: Path) -> list[str]:
    """The files of a folder, but for those of the store."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("reports.db"))


def test_tables_are_written(here: Here, tmp_path: Path) -> None:
    """The folder has a Parquet file for each table, standard output nothing, standard error what there is."""
    code, said, out = here("--tables", "tables")
    assert (code, out) == (3, b"")
    assert re.match(r"Note: Left out: \S+, .+\. 5 reports written to tables as tables, in rows: creators 5, ", said)
    assert files(tmp_path / "tables") == [f"{name}.parquet" for name in NAMES]
    for name, count in re.findall(r"(\w+) ([\d,]+)(?=[,.])", said.partition("rows:")[2]):
        assert pq.read_metadata(tmp_path / "tables" / f"{name}.parquet").num_rows == int(count.replace(",", ""))


def test_whole_reports_are_exit_code_0(walee: Any, walee_for: Any, gateway: Gateway, tmp_path: Path) -> None:
    """What `walee fetch` has bought, `walee export` takes away; nothing left out is exit code 0."""
    assert walee("fetch", *gateway.handles, "--rate", "200").code == 0
    ended = walee_for(None)("export", "reports.db", "--tables", "t")
    assert ended.code == 0
    assert ended.err.startswith("6 reports written to t as tables")
    assert set(pq.read_table(tmp_path / "t" / "creators.parquet")["handle"].to_pylist()) == set(gateway.handles)


def test_tables_for_spreadsheets(here: Here, tmp_path: Path) -> None:
    """With --bom, CSV begins with the mark of UTF-8, and ids are texts to a spreadsheet."""
    here("--tables", "sheets", "--format", "csv", "--bom")
    assert files(tmp_path / "sheets") == [f"{name}.csv" for name in NAMES]
    data = (tmp_path / "sheets" / "creators.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    assert len(rows) == 5
    assert all(re.fullmatch(r"'\d{16,19}", row["user_id"]) for row in rows)


def test_every_version_or_the_latest(here: Here, tmp_path: Path) -> None:
    """Tables are of the newest report of each creator, unless --every says otherwise."""
    for option, count in (("--latest", 5), ("--every", 6)):
        here("--tables", option[2:], "--format", "jsonl", option)
        lines = (tmp_path / option[2:] / "creators.jsonl").read_bytes().splitlines()
        assert len({json.loads(line)["report_key"] for line in lines}) == len(lines) == count


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "writes to a FILE or, with --tables, into a folder; give one of the two"),
        (["all.jsonl.gz", "--tables", "t"], "writes to a FILE or, with --tables, into a folder; give one of the two"),
        (["all.jsonl.gz", "--format", "csv"], "--format, --bom and --replace are about tables; they go with --tables"),
        (["all.jsonl.gz", "--replace"], "--format, --bom and --replace are about tables; they go with --tables"),
        (["--tables", "t", "--latest", "--every"], "--latest and --every exclude each other; give one of them"),
        (["--tables", "t", "--bom"], "A byte order mark is for CSV alone; say --format csv with --bom"),
        (["--tables", "t", "--format", "xlsx"], "`walee export --help` lists what there is"),
        (["--tables", "reports.db"], "reports.db cannot be made: File exists"),
    ],
)
def test_what_does_not_go_together_is_told(here: Here, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    """Wrong usage is one sentence and exit code 2, and nothing is written."""
    code, said, _ = here(*arguments)
    assert code == 2
    assert sentence in said
    assert files(tmp_path) == []


def test_tables_are_replaced_when_told(here: Here, tmp_path: Path) -> None:
    """A folder with tables is left alone, with a sentence that names --replace; that replaces them."""
    arguments = ("--tables", "t", "--format", "csv")
    here(*arguments)
    (tmp_path / "t" / "tags.csv").write_text("mine")
    code, said, _ = here(*arguments)
    assert code == 2
    assert "t has creators.csv already; name another folder, or say --replace" in said
    assert (tmp_path / "t" / "tags.csv").read_text() == "mine"
    here(*arguments, "--replace")
    assert (tmp_path / "t" / "tags.csv").read_text() != "mine"


def test_damage_is_named(here: Here, tmp_path: Path) -> None:
    """A damaged report is exit code 5, also beside one that merely does not decode; the others are exported."""
    store = tmp_path / "reports.db"
    with StoreReader.open(store) as reader:
        victim = next(payload.body for payload in reader.payloads() if payload.handle != Maker().handle(1))
    store.write_bytes(store.read_bytes().replace(victim[500:550], bytes(50)))
    code, said, _ = here("--tables", "t", "--every")
    assert code == 5
    assert "the stored report is damaged" in said
    assert said.count("Left out: ") == 2
    assert "5 reports written to t" in said


def test_many_troubles_are_counted(here: Here, tmp_path: Path) -> None:
    """The first twenty reports that cannot be read are named, the others counted."""
    lines = [json.dumps({"handle": f"creator{n}", "report": {"user_profile": {"followers": "x"}}}) for n in range(30)]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    assert run(["import", "reports.db", "lines.jsonl"]) == 0
    code, said, _ = here("--tables", "t")
    assert code == 3
    assert said.count("Left out: ") == 20
    assert "11 more like these; `walee verify reports.db` names them all" in said


def test_without_pyarrow_there_is_a_way(walee_for: Any, bought: Path, tmp_path: Path) -> None:
    """Where pyarrow is missing, one sentence says how to install it or do without; CSV needs nothing."""
    walee = walee_for(None)
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "pyarrow.py").write_text("raise ImportError")
    was = walee.environment.get("PYTHONPATH", "")
    walee.environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "absent"), was])
    ended = walee("export", str(bought), "--tables", "t")
    assert ended.code == 2
    assert "Traceback" not in ended.err
    said = " ".join(ended.err.split())
    assert "Parquet needs pyarrow: pip install 'walee-async[parquet]', or choose another format" in said
    assert "(tables: --format csv; scores: -o NAME.csv)" in said
    assert not (tmp_path / "t").exists()
    assert walee("export", str(bought), "--tables", "t", "--format", "csv").code == 3


def test_a_full_disk_is_told(walee_for: Any, small_files: Any, bought: Path, tmp_path: Path) -> None:
    """When the disk refuses, the exit code is that of output that cannot be written, and nothing is left half."""
    limit = 60_000  # more than SQLite's index of a log, less than a table of people
    ended = walee_for(None)(
        *("export", str(bought), "--tables", "t", "--format", "jsonl"),
        **small_files(limit),
    )
    assert ended.code == 74
    assert "t cannot be written: File too large" in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert not (tmp_path / "t").exists()
