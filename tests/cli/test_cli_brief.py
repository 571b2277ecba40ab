"""`walee brief`: a brief to begin with, and what a brief says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from walee_async.scoring import Brief, read_brief


def _keys(table: msgspec.Struct, path: str = "") -> set[str]:
    """Every key of a brief and of its tables."""
    found: set[str] = set()
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        inner = isinstance(value, msgspec.Struct)
        found |= _keys(value, f"{path}{field.name}.") if inner else {f"{path}{field.name}"}
    return found


def _given(keys: dict[str, Any], path: str = "") -> set[str]:
    return {
        name
        for key, value in keys.items()
        for name in (_given(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"})
    }


def test_what_is_printed_is_the_default_brief(scoring: Any, tmp_path: Path) -> None:
    """Read back, it is the brief of somebody who has none."""
    ended = scoring("brief")
    assert ended.code == 0
    (tmp_path / "brief.toml").write_bytes(ended.out)
    assert read_brief(tmp_path / "brief.toml") == Brief()


def test_every_key_is_there(scoring: Any, tmp_path: Path) -> None:
    """With what is commented out made true it has every key that a brief can have, and is a brief."""
    text = re.sub(r"^# (\w+ = )", r"\1", scoring("brief").out.decode(), flags=re.MULTILINE)
    text = text.replace("countries = []", 'countries = ["PK"]')
    assert _given(tomllib.loads(text)) == _keys(Brief())
    (tmp_path / "brief.toml").write_text(text, "utf-8")
    assert read_brief(tmp_path / "brief.toml").require.min_target_share is not None


def test_the_words_of_the_source_stand_above_the_keys(scoring: Any) -> None:
    """Units and meanings are those of the docstrings."""
    text = scoring("brief").out.decode()
    assert "# Days from the newest post to the report.\n# max_days_since_post = 30\n" in text
    assert "# Likes per follower.\nmin_engagement_rate = 0.01\n" in text
    assert "13-17, 18-24" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_brief_to_begin_with_names_no_folder_of_this_project(scoring: Any) -> None:
    """What is printed goes into a user's file, where the project's tests and modules mean nothing."""
    text = scoring("brief").out.decode()
    assert "tests/" not in text
    assert "walee_async" not in text


def test_a_brief_is_said_in_words(scoring: Any, tmp_path: Path) -> None:
    """Whom it is after, what it insists on, what differs from the defaults, and its id."""
    file = tmp_path / "brief.toml"
    file.write_text(
        'name = "Spring"\ncountries = ["pk", "in"]\ngenders = ["female"]\nages = ["18-34", "65+"]\nlanguages = ["ur"]\n'
        "[followers]\nmin = 10000\n[require]\nmin_target_share = 0.3\nmin_quality = 60\nno_flags = ['dormant']\n"
        "max_days_since_post = 30\n[weights]\ngrowth = 3\n[penalties]\nfew_comments = 5\n[grades]\napprove = 80\n"
    )
    said = " ".join(scoring("brief", str(file)).out.decode().split())
    assert said == (
        "Spring: an audience that is female, aged 18–34 or 65 and over, in IN or PK, speaking ur; creators of at least "
        "10,000 followers; quality at least 60; target share at least 30 %; days since post at most 30; no flag "
        "dormant; weights growth 3; points off for few comments 5; approve from 80 points, review from 50, with 50 % "
        f"of the weight known. Id {read_brief(file).id}, scoring version 1."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[weights]\ngrowht = 2\n", "did you mean growth?"),
        ("countries = ['UK']\n", "did you mean GB?"),
        ("[require]\nmin_target_share = 30\n", "30 % is 0.3"),
        ("countries = \n", "is no TOML"),
    ],
)
def test_a_wrong_brief_is_one_sentence(scoring: Any, tmp_path: Path, text: str, said: str) -> None:
    """It names the key and what was probably meant, and the exit code is 2."""
    file = tmp_path / "brief.toml"
    file.write_text(text)
    ended = scoring("brief", str(file))
    assert (ended.code, ended.out) == (2, b"")
    assert said in " ".join(ended.err.split())
    assert len(ended.err.splitlines()) == 1
