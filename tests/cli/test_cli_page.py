"""`walee page` and `walee report --page`: files to be opened in a browser."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from walee_async import read_brief, rescore
from walee_async.page import MARK
from walee_async.scoring import rank
from walee_async.store import Store
from walee_async.testing import Gateway

DOCS = (Path(__file__).parent.parent.parent / "docs" / "page.md").read_text("utf-8")


def _data(path: Path, name: str) -> Any:
    (packed,) = re.findall(rf'id="data-{name}">([^<]*)</script>', path.read_text("utf-8"))
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_the_page_of_a_store(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """All creators are in it, scored by the brief; one line says where it is, and standard output is empty."""
    out = tmp_path / "shortlist.html"
    ended = scoring("page", "reports.db", "--brief", "women.toml", "-o", str(out), "--price", "0.5")
    assert (ended.code, ended.out) == (0, b"")
    assert re.fullmatch(r"12 creators written to .*shortlist\.html \(\d+ KB\); open it in a browser\.\n", ended.err)
    scores = {one.handle: one for one in rescore(scored / "reports.db", read_brief(scored / "women.toml"))}
    assert {row["handle"]: row["value"] for row in _data(out, "rows")} == {
        name: one.value for name, one in scores.items()
    }
    facts = _data(out, "facts")
    assert facts["title"] == "Women"
    assert facts["about"]["spend"] == {"bought": 0, "ambiguous": 0, "price": 0.5}  # they were imported


def test_the_best_of_many(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """--top takes the best, in the order of `walee score`, and the grades are those of all."""
    out = tmp_path / "best.html"
    ended = scoring("page", "reports.db", "-o", str(out), "--top", "5")
    assert ended.code == 0
    assert ended.err.startswith("The best 5 of 12 creators written to ")
    best = sorted(rescore(scored / "reports.db"), key=rank)[:5]
    assert [row["handle"] for row in _data(out, "rows")] == [one.handle for one in best]
    assert sum(_data(out, "facts")["about"]["grades"].values()) == 12


def test_an_older_page_is_replaced_and_nothing_else(scoring: Any, tmp_path: Path) -> None:
    """Whatever is no page of ours stays as it is."""
    out = tmp_path / "out.html"
    out.write_text("<p>mine</p>")
    ended = scoring("page", "-o", str(out))
    assert (ended.code, out.read_text()) == (2, "<p>mine</p>")
    assert "is no page of walee's; name another file" in ended.err
    out.write_text(MARK)
    assert scoring("page", "-o", str(out)).code == 0
    assert len(out.read_text("utf-8")) > 500_000
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothere.db"], 5, "there is no store"),
        (["--top", "0"], 2, "--top is 0; a page has 1 to 10,000 creators"),
        (["--price", "-1"], 2, "--price is -1; it must be at least 0"),
        (["-o", "no/folder/page.html"], 2, "there is no folder no/folder"),
        (["-o", "."], 2, "is there already"),
        (["-o", "list.pdf"], 2, "list.pdf would hold a page in HTML, so name it .html"),
        (["--brief", "typo.toml"], 2, "growht"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_one_sentence(scoring: Any, scored: Path, arguments: list[str], code: int, said: str) -> None:
    """It names what was wrong, and no page is made."""
    ended = scoring("page", *arguments)
    assert (ended.code, ended.out) == (code, b"")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (scored / "shortlist.html").exists()


def test_an_empty_store_has_no_page(scoring: Any, scored: Path, tmp_path: Path) -> None:
    """There is nobody to show, and that is said."""
    Store.open(tmp_path / "empty.db", create=True).close()
    ended = scoring("page", str(tmp_path / "empty.db"), "-o", str(tmp_path / "page.html"))
    assert ended.code == 3
    assert "holds no report that can be scored, so there is no page" in ended.err
    assert not (tmp_path / "page.html").exists()


def test_one_creator(serve: Callable[..., Gateway], walee_for: Any, tmp_path: Path, scored: Path) -> None:
    """`walee report --page` buys the report and makes its page, by a brief if there is one; the store has it then."""
    gateway = serve(3)
    shutil.copy(scored / "women.toml", tmp_path)
    walee = walee_for(gateway)
    ended = walee("report", gateway.handles[0], "--page", "one.html", "--brief", "women.toml")
    assert (ended.code, ended.out) == (0, b"")
    assert f"{gateway.handles[0]} written to one.html" in ended.err
    (row,) = _data(tmp_path / "one.html", "rows")
    assert row["handle"] == gateway.handles[0]
    facts = _data(tmp_path / "one.html", "facts")
    assert facts["about"]["alone"] is True
    assert facts["brief"]["name"] == "Women"
    assert walee("report", gateway.handles[0], "--page", "one.html").code == 0
    assert gateway.billed.total() == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--page", "a.html", "--json"], "give one of the two"),
        (["--brief", "a.toml"], "there is no --page"),
        (["--page", "no/folder/a.html"], "there is no folder"),
        (["--page", "a.pdf"], "so name it .html"),
        (["--page", "a.html", "--brief", "nothere.toml"], "nothere.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_is_bought_for_a_page_that_cannot_be(
    here: Any, gateway: Gateway, arguments: list[str], said: str
) -> None:
    """What is wrong is found before the report is paid for."""
    ended = here("report", gateway.handles[0], *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert gateway.requests_seen == 0


def test_without_the_extra_nothing_is_scored(scored: Path) -> None:
    """The sentence says what to install, and the exit code is that of wrong set-up."""
    code = "import sys; sys.modules['jinja2'] = None; from walee_async.cli.entry import run; sys.exit(run(['page']))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=scored)
    assert ended.returncode == 2
    assert ended.stderr == "walee: The page needs an extra: pip install 'walee-async[page]'.\n"


@pytest.fixture
def documented(scoring: Any, scored: Path) -> Iterator[Any]:
    """Runs what docs/page.md shows, beside a store and a brief of the names it uses."""
    shutil.copy(scored / "women.toml", scored / "brief.toml")
    yield scoring
    for name in ("brief.toml", "shortlist.html", "best.html", "page.html"):
        (scored / name).unlink(missing_ok=True)


def test_the_commands_of_the_documentation_run(documented: Any, scored: Path) -> None:
    """Those that need no key make the pages that they name."""
    (block,) = re.findall(r"^```sh\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        if line.startswith("walee page"):
            assert documented(*shlex.split(line)[1:]).code == 0
    assert (scored / "shortlist.html").exists()
    assert (scored / "best.html").exists()


def test_the_program_of_the_documentation_runs(documented: Any, scored: Path) -> None:
    """It makes the page that `walee page` makes, but for what only the command knows."""
    (block,) = re.findall(r"^```python\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    exec(compile(block, "docs/page.md", "exec"), {})
    assert documented("page", "--brief", "brief.toml").code == 0
    assert _data(scored / "page.html", "rows") == sorted(
        _data(scored / "shortlist.html", "rows"), key=_data(scored / "page.html", "rows").index
    )
