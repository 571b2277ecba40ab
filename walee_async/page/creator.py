"""What a page shows of one creator: a row of its table, and the sheet that is opened. None is not known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from walee_async.models.audience import AGES
from walee_async.models.profile import ascending
from walee_async.page.text import number, text
from walee_async.scoring.measures import known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from walee_async.models.audience import AudienceShares, CodeWeight, CountryWeight, LanguageWeight
    from walee_async.models.peers import Extra
    from walee_async.models.posts import PostDay
    from walee_async.models.profile import ProfileMonth
    from walee_async.models.quality import CreatorQuality
    from walee_async.scoring import Requirement, Scorable, Score

TOP: Final = 8
"""Rows of a list that are shown."""
MONTHS: Final = 24
POSTS: Final = 12
BUCKETS: Final = 40
"""Reports have 7 months, 10 posts and 20 buckets; more than these are not shown."""

Pairs = tuple[tuple[str, float | None], ...]


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the table. Shares and rates are fractions, scores and percentiles of 100."""

    handle: str | None
    name: str | None
    country: str | None
    followers: float | None
    value: float | None
    low: float | None
    high: float | None
    grade: str
    coverage: float
    rate: float | None
    """Likes per follower."""
    percentile: float | None
    """Of the engagement rate, among creators of the tier."""
    target: float | None
    """The share of the audience that the brief is after."""
    growth: float | None
    """Of followers, a month."""
    tier: tuple[float | None, float | None] | None
    """The tier's bounds, in followers."""
    trend: tuple[float | None, ...] = ()
    """Followers by month."""
    flags: tuple[tuple[str, str], ...] = ()
    """Names with reasons."""


class Month(Struct, frozen=True, omit_defaults=True):
    """One month; likes are those of a post."""

    month: str | None
    followers: float | None
    likes: float | None


class Post(Struct, frozen=True, omit_defaults=True):
    """One post, the newest first."""

    day: str | None
    views: float | None
    likes: float | None
    comments: float | None


class Bucket(Struct, frozen=True, omit_defaults=True):
    """One bucket of the tier's engagement rates."""

    min: float | None
    max: float | None
    total: float | None
    median: bool = False


class Sheet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is shown of a creator when it is opened."""

    explanation: str
    created: str | None
    contributions: tuple[tuple[str, float, float], ...]
    """Names with shares of the weight and points."""
    components: tuple[tuple[str, float | None, str], ...]
    """Names with their points of 100, or why there are none."""
    requirements: tuple[tuple[str, str], ...] = ()
    """Clauses, and whether they are `met`, `not met`, `not known` or `to be looked at`."""
    numbers: Pairs
    months: tuple[Month, ...] = ()
    pyramid: tuple[tuple[str, float | None, float | None], ...] = ()
    """Ages with the shares of the audience that are male and female."""
    countries: Pairs = ()
    languages: Pairs = ()
    reach: Pairs = ()
    """How many accounts the followers follow."""
    histogram: tuple[Bucket, ...] = ()
    posts: tuple[Post, ...] = ()
    quality: tuple[tuple[str, float | None, str | None], ...] = ()
    """The gateway's own marks: names, values and words."""


def row_of(score: Score, report: Scorable) -> Row:
    """The row of a creator."""
    profile = report.user_profile
    found = _facts(score)
    months = ascending(profile.stat_history if profile is not None else None)
    return Row(
        handle=text(score.handle, 64),
        name=text(score.fullname),
        country=text(score.country, 40),
        followers=number(score.followers),
        value=score.value,
        low=score.low,
        high=score.high,
        grade=score.grade.value,
        coverage=score.coverage,
        rate=number(profile.engagement_rate) if profile is not None else None,
        percentile=_rounded(found.get("percentile"), 1),
        target=_rounded(found.get("target_share"), 4),
        growth=_rounded(found.get("growth_monthly"), 4),
        tier=_tier(report.extra),
        trend=tuple(number(month.followers) for month in months[-MONTHS:]),
        flags=tuple((flag.name, flag.reason[:200]) for flag in score.flags),
    )


def sheet_of(score: Score, report: Scorable) -> Sheet:
    """The sheet of a creator."""
    profile, data = report.user_profile, report.audience
    months = ascending(profile.stat_history if profile is not None else None)
    extra = report.extra
    return Sheet(
        explanation=score.explanation,
        created=text(score.created, 40),
        contributions=tuple((part.name, part.share, part.points) for part in score.contributions),
        components=tuple((part.name, part.value, part.missing) for part in score.components),
        requirements=tuple((asked.reason, _met(asked)) for asked in score.requirements),
        numbers=_numbers(profile),
        months=tuple(map(_month, months[-MONTHS:])),
        histogram=_buckets(extra),
        posts=tuple(map(_post, ((profile.recent_posts if profile is not None else None) or ())[:POSTS])),
        quality=_quality(report.cqs),
        **(_audience(data) if data is not None else {}),
    )


def _met(asked: Requirement) -> str:
    if asked.met is not None:
        return "met" if asked.met else "not met"
    return "not known" if asked.found is None else "to be looked at"


def _facts(score: Score) -> dict[str, Any]:
    return {fact.name: fact.value for component in score.components for fact in component.evidence}


def _rounded(value: object, digits: int) -> float | None:
    return round(value, digits) if isinstance(value, int | float) and math.isfinite(value) else None


def _tier(extra: Extra | None) -> tuple[float | None, float | None] | None:
    bounds = extra.followers_range if extra is not None else None
    if bounds is None or (bounds.left_number is None and bounds.right_number is None):
        return None
    return number(bounds.left_number), number(bounds.right_number)


def _numbers(profile: Any) -> Pairs:
    names = ("avg_views", "avg_likes", "avg_comments", "avg_posts4w")
    return tuple((name, number(getattr(profile, name)) if profile is not None else None) for name in names)


def _month(row: ProfileMonth) -> Month:
    return Month(text(row.month, 10), number(row.followers), number(row.avg_likes, 1))


def _post(row: PostDay) -> Post:
    made, stat = row.created_at, row.stat
    counts = (stat.views, stat.likes, stat.comments) if stat is not None else (None, None, None)
    return Post(None if made is None else f"{made:%Y-%m-%d}", *map(number, counts))


def _buckets(extra: Extra | None) -> tuple[Bucket, ...]:
    rows = (extra.engagement_rate_histogram if extra is not None else None) or ()
    return tuple(
        Bucket(number(row.min), number(row.max), number(row.total), bool(row.median)) for row in rows[:BUCKETS]
    )


def _quality(cqs: CreatorQuality | None) -> tuple[tuple[str, float | None, str | None], ...]:
    if cqs is None:
        return ()
    parts = cqs.value_description
    scores = [(name, getattr(parts, name)) for name in parts.__struct_fields__] if parts is not None else []
    return (
        ("creator_quality_score", number(cqs.cqs_value, 1), text(cqs.mark, 40)),
        *((name.removesuffix("_score"), number(part.value, 4), text(part.mark, 40)) for name, part in scores if part),
    )


def _audience(data: AudienceShares) -> dict[str, Any]:
    return {
        "pyramid": _pyramid(data),
        "countries": _top(data.audience_geo.countries if data.audience_geo is not None else None),
        "languages": _top(data.audience_languages),
        "reach": tuple(
            (code, number(row.weight))
            for row in (data.audience_reachability or ())[:TOP]
            if (code := text(row.code, 20)) is not None
        ),
    }


def _pyramid(data: AudienceShares) -> tuple[tuple[str, float | None, float | None], ...]:
    if not data.audience_genders_per_age:
        return ()
    shares = [(age, data.gender_age("MALE", age), data.gender_age("FEMALE", age)) for age in AGES]
    return tuple((age, number(male), number(female)) for age, male, female in shares)


def _top(rows: Iterable[CodeWeight | CountryWeight | LanguageWeight] | None) -> Pairs:
    """The largest shares, by code; by name where there is no code."""
    named: Sequence[tuple[str | None, float | None]] = [
        (text(row.code, 40) or text(getattr(row, "name", None), 40), number(row.weight)) for row in rows or ()
    ]
    shares = [(name, weight) for name, weight in named if name is not None and known(weight) is not None]
    return tuple(sorted(shares, key=lambda share: -(share[1] or 0.0))[:TOP])
