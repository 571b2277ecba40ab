"""Audience fit: how much of the audience is whom the brief is after."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from walee_async.models.audience import AGES, GENDERS, CodeWeight
from walee_async.scoring.component import Component, Fact, fact, points
from walee_async.scoring.measures import Interval, both, share_of, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.models.audience import AudienceShares
    from walee_async.scoring.brief import Brief
    from walee_async.scoring.subject import Subject

NAME: Final = "audience_fit"
CUT_OFF: Final = 0.01
"""A country below it has no row: the cut-off of the gateway's source."""


def audience_fit(subject: Subject, brief: Brief) -> Component:
    """The share of the audience that the brief is after, in points: 100 from `curves.fit_full` on, in proportion below.

    Gender and age are looked up in the joint table. How they overlap with countries and languages no report tells: the
    value takes them as independent of each other, `low` and `high` are what any overlap could make of it, and what the
    cut-off of the country list could hide.
    """
    if not brief.has_target:
        return Component(name=NAME, missing="the brief names no target audience")
    data = subject.audience
    if data is None:
        return Component(name=NAME, missing="there is no data about the audience")
    parts = _parts(data, brief)
    unknown = [name for name, share in parts if share is None]
    evidence = [fact(f"{name}_share", share.middle, "fraction") for name, share in parts if share is not None]
    if unknown:
        missing = f"the {' and '.join(unknown)} of the audience are not known"
        return Component(name=NAME, missing=missing, evidence=tuple(evidence))
    return _component(both([share for _, share in parts if share is not None]), evidence, brief.curves.fit_full)


def _component(share: Interval, evidence: list[Fact], full: float) -> Component:
    value, low, high = (points(100.0 * part / full) for part in (share.middle, share.low, share.high))
    told = [
        fact("target_share", share.middle, "fraction"),
        fact("target_share_low", share.low, "fraction"),
        fact("target_share_high", share.high, "fraction"),
    ]
    room = low < high
    return Component(
        name=NAME,
        value=value,
        low=low if room else None,
        high=high if room else None,
        evidence=(*told, *evidence) if len(evidence) > 1 else tuple(told),
    )


def _parts(data: AudienceShares, brief: Brief) -> list[tuple[str, Interval | None]]:
    """The share on target by each thing the brief names; None where the report has no table of it."""
    parts: list[tuple[str, Interval | None]] = []
    if brief.genders or brief.ages:
        parts.append(("people", people(data, brief.genders, brief.ages)))
    if brief.countries:
        table = table_of(data.audience_geo.countries if data.audience_geo is not None else None)
        parts.append(("countries", share_of(table, brief.countries, CUT_OFF) if table else None))
    if brief.languages:
        table = table_of(data.audience_languages)
        table.pop("OTHER", None)  # it is what the list leaves out
        wanted = [language.upper() for language in brief.languages]
        # The list is of the largest: one that has no row is no larger than the last that has.
        parts.append(("languages", share_of(table, wanted, min(table.values())) if table else None))
    return parts


def people(data: AudienceShares, genders: Sequence[str], ages: Sequence[str]) -> Interval | None:
    """The share that is of one of the genders and of one of the ages; either may be empty, for all.

    From the joint table; without it from the tables of either, of which any overlap is possible.
    """
    if not ages and (table := table_of(data.audience_genders)):
        return share_of(table, genders)
    if not genders and (table := table_of(data.audience_ages)):
        return share_of(table, ages)
    if cells := _cells(data):
        return share_of(cells, [f"{gender} {age}" for gender, age in product(genders or GENDERS, ages or AGES)])
    by_gender, by_age = table_of(data.audience_genders), table_of(data.audience_ages)
    if by_gender and by_age:
        return both([share_of(by_gender, genders), share_of(by_age, ages)])
    return None


def _cells(data: AudienceShares) -> dict[str, float]:
    """The joint table by gender and age, such as `FEMALE 18-24`."""
    rows = data.audience_genders_per_age or ()
    cells = [CodeWeight(code=f"MALE {row.code}", weight=row.male) for row in rows if row.code is not None]
    cells += [CodeWeight(code=f"FEMALE {row.code}", weight=row.female) for row in rows if row.code is not None]
    return table_of(cells)
