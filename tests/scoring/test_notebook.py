"""How notebooks show scores."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import msgspec
import pytest

from walee_async import Brief, ScoreView, WaleeClient, score
from walee_async.testing import Gateway, Maker

ATTACK = "<script>alert(1)</script>\"'&" + "x" * 100_000


def _texts(html: str) -> list[str]:
    """The texts of the cells; it is well-formed, so it parses as XML."""
    return ["".join(cell.itertext()) for cell in ET.fromstring(html).iter("td")]


def _scored(**profile: Any) -> Any:
    report = Maker(3, creators=3).report(0)["payload"]
    report["user_profile"].update(profile)
    view = msgspec.json.decode(msgspec.json.encode(report), type=ScoreView, strict=False)
    return score(view, Brief.make(genders=["FEMALE"], penalties={"hidden": 5}))


def test_a_score_is_taken_apart() -> None:
    """Its components with their points and what each gives, and its flags with their reasons."""
    found = _scored(is_hidden=True)
    html = found._repr_html_()
    cells = _texts(html)
    for part in found.contributions:
        assert f"{part.points:+.2f}" in cells
    assert "flag: hidden" in cells
    for flag in found.flags:
        assert flag.reason in html


def test_a_console_gets_the_sentence() -> None:
    """Where there is no HTML, a score is its explanation."""
    found = _scored()
    bundle = found._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/html": found._repr_html_(), "text/plain": found.explanation}


def test_what_is_not_known_is_said() -> None:
    """A creator of whom nothing is known has no zero in it."""
    html = score(ScoreView())._repr_html_()
    assert "not known" in html
    assert not any(cell.strip() == "0.00" for cell in _texts(html))


def test_names_are_text() -> None:
    """HTML in a name is shown as it is written, and a long one is cut."""
    html = _scored(fullname=ATTACK, username=ATTACK)._repr_html_()
    assert "<script" not in html
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;xxx" in html
    assert len(html) < 10_000


@pytest.mark.anyio
async def test_a_run_shows_its_best(gateway: Gateway) -> None:
    """A row for each, in the order of their rank, also while it is empty."""
    async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=5000.0) as walee:
        run = walee.scores(gateway.handles, top=5)
        assert _texts(run._repr_html_()) == []
        await run.collect()
    cells = _texts(run._repr_html_())
    assert [cell.split("@")[1] for cell in cells[1::7]] == [best.handle for best in run.top]
