"""One score, taken apart: what each component gave, what it rests on, what is missing, what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from walee_async.cli.board import bar
from walee_async.cli.text import UNKNOWN, big, clean, known, percent
from walee_async.cli.wording import STYLES, brief_of, fact_of, value_of
from walee_async.scoring.component import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from walee_async.scoring import Brief, Component, Contribution, Fact, Requirement, Score

BAR: Final = 24
"""Columns of a bar that stands for 100 points."""
_INSET: Final = (0, 0, 0, 4)
_MARKS: Final = {True: ("✓ ", "green"), False: ("✗ ", "bold red"), None: ("? ", "cyan")}


def breakdown(score: Score, brief: Brief) -> Iterator[RenderableType]:
    """The parts of the picture, from top to bottom."""
    yield Text("")
    yield from _head(score)
    yield from _components(score)
    if score.requirements:
        yield from _section("Requirements", [_requirement(held) for held in score.requirements])
    if score.flags:
        flags = [Text.assemble((plain(flag.name), "yellow"), f": {clean(flag.reason)}") for flag in score.flags]
        yield from _section("Flags", flags)
    yield Text("")
    yield Text(f"{score.explanation[:1].upper()}{clean(score.explanation[1:])}")
    yield Text(f"By brief {score.brief}, scoring version {score.version}. {brief_of(brief)}", style="dim")
    yield Text("")


def _head(score: Score) -> Iterator[RenderableType]:
    name = Text(known(score.fullname), style="bold")
    name.append(f"  @{known(score.handle)}", style="not bold")
    yield name
    made = (score.created or "").partition("T")[0]
    about = f"country {known(score.country)} · {big(score.followers)} followers · report of {known(made)}"
    yield Text(about, style="dim")
    yield Text("")
    value = UNKNOWN if score.value is None else f"{score.value:.2f} of 100"
    line = Text.assemble((value, "bold"), "  ", bar(score.value, BAR, STYLES[score.grade]), "  ")
    line.append(plain(score.grade), style=f"bold {STYLES[score.grade]}")
    yield line
    room = (
        f"it may be {score.low:.2f} to {score.high:.2f}; " if score.low is not None and score.high is not None else ""
    )
    yield Text(f"{room}{percent(score.coverage, 0)} of the weight had data", style="dim")


def _section(heading: str, lines: list[Text]) -> Iterator[RenderableType]:
    yield Text("")
    yield Text(heading, style="bold")
    yield from (Padding(line, (0, 0, 0, 2), expand=False) for line in lines)


def _components(score: Score) -> Iterator[RenderableType]:
    given = {part.name: part for part in score.contributions}
    longest = max((len(part.name) for part in score.components), default=0)
    yield Text("")
    head = f"{'Components':<{longest + 2}}  {'points':>7}  {'weight':>6}  {'gives':>6}"
    yield Text.assemble((head[: longest + 2], "bold"), (head[longest + 2 :], "dim"))
    for part in score.components:
        yield _component(part, given.pop(part.name, None), longest)
        below = _below(part)
        if below.plain:
            yield Padding(below, _INSET, expand=False)
    for taken in given.values():
        name = f"{plain(taken.name)} (flag)"
        yield Text(f"  {name:<{longest}}  {'':>7}  {'':>6}  {taken.points:>6.2f}", style="yellow")


def _component(part: Component, given: Contribution | None, longest: int) -> Text:
    value = "–" if part.value is None else f"{part.value:.2f}"
    share, points = (percent(given.share, 0), f"{given.points:.2f}") if given is not None else ("–", "–")
    row = f"  {plain(part.name):<{longest}}  {value:>7}  {share:>6}  {points:>6}  "
    return Text.assemble(row, bar(part.value, BAR, "green" if given is not None else "dim"), no_wrap=True)


def _below(part: Component) -> Text:
    """What a component rests on, or what it lacks; and how far it may be from its value."""
    told = [_fact(found, part) for found in part.evidence if not found.name.endswith(("_low", "_high"))]
    if part.low is not None and part.high is not None:
        told.insert(0, f"may be {part.low:.2f} to {part.high:.2f}")
    if part.missing:
        told.insert(0, f"{UNKNOWN}: {clean(part.missing)}")
    return Text(" · ".join(told), style="dim")


def _fact(told: Fact, part: Component) -> str:
    """A fact, with its bounds where it has any."""
    ends = [value_of(end) for end in part.evidence if end.name in (f"{told.name}_low", f"{told.name}_high")]
    return f"{fact_of(told)} ({ends[0]} to {ends[1]})" if len(ends) > 1 and ends[0] != ends[1] else fact_of(told)


def _requirement(held: Requirement) -> Text:
    return Text.assemble(_MARKS[held.met], clean(held.reason))
