"""Each component against examples computed by hand from its definition."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from walee_async.decode import decode_bytes
from walee_async.models import HistogramBucket
from walee_async.scoring import Brief, Component, ScoreView
from walee_async.scoring.components import consistency, growth, quality, reach, reachable_audience
from walee_async.scoring.engagement import engagement, percentile
from walee_async.scoring.fit import audience_fit
from walee_async.scoring.subject import Subject

ANY = Brief()
REAL = Path(__file__).parent.parent / "data" / "tiktok-macro.json.gz"


def view(**parts: Any) -> Subject:
    """A report of the parts that an example needs."""
    return Subject(msgspec.convert(parts, ScoreView))


def profile(**fields: Any) -> Subject:
    return view(user_profile=fields)


def audience(**data: Any) -> Subject:
    return view(audience_followers={"success": True, "data": data})


def facts(component: Component) -> dict[str, Any]:
    return {fact.name: fact.value for fact in component.evidence}


# -- quality ----------------------------------------------------------------------------------------------------------


def test_quality_is_the_gateways_own_score() -> None:
    """The value is passed on; the sub-scores are shown and change nothing."""
    part = {"value": 3.5, "mark": "good"}
    found = quality(
        view(cqs={"cqs_value": 61.25, "mark": "fair", "value_description": {"likes_growth_score": part}}), ANY
    )
    assert found.value == 61.25
    assert facts(found) == {"cqs_value": 61.25, "mark": "fair", "likes_growth_score": 3.5}


@pytest.mark.parametrize(("said", "points"), [(0, 0.0), (100, 100.0), (140, 100.0)])
def test_quality_is_kept_between_0_and_100(said: float, points: float) -> None:
    """A zero is a zero, and what is past the scale counts as its end."""
    assert quality(view(cqs={"cqs_value": said}), ANY).value == points


@pytest.mark.parametrize("report", [view(), view(cqs={}), view(cqs={"cqs_value": -1})])
def test_quality_without_a_score_is_no_data(report: Subject) -> None:
    """An absent block, an absent value and an impossible one are no zero."""
    assert quality(report, ANY) == Component(name="quality", missing="the gateway gives no quality score")


# -- engagement -------------------------------------------------------------------------------------------------------

HISTOGRAM = [{"max": 0.01, "total": 40}, {"min": 0.01, "max": 0.03, "total": 40}, {"min": 0.03, "total": 20}]


def ranked(rate: float | None, buckets: list[dict[str, Any]] | None = None) -> float | None:
    found = view(
        user_profile={"engagement_rate": rate},
        extra={"engagement_rate_histogram": HISTOGRAM if buckets is None else buckets},
    )
    return engagement(found, ANY).value


@pytest.mark.parametrize(
    ("rate", "points"),
    [
        (0.0, 0.0),  # nobody has less
        (0.005, 20.0),  # half of the first 40
        (0.01, 40.0),  # all of the first 40
        (0.015, 50.0),  # and a quarter of the next 40
        (0.03, 80.0),
        # The last 20 thin out as they did over the bucket before: from 60 to 20 while the rate trebled, so the share
        # with more is (0.03 / rate) ** (log 3 / log 3), a third at 0.09: 100 - 20 / 3.
        (0.09, 93.33),
        (6.129, 99.9),
    ],
)
def test_engagement_is_the_percentile_in_the_tier(rate: float, points: float) -> None:
    """Inside a bucket in proportion, past the open last one along a Pareto tail."""
    assert ranked(rate) == points


def test_edges_may_be_stated_by_either_neighbour() -> None:
    """A bucket without its lower edge has the upper one of the bucket before."""
    assert ranked(0.015, [{"max": 0.01, "total": 40}, {"max": 0.03, "total": 40}, {"min": 0.03, "total": 20}]) == 50.0


@pytest.mark.parametrize(
    "buckets",
    [
        [],
        [{"max": 0.01, "total": 40}],
        [{"max": 0.01, "total": 0}, {"min": 0.01, "total": 0}],
        [{"max": 0.01}, {"min": 0.01, "total": 5}],
        [{"max": 0.01, "total": -4}, {"min": 0.01, "total": 5}],
        [{"max": 0.03, "total": 4}, {"min": 0.03, "max": 0.01, "total": 5}, {"min": 0.01, "total": 5}],
        [{"total": 4}, {"total": 5}],
    ],
)
def test_a_histogram_that_cannot_be_read_is_no_data(buckets: list[dict[str, Any]]) -> None:
    """Empty, alone, without totals, descending or without edges: there is nothing to be compared with."""
    assert ranked(0.02, buckets) is None


@pytest.mark.parametrize("rate", [None, -0.5])
def test_an_unknown_rate_is_no_data(rate: float | None) -> None:
    """An absent or impossible rate is not the lowest one."""
    assert ranked(rate) is None


def test_the_percentile_of_a_real_report() -> None:
    """The one of the report at hand: 39,064 of 62,590 peers are in the buckets below, 436 of 2,744 in its own.

    Its rate, 0.01425, lies (0.01425 - 0.013789) / (0.016688 - 0.013789) = 15.9 % into the ninth bucket.
    """
    report = decode_bytes(gzip.decompress(REAL.read_bytes()), ScoreView)
    assert report.extra is not None
    buckets = report.extra.engagement_rate_histogram or ()
    assert sum(bucket.total or 0 for bucket in buckets) == 62_590
    below = 8231 + 6585 + 5487 + 4703 + 4115 + 3658 + 3292 + 2993
    own = 2744 * (0.01425 - 0.013789) / (0.016688 - 0.013789)
    assert engagement(Subject(report), ANY).value == round(100 * (below + own) / 62_590, 2) == 63.11
    assert 63 <= (percentile(0.01425, buckets) or 0) <= 64


def test_two_buckets_have_a_tail_too() -> None:
    """Where nothing tells how the tail falls, it falls as one over the rate."""
    buckets = [HistogramBucket(max=0.01, total=50), HistogramBucket(min=0.01, total=50)]
    assert percentile(0.02, buckets) == pytest.approx(75.0)


@pytest.mark.parametrize(
    ("totals", "points"),
    [
        # From 20 to 5 while the rate doubles, so the share with more is (0.04 / rate) ** 2, a quarter at 0.08.
        ((40, 20, 20, 15, 5), 98.75),
        # Nobody is in the last bucket, or in the one before, which then does not tell how the last one falls.
        ((40, 20, 30, 10, 0), 100.0),
        ((40, 20, 20, 0, 20), 90.0),
    ],
)
def test_the_tail_falls_as_the_bucket_before_it(totals: tuple[int, ...], points: float) -> None:
    """By the last two buckets alone; where one of them is empty, as one over the rate."""
    edges = (None, 0.005, 0.01, 0.02, 0.04)
    buckets = [HistogramBucket(min=edge, total=total) for edge, total in zip(edges, totals, strict=True)]
    assert percentile(0.08, buckets) == pytest.approx(points)


# -- reach ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("views", "points"), [(0, 0.0), (200, 50.0), (400, 75.0), (600, 87.5), (10**6, 100.0)])
def test_reach_saturates(views: float, points: float) -> None:
    """With a half at 0.2 views a follower, every 0.2 more halves what is missing."""
    assert reach(profile(avg_views=views, followers=1000), ANY).value == points


def test_the_half_of_reach_is_the_briefs() -> None:
    """A brief that expects a view per follower gives half the points for one."""
    assert reach(profile(avg_views=1000, followers=1000), Brief.make(curves={"reach_half": 1})).value == 50.0


@pytest.mark.parametrize("fields", [{}, {"avg_views": 5}, {"followers": 5}, {"avg_views": 5, "followers": 0}])
def test_reach_without_views_or_followers_is_no_data(fields: dict[str, Any]) -> None:
    """There is nothing to divide, or nothing to divide by."""
    assert reach(profile(**fields), ANY).value is None


# -- growth -----------------------------------------------------------------------------------------------------------


def history(*followers: float | None, first: int = 1) -> Subject:
    months = [{"month": f"2025-{first + place:02}", "followers": count} for place, count in enumerate(followers)]
    return profile(stat_history=months)


@pytest.mark.parametrize(
    ("counts", "points"),
    [
        ((1000, 1000, 1000), 50.0),
        ((100_000, 103_000, 106_090), 75.0),  # 3 % a month: three to one
        (
            (106_090, 103_000, 100_000),
            25.6,
        ),  # -2.913 % a month, and 3 ** (2.9126 / 3) is 2.9055
        ((100_000, 106_000, 112_360), 90.0),  # 6 % a month: nine to one
    ],
)
def test_growth_is_logistic_in_the_monthly_rate(counts: tuple[int, ...], points: float) -> None:
    """A standstill is 50, 3 % a month 75, twice that 90, and decline the mirror of it."""
    assert growth(history(*counts), ANY).value == points


def test_a_spike_is_not_growth() -> None:
    """One month that doubles the followers and none that adds any: the median month stood still."""
    found = growth(history(1000, 1000, 1000, 2000, 2000, 2000, 2000), ANY)
    assert found.value == 50.0
    # Of the 21 pairs, 12 span the jump: their slopes are log 2 over 1 to 6 months, the other 9 are 0, so the 11th
    # is the second smallest of the 12, which is log 2 / 5.
    assert facts(found)["slope_monthly"] == round(math.expm1(math.log(2) / 5), 6)
    assert facts(found)["median_monthly"] == 0.0


@pytest.mark.parametrize(
    "counts", [(10_000, 20_000, 20_000), (10_000, 10_000, 20_000), (10_000, 11_800, 11_800, 13_924, 13_924)]
)
def test_half_of_the_months_without_growth_are_a_standstill(counts: tuple[int, ...]) -> None:
    """Of an even number of changes the lower middle counts, so that in three months a spike is none either."""
    assert growth(history(*counts), ANY).value == 50.0


def test_a_language_without_a_row_is_smaller_than_those_with_one() -> None:
    """Nine per cent that are listed beat what a list of larger ones leaves out."""
    rows = [{"code": "en", "weight": 0.6}, {"code": "hi", "weight": 0.09}, {"code": "other", "weight": 0.31}]
    found = audience_fit(audience(audience_languages=rows), Brief.make(languages="ur", **FULL))
    assert (found.value, found.low, found.high) == (4.5, 0.0, 9.0)


def test_months_may_be_missing_and_in_any_order() -> None:
    """Growth is measured over the months that lie between, not over the rows."""
    rows = [("2025-07", 106_090), ("2025-05", 100_000), ("2025-09", 112_551), ("no month", 5), ("2025-08", -3)]
    found = growth(profile(stat_history=[{"month": month, "followers": count} for month, count in rows]), ANY)
    assert found.value == pytest.approx(75.0, abs=0.01)
    assert facts(found)["months"] == 5


@pytest.mark.parametrize("report", [view(), history(), history(5, 6), history(5, None, 6), history(0, 0, 0)])
def test_growth_of_too_few_months_is_no_data(report: Subject) -> None:
    """Two months make no slope worth the name."""
    assert growth(report, ANY).value is None


# -- reachable audience -----------------------------------------------------------------------------------------------


def reachability(*weights: tuple[str, float]) -> Subject:
    return audience(audience_reachability=[{"code": code, "weight": weight} for code, weight in weights])


@pytest.mark.parametrize(
    ("weights", "points"),
    [
        ((("-500", 0.4), ("500-1000", 0.2), ("1000-1500", 0.1), ("1500-", 0.3)), 60.0),
        ((("1500-", 1.0),), 0.0),  # the table is whole, so the rows that are not there are zero
        ((("-500", 0.4), ("1500-", 0.3)), None),  # who has the other 0.3 is not known
        ((("-500", -0.1), ("500-1000", 0.2), ("1500-", 0.9)), None),  # no share can be so
        ((("-500", 40.0), ("500-1000", 20.0), ("1500-", 0.4)), None),  # percentages
        ((), None),
    ],
)
def test_reachable_are_those_who_follow_few(weights: tuple[tuple[str, float], ...], points: float | None) -> None:
    """The share that follows fewer than a thousand accounts."""
    assert reachable_audience(reachability(*weights), ANY).value == points


def test_an_audience_that_failed_is_no_data() -> None:
    """Data beside `success: false` is not read."""
    data = {"audience_reachability": [{"code": "-500", "weight": 1.0}]}
    assert reachable_audience(view(audience_followers={"success": False, "data": data}), ANY).value is None
    assert reachable_audience(view(), ANY).missing == "there is no data about the audience"


# -- consistency ------------------------------------------------------------------------------------------------------


def posting(
    days: list[float], views: list[int], posts_4w: float | None, created: str | None = "2026-01-31T00:00:00+00:00"
) -> Subject:
    posts = [
        {"created": f"2026-01-{31 - day:02}T00:00:00.000+00:00", "stat": {"views": count}}
        for day, count in zip(map(int, days), views, strict=True)
    ]
    return view(report_info={"created": created}, user_profile={"avg_posts4w": posts_4w, "recent_posts": posts})


def test_consistency_is_the_mean_of_three_parts() -> None:
    """Four posts in four weeks are 50; quartiles of 10 and 30 leave 50; thirty days since the last are 50."""
    found = consistency(posting([30, 30, 30, 30, 30], [0, 10, 20, 30, 40], 4.0), ANY)
    assert found.value == 50.0
    assert facts(found) == {"posts_4w": 4.0, "views_dispersion": 0.5, "days_since_post": 30.0}


@pytest.mark.parametrize(
    ("report", "points"),
    [
        (posting([0, 0, 0, 0], [5, 5, 5, 5], None), 100.0),  # even, and today: cadence is left out
        (posting([0], [5], 8.0), 87.5),  # 75 for the cadence, 100 for today; one post has no spread
        (posting([0], [5], None), None),  # one part alone is too little
        (posting([], [], 4.0), None),
        (posting([0, 0, 0, 0], [5, 5, 5, 5], None, created=None), None),
        (posting([0, 0, 0, 0], [0, 0, 0, 0], 4.0), 75.0),  # no views have no spread: 50 and 100
    ],
)
def test_consistency_needs_two_of_its_parts(report: Subject, points: float | None) -> None:
    """The mean is over what is known."""
    assert consistency(report, ANY).value == points


def test_a_post_after_the_report_is_of_its_day() -> None:
    """Clocks differ; nothing is posted in the future."""
    found = consistency(posting([0, 0, 0, 0], [5, 5, 5, 5], None, created="2026-01-30T00:00:00+00:00"), ANY)
    assert facts(found)["days_since_post"] == 0.0


# -- audience fit -----------------------------------------------------------------------------------------------------

GENDERS = [{"code": "MALE", "weight": 0.7}, {"code": "FEMALE", "weight": 0.3}]
AGES = [{"code": "18-24", "weight": 0.6}, {"code": "25-34", "weight": 0.4}]
JOINT = [{"code": "18-24", "male": 0.4, "female": 0.2}, {"code": "25-34", "male": 0.3, "female": 0.1}]
COUNTRIES = {"countries": [{"code": "US", "weight": 0.5}, {"code": "PK", "weight": 0.3}]}
LANGUAGES = [{"code": "en", "weight": 0.6}, {"code": "ur", "weight": 0.3}, {"code": "other", "weight": 0.1}]
WHOLE = audience(
    audience_genders=GENDERS,
    audience_ages=AGES,
    audience_genders_per_age=JOINT,
    audience_geo=COUNTRIES,
    audience_languages=LANGUAGES,
)
FULL = {"curves": {"fit_full": 1.0}}  # so that points are per cent


@pytest.mark.parametrize(
    ("wanted", "value", "low", "high"),
    [
        ({"genders": "female"}, 30.0, None, None),
        ({"ages": "18-34"}, 100.0, None, None),
        ({"genders": "female", "ages": "18-24"}, 20.0, None, None),
        ({"genders": "male", "ages": "18-24"}, 40.0, None, None),
        ({"ages": ["35-44"]}, 0.0, None, None),  # the table is whole: nobody is left
        ({"countries": ["US", "PK"]}, 80.0, None, None),
        ({"countries": "IN"}, 0.5, 0.0, 1.0),  # no row: below the cut-off of 1 %
        ({"countries": ["US", "IN", "DE"]}, 51.0, 50.0, 52.0),
        ({"languages": "ur"}, 30.0, None, None),
        ({"languages": "hi"}, 5.0, 0.0, 10.0),  # at most what the list gathers under `other`
        # Women and Pakistan: at least 0.3 + 0.3 - 1 < 0, at most 0.3, and 0.09 if neither depends on the other.
        ({"genders": "female", "countries": "PK"}, 9.0, 0.0, 30.0),
        # Men and the United States: at least 0.7 + 0.5 - 1, at most 0.5, else 0.35.
        ({"genders": "male", "countries": "US"}, 35.0, 20.0, 50.0),
        ({"genders": "male", "countries": "US", "languages": "en"}, 21.0, 0.0, 50.0),
    ],
)
def test_fit_is_the_share_on_target(wanted: Any, value: float, low: float | None, high: float | None) -> None:
    """Sums of rows, products across tables, and Fréchet's bounds where the tables do not say how they overlap."""
    found = audience_fit(WHOLE, Brief.make(**wanted, **FULL))
    assert (found.value, found.low, found.high) == (value, low, high)


def test_the_evidence_of_a_fit_is_its_shares() -> None:
    """The share on target with what any overlap could make of it, then the share by each thing that is wanted."""
    found = audience_fit(WHOLE, Brief.make(genders="female", countries="PK", **FULL))
    assert [(fact.name, fact.value, fact.unit) for fact in found.evidence] == [
        ("target_share", 0.09, "fraction"),
        ("target_share_low", 0.0, "fraction"),
        ("target_share_high", 0.3, "fraction"),
        ("people_share", 0.3, "fraction"),
        ("countries_share", 0.3, "fraction"),
    ]


def test_rows_of_the_joint_table_may_be_split_or_incomplete() -> None:
    """Those of one age add up, and what has no age or no number is left out."""
    rows = [
        {"code": "18-24", "male": 0.25, "female": 0.125},
        {"code": "18-24", "male": 0.25, "female": 0.125},
        {"code": "25-34", "male": 0.25},
        {"male": 0.5, "female": 0.5},
    ]
    found = audience_fit(audience(audience_genders_per_age=rows), Brief.make(genders="female", ages="18-24", **FULL))
    assert (found.value, found.low, found.high) == (25.0, None, None)


PERCENT = {
    "genders": [{"code": "FEMALE", "weight": 30.0}, {"code": "MALE", "weight": 70.0}],
    "ages": [{"code": "18-24", "weight": 99.5}, {"code": "65-", "weight": 0.5}],
    "countries": [{"code": "US", "weight": 50.0}, {"code": "PK", "weight": 1.0}],
    "languages": [{"code": "en", "weight": 60.0}, {"code": "ur", "weight": 1.0}],
    "genders_per_age": [{"code": "18-24", "male": 69.5, "female": 30.0}, {"code": "65-", "male": 0.2, "female": 0.3}],
}


@pytest.mark.parametrize(
    "wanted",
    [
        {"genders": "female"},
        {"ages": "65-"},
        {"countries": "PK"},
        {"languages": "ur"},
        {"genders": "female", "ages": "65-"},
    ],
)
def test_percentages_are_not_taken_for_fractions(wanted: Any) -> None:
    """A table with a share above 1 is not known, nor are the rows in it that could be fractions."""
    tables = {f"audience_{name}": rows for name, rows in PERCENT.items() if name != "countries"}
    found = audience_fit(audience(**tables, audience_geo={"countries": PERCENT["countries"]}), Brief.make(**wanted))
    assert (found.value, found.evidence) == (None, ())


def test_what_rounding_makes_of_a_whole_is_a_fraction() -> None:
    """A share that is a little above 1 is everybody; one well above it is no fraction."""
    for weight, value in ((1.0000000000000002, 100.0), (1.009, 100.0), (1.02, None)):
        report = audience(audience_geo={"countries": [{"code": "US", "weight": weight}]})
        assert audience_fit(report, Brief.make(countries="US", **FULL)).value == value


def test_without_the_joint_table_any_overlap_is_possible() -> None:
    """Women are 30 %, those of 18 to 24 are 60 %: women of that age at most 30 %, and 18 % if neither depends."""
    report = audience(audience_genders=GENDERS, audience_ages=AGES)
    found = audience_fit(report, Brief.make(genders="female", ages="18-24", **FULL))
    assert (found.value, found.low, found.high) == (18.0, 0.0, 30.0)


def test_points_are_in_proportion_up_to_the_full_share() -> None:
    """With all points at a half, 30 % are 60 points and 80 % are 100."""
    assert audience_fit(WHOLE, Brief.make(genders="female")).value == 60.0
    assert audience_fit(WHOLE, Brief.make(countries=["US", "PK"])).value == 100.0


def test_a_row_that_is_missing_leaves_room() -> None:
    """Where the table does not add up to one, a wanted row that is not there may have the rest."""
    report = audience(audience_ages=[{"code": "18-24", "weight": 0.6}, {"code": "25-34", "weight": 0.3}])
    found = audience_fit(report, Brief.make(ages=["18-24", "35-44"], **FULL))
    assert (found.value, found.low, found.high) == (65.0, 60.0, 70.0)


@pytest.mark.parametrize(
    ("report", "missing"),
    [
        (view(), "there is no data about the audience"),
        (audience(), "the people and countries of the audience are not known"),
        (audience(audience_genders=GENDERS), "the countries of the audience are not known"),
    ],
)
def test_fit_to_what_is_not_known_is_no_data(report: Subject, missing: str) -> None:
    """One table that is missing makes the whole unknown; the others are still shown."""
    found = audience_fit(report, Brief.make(genders="female", countries="PK"))
    assert (found.value, found.missing) == (None, missing)


def test_without_a_target_there_is_nothing_to_fit() -> None:
    """A brief that names nobody leaves the component out."""
    assert audience_fit(WHOLE, ANY).missing == "the brief names no target audience"
