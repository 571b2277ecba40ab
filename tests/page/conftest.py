"""What the tests of the page have: a real Chromium, and pages with made-up creators in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _chromium import Browser, Page, find

from walee_async.page import About, Spend, render
from walee_async.scoring import Brief, Score, ScoreView, score
from walee_async.testing import Maker

CREATORS = 60
"""More than a page of the table has."""
BRIEF = Brief.make(
    name="Women in three countries", genders=["FEMALE"], countries=["PK", "EG", "US"], followers={"min": 2000}
)


def made(payload: dict[str, Any], handle: str | None = None) -> tuple[Score, ScoreView]:
    """A report as the gateway sends it, scored."""
    view = msgspec.json.decode(json.dumps(payload), type=ScoreView, strict=False)
    return score(view, BRIEF, handle=handle), view


@pytest.fixture(scope="session", name="made")
def _made() -> Callable[..., tuple[Score, ScoreView]]:
    """Scores a report as the gateway sends it."""
    return made


@pytest.fixture(scope="session")
def scored() -> list[tuple[Score, ScoreView]]:
    """Sixty creators with their scores."""
    maker = Maker(3, creators=CREATORS)
    return [made(maker.report(index)["payload"], maker.handle(index)) for index in range(CREATORS)]


@pytest.fixture(scope="session")
def shortlist(scored: list[tuple[Score, ScoreView]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their page."""
    path = tmp_path_factory.mktemp("page") / "shortlist.html"
    path.write_text(render(scored, BRIEF, About(spend=Spend(bought=CREATORS, price=0.5))), "utf-8")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium without network. Where there is none, CI fails, and others are told."""
    program = find()
    if program is None:
        said = "there is no Chromium here; `apt-get install chromium` brings it"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    with Browser(program) as browser:
        yield browser


@pytest.fixture
def look(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens a page: `look(path, width=360, dark=True)`. In the end it may have complained of nothing."""
    pages: list[Page] = []

    def start(path: Path, width: int = 1280, height: int = 900, **options: Any) -> Page:
        page = browser.page(width, height, downloads=tmp_path, **options)
        pages.append(page)
        page.open(path)
        return page

    yield start
    for page in pages:
        complaints, requests = page.complaints, page.requests
        page.close()
        assert complaints == []
        assert [address for address in requests if not address.startswith(("file:", "blob:"))] == []
