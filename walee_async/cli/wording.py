"""Scores and briefs in the words of people: what a fact says, what a brief asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from walee_async.cli.text import UNKNOWN, big, clean, percent
from walee_async.scoring import Brief, Grade
from walee_async.scoring.brief import Requirements
from walee_async.scoring.component import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec import Struct

    from walee_async.scoring import Fact

NONE: Final = "–"
"""What stands in a narrow cell where nothing is known. It is never a zero."""
STYLES: Final = {
    Grade.APPROVE: "green",
    Grade.REVIEW: "yellow",
    Grade.NOT_ENOUGH_DATA: "cyan",
    Grade.REJECT: "red",
}
"""The colour of each grade; its word says the same."""

_NAMES: Final = {
    "cqs_value": "the gateway's score",
    "posts_4w": "cadence",
    "slope_monthly": "slope",
    "median_monthly": "median month",
    "growth_monthly": "growth",
    "views_dispersion": "spread of views",
    "days_since_post": "last post",
    "avg_views": "views",
    "avg_likes": "likes",
    "avg_comments": "comments",
}
_SMALL: Final = {"views a post per follower", "quartile coefficient"}
_PERCENT: Final = {"fraction": "", "likes per follower": " likes per follower"}
_GROWTH: Final = {"fraction a month": " a month", "fraction in 3 months": " in three months"}
_COUNTS: Final = {
    "comments a post",
    "creators",
    "days",
    "followers",
    "likes a post",
    "likes per comment",
    "likes per view",
    "months",
    "posts in 4 weeks",
    "times the median month",
    "views a post",
}


def fact_of(fact: Fact) -> str:
    """A fact with its unit: `growth +1.2 % a month`, `1.2 M views a post`."""
    name, value = _NAMES.get(fact.name, plain(fact.name)), value_of(fact)
    return value if name in value else f"{name} {value}"


def value_of(fact: Fact) -> str:
    """What a fact says, with its unit. A unit that this package does not know is a word of the gateway's."""
    value, unit = fact.value, fact.unit
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        told = f"{value} {unit}"
    elif unit in _PERCENT:
        told = f"{percent(value)}{_PERCENT[unit]}"
    elif unit in _GROWTH:
        told = f"{percent(value, 1, signed=True)}{_GROWTH[unit]}"
    elif unit in _COUNTS:
        told = f"{big(value)} {unit}"
    elif unit in _SMALL:
        told = f"{value:.3g}"
    else:
        told = f"{value:.4g} {unit if unit == 'of 100' or not unit else f'({unit})'}"
    return clean(told, 80)


def brief_of(brief: Brief) -> str:
    """A brief in one sentence: whom it is after, what it insists on, and where it differs from what is usual."""
    begin = f"{clean(brief.name)}: " if brief.name else ""
    sentence = "; ".join([_target(brief), *_limits(brief), *_differences(brief), _grades(brief)])
    return f"{begin}{sentence if begin else sentence[:1].upper() + sentence[1:]}."


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _target(brief: Brief) -> str:
    parts = [
        _either([gender.lower() for gender in brief.genders]),
        f"aged {_either(_spans(brief.ages))}" if brief.ages else "",
        f"in {_either(brief.countries)}" if brief.countries else "",
        f"speaking {_either(brief.languages)}" if brief.languages else "",
    ]
    named = ", ".join(part for part in parts if part)
    return f"an audience that is {named}" if named else "no target audience, all that is well made"


def _spans(ages: Sequence[str]) -> list[str]:
    """Neighbouring bands joined: 18-24 and 25-34 are 18–34."""
    spans: list[list[str]] = []
    for first, _, last in (age.partition("-") for age in ages):
        if spans and spans[-1][1] and int(spans[-1][1]) + 1 == int(first):
            spans[-1][1] = last
        else:
            spans.append([first, last])
    return [f"{first}–{last}" if last else f"{first} and over" for first, last in spans]


def _limits(brief: Brief) -> Iterator[str]:
    least, most = brief.followers.min, brief.followers.max
    if least is not None and most is not None:
        yield f"creators of {least:,.0f} to {most:,.0f} followers"
    elif least is not None or most is not None:
        bound = f"least {least:,.0f}" if least is not None else f"most {most:,.0f}"
        yield f"creators of at {bound} followers"
    require = brief.require
    for name in require.__struct_fields__:
        limit = getattr(require, name)
        if name == "no_flags":
            if limit:
                yield f"no flag {_either([plain(flag) for flag in limit])}"
        elif name == "review_flags":
            if limit != Requirements().review_flags:
                yield f"a look at flags {_either([plain(flag) for flag in limit])}" if limit else "no look at flags"
        elif limit is not None:
            bound, _, what = plain(name).partition(" ")
            told = percent(limit, 0) if what.endswith("share") else f"{limit:g}"
            yield f"{what} at {'most' if bound == 'max' else 'least'} {told}"


def _differences(brief: Brief) -> Iterator[str]:
    usual = Brief()
    told = {"weights": "weights", "penalties": "points off for", "flags": "flag limits", "curves": "curves"}
    for table, words in told.items():
        changed = _changed(getattr(brief, table), getattr(usual, table))
        if changed:
            yield f"{words} {changed}"


def _changed(table: Struct, usual: Struct) -> str:
    names = [name for name in table.__struct_fields__ if getattr(table, name) != getattr(usual, name)]
    return ", ".join(f"{plain(name)} {getattr(table, name):g}" for name in names)


def _grades(brief: Brief) -> str:
    grades = brief.grades
    known = f", with {percent(grades.min_coverage, 0)} of the weight known" if grades.min_coverage else ""
    return f"approve from {grades.approve:g} points, review from {grades.review:g}{known}"
