# ruff: noqa: E402  (nothing of it is imported before Dask is known to be there)
"""Scores made by the workers of a real Dask cluster."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from _dask import needs_dask
from rescore import fill

needs_dask()

from walee_async import Brief, rescore
from walee_async.errors import ConfigError, PayloadError, StoreDamagedError
from walee_async.integrations.dask import fetch_on_dask, rescore_on_dask, write_scores_on_dask
from walee_async.integrations.dask import rescoring as on_workers
from walee_async.scoring import Score
from walee_async.store import Finding, Store
from walee_async.testing import Maker

pytestmark = pytest.mark.anyio

BRIEF = Brief.make(countries=["US"], genders=["FEMALE"], ages=["18-34"])


async def scored(client: Any, sources: Any, **more: Any) -> list[Score]:
    return [score async for score in rescore_on_dask(client, sources, BRIEF, **more)]


async def test_the_scores_are_those_of_one_process_in_its_order(tmp_path: Path, client: Any) -> None:
    """For a store, for its export, for raw lines cut anywhere, and for several of them one after the other."""
    store, export, lines = tmp_path / "reports.db", tmp_path / "export.jsonl.gz", tmp_path / "lines.jsonl"
    await fill(store, 1200, 60)
    expected = list(rescore(store, BRIEF, jobs=1))
    with Store.open(store) as opened:
        await opened.export(export)
    maker = Maker(0, creators=1200, small=True)
    raw = [maker.body(index) for index in range(40)]
    lines.write_bytes(b"\n".join(raw) + b"\n")
    assert await scored(client, store) == expected
    assert await write_scores_on_dask(client, store, tmp_path / "scores", BRIEF) == 1200
    both = await scored(client, [export, f"file://{tmp_path}/*.jsonl"])
    assert both[:1200] == expected
    assert [score.handle for score in both[1200:]] == maker.handles(40)
    written = duckdb.sql(f"SELECT handle, score, explanation FROM '{tmp_path}/scores/*.parquet' ORDER BY filename")
    assert written.fetchall() == [(score.handle, score.value, score.explanation) for score in expected]


def test_lines_are_each_in_one_block(tmp_path: Path) -> None:
    """However a file is cut, every line is scored once and in its place, also one longer than a block."""
    file = tmp_path / "lines.jsonl"
    texts = [b"x" * length for length in (1, 7, 30, 2, 3, 3, 12, 1)]
    file.write_bytes(b"\n".join(texts))
    for block in range(1, 70):
        found = [
            line
            for first in range(0, file.stat().st_size, block)
            for line in on_workers._lines(on_workers.Part(str(file), first, first + block, False))
        ]
        assert found == texts


async def test_numbers_that_do_not_ascend_are_told_or_raised(tmp_path: Path) -> None:
    """A part of a store whose table of reports is damaged ends there, and says so."""
    path = tmp_path / "reports.db"
    await fill(path, 9, 9)
    kept = [score.handle for score in rescore(path, BRIEF, jobs=1)]
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'reports'").fetchone()
    content = bytearray(path.read_bytes())
    start = (root - 1) * 8192
    cell = start + int.from_bytes(content[start + 18 : start + 20], "big")
    number = cell + 1 + (content[cell] > 127)  # behind the row's length
    assert content[number] == 6
    content[number] = 70
    path.write_bytes(content)
    (part,) = on_workers.plan(str(path))
    scores, troubles = on_workers.score_part(part, BRIEF, True, 0)
    said = "the table of reports is damaged: numbers in it are wrong, and reports may be missing"
    assert [score.handle for score in msgspec.json.decode(scores, type=list[Score])] == kept[:5]
    assert troubles == [Finding(said)]
    with pytest.raises(StoreDamagedError, match="numbers in it are wrong"):
        on_workers.score_part(part, BRIEF, False, 0)


async def test_what_cannot_be_read_is_told_or_raised(tmp_path: Path, client: Any) -> None:
    """With somebody to tell, a line without a report is left out; else it is raised, as is a file that is not there."""
    maker = Maker(0, creators=3)
    broken = tmp_path / "broken.jsonl"
    wrong = b'{"handle":"river.kites","report":{"user_profile":{"username":"river.kites","followers":"many"}}}'
    broken.write_bytes(b"\n".join([maker.body(0), wrong, b"{", maker.body(2)]))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(maker.body(0))[:-20])
    told: list[Finding] = []
    assert [score.handle for score in await scored(client, broken, on_trouble=told.append)] == [
        maker.handle(0),
        maker.handle(2),
    ]
    assert [finding.handle for finding in told] == ["river.kites", None]
    with pytest.raises(PayloadError):
        await scored(client, broken)
    for source, said in ((cut, "cannot be read"), (tmp_path / "none.jsonl", "No such file"), ("*.nothing", "Noth")):
        with pytest.raises(ConfigError, match=said):
            await scored(client, source)


async def test_a_client_that_blocks_is_refused(tmp_path: Path) -> None:
    """Both functions say at once how the client is to be made."""

    class Blocking:
        asynchronous = False

    with pytest.raises(ConfigError, match="asynchronous=True"):
        await scored(Blocking(), tmp_path)
    with pytest.raises(ConfigError, match="asynchronous=True"):
        fetch_on_dask(Blocking(), [], tmp_path)
