"""Creators whose every text is an attack: nothing but the text that is shown is theirs."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _chromium import Page

from walee_async.page import render
from walee_async.scoring import Brief
from walee_async.testing import Maker

pytestmark = pytest.mark.long

ATTACKS = [
    "<script>window.owned = 1</script>",
    "</script><script>window.owned = 2</script>",
    "</title></style><img src=x onerror='window.owned = 3'>",
    '"><svg onload=window.owned=4>',
    "' onmouseover='window.owned = 5' x='",
    "javascript:window.owned=6//",
    "{{ 7 * 7 }}{% for x in y %}${window.owned=7}",
    "datum.constructor.constructor('window.owned = 8')()",
    '=HYPERLINK("https://example.com","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "-2+3+cmd",
    "\t=1+1",
    "\u202egnp.exe\u2066\u2069\u200b\ufeff",
    "\x00\x1b[31m\ud83d\ude00<!--",
    "&lt;b&gt;&amp;#x3c;",
    "]]><![CDATA[",
    "__proto__",
    "x" * 100_000,
    "<b>" * 33_334,
]
PROTECTED = {"month", "created_at"}
"""Without dates there is less to show, and less to attack."""


def _poisoned(value: Any, texts: Any, key: str = "") -> Any:
    """The report with every text in it replaced."""
    if isinstance(value, dict):
        return {name: _poisoned(inner, texts, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_poisoned(inner, texts, key) for inner in value]
    return next(texts) if isinstance(value, str) and key not in PROTECTED else value


@pytest.fixture(scope="session")
def reports() -> list[dict[str, Any]]:
    """For each attack a creator that has it for a name and in every text, and a harmless one."""
    maker = Maker(3, creators=len(ATTACKS) + 1)
    found = []
    for place, attack in enumerate(ATTACKS):
        texts = itertools.cycle(ATTACKS[place:] + ATTACKS[:place])
        report = _poisoned(maker.report(place)["payload"], texts)
        report["user_profile"]["fullname"] = attack
        found.append(report)
    return [*found, maker.report(len(ATTACKS))["payload"]]


@pytest.fixture(scope="session")
def attacked(reports: list[dict[str, Any]], made: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their page, which has an attack for its title too."""
    path = tmp_path_factory.mktemp("hostile") / "page.html"
    path.write_text(render([made(report) for report in reports], Brief(name=ATTACKS[1])), "utf-8")
    return path


def _built(page: Page) -> list[str]:
    """Elements and attributes that could run or load something; a page has none but its own two scripts."""
    found: list[str] = page.do(
        "[...document.querySelectorAll('*')].filter(one => "
        "['img', 'iframe', 'object', 'embed', 'base', 'b'].includes(one.localName) || "
        "[...one.attributes].some(({name, value}) => name.startsWith('on') || /^\\s*javascript:/i.test(value)) || "
        "one.localName === 'a' && "
        "!/^(#results|https:\\/\\/www\\.tiktok\\.com\\/@[\\w.]+)$/.test(one.getAttribute('href')))"
        ".map(one => one.outerHTML.slice(0, 60))"
    )
    return found


def test_attacks_are_text(look: Callable[..., Page], attacked: Path, reports: list[dict[str, Any]]) -> None:
    """Sorted, opened, compared and hovered, they build no element, run nothing and load nothing."""
    page = look(attacked)
    own = page.do("[...document.querySelectorAll('script')].filter(one => !one.id).length")
    assert (own, _built(page)) == (2, [])
    shown = page.do("[...document.querySelectorAll('#rows .open')].map(one => one.textContent)")
    assert ATTACKS[0] in shown
    assert ATTACKS[1] in shown
    assert f"{'x' * 119}…" in shown
    assert page.do("byId('title').textContent") == ATTACKS[1]
    for place in range(0, len(reports), 4):
        page.do(f"openPanel(rows[{place}])")
        page.until("byId('panel').open && !queue.length && !drawing")
    assert _built(page) == []
    page.press("Escape")
    for heading in ("name", "grade", "flags"):
        page.click(f"#head-{heading} button")
    page.do("rows.slice(0, 4).forEach(row => pick(row, true)); openComparison()")
    page.until("byId('compare').open")
    assert _built(page) == []
    page.press("Escape")
    page.do(
        "[...document.querySelectorAll('[data-tip]')].forEach(one =>"
        " one.dispatchEvent(new Event('mouseover', {bubbles: true})))"
    )
    assert page.do("window.owned") is None
    assert page.do("Object.keys(Object.prototype).length") == 0
    assert page.do("document.querySelectorAll('script:not([id])').length") == own


def test_no_attack_stands_in_the_file(attacked: Path) -> None:
    """The texts are packed, and the file is no larger for a long name than for a hundred letters."""
    text = attacked.read_text("utf-8")
    assert "window.owned" not in text.replace("&lt;/script&gt;&lt;script&gt;window.owned = 2&lt;/script&gt;", "")
    assert len(text) < 1_200_000


def test_no_text_turns_the_page_round(look: Callable[..., Page], attacked: Path) -> None:
    """Overrides of direction and invisible characters are gone, and names stand in a direction of their own."""
    page = look(attacked)
    assert page.do("/[\\u202a-\\u202e\\u2066-\\u2069\\ufeff\\u0000-\\u0008]/.test(document.body.innerText)") is False
    assert page.do("[...document.querySelectorAll('#rows .open')].every(one => one.querySelector('bdi'))") is True


def test_no_cell_of_the_csv_is_a_formula(look: Callable[..., Page], attacked: Path, tmp_path: Path) -> None:
    """A text that a spreadsheet would run begins with an apostrophe; numbers stay numbers."""
    page = look(attacked)
    page.click("#csv-download")
    page.wait((tmp_path / "shortlist.csv").exists, "the download")
    with (tmp_path / "shortlist.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {len(rows[0])}
    numbers = {rows[0].index(name) for name in ("growth_monthly", "score", "followers")}
    begins = [cell[0] for row in rows for place, cell in enumerate(row) if cell and place not in numbers]
    assert not set(begins) & set("=+-@\t\r")
    assert json.dumps(ATTACKS[8])[1:-1].replace('\\"', '"') in {cell.removeprefix("'") for row in rows for cell in row}
