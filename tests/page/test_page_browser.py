"""The page in a real Chromium, opened as a file, without network. `look` fails a test whose page complains or asks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from _chromium import Page

from walee_async.page import About, render
from walee_async.scoring import Brief, Grade, Score, ScoreView, rank
from walee_async.testing import Maker

pytestmark = pytest.mark.long

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
DRAWN = "document.querySelectorAll('#panel .plot svg').length >= 2"
Look = Callable[..., Page]
Scored = list[tuple[Score, ScoreView]]


def _texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.do(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)")
    return found


def _names(page: Page) -> list[str]:
    return _texts(page, "#rows .handle")


def _count(page: Page) -> str:
    return str(page.do("byId('count').textContent"))


def _choose(page: Page, name: str, value: str) -> None:
    page.do(
        f"(() => {{ const list = byId('filter-{name}'); list.value = {json.dumps(value)};"
        " list.dispatchEvent(new Event('change')); })()"
    )


def _best(scored: Scored) -> list[Score]:
    return sorted((one for one, _ in scored), key=rank)


def test_it_opens_from_a_file(look: Look, shortlist: Path, scored: Scored) -> None:
    """The creators are there, the best first, with figures and the brief in words; nothing is asked of the network."""
    page = look(shortlist)
    assert _names(page) == [f"@{score.handle}" for score in _best(scored)[:50]]
    assert _count(page) == "All 60 creators"
    assert "30.0060 reports at 0.5" in page.do("byId('figures').textContent")
    grades = [int(text) for text in _texts(page, ".grades strong")]
    assert grades == [sum(one.grade is grade for one, _ in scored) for grade in Grade]
    assert "Women in Egypt, Pakistan or United States" in page.do("byId('brief').textContent")
    assert page.do("document.querySelectorAll('#scatter canvas').length") == 1


def test_the_policy_permits_only_what_is_in_the_file(browser: Any, shortlist: Path) -> None:
    """A script, a style or a picture that somebody brings in is refused by the browser, and so is eval."""
    page = browser.page()
    page.open(shortlist)
    page.do(
        "window.refused = []; document.addEventListener('securitypolicyviolation', (event) =>"
        " refused.push(event.effectiveDirective));"
        "document.body.append(el('script', {}, 'window.owned = 1'), el('style', {}, 'body {display: none}'),"
        " el('img', {src: 'https://example.com/a.png'}), el('iframe', {src: 'https://example.com/'}),"
        " el('p', {style: 'color: red', onclick: 'window.owned = 2'}, 'text'));"
        "document.body.lastChild.click(); fetch('https://example.com/').catch(() => null)"
    )
    page.until("refused.length >= 6")
    assert set(page.do("refused")) >= {"script-src-elem", "style-src-elem", "img-src", "frame-src", "connect-src"}
    assert page.do("window.owned") is None
    page.do("document.body.append(el('button', {id: 'trap', click: () => setTimeout('window.owned = 3')}, 'trap'))")
    page.click("#trap")
    page.settle()
    assert page.do("window.owned") is None
    page.close()


def test_columns_sort(look: Look, shortlist: Path, scored: Scored) -> None:
    """A click on a heading sorts by it, the highest first; a second one turns it round, the unknown still last."""
    page = look(shortlist)
    page.click("#head-followers button")
    known = sorted((one.followers for one, _ in scored if one.followers is not None), reverse=True)
    handles = {f"@{one.handle}": one.followers for one, _ in scored}
    assert [handles[name] for name in _names(page)] == known[:50]
    assert page.do("byId('head-followers').ariaSort") == "descending"
    page.click("#head-followers button")
    assert [handles[name] for name in _names(page)] == known[::-1][:50]
    page.click("#pager button:last-child")
    assert len(_names(page)) == 10


def test_a_narrow_screen_sorts_both_ways(look: Look, shortlist: Path, scored: Scored) -> None:
    """Where there are no headings, a list chooses what to sort by and a button beside it turns the order round."""
    page = look(shortlist, width=360)
    page.do(
        "(list => { list.value = 'followers'; list.dispatchEvent(new Event('change')); })"
        "(document.querySelector('#filters label.narrow select'))"
    )
    known = sorted((one.followers for one, _ in scored if one.followers is not None), reverse=True)
    handles = {f"@{one.handle}": one.followers for one, _ in scored}
    turn = "document.querySelector('#filters button.narrow').textContent"
    assert page.do(turn) == "▼ Descending"
    assert [handles[name] for name in _names(page)] == known[:50]
    page.click("#filters button.narrow")
    assert page.do(turn) == "▲ Ascending"
    assert [handles[name] for name in _names(page)] == known[::-1][:50]


def test_search_finds_names_and_handles(look: Look, shortlist: Path, scored: Scored) -> None:
    """What is typed is looked for in names, handles and countries, and the number of those found is said."""
    page = look(shortlist)
    wanted = scored[7][0].handle
    page.click("#filter-search")
    page.type(f"@{wanted}")
    assert _names(page) == [f"@{wanted}"]
    assert _count(page) == "1 of 60 creators"
    page.type("nobody")
    assert _names(page) == []
    assert "No creator matches." in page.do("byId('rows').textContent")
    page.click("#filters .quiet")
    assert _count(page) == "All 60 creators"


def test_filters_leave_who_fits(look: Look, shortlist: Path, scored: Scored) -> None:
    """By grade, country, tier, flag and range, one after the other."""
    page = look(shortlist)
    page.click(".gradeboxes input[value=reject]")
    assert _count(page).startswith(f"{sum(one.grade is Grade.REJECT for one, _ in scored)} of")
    page.click("#filters .quiet")
    country = next(one.country for one, _ in scored if one.country)
    _choose(page, "country", country)
    assert _count(page).startswith(f"{sum(one.country == country for one, _ in scored)} of")
    page.click("#filters .quiet")
    flag = next(one.flags[0].name for one, _ in scored if one.flags)
    _choose(page, "flag", flag)
    assert _count(page).startswith(f"{sum(flag in [raised.name for raised in one.flags] for one, _ in scored)} of")
    page.click("#filters .quiet")
    tier = page.do("rows.find(row => row.tier).tierKey")
    _choose(page, "tier", tier)
    assert int(_count(page).split()[0]) == page.do(f"rows.filter(row => row.tierKey === {json.dumps(tier)}).length")
    page.click("#filters .quiet")
    page.click("#filter-followers-from")
    page.type("10k")
    page.press("Enter")
    page.press("Tab")
    assert _count(page).startswith(f"{sum((one.followers or 0) >= 10_000 for one, _ in scored)} of")


def _shows(page: Page, wanted: list[int]) -> bool:
    return sorted(page.do(SHOWN)) == wanted


SHOWN = "scatter.data('values').map(point => point.place)"


def test_the_scatter_follows_the_filters(look: Look, shortlist: Path, scored: Scored) -> None:
    """It shows those whom the filters leave, also where two filters leave as many, and after it was drawn anew."""
    page = look(shortlist)
    by_country: dict[str, set[int]] = {}
    for place, (one, _) in enumerate(sorted(scored, key=lambda pair: rank(pair[0]))):
        if one.country and one.followers and one.value is not None:
            by_country.setdefault(one.country, set()).add(place)
    first, second = next(
        (a, b) for a in by_country for b in by_country if a < b and len(by_country[a]) == len(by_country[b])
    )
    for country in (first, second):
        _choose(page, "country", country)
        wanted = sorted(by_country[country])
        page.wait(partial(_shows, page, wanted), "the chart has those of the country")
        page.do("paintScatter(), 0")
        assert sorted(page.do(SHOWN)) == wanted


def test_fields_say_what_they_cannot_read(look: Look, shortlist: Path) -> None:
    """A decimal comma is one, thousands may be grouped, and what is no number is marked and filters nothing."""
    page = look(shortlist)
    read = {"1.2m": 1.2e6, "1,2m": 1.2e6, "1,000": 1000, "1 000": 1000, "50k": 50_000, "abc": None, "-5": None}
    assert {text: page.do(f"readNumber({json.dumps(text)})") for text in read} == read
    page.click("#filter-followers-from")
    page.type("abc")
    page.press("Enter")
    page.press("Tab")
    assert page.do("byId('filter-followers-from').getAttribute('aria-invalid')") == "true"
    assert _count(page) == "All 60 creators"


BOUNDS = "JSON.stringify([view.value, view.followers])"


@pytest.mark.parametrize(
    ("field", "text", "bounds"),
    [
        ("followers-from", "12345", [[None, None], [12345, None]]),
        ("followers-to", "1234567", [[None, None], [None, 1234567]]),
        ("value-from", "0", [[0, None], [None, None]]),
        ("value-to", "61.25", [[None, 61.25], [None, None]]),
    ],
)
def test_a_filter_is_what_was_typed(look: Look, shortlist: Path, field: str, text: str, bounds: list[Any]) -> None:
    """The brush goes where the fields say, and neither rounds them nor fills those that are empty."""
    page = look(shortlist)
    page.do("scatter.addSignalListener('brush', () => { window.moved = true; }), 0")
    page.click(f"#filter-{field}")
    page.type(text)
    page.press("Tab")
    page.until("window.moved")
    page.do("new Promise(done => setTimeout(done, 100))")  # what moves the brush is heard 30 ms later
    assert json.loads(page.do(BOUNDS)) == bounds
    page.do("paintScatter(), new Promise(done => setTimeout(done, 100))")
    assert json.loads(page.do(BOUNDS)) == bounds


def test_a_field_that_is_emptied_says_nothing_is_wrong(look: Look, shortlist: Path) -> None:
    """What could not be read goes with the filters, and so does its mark."""
    page = look(shortlist)
    page.click("#filter-followers-from")
    page.type("abc")
    page.press("Enter")
    page.click(".gradeboxes input[value=reject]")
    page.click("#filters .quiet")
    assert page.do("[byId('filter-followers-from').value, byId('filter-followers-from').ariaInvalid]") == ["", "false"]


@pytest.mark.parametrize(("least", "most", "ticks"), [(5, 5000, 3), (20_000, 80_000, 2), (900, 1100, 1), (50, 60, 1)])
def test_an_axis_always_says_something(look: Look, shortlist: Path, least: int, most: int, ticks: int) -> None:
    """Powers of ten, within one of them finer steps, in the end the middle."""
    assert len(look(shortlist).do(f"ticksOf([{least}, {most}])")) >= ticks


def test_the_brush_filters_the_table(look: Look, shortlist: Path, scored: Scored) -> None:
    """Dragging over the scatter leaves the creators under it, and a double click brings all back."""
    page = look(shortlist)
    x, y, width, height = page.do(
        "(() => { const box = document.querySelector('#scatter canvas').getBoundingClientRect();"
        " return [box.x, box.y, box.width, box.height]; })()"
    )
    page.drag((x + width * 0.3, y + height * 0.1), (x + width * 0.7, y + height * 0.8))
    page.until("byId('count').textContent.includes(' of ')")
    least, most = page.do("[view.value[0], view.value[1]]")
    left, right = page.do("[view.followers[0], view.followers[1]]")
    within = [
        one
        for one, _ in scored
        if one.value is not None and least <= one.value <= most and left <= (one.followers or 0) <= right
    ]
    assert 0 < len(within) < 60
    assert sorted(_names(page)) == sorted(f"@{one.handle}" for one in within)
    page.mouse("mousePressed", x + width * 0.5, y + height * 0.5, button="left", clickCount=2)
    page.mouse("mouseReleased", x + width * 0.5, y + height * 0.5, button="left", clickCount=2)
    page.until("byId('count').textContent.startsWith('All')")


def test_a_creator_opens(look: Look, shortlist: Path, scored: Scored) -> None:
    """The panel takes the score apart and draws what the report says; arrows go on, and Escape leads back."""
    page = look(shortlist)
    best = next(score for score in _best(scored) if score.component("audience_fit").value is not None)  # type: ignore[union-attr]
    place = _best(scored).index(best) + 1
    page.click(f"#rows tr:nth-child({place}) .open")
    page.until("document.querySelectorAll('#panel .plot svg').length >= 5")
    told = page.do("byId('panel').textContent")
    for part in best.contributions:
        assert f"{part.points:+.2f}".replace("-", "−") in told
    for heading in (
        "Followers",
        "Likes a post",
        "Engagement among peers",
        "Audience by age and gender",
        "Recent posts",
    ):
        assert heading in told
    page.press("ArrowRight")
    page.until(f"byId('panel').textContent.includes('{place + 1} of 60')")
    page.press("Escape")
    assert page.do("byId('panel').open") is False
    assert page.do("document.activeElement.className") == "open"


def test_what_a_report_does_not_say_is_not_known(look: Look, shortlist: Path, scored: Scored) -> None:
    """A creator without an audience has no chart of it and no zero in its place."""
    page = look(shortlist)
    silent = next(score for score, view in scored if view.audience is None)
    place = _best(scored).index(silent)
    page.do(f"openPanel(rows[{place}])")
    page.until(DRAWN)
    cards = dict(
        page.do(
            "[...document.querySelectorAll('#panel .card')].map(one => [one.children[0].textContent, one.textContent])"
        )
    )
    for heading in ("Audience by age and gender", "Where the audience is", "What it speaks"):
        assert cards[heading] == f"{heading}not known"
    assert "Audience on targetnot known" in cards["Key figures"]


def test_what_has_to_be_looked_at_is_not_unknown(look: Look, made: Callable[..., Any], tmp_path: Path) -> None:
    """A flag that asks for a look says what was found; only what the report does not say is not known."""
    payload = Maker(3, creators=1).report(0)["payload"]
    payload["user_profile"]["engagement_rate"] = 0.5
    payload["audience_followers"] = {"success": False, "error": "empty_audience"}
    (tmp_path / "page.html").write_text(render([made(payload, "high.one")], Brief.make(countries=["PK"])), "utf-8")
    page = look(tmp_path / "page.html")
    _open(page, "high.one")
    told = page.do("[...document.querySelectorAll('#panel .list li')].map(one => one.textContent)")
    assert any(line.startswith("?To be looked at: to be looked at, high engagement: ") for line in told)
    assert any(line.startswith("?Not known: ") and "not known" in line[11:] for line in told)


def test_marks_without_a_scale_have_no_bar(look: Look, made: Callable[..., Any], tmp_path: Path) -> None:
    """The quality score is of 100; what its six parts are of is not published, so they are shown as they are."""
    payload = Maker(3, creators=1).report(0)["payload"]
    payload["cqs"]["value_description"] = {"engagement_rate_score": {"value": 0.5625, "mark": "excellent"}}
    (tmp_path / "page.html").write_text(render([made(payload, "marked.one")], Brief.make(countries=["PK"])), "utf-8")
    page = look(tmp_path / "page.html")
    _open(page, "marked.one")
    card = "[...document.querySelectorAll('#panel .card')].find(one => one.textContent.startsWith('The gateway'))"
    rows = page.do(
        f"[...{card}.querySelectorAll('tbody tr')].map(row => [row.textContent, row.querySelectorAll('.meter').length])"
    )
    assert rows[0][1] == 1
    assert rows[1:] == [["Engagement rate0.5625excellent", 0]]


LABELS = "[...document.querySelectorAll('.plot')].map(one => [one.role, one.ariaLabel, one.ariaRoleDescription])"


def _open(page: Page, handle: str) -> dict[str, str]:
    """Opens the panel of a creator, waits for its charts, and returns what they are called, by their headings."""
    page.do(f"openPanel(rows.find(row => row.handle === {json.dumps(handle)}))")
    page.until(f"byId('panel').textContent.includes({json.dumps(f'@{handle}')})")
    page.until("[...document.querySelectorAll('#panel .plot')].every(one => one.querySelector('svg'))")
    cards = "[...document.querySelectorAll('#panel .chart')].filter(one => one.querySelector('.plot'))"
    return dict(
        page.do(f"{cards}.map(one => [one.querySelector('h3').textContent, one.querySelector('.plot').ariaLabel])")
    )


def test_charts_say_what_they_show_when_they_are_drawn(look: Look, shortlist: Path, scored: Scored) -> None:
    """To a screen reader each is a picture with a sentence of its own, the scatter too, after it was drawn anew too."""
    page = look(shortlist)
    labels = _open(page, next(str(one.handle) for one in _best(scored) if one.component("audience_fit")))
    assert len(labels) >= 4
    page.do("paintScatter(), 0")
    told = page.do(LABELS)
    assert len(told) == len(labels) + 1
    assert told[0][1].startswith("Score against followers of ")
    for role, label, described in told:
        assert (role, described) == ("img", None)
        assert "Vega" not in label


def test_views_that_are_not_known_are_told_so(look: Look, made: Callable[..., Any], tmp_path: Path) -> None:
    """Posts of which the likes alone are known have a chart, and no number in the place of their views."""
    pairs = []
    for handle, views in (("told.one", [1000, None, 2500]), ("silent.one", [None, None, None])):
        payload = Maker(3, creators=1).report(0)["payload"]
        payload["user_profile"]["recent_posts"] = [
            {"created": "2026-01-02T03:04:05Z", "stat": {"likes": 7} | ({} if count is None else {"views": count})}
            for count in views
        ]
        pairs.append(made(payload, handle))
    path = tmp_path / "page.html"
    path.write_text(render(pairs, Brief()), "utf-8")
    page = look(path)
    for handle, said in (("told.one", "views from 1\u00a0K to 2.5\u00a0K"), ("silent.one", "views not known")):
        assert _open(page, handle)["Recent posts"] == f"Views and likes of the last 3 posts; {said}"


def test_flags_give_their_reasons_on_hover_and_on_focus(look: Look, shortlist: Path, scored: Scored) -> None:
    """The tooltip says why a flag is raised; Escape puts it away."""
    page = look(shortlist)
    _choose(page, "flag", next(one.flags[0].name for one, _ in scored if one.flags))
    reason = page.do("selected[0].flags[0][1]")
    page.mouse("mouseMoved", *page.centre("#rows .flag"))
    page.until("!byId('tip').hidden")
    assert reason in page.do("byId('tip').textContent")
    page.press("Escape")
    assert page.do("byId('tip').hidden") is True
    page.do("document.querySelector('#rows .flag').focus()")
    assert reason in page.do("byId('tip').textContent")


def test_four_creators_can_be_compared(look: Look, shortlist: Path, scored: Scored) -> None:
    """The fifth cannot be ticked, and the four stand side by side."""
    page = look(shortlist)
    assert page.do("byId('compare-open').disabled") is True
    for place in (1, 2, 4, 6):
        page.click(f"#rows tr:nth-child({place}) .pick input")
    assert page.do("document.querySelector('#rows tr:nth-child(3) .pick input').disabled") is True
    page.click("#compare-open")
    page.until("byId('compare').open")
    best = _best(scored)
    assert _texts(page, "#compare thead .where") == [f"@{best[place].handle}" for place in (0, 1, 3, 5)]
    scores = [f"{best[place].value:.1f}" for place in (0, 1, 3, 5)]
    assert _texts(page, "#compare tbody tr:nth-child(2) strong") == scores
    page.click("#compare .close")
    page.click("#compare-none")
    assert page.do("picked.size") == 0


def test_the_rows_can_be_had_as_csv(look: Look, shortlist: Path, scored: Scored, tmp_path: Path) -> None:
    """The file has the rows that the filters leave, in the order that is shown."""
    page = look(shortlist)
    page.click(".gradeboxes input[value=reject]")
    page.click("#head-followers button")
    page.click("#csv-download")
    file = tmp_path / "shortlist.csv"
    page.wait(file.exists, "the download")
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    rejected = [one for one, _ in scored if one.grade is Grade.REJECT]
    assert len(rows) == len(rejected)
    followers = [int(row["followers"]) for row in rows if row["followers"]]
    assert followers == sorted(followers, reverse=True)
    values = {one.handle: one.value for one in rejected}
    assert {row["handle"]: float(row["score"]) if row["score"] else None for row in rows} == values
    page.click("#csv-copy")
    page.until("byId('count').textContent.includes('copied as CSV')")


REACHABLE = """[...document.querySelectorAll('button, input, select, summary, a[href], [tabindex="0"]')]
    .filter(one => one.checkVisibility() && !one.disabled && (!%s || %s.contains(one)))"""


def _not_reached(page: Page, inside: str = "null") -> list[str]:
    """Controls that Tab does not come to on one way round."""
    page.do(f"window.left = new Set({REACHABLE % (inside, inside)}); left.size")
    page.do(
        "document.addEventListener('focusin', event => left.delete(event.target)); left.delete(document.activeElement)"
    )
    for _ in range(page.do("left.size") + 8):
        page.send("Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        page.send("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    found: list[str] = page.do("[...left].map(one => one.outerHTML.slice(0, 80))")
    return found


def test_tab_comes_to_every_control(look: Look, shortlist: Path) -> None:
    """What the mouse can use the keyboard can use too: on the page, in the panel, in the comparison."""
    page = look(shortlist)
    _choose(page, "country", "PK")
    assert _not_reached(page) == []
    page.do("clearFilters()")
    page.do("document.querySelector('#rows .open').focus()")
    page.press("Enter")
    page.until(DRAWN)
    assert _not_reached(page, "byId('panel')") == []
    page.press("Escape")
    page.do("rows.slice(0, 4).forEach(row => pick(row, true)); byId('compare-open').focus()")
    page.press("Enter")
    page.until("byId('compare').open")
    assert _not_reached(page, "byId('compare')") == []


def _violations(page: Page) -> list[Any]:
    page.do(f"{AXE};0")
    asked = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
    found: list[Any] = page.do(
        f"axe.run(document, {asked}).then(found => found.violations.map(one =>"
        " [one.id, one.help, one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]))"
    )
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_violation(look: Look, shortlist: Path, width: int, dark: bool) -> None:
    """Roles, labels, contrast and structure, of the page, the panel and the comparison."""
    page = look(shortlist, width=width, dark=dark)
    page.do("change({search: 'a'}), rows.length > 12 && change({country: rows[0].country ?? '?'})")
    assert _violations(page) == []
    page.do("openPanel(rows[0])")
    page.until(DRAWN)
    assert _violations(page) == []
    page.press("Escape")
    page.do("rows.slice(0, 4).forEach(row => pick(row, true)); openComparison()")
    page.until("byId('compare').open")
    assert _violations(page) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_one_creator_stands_alone(look: Look, scored: Scored, tmp_path: Path, width: int) -> None:
    """A page of one creator shows its sheet at once, whole and without violations."""
    best = next(pair for pair in scored if pair[1].audience is not None)
    path = tmp_path / "one.html"
    path.write_text(render([best], about=About(title=f"@{best[0].handle}", alone=True)), "utf-8")
    page = look(path, width=width)
    assert page.do("document.querySelectorAll('#alone .plot svg').length") == 5
    assert f"{best[0].value:.2f}" in page.do("byId('alone').textContent")
    assert page.do("document.documentElement.scrollWidth > innerWidth") is False
    assert _violations(page) == []


@pytest.mark.parametrize("width", [360, 801, 1101, 1241, 1280, 1361, 2560])
def test_it_is_as_wide_as_its_window(look: Look, shortlist: Path, width: int) -> None:
    """Nothing has to be scrolled sideways to be read, and nothing is cut off."""
    page = look(shortlist, width=width)
    wider = "document.documentElement.scrollWidth > innerWidth"
    assert page.do(wider) is False
    assert page.do("byId('tablebox').scrollWidth > byId('tablebox').clientWidth") is False
    page.do("openPanel(rows[0])")
    page.until(DRAWN)
    assert page.do(f"{wider} || byId('panel').scrollWidth > byId('panel').clientWidth") is False


def test_it_prints_a_page_a_creator(look: Look, shortlist: Path, tmp_path: Path) -> None:
    """The overview first, then each of those that are ticked on a page of its own, drawn whole."""
    page = look(shortlist, dark=True)
    page.do("window.print = () => { window.asked = true; }")
    for place in (1, 2, 3):
        page.click(f"#rows tr:nth-child({place}) .pick input")
    page.click("#print")
    page.until("window.asked")
    assert page.do("document.querySelectorAll('#sheets article').length") == 3
    assert page.do("[...document.querySelectorAll('#sheets .plot')].every(plot => plot.querySelector('svg'))") is True
    page.paper(tmp_path / "with.pdf")
    sheets = _pages(tmp_path / "with.pdf")
    page.do("putAway()")
    page.paper(tmp_path / "without.pdf")
    assert sheets - _pages(tmp_path / "without.pdf") == 3


def test_a_code_that_is_no_language_is_shown_as_it_is(look: Look, made: Callable[..., Any], tmp_path: Path) -> None:
    """Of a report or of the brief: the page, its panels and its print are there all the same."""
    payload = Maker(3, creators=1).report(0)["payload"]
    payload["audience_followers"]["data"]["audience_languages"] = [{"code": "en-us-gb", "weight": 0.5}]
    brief = Brief.make(languages=["en-us-gb"])
    (tmp_path / "page.html").write_text(render([made(payload, "tagged.one")], brief), "utf-8")
    page = look(tmp_path / "page.html")
    assert "who use en-us-gb" in page.do("byId('brief').textContent")
    _open(page, "tagged.one")
    assert "en-us-gb" in page.do("byId('panel').textContent")
    page.press("Escape")
    page.do("window.print = () => { window.asked = true; }")
    page.click("#print")
    page.until("window.asked && !byId('print').disabled")


def _pages(path: Path) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", path.read_bytes()))


def test_colours_can_be_chosen(look: Look, shortlist: Path) -> None:
    """Dark on a light system, and the chart with it."""
    page = look(shortlist)
    ground = page.do("getComputedStyle(document.body).backgroundColor")
    page.do("byId('theme').value = 'dark'; byId('theme').dispatchEvent(new Event('change'))")
    assert page.do("getComputedStyle(document.body).backgroundColor") != ground


def test_licences_are_in_the_file(look: Look, shortlist: Path) -> None:
    """Whoever opens them reads the terms of the libraries inside."""
    page = look(shortlist)
    page.do("byId('licences').open = true")
    page.until("document.querySelector('#licences pre').textContent.includes('University of Washington')")
