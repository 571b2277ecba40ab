"""Creators in columns beside each other, and how each row of them is filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from walee_async.cli.board import bar, unmet
from walee_async.cli.text import UNKNOWN, big, clean, known, percent, sparkline
from walee_async.cli.wording import STYLES, brief_of
from walee_async.export.scores import fact
from walee_async.models.audience import AGES
from walee_async.models.profile import ascending
from walee_async.scoring.component import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from walee_async.cli.compare import Rival
    from walee_async.models.audience import AudienceShares, CountryWeight
    from walee_async.scoring import Brief

NAMES: Final = 18
"""Columns of the names of the rows: of `reachable audience`, the longest."""
EACH: Final = 27
"""Columns of one creator."""
GAP: Final = 2
TOP: Final = 3
"""Countries that are named."""
MONTHS: Final = 2
"""Months that make a line."""
BAR: Final = 12
"""Columns of a bar that stands for 100 points."""


def versus(rivals: Sequence[Rival], brief: Brief, width: int) -> Iterator[RenderableType]:
    """The parts of the picture, from top to bottom: tables of as many creators as fit into `width` columns."""
    beside = max(1, (width - NAMES) // (EACH + GAP))
    rows = list(_rows(brief))
    said = Text(brief_of(brief), style="dim")
    said.truncate(width, overflow="ellipsis")
    yield said
    for start in range(0, len(rivals), beside):
        some = rivals[start : start + beside]
        yield Text("")
        table = Table.grid(padding=(0, GAP, 0, 0))
        table.add_column(width=NAMES, no_wrap=True, style="dim")
        for _ in some:
            table.add_column(width=EACH, overflow="ellipsis")
        for name, cell in rows:
            table.add_row(name, *map(cell, some))
        yield table
    yield Text("")


_Cell = Callable[["Rival"], Text]


def _rows(brief: Brief) -> Iterator[tuple[str, _Cell]]:
    yield "", lambda rival: _one(Text(clean(known(rival.score.fullname), EACH), style="bold"))
    yield "", lambda rival: _one(Text(clean(f"@{rival.score.handle}", EACH)))
    yield "country", lambda rival: _text(known(rival.score.country))
    yield "followers", lambda rival: _text(big(rival.score.followers))
    yield "report of", lambda rival: _text(known((rival.score.created or "").partition("T")[0]))
    yield "", lambda _: Text("")
    yield "score", _score
    yield "grade", _grade
    yield "weight with data", lambda rival: Text(percent(rival.score.coverage, 0))
    yield "", lambda _: Text("")
    for name in brief.weights.__struct_fields__:
        if getattr(brief.weights, name) and (name != "audience_fit" or brief.has_target):
            yield plain(name), _component(name)
    yield "", lambda _: Text("")
    if brief.has_target:
        yield "on target", _target
    yield "followers' growth", _growth
    yield "gender", _gender
    yield "most are aged", _age
    yield "they are in", _countries
    yield "posts in 4 weeks", _posts
    yield "last post", _last
    yield "not met", lambda rival: unmet(rival.score) or Text("none", style="dim")
    yield "flags", _flags


def _one(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _text(text: str) -> Text:
    return Text(text, style="dim" if text == UNKNOWN else "")


def _score(rival: Rival) -> Text:
    score = rival.score
    if score.value is None:
        return _text(UNKNOWN)
    return Text.assemble((f"{score.value:>6.2f}", "bold"), "  ", bar(score.value, BAR, STYLES[score.grade]))


def _grade(rival: Rival) -> Text:
    return Text(plain(rival.score.grade), style=STYLES[rival.score.grade])


def _component(name: str) -> _Cell:
    def cell(rival: Rival) -> Text:
        part = rival.score.component(name)
        if part is None or part.value is None:
            return _text(UNKNOWN)
        return Text.assemble(f"{part.value:>6.2f}", "  ", bar(part.value, BAR))

    return cell


def _target(rival: Rival) -> Text:
    share, low, high = (fact(rival.score, "audience_fit", f"target_share{end}") for end in ("", "_low", "_high"))
    told = percent(share, 0)
    if low is not None and high is not None and high > low:
        told = f"{told}, {low * 100:.0f} to {high * 100:.0f} % possible"
    return _text(told)


def _growth(rival: Rival) -> Text:
    profile = rival.report.user_profile
    months = ascending(profile.stat_history if profile else None)
    counts = [row.followers for row in months if row.followers is not None]
    monthly = fact(rival.score, "growth", "growth_monthly")
    if len(counts) < MONTHS:
        return _text(UNKNOWN)
    told = "" if monthly is None else f" {percent(monthly, 1, signed=True)} a month"
    return Text(f"{sparkline(counts[-BAR:])}{told}")


def _gender(rival: Rival) -> Text:
    data = rival.report.audience
    female, male = (data.gender(code) if data is not None else None for code in ("FEMALE", "MALE"))
    if female is None and male is None:
        return _text(UNKNOWN)
    return Text(f"{percent(female, 0)} female, {percent(male, 0)} male")


def _age(rival: Rival) -> Text:
    data = rival.report.audience
    shares = [(share, age) for age in AGES if data is not None and (share := data.age(age)) is not None]
    told = [f"{_span(age)} {percent(share, 0)}" for share, age in sorted(shares, reverse=True)[:2] if share]
    return Text(", ".join(told)) if told else _text(UNKNOWN)


def _span(age: str) -> str:
    return f"{age[:-1]}+" if age.endswith("-") else age.replace("-", "–")


def _countries(rival: Rival) -> Text:
    data = rival.report.audience
    rows = [(row.weight or 0.0, row.code or row.name or "") for row in _places(data) if row.weight is not None]
    told = [f"{clean(code, 8)} {percent(share, 0)}" for share, code in sorted(rows, reverse=True)[:TOP]]
    return Text(", ".join(told)) if told else _text(UNKNOWN)


def _places(data: AudienceShares | None) -> Sequence[CountryWeight]:
    geo = data.audience_geo if data is not None else None
    return (geo.countries if geo is not None else None) or ()


def _posts(rival: Rival) -> Text:
    return _text(big(fact(rival.score, "consistency", "posts_4w")))


def _last(rival: Rival) -> Text:
    days = fact(rival.score, "consistency", "days_since_post")
    return _text(UNKNOWN if days is None else f"{days:.0f} days before the report")


def _flags(rival: Rival) -> Text:
    flags = rival.score.flags
    return Text(", ".join(plain(flag.name) for flag in flags), style="yellow") if flags else Text("none", style="dim")
