"""The score as a whole: an example computed by hand, and what holds for every report."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walee_async.decode import decode_bytes
from walee_async.errors import ConfigError
from walee_async.models import CreatorReport
from walee_async.scoring import FLAGS, SCORING_VERSION, Brief, Grade, Requirement, Score, ScoreView, Top, rank, score
from walee_async.testing import Maker

MAKER = Maker(11, creators=60)


def view(**parts: Any) -> ScoreView:
    return msgspec.convert(parts, ScoreView)


# -- an example by hand -----------------------------------------------------------------------------------------------

EXAMPLE = view(
    report_info={"report_id": "r1", "created": "2026-01-31T00:00:00.000+00:00"},
    user_profile={
        "user_id": "1",
        "username": "river.kites",
        "followers": 1000,
        "engagement_rate": 0.005,
        "avg_views": 200,
        "is_hidden": True,
    },
    extra={"engagement_rate_histogram": [{"max": 0.01, "total": 40}, {"min": 0.01, "total": 60}]},
    cqs={"cqs_value": 90},
)
"""Quality 90, engagement 20, reach 50; growth, reachable audience and consistency are not known."""
UNSEEN: dict[str, Any] = {"review_flags": []}
"""Requirements of who approves whatever is flagged."""


def test_the_score_is_the_weighted_mean_of_what_is_known() -> None:
    """(1 × 90 + 2 × 20 + 1 × 50) / 4 = 45, with 4 of the 7 that count: the target's weight is left out without one."""
    found = score(EXAMPLE)
    assert (found.value, found.coverage, found.grade) == (45.0, round(4 / 7, 4), Grade.REJECT)
    assert [(part.name, part.share, part.points) for part in found.contributions] == [
        ("quality", 0.25, 22.5),
        ("engagement", 0.5, 10.0),
        ("reach", 0.25, 12.5),
    ]
    assert [flag.name for flag in found.flags] == ["low_engagement", "hidden"]
    assert (found.handle, found.user_id, found.report_id, found.followers) == ("river.kites", "1", "r1", 1000)
    assert (found.version, found.brief, found.low, found.high) == (SCORING_VERSION, Brief().id, None, None)
    assert found.explanation == (
        "reject at 45.00; carried by quality (+22.50) and reach (+12.50); held back by engagement (−40.00); "
        "flagged for low engagement, hidden; 57% of the weight had data, too little to approve without a look "
        "(under 75%)."
    )


def test_what_rounding_takes_holds_nobody_back() -> None:
    """Shares are rounded to 0.0001 and points to 0.01: who has all the points is not said to lose one."""
    at = "2026-01-31T00:00:00.000+00:00"
    profile = {"followers": 1, "avg_views": 1e6, "avg_posts4w": 1e6, "recent_posts": [{"created": at}]}
    audience = {"success": True, "data": {"audience_reachability": [{"code": "-500", "weight": 1.0}]}}
    report = view(
        report_info={"created": at}, user_profile=profile, audience_followers=audience, cqs={"cqs_value": 100}
    )
    weights = {"quality": 3, "reach": 2, "reachable_audience": 1, "consistency": 1, "engagement": 0, "growth": 0}
    found = score(report, Brief.make(weights=weights))
    assert found.value == 100.0
    assert min(part.points - 100 * part.share for part in found.contributions) == pytest.approx(-0.01)
    assert "held back" not in found.explanation


def test_the_target_counts_where_there_is_one() -> None:
    """With a target that the report knows nothing of, its weight counts as not covered: 4 of 10."""
    found = score(EXAMPLE, Brief.make(countries="PK"))
    assert (found.value, found.coverage, found.grade) == (45.0, 0.4, Grade.NOT_ENOUGH_DATA)


def test_weights_are_the_briefs() -> None:
    """A weight of zero leaves a component out of the score and of the coverage, and it is shown all the same."""
    found = score(EXAMPLE, Brief.make(weights={"engagement": 0, "growth": 0, "consistency": 0}))
    assert (found.value, found.coverage) == (70.0, round(2 / 3, 4))
    assert found.component("no_such_part") is None
    engagement = found.component("engagement")
    assert engagement is not None
    assert engagement.value == 20.0


def test_hundredths_add_up() -> None:
    """90, 20 and 50 with a third each are 53.33: of 6.666… and 16.666… the first is rounded up, the second down."""
    found = score(EXAMPLE, Brief.make(weights={"quality": 1, "engagement": 1, "reach": 1}))
    assert [part.points for part in found.contributions] == [30.0, 6.67, 16.66]
    assert found.value == 53.33
    assert sum(Decimal(str(part.points)) for part in found.contributions) == Decimal(str(found.value))


@pytest.mark.parametrize(
    ("grades", "grade"),
    [
        ({"approve": 45, "review": 45}, Grade.APPROVE),
        ({"approve": 45.01, "review": 45}, Grade.REVIEW),
        ({"approve": 90, "review": 45.01}, Grade.REJECT),
        ({"approve": 45, "review": 45, "min_coverage": 0.58}, Grade.NOT_ENOUGH_DATA),
    ],
)
def test_grades_go_by_the_cut_offs(grades: dict[str, float], grade: Grade) -> None:
    """At a cut-off it is reached; without enough data there is no grade to give."""
    brief = Brief.make(grades={"approve_coverage": 0, **grades}, require=UNSEEN)
    assert score(EXAMPLE, brief).grade == grade


@pytest.mark.parametrize(
    ("brief", "met", "grade"),
    [
        ({"followers": {"min": 1000, "max": 1000}}, [True, True], Grade.APPROVE),
        ({"followers": {"min": 1001}}, [False], Grade.REJECT),
        ({"followers": {"max": 999}}, [False], Grade.REJECT),
        ({"require": {"min_quality": 90, "min_engagement_percentile": 20}}, [True, True], Grade.APPROVE),
        ({"require": {"min_engagement_percentile": 20.01}}, [False], Grade.REJECT),
        ({"require": {"max_days_since_post": 30}}, [None], Grade.REVIEW),
        ({"require": {"min_reachable_share": 0.1}}, [None], Grade.REVIEW),
        ({"require": {"no_flags": ["hidden", "dormant"]}}, [False], Grade.REJECT),
    ],
)
def test_a_requirement_rejects_and_what_cannot_be_told_is_reviewed(
    brief: dict[str, Any], met: list[bool | None], grade: Grade
) -> None:
    """What is known to be missing rejects whatever the score; what is unknown keeps from being approved unseen."""
    brief["require"] = UNSEEN | brief.get("require", {})
    found = score(EXAMPLE, Brief.make(grades={"approve": 40, "review": 30, "approve_coverage": 0}, **brief))
    assert [requirement.met for requirement in found.requirements] == met
    assert found.grade == grade


def test_nobody_is_approved_whose_audience_is_not_known() -> None:
    """Who names a target gets nobody approved unseen; without a target the audience may be unknown."""
    grades = {"approve": 40, "review": 30, "min_coverage": 0.1, "approve_coverage": 0}
    easy: dict[str, Any] = {"grades": grades, "require": UNSEEN}
    assert score(EXAMPLE, Brief.make(**easy)).grade == Grade.APPROVE
    found = score(EXAMPLE, Brief.make(countries="PK", **easy))
    assert found.grade == Grade.REVIEW
    assert "; target share: not known; " in found.explanation


def test_what_is_flagged_or_hardly_known_is_not_approved_without_a_look() -> None:
    """Each by itself keeps a creator in review, and the score is the same."""
    grades = {"approve": 40, "review": 30}
    free = Brief.make(grades=grades | {"approve_coverage": 0}, require=UNSEEN)
    flagged = Brief.make(grades=grades | {"approve_coverage": 0})
    thin = Brief.make(grades=grades | {"approve_coverage": 0.6}, require=UNSEEN)
    found = [score(EXAMPLE, brief) for brief in (free, flagged, thin)]
    assert [one.grade for one in found] == [Grade.APPROVE, Grade.REVIEW, Grade.REVIEW]
    assert {one.value for one in found} == {45.0}
    assert [held.reason for one in found for held in one.requirements] == [
        "to be looked at, hidden: the account is hidden",
        "coverage: 57.1%, and the brief asks for at least 60%",
    ]


def test_a_target_share_is_missed_only_where_it_must_be() -> None:
    """Below the limit by the middle of the interval is not known to be missed while the interval reaches the limit."""
    report = view(
        audience_followers={
            "success": True,
            "data": {
                "audience_genders": [{"code": "FEMALE", "weight": 0.5}, {"code": "MALE", "weight": 0.5}],
                "audience_geo": {"countries": [{"code": "PK", "weight": 0.4}]},
            },
        }
    )

    def met(least: float) -> bool | None:
        brief = Brief.make(genders="female", countries="pk", require={"min_target_share": least})
        return next(held.met for held in score(report, brief).requirements if held.name == "min_target_share")

    # Half and four tenths: 0.2 if independent, 0 to 0.4 by Fréchet.
    assert [met(least) for least in (0.2, 0.21, 0.4, 0.41)] == [True, None, None, False]


def test_bounds_hold_where_a_penalty_takes_more_than_there_is() -> None:
    """Fit from 0 to 60 with half of the weight, less 40: the best case has something left where the value has not."""
    report = view(
        cqs={"cqs_value": 20},
        user_profile={"is_hidden": True},
        audience_followers={
            "success": True,
            "data": {
                "audience_genders": [{"code": "FEMALE", "weight": 0.3}, {"code": "MALE", "weight": 0.7}],
                "audience_geo": {"countries": [{"code": "PK", "weight": 0.3}]},
            },
        },
    )
    brief = Brief.make(genders="female", countries="pk", weights={"audience_fit": 1}, penalties={"hidden": 30})
    found = score(report, brief)
    # Quality gives 10; fit 18 points by its middle gives 9, and 0 to 30 by its bounds.
    assert (found.low, found.value, found.high) == (0.0, 0.0, 10.0)
    assert "; −19.00 for hidden; " in found.explanation


def test_a_requirement_is_told_in_words() -> None:
    """The sentence says what was found and what is asked."""
    brief = Brief.make(followers={"min": 2_500_000}, require={"min_reachable_share": 0.125})
    told = score(EXAMPLE, brief).explanation
    assert "followers: 1,000, and the brief asks for at least 2,500,000" in told
    assert "reachable share: not known, and the brief asks for at least 12.5%" in told


def test_a_flag_costs_nothing_unless_the_brief_says_so() -> None:
    """A penalty is a contribution below zero, and takes no more than there is."""
    assert score(EXAMPLE).value == 45.0
    found = score(EXAMPLE, Brief.make(penalties={"hidden": 12.5, "dormant": 50}))
    assert found.value == 32.5
    assert [(part.name, part.points) for part in found.contributions][-1] == ("hidden", -12.5)
    assert score(EXAMPLE, Brief.make(penalties={"hidden": 100, "low_engagement": 30})).value == 0.0


def test_the_interval_is_that_of_the_audience() -> None:
    """Fit from 0 to 60 points with half of the weight moves the score by as much."""
    report = view(
        cqs={"cqs_value": 50},
        audience_followers={
            "success": True,
            "data": {
                "audience_genders": [{"code": "FEMALE", "weight": 0.3}, {"code": "MALE", "weight": 0.7}],
                "audience_geo": {"countries": [{"code": "PK", "weight": 0.3}]},
            },
        },
    )
    found = score(report, Brief.make(genders="female", countries="pk", weights={"audience_fit": 1}))
    assert (found.low, found.value, found.high) == (25.0, 34.0, 55.0)


def test_an_empty_report_has_no_score() -> None:
    """Nothing is known: no value, no coverage, no crash."""
    found = score(ScoreView(), Brief.make(countries="PK", followers={"min": 1}))
    assert (found.value, found.coverage, found.grade, found.contributions) == (None, 0.0, Grade.NOT_ENOUGH_DATA, ())


# -- what holds for every report --------------------------------------------------------------------------------------

NUMBERS = st.one_of(st.none(), st.integers(-5, 10**9), st.floats(-1, 1e6, allow_nan=False), st.just(0))
COUNTS = st.one_of(st.none(), st.integers(-5, 10**12))
SHARES = st.one_of(st.none(), st.floats(-0.1, 1.2), st.just(0.0))
CODES = st.sampled_from(
    ["PK", "US", "IN", "MALE", "FEMALE", "18-24", "25-34", "-500", "500-1000", "1500-", "other", "??"]
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects in which any field may be absent."""
    return st.fixed_dictionaries({}, optional=fields)


def rows(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.lists(objects(**fields), max_size=6))


WEIGHTED = rows(code=st.one_of(st.none(), CODES), weight=SHARES)
MONTHS = st.sampled_from(["2025-07", "2025-08", "2025-09", "2025-10", "2026-01", "2025-13", "soon"])
TIMES = st.sampled_from(
    ["2026-01-01T00:00:00.000+00:00", "2025-06-01T00:00:00+0000", "yesterday", "2026-02-01T00:00:00"]
)
REPORTS = objects(
    success=st.booleans(),
    report_info=objects(report_id=st.text(max_size=5), created=TIMES),
    user_profile=objects(
        username=st.text(max_size=8),
        fullname=st.text(max_size=8),
        is_hidden=st.one_of(st.none(), st.booleans()),
        followers=COUNTS,
        engagement_rate=st.one_of(st.none(), st.floats(-1, 9)),
        avg_likes=NUMBERS,
        avg_comments=NUMBERS,
        avg_views=NUMBERS,
        avg_posts4w=NUMBERS,
        stat_history=rows(month=MONTHS, followers=COUNTS, avg_likes=NUMBERS),
        recent_posts=rows(created=TIMES, stat=objects(views=COUNTS), text=st.text(max_size=5)),
        similar_users=rows(username=st.text(max_size=5)),
    ),
    audience_followers=objects(
        success=st.booleans(),
        data=objects(
            audience_reachability=WEIGHTED,
            audience_genders=WEIGHTED,
            audience_ages=WEIGHTED,
            audience_genders_per_age=rows(code=CODES, male=SHARES, female=SHARES),
            audience_languages=WEIGHTED,
            audience_geo=objects(countries=WEIGHTED),
            notable_users=rows(username=st.text(max_size=5)),
        ),
    ),
    extra=objects(
        followers_range=objects(left_number=COUNTS, right_number=COUNTS),
        engagement_rate_histogram=rows(min=SHARES, max=SHARES, total=COUNTS),
    ),
    cqs=objects(cqs_value=NUMBERS, mark=st.text(max_size=5)),
)
BRIEFS = st.builds(
    Brief,
    countries=st.lists(st.sampled_from(["PK", "US", "IN"]), max_size=2),
    genders=st.lists(st.sampled_from(["MALE", "FEMALE"]), max_size=2),
    ages=st.lists(st.sampled_from(["18-24", "25-34"]), max_size=2),
)
CASES = [Brief(), Brief.make(countries=["PK"], genders=["FEMALE"], ages=["18-34"], languages=["ur"])]


def body(report: dict[str, Any]) -> bytes:
    """A whole answer around a report; so large that the decoder looks no closer at its envelope."""
    return msgspec.json.encode({"success": True, "message": "x" * 5000, "payload": {**report, "success": True}})


def check(found: Score) -> None:
    """What every score must be."""
    assert 0 <= found.coverage <= 1
    for part in found.components:
        assert (part.value is None) == bool(part.missing)
        for bound in (part.low, part.value, part.high):
            assert bound is None or 0 <= bound <= 100
    if found.value is None:
        assert found.contributions == ()
        return
    assert 0 <= found.value <= 100
    assert sum(Decimal(str(part.points)) for part in found.contributions) == Decimal(str(found.value))
    if found.low is not None and found.high is not None:
        assert found.low - 0.011 <= found.value <= found.high + 0.011  # bounds are rounded on their own


@settings(max_examples=150)
@given(report=REPORTS, brief=BRIEFS)
def test_the_view_and_the_whole_report_score_alike(report: dict[str, Any], brief: Brief) -> None:
    """Whatever a report has or lacks: the same bytes, every time, within bounds, with hundredths that add up."""
    data = body(report)
    found = score(decode_bytes(data, ScoreView), brief)
    check(found)
    assert score(decode_bytes(data, CreatorReport), brief) == found
    assert msgspec.json.encode(score(decode_bytes(data, ScoreView), brief)) == msgspec.json.encode(found)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Score) == found


@pytest.mark.parametrize("brief", CASES, ids=["no target", "a target"])
@pytest.mark.parametrize("index", range(0, 60, 3))
def test_made_up_creators_score_alike_in_both_views(index: int, brief: Brief) -> None:
    """The same for reports of the shape that the gateway sends."""
    data = MAKER.body(index)
    found = score(decode_bytes(data, ScoreView), brief)
    check(found)
    assert score(decode_bytes(data), brief) == found


def shuffled(value: Any, dice: random.Random) -> Any:
    """The same with the rows of every audience table in another order."""
    if isinstance(value, dict):
        return {key: shuffled(item, dice) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return dice.sample([shuffled(item, dice) for item in value], len(value))
    return value


@pytest.mark.parametrize("index", range(12))
def test_the_order_of_rows_does_not_matter(index: int) -> None:
    """Genders, ages, countries, languages, months and posts may come in any order."""
    report, dice = MAKER.report(index), random.Random(index)
    other = {**report, "payload": shuffled(report["payload"], dice)}
    other["payload"]["extra"] = report["payload"]["extra"]  # a histogram is read from the left
    found, again = (score(decode_bytes(msgspec.json.encode(one), ScoreView), CASES[1]) for one in (report, other))
    assert found == again


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("block", ["audience_followers", "extra", "cqs", "report_info", "user_profile"])
def test_a_missing_block_lowers_the_coverage_and_nothing_else_breaks(index: int, block: str) -> None:
    """Without a part of the report there is a score of the rest."""
    report = MAKER.report(index, audience=True, cqs=50.0)
    whole = score(decode_bytes(msgspec.json.encode(report), ScoreView), CASES[1])
    del report["payload"][block]
    found = score(decode_bytes(msgspec.json.encode(report), ScoreView), CASES[1])
    check(found)
    assert found.coverage < whole.coverage or block == "report_info"


RATES = st.floats(0, 1, allow_nan=False)


@given(rates=st.tuples(RATES, RATES).map(sorted), index=st.integers(0, 20))
def test_more_engagement_never_lowers_its_points(rates: list[float], index: int) -> None:
    """The percentile rises with the rate, across buckets and past the last one."""
    report = msgspec.convert(MAKER.report(index)["payload"], ScoreView)
    assert report.user_profile is not None
    low, high = (
        score(
            msgspec.structs.replace(
                report, user_profile=msgspec.structs.replace(report.user_profile, engagement_rate=rate)
            )
        ).component("engagement")
        for rate in rates
    )
    assert low is not None
    assert high is not None
    assert (low.value or 0) <= (high.value or 0)


@given(shares=st.tuples(RATES, RATES).map(sorted))
def test_more_of_the_target_never_lowers_the_fit(shares: list[float]) -> None:
    """The points of fit rise with the share of women."""
    values = []
    for share in shares:
        table = [{"code": "FEMALE", "weight": share}, {"code": "MALE", "weight": 1 - share}]
        report = view(audience_followers={"success": True, "data": {"audience_genders": table}})
        values.append(score(report, Brief.make(genders="FEMALE")).value or 0)
    assert values[0] <= values[1]


def test_unlikely_numbers_are_no_reason_to_fall() -> None:
    """Rates above one, counts past 64 bits and months without end give a score or no data."""
    months = [{"month": f"{year}-01", "followers": 10**15 if year % 2 else 1} for year in range(1000, 9999, 500)]
    report = view(
        user_profile={
            "followers": 10**17,
            "engagement_rate": 1e300,
            "avg_views": 1e300,
            "avg_likes": 1e308,
            "avg_comments": 1e-300,
            "stat_history": months,
        },
        extra={"engagement_rate_histogram": [{"max": 1e-300, "total": 10**17}, {"min": 1e-300, "total": 1}]},
    )
    check(score(report))
    assert math.isfinite(score(report).value or 0)


# -- the order of many ------------------------------------------------------------------------------------------------


def graded(handle: str, grade: Grade, value: float | None, coverage: float = 1.0) -> Score:
    return Score(handle=handle, grade=grade, value=value, coverage=coverage, explanation="", brief="", version="1")


def test_who_comes_first() -> None:
    """By grade, then value, then coverage, then name: a rejected creator is never above one that is not."""
    ordered = [
        graded("a", Grade.APPROVE, 71.0),
        graded("b", Grade.REVIEW, 90.0, 0.5),
        graded("c", Grade.REVIEW, 60.0, 0.9),
        graded("d", Grade.REVIEW, 60.0, 0.8),
        graded("e", Grade.REVIEW, 60.0, 0.8),
        graded("f", Grade.NOT_ENOUGH_DATA, 99.0),
        graded("g", Grade.NOT_ENOUGH_DATA, 0.0),
        graded("h", Grade.NOT_ENOUGH_DATA, None),
        graded("i", Grade.REJECT, 99.0),
    ]
    mixed = random.Random(1).sample(ordered, len(ordered))
    assert sorted(mixed, key=rank) == ordered
    for size in (0, 1, 3, 9, 20):
        top = Top(size)
        for one in mixed:
            top.add(one)
        assert list(top) == ordered[:size]
        assert len(top) == min(size, 9)


@pytest.mark.parametrize("size", [-1, True, 1.5, "5"])
def test_the_best_are_a_whole_number(size: Any) -> None:
    """How many of the best to keep is a count; anything else is said to be none."""
    with pytest.raises(ConfigError, match=f"best to keep is {size!r}; it must be a whole number of at least 0"):
        Top(size)


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        (Requirement("min_quality", 60.0, 40.25, False), "quality: 40.2, and the brief asks for at least 60"),
        (Requirement("min_followers", 5e3, 1200.4, False), "followers: 1,200, and the brief asks for at least 5,000"),
        (Requirement("max_followers", 5e3), "followers: not known, and the brief asks for at most 5,000"),
        (Requirement("min_target_share", 0.1, 0.0523), "target share: 5.2%, and the brief asks for at least 10%"),
        (Requirement("min_coverage", 0.75, 0.6), "coverage: 60.0%, and the brief asks for at least 75%"),
    ],
)
def test_a_requirement_is_told_in_the_measure_it_is_asked_in(requirement: Requirement, reason: str) -> None:
    """Shares in percent, followers whole, all else with one decimal."""
    assert requirement.reason == reason


def test_what_is_found_is_held_to_six_decimals() -> None:
    """What is less by the error of its arithmetic is not less: a limit is met up to the sixth decimal."""
    report = view(cqs={"cqs_value": 59.9999996})
    found = score(report, Brief.make(require={"min_quality": 60})).requirements[0]
    assert (found.found, found.met) == (60.0, True)


def test_what_is_known_comes_before_what_is_not() -> None:
    """Among those to be looked at, a known fit is above a higher score whose audience nobody knows."""
    unknown = msgspec.structs.replace(
        graded("a", Grade.REVIEW, 87.0), requirements=(Requirement("min_target_share", 0.0),)
    )
    known_fit = graded("b", Grade.REVIEW, 60.0)
    assert sorted([unknown, known_fit, graded("c", Grade.REJECT, 99.0)], key=rank)[:2] == [known_fit, unknown]


@pytest.mark.parametrize("number", [2**70, 10**400])
def test_a_number_that_nothing_can_count_is_unknown(number: int) -> None:
    """Followers past all counting, in the profile, the history or the histogram, are no data and no end of a run."""
    months = [{"month": f"2025-{place:02}", "followers": count} for place, count in enumerate((5, 6, 7, number), 1)]
    report = view(
        user_profile={"followers": number, "engagement_rate": 0.1, "avg_views": 5, "stat_history": months},
        extra={"engagement_rate_histogram": [{"max": 0.01, "total": number}, {"min": 0.01, "total": 1}]},
    )
    found = score(report)
    check(found)
    assert found.followers is None
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Score) == found


def test_the_flags_of_the_brief_are_those_that_are_raised() -> None:
    """Every name in `FLAGS` is a penalty, and there is no other."""
    assert set(FLAGS) == set(Brief().penalties.__struct_fields__)
