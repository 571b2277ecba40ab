"""The other components: each a pure function of a report and a brief, with the facts it rests on."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from walee_async.scoring.component import Component, Fact, fact, points
from walee_async.scoring.measures import dispersion, known, ratio, saturating, table_of, theil_sen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.models.profile import UserProfile
    from walee_async.scoring.brief import Brief
    from walee_async.scoring.subject import Subject
    from walee_async.scoring.view import ScoreProfile

MONTHS: Final = 3
"""Months with followers below which a slope says nothing."""
REACHED: Final = ("-500", "500-1000")
"""Followers who follow fewer than 1,000 accounts: likely to see a post."""


def quality(subject: Subject, brief: Brief) -> Component:
    """The gateway's own quality score, as it is. Its six parts are shown and not mixed in: their scale is unknown."""
    cqs = subject.report.cqs
    value = known(cqs.cqs_value) if cqs is not None else None
    if cqs is None or value is None:
        return Component(name="quality", missing="the gateway gives no quality score")
    evidence = [fact("cqs_value", value, "of 100"), fact("mark", cqs.mark)]
    parts = cqs.value_description
    for name in parts.__struct_fields__ if parts is not None else ():
        part = getattr(parts, name)
        if part is not None and part.value is not None:
            evidence.append(fact(name, part.value, part.mark or ""))
    return Component(name="quality", value=points(value), evidence=tuple(evidence))


def reach(subject: Subject, brief: Brief) -> Component:
    """Views a post per follower, on a saturating curve: 50 points at `curves.reach_half`, 75 at twice that."""
    profile = subject.profile
    views = ratio(profile.avg_views, profile.followers) if profile is not None else None
    if profile is None or views is None:
        return Component(name="reach", missing="the views or the followers are not known")
    evidence = (
        fact("views_per_follower", views, "views a post per follower"),
        fact("avg_views", profile.avg_views, "views a post"),
        fact("followers", profile.followers, "followers"),
    )
    return Component(name="reach", value=points(saturating(views, brief.curves.reach_half)), evidence=evidence)


def growth(subject: Subject, brief: Brief) -> Component:
    """How the followers grow, on a logistic curve: 50 points at a standstill, 75 at `curves.growth_high` a month.

    Two measures are taken of the logarithms of the followers: the slope over the months by Theil and Sen, and the
    median of the changes from month to month, of an even number the lower of the two in the middle. The lower one
    counts. They agree when growth is steady; after one month's spike the slope is still up and the median is not.
    """
    months = subject.months
    if len(months) < MONTHS:
        return Component(name="growth", missing=f"fewer than {MONTHS} months of followers are known")
    logs = [(month, math.log(followers)) for month, followers in months]
    slope = theil_sen(logs)
    changes = sorted((y - x) / (later - earlier) for (earlier, x), (later, y) in pairwise(logs))
    steps = changes[(len(changes) - 1) // 2]
    counted = math.expm1(min(slope, steps))
    evidence = (
        fact("growth_monthly", counted, "fraction a month"),
        fact("slope_monthly", math.expm1(slope), "fraction a month"),
        fact("median_monthly", math.expm1(steps), "fraction a month"),
        fact("months", months[-1][0] - months[0][0] + 1, "months"),
    )
    value = 100.0 / (1.0 + 3.0 ** -min(50.0, max(-50.0, counted / brief.curves.growth_high)))
    return Component(name="growth", value=points(value), evidence=evidence)


def reachable_audience(subject: Subject, brief: Brief) -> Component:
    """The share of the audience that follows fewer than 1,000 accounts; those who follow more hardly see a post."""
    data = subject.audience
    if data is None:
        return Component(name="reachable_audience", missing="there is no data about the audience")
    shares = [known(data.reachability(code)) for code in REACHED]
    table = table_of(data.audience_reachability)
    if None in shares or not table:
        return Component(name="reachable_audience", missing="how many accounts the followers follow is not known")
    share = math.fsum(table.get(code, 0.0) for code in REACHED)
    evidence = (fact("reachable_share", min(1.0, share), "fraction"),)
    return Component(name="reachable_audience", value=points(100.0 * share), evidence=evidence)


def consistency(subject: Subject, brief: Brief) -> Component:
    """How steadily somebody posts: the mean of what is known of three parts, at least two of them, 0 to 100 each.

    - cadence: posts in four weeks, on a saturating curve with 50 points at `curves.cadence_half`
    - evenness: 100 times one minus the quartile coefficient of dispersion of the recent posts' views
    - recency: halved by every `curves.recency_half` days between the last post and the report
    """
    profile, curves = subject.profile, brief.curves
    cadence = known(profile.avg_posts4w) if profile is not None else None
    spread, days = dispersion(_views(profile)), subject.days_since_post
    parts = [
        None if cadence is None else saturating(cadence, curves.cadence_half),
        None if spread is None else 100.0 * (1.0 - spread),
        None if days is None else 100.0 * 2.0 ** (-days / curves.recency_half),
    ]
    evidence: Sequence[Fact] = (
        fact("posts_4w", cadence, "posts in 4 weeks"),
        fact("views_dispersion", spread, "quartile coefficient"),
        fact("days_since_post", days, "days"),
    )
    there = [part for part in parts if part is not None]
    if len(there) < 2:
        missing = "too little is known of the recent posts"
        return Component(name="consistency", missing=missing, evidence=tuple(evidence))
    return Component(name="consistency", value=points(sum(there) / len(there)), evidence=tuple(evidence))


def _views(profile: UserProfile | ScoreProfile | None) -> list[float]:
    posts = (profile.recent_posts if profile is not None else None) or ()
    views = [known(post.stat.views) for post in posts if post.stat is not None]
    return [count for count in views if count is not None]
