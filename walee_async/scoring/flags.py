"""Flags: what makes a careful buyer look twice, each with the numbers that raised it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from walee_async.scoring.component import Fact, beside, fact
from walee_async.scoring.measures import known, median, ratio

if TYPE_CHECKING:
    from walee_async.models.profile import UserProfile
    from walee_async.scoring.brief import Brief, FlagLimits
    from walee_async.scoring.subject import Subject
    from walee_async.scoring.view import ScoreProfile

    Profile = UserProfile | ScoreProfile

QUARTER: Final = 3
"""Months."""
LIKED: Final = 3
"""Months with likes below which none stands out."""


_Months = Sequence[tuple[int, float]]


class Flag(Struct, frozen=True, gc=False):
    """A flag that is raised. It changes a score only where the brief has a penalty for it, or forbids it."""

    name: str
    reason: str
    """A clause for people, with the numbers."""
    evidence: tuple[Fact, ...] = ()


def flags_of(subject: Subject, brief: Brief) -> tuple[Flag, ...]:
    """Every flag that a report raises, in the order of `walee_async.scoring.FLAGS`. What is not known raises none."""
    profile, limits, months = subject.profile, brief.flags, subject.months
    if profile is None:
        return ()
    found = [
        _engagement(profile, limits),
        _likes_over_views(profile, limits),
        _few_comments(profile, limits),
        _growth_month(months, limits),
        _growth_monthly(months, limits),
        _growth_quarter(months, limits),
        _likes_spike(subject.likes, limits),
        _dormant(subject.days_since_post, limits),
        Flag("hidden", "the account is hidden") if profile.is_hidden else None,
    ]
    return tuple(flag for flag in found if flag is not None)


def _engagement(profile: Profile, limits: FlagLimits) -> Flag | None:
    rate = known(profile.engagement_rate)
    if rate is None or limits.min_engagement_rate <= rate <= limits.max_engagement_rate:
        return None
    low = rate < limits.min_engagement_rate
    limit = limits.min_engagement_rate if low else limits.max_engagement_rate
    told, asked = beside(rate, limit, "%", 2)
    return Flag(
        "low_engagement" if low else "high_engagement",
        f"{told} likes per follower, {'under' if low else 'over'} {asked}",
        (fact("engagement_rate", rate, "likes per follower"), fact("limit", limit, "likes per follower")),
    )


def _likes_over_views(profile: Profile, limits: FlagLimits) -> Flag | None:
    times = ratio(profile.avg_likes, profile.avg_views)
    if times is None or times <= limits.max_likes_per_view:
        return None
    told, asked = beside(times, limits.max_likes_per_view, "f", 1)
    return Flag(
        "likes_over_views",
        f"{told} likes for each view, over {asked}",
        (
            fact("avg_likes", profile.avg_likes, "likes a post"),
            fact("avg_views", profile.avg_views, "views a post"),
            fact("limit", limits.max_likes_per_view, "likes per view"),
        ),
    )


def _few_comments(profile: Profile, limits: FlagLimits) -> Flag | None:
    likes, comments = known(profile.avg_likes), known(profile.avg_comments)
    # Compared as a product, so that no comments at all on many likes is the strongest case and not a division by zero.
    if likes is None or comments is None or likes <= limits.max_likes_per_comment * comments or not likes:
        return None
    times, asked = beside(likes / (comments or 1.0), limits.max_likes_per_comment, "f", 0)
    told = f"{times} likes for each comment" if comments else f"{likes:,.0f} likes a post, no comments"
    return Flag(
        "few_comments",
        f"{told}, over {asked} to one",
        (
            fact("avg_likes", likes, "likes a post"),
            fact("avg_comments", comments, "comments a post"),
            fact("limit", limits.max_likes_per_comment, "likes per comment"),
        ),
    )


def _growth_month(months: _Months, limits: FlagLimits) -> Flag | None:
    rates = [
        ((after / before) ** (1 / (later - earlier)) - 1, later)
        for (earlier, before), (later, after) in pairwise(months)
    ]
    rate, month = max(rates, default=(0.0, 0))
    if rate <= limits.max_growth_month:
        return None
    told, asked = beside(rate, limits.max_growth_month, "%", 1, "+")
    return Flag(
        "growth_month",
        f"{told} followers in {_named(month)}, over {asked}",
        (fact("growth", rate, "fraction a month"), fact("limit", limits.max_growth_month, "fraction a month")),
    )


def _growth_monthly(months: _Months, limits: FlagLimits) -> Flag | None:
    if len(months) < 2:
        return None
    (first, before), (last, after) = months[0], months[-1]
    rate = (after / before) ** (1 / (last - first)) - 1
    if rate <= limits.max_growth_monthly:
        return None
    told, asked = beside(rate, limits.max_growth_monthly, "%", 1, "+")
    return Flag(
        "growth_monthly",
        f"{told} followers a month over {last - first} months, over {asked}",
        (fact("growth", rate, "fraction a month"), fact("limit", limits.max_growth_monthly, "fraction a month")),
    )


def _growth_quarter(months: _Months, limits: FlagLimits) -> Flag | None:
    rates = [
        (after / before - 1, later)
        for place, (earlier, before) in enumerate(months)
        for later, after in months[place + 1 :]
        if later - earlier <= QUARTER
    ]
    rate, month = max(rates, default=(0.0, 0))
    if rate <= limits.max_growth_quarter:
        return None
    told, asked = beside(rate, limits.max_growth_quarter, "%", 1, "+")
    return Flag(
        "growth_quarter",
        f"{told} followers within three months up to {_named(month)}, over {asked}",
        (
            fact("growth", rate, "fraction in 3 months"),
            fact("limit", limits.max_growth_quarter, "fraction in 3 months"),
        ),
    )


def _likes_spike(likes: _Months, limits: FlagLimits) -> Flag | None:
    if len(likes) < LIKED:
        return None
    middle = median([count for _, count in likes])
    most, month = max((count, month) for month, count in likes)
    if not middle or most <= limits.max_likes_spike * middle:
        return None
    return Flag(
        "likes_spike",
        f"{most:,.0f} likes a post in {_named(month)}, {most / middle:.1f} times the median month",
        (
            fact("avg_likes", most, "likes a post"),
            fact("median_month", middle, "likes a post"),
            fact("limit", limits.max_likes_spike, "times the median month"),
        ),
    )


def _dormant(days: float | None, limits: FlagLimits) -> Flag | None:
    if days is None or days <= limits.max_days_since_post:
        return None
    return Flag(
        "dormant",
        "the last post is {} days old, over {}".format(*beside(days, limits.max_days_since_post, "f", 0)),
        (fact("days_since_post", days, "days"), fact("limit", limits.max_days_since_post, "days")),
    )


def _named(month: int) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}"
