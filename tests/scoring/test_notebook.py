"""How notebooks show scores."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import msgspec
import pytest

from walee_async import Brief, ScoreView, WaleeClient, score
from walee_async.scoring import Flag
from walee_async.scoring.notebook import LONGEST, ranking_html
from walee_async.testing import Gateway, Maker

ATTACK = "<script>alert(1)</script>\"'&" + "x" * 100_000


def _texts(html: str) -> list[str]:
    """The texts of the cells; it is well-formed, so it parses as XML."""
    return ["".join(cell.itertext()) for cell in ET.fromstring(html).iter("td")]


def _table(html: str) -> list[list[str]]:
    """The texts of the table, row by row, with its heading."""
    return [["".join(cell.itertext()) for cell in row] for row in ET.fromstring(html).iter("tr")]


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


def test_the_parts_of_a_score_are_a_table() -> None:
    """A row for each: its points or why it has none, and what it gives; one that has no weight gives nothing."""
    found = _scored(is_hidden=True, avg_views=None)
    found = msgspec.structs.replace(found, flags=(*found.flags, Flag("dormant", "as it is")))
    head, *rows = _table(found._repr_html_())
    assert head == ["part", "points of 100", "gives"]
    assert not [
        cell for cell in ET.fromstring(found._repr_html_()).iter() if cell.tag in {"th", "td", "tr"} and cell.tail
    ]
    given = {part.name: f"{part.points:+.2f}" for part in found.contributions}
    assert rows == [
        *(
            [
                part.name.replace("_", " "),
                f"not known: {part.missing}" if part.value is None else f" {part.value:.2f}",
                given.get(part.name, ""),
            ]
            for part in found.components
        ),
        ["flag: hidden", "", "-5.00"],
    ]
    said = ["".join(line.itertext()) for line in ET.fromstring(found._repr_html_()) if line.tag in {"p", "ul"}]
    assert said == [
        f"{found.fullname} @{found.handle}: {found.grade}, {found.value:.2f} of 100",
        found.explanation,
        "".join(f"{flag.name.replace('_', ' ')}: {flag.reason}" for flag in found.flags),
    ]


def test_a_score_without_flags_has_no_list_of_them() -> None:
    """There is no empty list where nothing was flagged."""
    found = msgspec.structs.replace(_scored(), flags=())
    assert [(part.tag, part.tail) for part in ET.fromstring(found._repr_html_())] == [
        ("p", None),
        ("p", None),
        ("table", None),
    ]


def test_a_ranking_is_a_table() -> None:
    """A row for each score in its order, by place; what is not known of one is said in its place."""
    flags = tuple(Flag(name, "as it is") for name in ("few_comments", "hidden"))
    known = msgspec.structs.replace(_scored(), fullname=None, followers=1_234_567, flags=flags)
    unknown = msgspec.structs.replace(known, handle=None, value=None, followers=None, flags=(), coverage=0.0)
    assert _table(ranking_html([known, unknown])) == [
        ["", "creator", "grade", "score", "coverage", "followers", "flags"],
        [
            "1",
            f"@{known.handle}",
            known.grade,
            f" {known.value:.2f}",
            f"{known.coverage:.0%}",
            "1,234,567",
            "few comments, hidden",
        ],
        ["2", "not known", known.grade, "not known", "0%", "not known", ""],
    ]


def test_a_bar_is_as_long_as_its_points() -> None:
    """The drawn bar stands on a paler one of 100 points, and programs that read aloud leave both out."""
    drawing = next(ET.fromstring(ranking_html([msgspec.structs.replace(_scored(), value=42.0)])).iter("svg"))
    assert (drawing.get("width"), drawing.get("aria-hidden"), drawing.text, drawing.tail) == (
        "100",
        "true",
        None,
        " 42.00",
    )
    assert [(bar.tag, bar.get("width"), bar.tail) for bar in drawing] == [("rect", "100", None), ("rect", "42", None)]
    assert float(drawing[0].get("opacity", "1")) < 1


def test_a_name_is_shown_whole_up_to_its_longest() -> None:
    """Eighty characters fit; of a longer name there are 79 and a sign that it goes on."""
    assert f"<bdi>{'x' * LONGEST}</bdi>" in _scored(fullname="x" * LONGEST)._repr_html_()
    assert f"<bdi>{'x' * (LONGEST - 1)}…</bdi>" in _scored(fullname="x" * (LONGEST + 1))._repr_html_()


def test_a_sentence_is_shown_whole_up_to_its_longest() -> None:
    """Of a flag's reason two hundred characters fit, of the explanation a thousand."""
    for length, shown in ((1000, "z" * 1000), (1001, "z" * 999 + "…")):
        assert f"<p>{shown}</p>" in msgspec.structs.replace(_scored(), explanation="z" * length)._repr_html_()
    for length, shown in ((200, "y" * 200), (201, "y" * 199 + "…")):
        html = msgspec.structs.replace(_scored(), flags=(Flag("hidden", "y" * length),))._repr_html_()
        assert f"<b>hidden</b>: {shown}</li>" in html


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
