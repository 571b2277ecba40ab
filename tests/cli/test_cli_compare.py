"""`walee compare`: creators of a store beside each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from walee_async import read_brief, rescore
from walee_async.testing import Maker

HANDLES = Maker(creators=12).handles()


@pytest.mark.parametrize(("width", "beside"), [(60, 1), (80, 2), (120, 3), (200, 4)])
def test_as_many_as_fit_stand_side_by_side(
    scoring: Any, monkeypatch: pytest.MonkeyPatch, width: int, beside: int
) -> None:
    """The others are below, all within the width."""
    monkeypatch.setenv("COLUMNS", str(width))
    ended = scoring("compare", *HANDLES[:4])
    assert ended.code == 0
    text = ended.out.decode()
    lines = [line for line in text.splitlines() if "@" in line]
    found = [re.findall(r"@(\S+)", line) for line in lines]
    assert [handle for line in found for handle in line] == HANDLES[:4]
    assert len(found[0]) == beside
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width


def test_every_part_is_there(scoring: Any, scored: Path) -> None:
    """Scores, grades, each component and what is known of the audience, from the newest reports."""
    brief = read_brief(scored / "women.toml")
    scores = list(rescore(scored / "reports.db", brief, handles=HANDLES[:3]))
    text = scoring("compare", *HANDLES[:3], "--brief", "women.toml").out.decode()
    row = {line[:18].strip(): line[20:] for line in text.splitlines()}
    for score in scores:
        assert f"{score.value:.2f}" in row["score"]
        assert score.grade.replace("_", " ") in row["grade"]
        for part in score.components:
            assert (f"{part.value:.2f}" if part.value is not None else "not known") in row[part.name.replace("_", " ")]
    assert re.search("[▁▂▃▄▅▆▇█]{3}", row["followers' growth"])
    assert "female" in row["gender"]
    assert text.startswith("Women: an audience that is female, aged 18–34, in US")


def test_a_creator_that_is_not_there_is_named(scoring: Any) -> None:
    """One sentence says who is missing and how to get them, and the exit code is 3."""
    ended = scoring("compare", HANDLES[0], "nobody.here", "no.one")
    assert (ended.code, ended.out) == (3, b"")
    assert "nobody.here, no.one are not in reports.db; `walee fetch nobody.here no.one` gets them" in ended.err


@pytest.mark.parametrize("handles", [[], HANDLES[:1], [HANDLES[0], f"@{HANDLES[0]}"]], ids=["none", "one", "the same"])
def test_one_creator_cannot_be_compared(scoring: Any, handles: list[str]) -> None:
    """It takes two different ones."""
    ended = scoring("compare", *handles)
    assert ended.code == 2
    assert "takes two creators or more" in ended.err


def test_a_missing_store_is_one_sentence(scoring: Any) -> None:
    """The exit code is that of stores."""
    ended = scoring("compare", *HANDLES[:2], "--store", "none.db")
    assert ended.code == 5
    assert len(ended.err.splitlines()) == 1
