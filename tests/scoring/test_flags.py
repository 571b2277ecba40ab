"""Each flag just inside and just outside its limit, with the numbers that raise it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from walee_async.scoring import FLAGS, Brief, ScoreView
from walee_async.scoring.flags import flags_of
from walee_async.scoring.subject import Subject

ANY = Brief()


def report(**fields: Any) -> Subject:
    info = {"created": "2026-03-31T00:00:00.000+00:00"}
    return Subject(msgspec.convert({"report_info": info, "user_profile": fields}, ScoreView))


def names(found: Subject, brief: Brief = ANY) -> list[str]:
    return [flag.name for flag in flags_of(found, brief)]


def months(*followers: float, likes: list[float] | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"month": f"2025-{place:02}", "followers": count} for place, count in enumerate(followers, 1)
    ]
    for row, count in zip(rows, likes or [], strict=False):
        row["avg_likes"] = count
    return rows


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"engagement_rate": 0.0099}, ["low_engagement"]),
        ({"engagement_rate": 0.01}, []),
        ({"engagement_rate": 0.15}, []),
        ({"engagement_rate": 6.129}, ["high_engagement"]),
        ({"avg_likes": 200, "avg_views": 100}, []),
        ({"avg_likes": 201, "avg_views": 100}, ["likes_over_views"]),
        ({"avg_likes": 5000, "avg_comments": 10}, []),
        ({"avg_likes": 5001, "avg_comments": 10}, ["few_comments"]),
        ({"avg_likes": 5001, "avg_comments": 0}, ["few_comments"]),
        ({"avg_likes": 0, "avg_comments": 0}, []),
        # 20 % in one month, and 3.7 % a month over five: 1.2 ** (1 / 5).
        ({"stat_history": months(1000, 1000, 1000, 1200, 1200, 1200)}, []),
        ({"stat_history": months(1000, 1000, 1000, 1201, 1201, 1201)}, ["growth_month"]),
        # 5.1 % a month, 10.5 % in any two: only the mean is too high.
        ({"stat_history": months(100_000, 105_100, 110_460)}, ["growth_monthly"]),
        ({"stat_history": months(100_000, 104_900, 110_040)}, []),
        # 14.7 % a month is 50.9 % in three.
        ({"stat_history": months(1000, 1147, 1316, 1509)}, ["growth_monthly", "growth_quarter"]),
        # A month that is missing in between: 44 % over two months are 20 % for each.
        ({"stat_history": [*months(1000), {"month": "2025-03", "followers": 1440}]}, ["growth_monthly"]),
        ({"stat_history": months(*[9] * 5, likes=[10, 10, 10, 10, 100])}, []),
        ({"stat_history": months(*[9] * 5, likes=[10, 10, 10, 10, 101])}, ["likes_spike"]),
        ({"stat_history": months(9, 9, likes=[1, 1000])}, []),  # two months have no middle
        ({"recent_posts": [{"created": "2026-01-30T00:00:00.000+00:00"}]}, []),  # 60 days
        ({"recent_posts": [{"created": "2026-01-29T00:00:00.000+0000"}]}, ["dormant"]),
        ({"is_hidden": True}, ["hidden"]),
        ({"is_hidden": False}, []),
        ({}, []),
        ({"engagement_rate": -1, "avg_likes": -5, "avg_views": -1, "avg_comments": -1}, []),
    ],
)
def test_a_flag_is_raised_past_its_limit(fields: dict[str, Any], flags: list[str]) -> None:
    """At the limit there is none, past it there is; what is unknown or impossible raises none."""
    assert names(report(**fields)) == flags


def test_limits_are_the_briefs() -> None:
    """A brief for small niches may live with less."""
    found = report(engagement_rate=0.005, is_hidden=True)
    assert names(found, Brief.make(flags={"min_engagement_rate": 0.004})) == ["hidden"]


def test_a_flag_tells_its_numbers() -> None:
    """A sentence for people, and the same as facts."""
    (flag,) = flags_of(report(avg_likes=5001, avg_comments=3), ANY)
    assert flag.reason == "1,667 likes for each comment, over 500 to one"
    assert {fact.name: fact.value for fact in flag.evidence} == {"avg_likes": 5001, "avg_comments": 3, "limit": 500}
    (flag,) = flags_of(report(stat_history=months(1000, 1000, 1000, 1000, 1000, 1250)), ANY)
    assert flag.reason == "+25.0% followers in 2025-06, over 20%"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"engagement_rate": 0.0099999}, "0.99999% likes per follower, under 1%"),
        ({"engagement_rate": 0.1500001}, "15.00001% likes per follower, over 15%"),
        ({"avg_likes": 200001, "avg_views": 100000}, "2.00001 likes for each view, over 2"),
        ({"avg_likes": 1501, "avg_comments": 3}, "500.3 likes for each comment, over 500 to one"),
        ({"avg_likes": 1501, "avg_comments": 0}, "1,501 likes a post, no comments, over 500 to one"),
    ],
)
def test_a_reason_shows_on_which_side_of_the_limit_it_is(parts: dict[str, Any], reason: str) -> None:
    """A number that would be rounded to the limit itself is told with more decimals."""
    (flag,) = flags_of(report(**parts), ANY)
    assert flag.reason == reason


def test_flags_come_in_one_order() -> None:
    """In the order of `FLAGS`, whatever the report."""
    rows = months(1000, 2000, 4000, likes=[1, 1, 100])
    posts = [{"created": "2025-01-01T00:00:00+00:00"}]
    worst = report(
        engagement_rate=0.5,
        avg_likes=9000,
        avg_views=1,
        avg_comments=1,
        stat_history=rows,
        recent_posts=posts,
        is_hidden=True,
    )
    assert names(worst) == [name for name in FLAGS if name != "low_engagement"]


def test_without_a_profile_there_are_no_flags() -> None:
    """A report of nothing raises nothing."""
    assert flags_of(Subject(ScoreView()), ANY) == ()
