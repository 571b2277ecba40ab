"""`walee score`: a store or a list by how well its creators suit a brief."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from rich.cells import cell_len

from walee_async import read_brief, rescore
from walee_async.export import uncover
from walee_async.scoring import Brief, rank
from walee_async.store import StoreReader
from walee_async.testing import Garble, Gateway, Maker

ORDERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]")
HANDLES = Maker(creators=12).handles()


def expected(folder: Path, brief: str | None = None) -> list[Any]:
    """The scores as the library gives them, the best first."""
    wanted = read_brief(folder / brief) if brief else Brief()
    return sorted(rescore(folder / "reports.db", wanted), key=rank)


def test_the_table_has_the_best_first(scoring: Any, scored: Path) -> None:
    """A row for each creator in the order of rank with score and grade, the brief above, the sums below."""
    ended = scoring("score")
    text = ended.out.decode()
    assert ended.code == 0
    assert text.startswith("No target audience, all that is well made")
    rows = re.findall(
        r"^ *(\d+)  (\S+) .*?(\d+\.\d\d)  ━+ +(approve|review|reject|not enough data)", text, re.MULTILINE
    )
    told = [
        (str(place), score.handle, f"{score.value:.2f}", score.grade) for place, score in enumerate(expected(scored), 1)
    ]
    assert rows == told
    assert "12 creators scored: " in text
    assert ended.err == ""


def test_the_top_is_as_many_as_asked_for(scoring: Any) -> None:
    """With --top the table has so many rows and says so; 0 is all of them."""
    few, every = (scoring("score", "--top", count).out.decode() for count in ("3", "0"))
    assert len(re.findall(r"^ *\d+  \S+ .*━", few, re.MULTILINE)) == 3
    assert "the best 3 are shown, --top 0 shows all" in few
    assert len(re.findall(r"^ *\d+  \S+ .*━", every, re.MULTILINE)) == 12
    assert "--top" not in every


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_its_width(scoring: Any, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """No line is wider than the terminal; handle, score and grade are always there, others where they fit."""
    monkeypatch.setenv("COLUMNS", str(width))
    head, *rows = scoring("score", "--brief", "women.toml").out.decode().splitlines()[2:15]
    assert max(cell_len(line) for line in (head, *rows)) <= width
    assert {"handle", "score", "grade"} <= set(head.split())
    assert "followers" in head
    assert width < 200 or {"country", "percentile", "coverage", "name", "between"} <= set(head.split())
    narrow = "coverage" not in head.split()
    assert narrow == (width < 100)


def test_what_is_not_known_is_no_zero(scoring: Any, scored: Path) -> None:
    """A creator whose audience is not known has a dash for its share on target."""
    handles = [s.handle for s in expected(scored, "women.toml") if s.component("audience_fit").value is None]
    assert handles
    text = scoring("score", "--brief", "women.toml").out.decode()
    column = text.splitlines()[2].index("on target")
    for handle in handles:
        (line,) = (line for line in text.splitlines() if f" {handle} " in line)
        assert "–" in line[column - 12 : column + 9]
        assert "0 %" not in line[column:]


def test_hostile_names_give_the_terminal_no_orders(scoring: Any) -> None:
    """Escapes in a name are made visible and what turns text around is left out, in every picture."""
    for command in (("score",), ("score", "--explain", HANDLES[0]), ("compare", *HANDLES[:2])):
        text = scoring(*command).out.decode()
        assert "=cmd()␛" in text
        assert not ORDERS.search(text)


def test_a_csv_is_whole_and_safe(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """Every creator is a row, the best first, unknown cells are empty, and no name is a formula."""
    file = tmp_path / "scores.csv"
    ended = scoring("score", "--brief", "women.toml", "-o", str(file))
    assert (ended.code, ended.out) == (0, b"")
    assert "12 scores written to" in ended.err
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"), newline="")))
    scores = expected(scored, "women.toml")
    assert [row["handle"] for row in rows] == [score.handle for score in scores]
    for row, score in zip(rows, scores, strict=True):
        assert float(row["score"]) == score.value
        assert row["grade"] == score.grade
        given = [float(cell) for name, cell in row.items() if name.endswith("_contribution") and cell]
        assert sum(given) + float(row["penalties"]) == pytest.approx(score.value, abs=1e-9)
        fit = score.component("audience_fit").value
        assert row["audience_fit_points"] == ("" if fit is None else str(fit))
        assert row["flags"].split() == [flag.name for flag in score.flags]
    (hostile,) = (row for row in rows if row["handle"] == HANDLES[0])
    assert hostile["name"].startswith("'=")
    assert uncover(hostile["name"]).startswith("=cmd()")


def test_parquet_says_the_same(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """A Parquet file has typed columns, empty where unknown, and the brief's id in its metadata; --top cuts it."""
    file = tmp_path / "scores.parquet"
    assert scoring("score", "--brief", "women.toml", "-o", str(file), "--top", "5").code == 0
    table = parquet.read_table(file)
    scores = expected(scored, "women.toml")[:5]
    assert table.column("handle").to_pylist() == [score.handle for score in scores]
    assert table.column("score").to_pylist() == [score.value for score in scores]
    assert table.schema.metadata[b"brief"].decode() == scores[0].brief


def test_json_lines_are_whole_scores(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """A JSON line has the rank and all that the score rests on; --json prints the same lines."""
    file = tmp_path / "scores.jsonl"
    assert scoring("score", "-o", str(file)).code == 0
    printed = scoring("score", "--json")
    assert printed.out == file.read_bytes()
    assert [line["rank"] for line in printed.lines] == list(range(1, 13))
    for line, score in zip(printed.lines, expected(scored), strict=True):
        assert line["value"] == score.value
        assert [part["name"] for part in line["components"]] == [part.name for part in score.components]
    assert "12 creators scored" in printed.err


def test_a_file_that_is_there_is_left_alone(scoring: Any, tmp_path: Path) -> None:
    """Nothing is written over without --replace."""
    for name in ("scores.csv", "scores.jsonl"):
        file = tmp_path / name
        file.write_text("mine")
        refused = scoring("score", "-o", str(file))
        assert refused.code == 2
        assert "is there already; name another file, or add --replace" in refused.err
        assert file.read_text() == "mine"
        assert scoring("score", "-o", str(file), "--replace").code == 0
        assert file.read_text("utf-8") != "mine"


def test_the_jobs_change_nothing(scored: Path, walee_for: Any) -> None:
    """One process and two give the same bytes."""
    walee = walee_for(None)
    walee.folder = scored
    one, two = (walee("score", "--json", "--jobs", jobs) for jobs in ("1", "2"))
    assert one.code == two.code == 0
    assert one.out == two.out
    assert len(one.lines) == 12


def test_an_explanation_has_every_component(scoring: Any, scored: Path) -> None:
    """Points, weight and contribution of each component are there, the facts with units, the sentence and the ids."""
    score = expected(scored, "women.toml")[0]
    ended = scoring("score", "--explain", f"@{score.handle}", "--brief", "women.toml")
    text = " ".join(ended.out.decode().split())
    assert ended.code == 0
    for part in score.components:
        assert part.name.replace("_", " ") in text
        assert (f"{part.value:.2f}" if part.value is not None else part.missing) in text
    for given in score.contributions:
        assert f"{given.points:.2f}" in text
    assert "likes per follower" in text
    assert "% a month" in text or "months of followers" in text
    assert score.explanation[1:] in text
    assert f"By brief {score.brief}, scoring version {score.version}. Women: an audience" in text


def test_an_explanation_in_json_is_the_score(scoring: Any, scored: Path) -> None:
    """One object, as the library's."""
    score = expected(scored)[3]
    (line,) = scoring("score", "--explain", score.handle, "--json").lines
    assert (line["handle"], line["value"], line["grade"]) == (score.handle, score.value, score.grade)
    assert len(line["components"]) == len(score.components)


def test_requirements_are_told(scoring: Any, tmp_path: Path) -> None:
    """What a brief insists on is in the explanation, met or not, and what is not met is in the table."""
    brief = tmp_path / "strict.toml"
    brief.write_text("[followers]\nmin = 1\n[require]\nmin_quality = 100\n[penalties]\nlow_engagement = 3\n")
    text = scoring("score", "--explain", HANDLES[0], "--brief", str(brief)).out.decode()
    assert re.search(r"✓ followers: .* at least 1\b", text)
    assert re.search(r"[✗?] quality: .* at least 100\b", text)
    table = scoring("score", "--brief", str(brief)).out.decode()
    assert "not met" in table
    assert re.search(r"reject .*quality", table)


def test_a_list_is_looked_up(scoring: Any, tmp_path: Path) -> None:
    """Handles, files and duplicates are one list; those that are not in the store are counted and named."""
    (tmp_path / "list.csv").write_text(f"handle\n@{HANDLES[1]}\n{HANDLES[2]}\nnobody.here\n")
    ended = scoring("score", HANDLES[1], str(tmp_path / "list.csv"))
    text = ended.out.decode()
    assert ended.code == 0
    assert "2 creators scored" in text
    assert "1 handle not in reports.db: nobody.here. --buy gets them; `walee plan` tells what that costs." in text
    broken = scoring("score", HANDLES[1], "not a handle!")
    assert broken.code == 3
    assert "Not a handle: not a handle!." in broken.out.decode()


def test_a_list_of_nobody_is_said_to_be_one(scoring: Any, tmp_path: Path) -> None:
    """The store is not said to be empty when the list is."""
    (tmp_path / "none.csv").write_text("handle\n")
    ended = scoring("score", str(tmp_path / "none.csv"))
    assert (ended.code, ended.out.decode()) == (0, "The list names nobody, so there is nobody to score.\n")


def test_csv_for_spreadsheets_is_marked_as_utf_8(scoring: Any, tmp_path: Path) -> None:
    """With --bom the file begins with the mark, and long ids are kept from becoming numbers."""
    file = tmp_path / "scores.csv"
    assert scoring("score", "-o", str(file), "--bom").code == 0
    with file.open(encoding="utf-8", newline="") as opened:
        assert opened.read(1) == "\ufeff"
        rows = list(csv.DictReader(opened))
    assert len(rows) == len(HANDLES)
    assert all(row["user_id"].startswith("'") for row in rows if row["user_id"])


def test_a_store_can_be_named_as_the_target(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """A store is known by its first bytes, whatever its name."""
    shutil.copy(scored / "reports.db", tmp_path / "mine")
    assert "12 creators scored" in scoring("score", str(tmp_path / "mine")).out.decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--brief", "typo.toml"], "typo.toml: The brief has no key weights.growht; did you mean growth?"),
        (["--brief", "no.toml"], "the brief no.toml cannot be read"),
        (["reports.db", "other.db"], "There can be one store, and there are reports.db and other.db"),
        (["reports.db", "a.creator"], "reports.db is a store, and there are handles beside it; say --store reports.db"),
        (["reports.db", "--store", "b.db"], "There can be one store"),
        (["none.db"], "There is no store none.db; a handle of that name is written @none.db"),
        (["--top", "-1"], "--top is -1"),
        (["-o", "scores.txt"], "a table is .parquet, .csv or .jsonl"),
        (["women.csv", "-o", "women.csv", "--replace"], "women.csv is among what is to be scored"),
        (["-o", "no/folder.csv"], "No such file or directory"),
        (["--json", "-o", "x.csv"], "give one of the two"),
        (["--explain", "a.b", "--top", "3"], "--out and --top are about many"),
        (["c.d", "--explain", "a.b"], "no others are named beside it"),
        (["--rate", "4"], "nothing is bought without --buy"),
        (["--no-store"], "scores are made of what a store keeps"),
        (["--jobs", "0"], "jobs is 0"),
        (["--replace"], "there is no --out"),
        (["--bom"], "there is no --out"),
        (["-o", "some.jsonl", "--bom"], "--bom is about CSV; JSON lines need no mark"),
        (["reports.db", "--tpo", "5"], "Unknown option --tpo; --help lists those there are"),
        (["a.b", "--buy", "--jobs", "2"], "--jobs is about scoring a store"),
        (["reports.db", "--buy"], "--buy takes handles and lists of them; say --store reports.db"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_sentence(scoring: Any, arguments: list[str], said: str) -> None:
    """What is wrong is said in a sentence, and the exit code is 2."""
    ended = scoring("score", *arguments)
    assert (ended.code, ended.out) == (2, b"")
    assert said in " ".join(ended.err.split())
    assert ended.err.startswith("walee: ")


def test_a_missing_store_is_one_sentence(scoring: Any, tmp_path: Path) -> None:
    """It is said how to get one; the exit code is that of stores."""
    ended = scoring("score", "--store", str(tmp_path / "reports.db"))
    assert ended.code == 5
    assert "There is no store" in ended.err
    assert "`walee fetch` makes one" in " ".join(ended.err.split())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_store_is_one_sentence(scoring: Any, tmp_path: Path) -> None:
    """There is nobody to score, which is no failure; a file of it has no rows."""
    (tmp_path / "none.jsonl").write_text("")
    assert scoring("import", str(tmp_path / "empty.db"), str(tmp_path / "none.jsonl")).code == 0
    ended = scoring("score", str(tmp_path / "empty.db"))
    assert ended.code == 0
    assert ended.out.decode().endswith("holds no report yet, so there is nobody to score.\n")
    assert scoring("score", str(tmp_path / "empty.db"), "-o", str(tmp_path / "x.csv")).code == 0
    assert len((tmp_path / "x.csv").read_bytes().splitlines()) == 1


def test_what_is_no_handle_does_not_empty_the_store(scoring: Any) -> None:
    """The sentence is about the argument, and the exit code says so."""
    ended = scoring("score", "a b")
    assert ended.code == 3
    assert "Not a handle: a b" in ended.out.decode()
    assert "no report yet" not in ended.out.decode()


def test_a_creator_that_is_not_in_the_store_has_no_explanation(scoring: Any) -> None:
    """One sentence says how to get it, and the exit code is 3."""
    ended = scoring("score", "--explain", "nobody.here")
    assert (ended.code, ended.out) == (3, b"")
    assert "nobody.here is not in reports.db; `walee fetch nobody.here` gets it" in ended.err


def test_a_damaged_report_is_named(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """The others are scored, the damaged one is named, and the exit code is 5."""
    shutil.copy(scored / "reports.db", tmp_path / "reports.db")
    with StoreReader.open(tmp_path / "reports.db") as reader:
        version = reader.newest([HANDLES[4]])[HANDLES[4]]
    with sqlite3.connect(tmp_path / "reports.db") as database:
        database.execute("UPDATE bodies SET body = zeroblob(length(body)) WHERE id = ?", (version,))
    database.close()
    ended = scoring("score", str(tmp_path / "reports.db"))
    assert ended.code == 5
    assert f"{HANDLES[4]} cannot be scored: " in ended.err
    assert "11 creators scored" in ended.out.decode()
    assert scoring("score", str(tmp_path / "reports.db"), "--explain", HANDLES[4]).code == 5


def test_buying_buys_what_is_missing(walee: Any, gateway: Gateway) -> None:
    """With --buy the list is fetched and scored in one pass; again it buys nothing and gives the same scores."""
    walee("fetch", *gateway.handles[:2], "--rate", "200")
    command = ("score", *gateway.handles, "--buy", "--rate", "200", "--json")
    first, again = walee(*command), walee(*command)
    assert (first.code, again.code) == (0, 0)
    assert gateway.billed.total() == gateway.requests_seen == 6
    assert first.out == again.out
    assert {line["handle"] for line in first.lines} == set(gateway.handles)
    assert re.search(r"bought +4", first.err)
    assert re.search(r"bought +0", again.err)


def test_a_report_that_cannot_be_read_is_named(walee: Any, walee_for: Any, gateway: Gateway) -> None:
    """Bought or in the store, it fails alone: the others are scored, and the exit code is 3."""
    gateway.plan(gateway.handles[1], Garble())
    bought = walee("score", *gateway.handles, "--buy", "--rate", "200")
    assert bought.code == 3
    assert "5 creators scored" in bought.out.decode()
    stored = walee_for(None)("score")
    assert stored.code == 3
    assert f"{gateway.handles[1]} cannot be scored: " in " ".join(stored.err.split())
    assert "5 creators scored" in stored.out.decode()


def test_a_spent_budget_writes_no_file(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """A run that ends before its list keeps what it bought, and leaves no file that looks whole."""
    command = ("score", *gateway.handles, "--buy", "--rate", "200", "--max-reports", "2", "-o", "scores.csv")
    ended = walee(*command)
    assert ended.code == 6
    assert "scores.csv is not written, because the list was not gone through" in " ".join(ended.err.split())
    assert not list(tmp_path.glob("*scores.csv*"))
    assert gateway.billed.total() == 2


def test_one_creator_can_be_bought_and_explained(walee: Any, gateway: Gateway) -> None:
    """With --buy, --explain fetches the one creator that is asked about, once."""
    command = ("score", "--explain", gateway.handles[0], "--buy", "--json")
    for _ in range(2):
        (line,) = walee(*command).lines
        assert line["handle"] == gateway.handles[0]
    assert gateway.billed.total() == 1


def _drawn(walee: Any, *arguments: str) -> str:
    """What the command draws on a terminal."""
    ours, theirs = pytest.importorskip("pty", reason="Windows has no such terminals").openpty()
    command = subprocess.Popen(
        walee.command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, cwd=walee.folder,
        env={**walee.environment, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    drawn = b""
    with command:
        while chunk := _read(ours):
            drawn += chunk
    os.close(ours)
    return drawn.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end was closed
        return b""


def test_colours_are_for_terminals(walee_for: Callable[..., Any], scored: Path) -> None:
    """A terminal has grades in colour, with NO_COLOR it has none, and a pipe has no control characters at all."""
    walee = walee_for(None)
    walee.folder = scored
    colour = re.compile(r"\x1b\[[0-9;]*3[1-6][;m]")
    assert colour.search(_drawn(walee, "score"))
    walee.environment["NO_COLOR"] = "1"
    plain = _drawn(walee, "score")
    assert "12 creators scored" in plain
    assert not colour.search(plain)
    assert b"\x1b" not in walee("score").out


def test_whoever_reads_may_go_away(walee_for: Callable[..., Any], scored: Path) -> None:
    """A reader that has enough is no error worth a word."""
    walee = walee_for(None)
    walee.folder = scored
    running = walee.start("score", "--json")
    running.process.stdout.close()
    running.process.stdout = None
    ended = running.end()
    assert ended.code == 141
    assert "Traceback" not in ended.err


def test_json_is_one_object_a_line(scoring: Any) -> None:
    """Hostile names are escaped in JSON, so that a line stays a line."""
    out = scoring("score", "--json", HANDLES[0]).out
    assert out.count(b"\n") == 1
    assert "\x1b" in json.loads(out)["fullname"]
    assert b"\x1b" not in out
