"""docs/scoring.md, with its commands and programs run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from walee_async.export.scores import SCORES
from walee_async.scoring import FLAGS, Brief
from walee_async.testing import Maker

PAGE = (Path(__file__).parent.parent.parent / "docs" / "scoring.md").read_text("utf-8")


def _block(language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture
def page(scoring: Any, scored: Path) -> Any:
    """Runs commands beside a store, with the page's own brief there."""
    (scored / "brief.toml").write_text(_block("toml"), "utf-8")
    return scoring


def test_the_commands_run(page: Any, scored: Path) -> None:
    """Every command of the page does what it says."""
    (scored / "scores.csv").unlink(missing_ok=True)
    first = Maker(creators=1).handles()[0]
    for line in _block("sh").replace("@river.kites", first).splitlines():
        ended = page(*shlex.split(line)[1:])
        assert ended.code == 0, ended.err
    assert (scored / "scores.csv").exists()


def test_the_program_runs(page: Any, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """It prints the best creator and what its components gave."""
    exec(compile(_block("python"), "docs/scoring.md", "exec"), {})
    assert b"of the weight had data" in capfdbinary.readouterr().out


def test_the_weights_and_the_flags_are_those_of_the_package() -> None:
    """Components with their weights, flags with their limits, and the columns of the tables."""
    weights = dict(re.findall(r"^\| `(\w+)` \| (\d) \|", PAGE, re.MULTILINE))
    usual = Brief().weights
    assert {name: float(weight) for name, weight in weights.items()} == {
        name: getattr(usual, name) for name in usual.__struct_fields__
    }
    flags = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([\d.]*) ?\|$", PAGE, re.MULTILINE)
    assert {name for name, _, _ in flags} == set(FLAGS)
    limits = {limit: number for _, told, number in flags for limit in re.findall(r"`(m\w+)`", told)}
    assert {name: float(number) for name, number in limits.items()} == {
        name: getattr(Brief().flags, name) for name in Brief().flags.__struct_fields__
    }
    columns = re.search(r"CSV and Parquet have (.*?)\. An empty cell", PAGE, re.DOTALL)
    assert columns is not None
    named = re.findall(r"`(\w+)`", columns[1])
    assert named == [name for name in SCORES.names if not name.endswith(("_points", "_contribution"))]
