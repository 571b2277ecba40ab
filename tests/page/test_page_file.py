"""The page as a file: what is in it, and what it does without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import walee_async.page
from walee_async.page import MARK, About, render
from walee_async.page.text import number, text
from walee_async.scoring import Score, ScoreView

VENDOR = Path(walee_async.page.__file__).parent / "vendor"
FOLDERS = [VENDOR, Path(__file__).parent / "axe"]
Scored = list[tuple[Score, ScoreView]]


def _data(page: str, name: str) -> Any:
    (packed,) = re.findall(rf'id="data-{name}">([^<]*)</script>', page)
    return json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_vendored_files_are_those_of_the_manifest(folder: Path) -> None:
    """Every file has the hash that was written down when it came, and every package its licence."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name, about in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"]
        assert about["package"] in manifest["packages"]
    licences = (folder / "LICENSES.txt").read_text("utf-8")
    named = {name for line in re.findall(r"^== (.*)$", licences, re.MULTILINE) for name in line.split(", ")}
    assert named >= set(manifest["packages"])
    assert {path.name for path in folder.iterdir()} == {*manifest["files"], "manifest.json", "LICENSES.txt"}


def test_the_policy_names_every_script_and_style(scored: Scored) -> None:
    """Each is permitted by its hash, and nothing by its place; there is no address of another machine to load from."""
    page = render(scored[:3])
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    policy = policy.replace("&#39;", "'")
    inline = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", page, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'" for part in inline}
    assert set(re.findall(r"'sha256-[^']*'", policy)) == hashes
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(
        r"<(?:link|iframe|img|object|embed)\b|<script[^>]* src|@import|url\(", page[: page.index("<script")]
    )


def test_the_same_scores_make_the_same_page(scored: Scored) -> None:
    """Nothing in it depends on when or where it was made."""
    assert render(scored[:5]) == render(scored[:5])
    assert MARK in render(scored[:5])[:4096]


def test_every_creator_is_in_it(scored: Scored) -> None:
    """A row and a sheet for each, in the order they were given, also past the sheets that are packed together."""
    page = render([*scored, *scored])
    rows = _data(page, "rows")
    assert [row["handle"] for row in rows] == 2 * [score.handle for score, _ in scored]
    sheets = [sheet for place in range(3) for sheet in _data(page, f"sheets-{place}")]
    assert [sheet["explanation"] for sheet in sheets] == 2 * [score.explanation for score, _ in scored]
    for row, sheet in zip(rows, sheets, strict=True):
        assert sum(round(100 * points) for _, _, points in sheet["contributions"]) == round(100 * row["value"])


def test_a_view_and_a_whole_report_make_the_same_page(made: Callable[..., Any]) -> None:
    """Whoever has the whole report need not decode it again."""
    from walee_async.decode import decode
    from walee_async.outcomes import Payload
    from walee_async.scoring import ScoreView, score
    from walee_async.testing import Maker

    maker = Maker(3, creators=3)
    pages = []
    for view in (None, ScoreView):
        found = []
        for index in range(3):
            payload = Payload(
                handle=maker.handle(index), body=maker.body(index), encoding="identity", key="key 1", received_at=0.0
            )
            report = decode(payload) if view is None else decode(payload, view)
            found.append((score(report, handle=payload.handle), report))
        pages.append(render(found))
    assert pages[0] == pages[1]


def test_months_ascend(made: Callable[..., Any]) -> None:
    """The trend of a row and the charts of a sheet go forward in time, in whatever order a report has its months."""
    months = [{"month": f"2026-0{number}", "followers": 1000 * number} for number in (3, 1, 2)]
    page = render([made({"success": True, "user_profile": {"stat_history": months}})])
    assert _data(page, "rows")[0]["trend"] == [1000, 2000, 3000]
    assert [month["month"] for month in _data(page, "sheets-0")[0]["months"]] == ["2026-01", "2026-02", "2026-03"]


def test_an_empty_report_is_shown(made: Callable[..., Any]) -> None:
    """Where nothing is known, nothing is zero."""
    page = render([made({"success": True})])
    (row,) = _data(page, "rows")
    for name in ("name", "country", "followers", "value", "rate", "percentile", "target", "growth"):
        assert row[name] is None
    assert row["grade"] == "not_enough_data"


def test_a_title_is_text(scored: Scored) -> None:
    """A title or a brief's name that is HTML is written out."""
    page = render(scored[:1], about=About(title="</title><script>alert(1)</script>"))
    assert "<script>alert" not in page
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title>" in page


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("  two \n lines ", "two lines"),
        ("a\u202eb\x00\ufeff", "ab"),
        ("\u200b", None),
        ("می\u200cخواهم 👩\u200d👩\u200d👧", "می\u200cخواهم 👩\u200d👩\u200d👧"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f Ailsa",) * 2,  # the flag of Scotland
        ("a\U000e0067\U000e0062\U000e007f\U0001f3f4\U000e0067", "a\U0001f3f4"),
        ("x" * 200, "x" * 119 + "…"),
        ("\u202e" * 100_000 + "a", "…"),
        (None, None),
    ],
)
def test_texts_are_one_line_of_what_can_be_seen(given: str | None, left: str | None) -> None:
    """Controls, overrides and what hides are left out, joiners stay, and the rest is cut."""
    assert text(given) == left


@pytest.mark.parametrize(
    ("given", "left"),
    [(1, 1), (0.1234567891, 0.123457), (float("nan"), None), (-1, None), (10**400, None), (None, None)],
)
def test_numbers_are_those_that_can_be(given: float | None, left: float | None) -> None:
    """What is no count, rate or share is not known."""
    assert number(given) == left


def test_without_the_extra_a_sentence_says_so() -> None:
    """Whoever makes a page without jinja2 is told what to install."""
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from walee_async.errors import ConfigError\nfrom walee_async.page import render\n"
        "try:\n    render([])\nexcept ConfigError as error:\n    print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "The page needs an extra: pip install 'walee-async[page]'.\n"


@pytest.mark.long
def test_the_benchmark_runs() -> None:
    """It ends well, prints a figure on each line and writes nothing to the error stream."""
    script = Path(__file__).parent.parent.parent / "benchmarks" / "page.py"
    command = [sys.executable, "-W", "error", str(script), "--creators", "60", "--repeats", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"^size +[\d.]+ MB$", ended.stdout, re.MULTILINE)
