"""The Structs hold every key of the contract and of a real report, and answer what everybody asks of them."""

from __future__ import annotations

import gc
import gzip
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from walee_async import models
from walee_async.models import (
    Audience,
    AudienceData,
    AudienceGeo,
    CodeWeight,
    CountryWeight,
    CreatorReport,
    GenderAgeWeight,
    Geo,
    Headline,
    LanguageWeight,
    Post,
    RelatedUser,
    ReportInfo,
    UserProfile,
)

SAMPLE: dict[str, Any] = msgspec.json.decode(
    gzip.decompress((Path(__file__).parent / "data" / "tiktok-macro.json.gz").read_bytes())
)["payload"]

_GEO = {"country": {"id": 0, "name": "string", "code": "string", "coords": {"lat": 0, "lon": 0}}}
_RELATED = {
    "user_id": "string",
    "username": "string",
    "picture": "string",
    "followers": 0,
    "fullname": "string",
    "url": "string",
    "geo": _GEO,
    "is_verified": True,
    "engagements": 0,
    "stats": [{"post_type": "string", "engagements": 0}],
}
_AVERAGES = {"avg_likes": 0, "avg_comments": 0, "avg_views": 0, "avg_shares": 0, "avg_saves": 0}
_POST = {
    "user_id": "string",
    "username": "string",
    "user_picture": "string",
    "user_url": "string",
    "type": "string",
    "post_id": "string",
    "created": "string",
    "text": "string",
    "duration": 0,
    "link": "string",
    "hashtags": ["string", "string", "string"],
    "stat": {"likes": 0, "comments": 0, "views": 0, "shares": 0, "saves": 0},
}
_SCORE = {"value": 0, "mark": "string", "description": "string"}
_CODES = [{"code": "string", "weight": 0}]

DOCUMENTED: dict[str, Any] = {
    "success": True,
    "version": "2",
    "report_info": {"report_id": "string", "created": "string", "profile_updated": "string"},
    "user_profile": {
        "type": "string",
        "user_id": "string",
        "sec_uid": "string",
        "username": "string",
        "url": "string",
        "picture": "string",
        "fullname": "string",
        "description": "string",
        "is_verified": True,
        "is_hidden": True,
        "gender": "string",
        "age_group": "string",
        "language": {"code": "string", "name": "string"},
        "followers": 0,
        "posts_count": 0,
        "engagements": 0,
        "engagement_rate": 0,
        **_AVERAGES,
        "avg_posts4w": 0,
        "total_likes": 0,
        "stat_history": [
            {"month": "string", "followers": 0, "following": 0, **_AVERAGES, "avg_engagements": 0, "total_likes": 0}
        ],
        "stats": [
            {
                "post_type": "string",
                "engagements": 0,
                "engagement_rate": 0,
                **_AVERAGES,
                "avg_posts4w": 0,
                "stat_history": [{"month": "string", **_AVERAGES, "avg_engagements": 0}],
            }
        ],
        "geo": _GEO,
        "top_hashtags": [{"tag": "string", "weight": 0}],
        "relevant_tags": [{"tag": "string", "distance": 0, "freq": 0}],
        "similar_users": [{**_RELATED, "score": 0}],
        "top_posts": [{**_POST, "thumbnail": "string"}],
        "recent_posts": [_POST],
    },
    "audience_likers": {"success": False, "error": "string"},
    "audience_followers": {
        "success": True,
        "data": {
            "notable_users_ratio": 0,
            "audience_reachability": _CODES,
            "audience_genders": _CODES,
            "audience_ages": _CODES,
            "audience_genders_per_age": [{"code": "string", "male": 0, "female": 0}],
            "audience_languages": [{"code": "string", "name": "string", "weight": 0}],
            "audience_geo": {"countries": [{"id": 0, "name": "string", "code": "string", "weight": 0}]},
            "audience_lookalikes": [{**_RELATED, "score": 0}],
            "notable_users": [_RELATED],
        },
    },
    "audience_commenters": {"success": False, "error": "empty_audience"},
    "extra": {
        "followers_range": {"left_number": 0, "right_number": 0},
        "engagement_rate_histogram": [{"max": 0, "total": 0}],
    },
    "cqs": {
        "cqs_value": 0,
        "mark": "string",
        "value_description": {
            "engagement_rate_score": _SCORE,
            "followers_growth_score": _SCORE,
            "likes_growth_score": _SCORE,
            "audience_location_score": _SCORE,
            "audience_reachability_score": _SCORE,
            "followers_credibility_score": _SCORE,
        },
    },
    "location": "string",
}
"""The inner payload of the gateway's documented answer."""


def unmodelled(value: object, kind: inspect.Type, path: str = "$") -> set[str]:
    """The keys of a raw value that the type of its place has no field for."""
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(value, list):
        assert isinstance(kind, inspect.VarTupleType), path
        return {key for item in value for key in unmodelled(item, kind.item_type, f"{path}[]")}
    if not isinstance(value, dict):
        return set()
    assert isinstance(kind, inspect.StructType), path
    fields = {field.encode_name: field.type for field in kind.fields}
    missing = {f"{path}.{key}" for key in value.keys() - fields.keys()}
    return missing.union(
        *(unmodelled(value[key], fields[key], f"{path}.{key}") for key in value.keys() & fields.keys())
    )


@pytest.mark.parametrize("raw", [SAMPLE, DOCUMENTED], ids=["real", "documented"])
def test_every_key_has_a_field(raw: dict[str, Any]) -> None:
    """No key of a real report or of the documented answer is left out of the Structs."""
    assert unmodelled(raw, inspect.type_info(CreatorReport)) == set()


def test_the_search_for_missing_fields_finds_one() -> None:
    """The walk behind the test above names a key that has no field, however deep."""
    raw = {"user_profile": {"top_posts": [{"stat": {"hearts": 1}}]}, "audience": {}}
    assert unmodelled(raw, inspect.type_info(CreatorReport)) == {"$.user_profile.top_posts[].stat.hearts", "$.audience"}


@pytest.mark.parametrize("raw", [SAMPLE, DOCUMENTED], ids=["real", "documented"])
def test_a_report_encodes_to_what_it_was(raw: dict[str, Any]) -> None:
    """Every value of a report is kept: encoded again it is the gateway's JSON, absent keys absent."""
    report = msgspec.json.decode(msgspec.json.encode(raw), type=CreatorReport)
    assert msgspec.json.decode(msgspec.json.encode(report)) == raw


def test_counts_are_ints_and_averages_floats() -> None:
    """A count is an int and an average or a ratio a float, whichever of the two the wire had."""
    profile = msgspec.convert(SAMPLE, CreatorReport).user_profile
    assert profile is not None
    assert [type(value) for value in (profile.followers, profile.posts_count, profile.total_likes)] == [int] * 3
    assert [type(value) for value in (profile.avg_likes, profile.engagement_rate, profile.engagements)] == [float] * 3


@pytest.mark.parametrize("kind", [getattr(models, name) for name in models.__all__], ids=models.__all__)
def test_every_part_can_be_empty(kind: type[msgspec.Struct]) -> None:
    """Each Struct is made from nothing, all its fields None, and null is the same as absent."""
    empty = kind()
    assert {getattr(empty, field) for field in kind.__struct_fields__} == {None}
    assert msgspec.convert(dict.fromkeys(kind.__struct_fields__), kind) == empty
    assert msgspec.json.encode(empty) == b"{}"


def test_a_report_is_immutable_hashable_and_picklable() -> None:
    """A report can be a set's member and cross a process boundary, and nobody can change it."""
    report = msgspec.convert(SAMPLE, CreatorReport)
    assert {pickle.loads(pickle.dumps(report)), report} == {report}
    with pytest.raises(AttributeError):
        report.version = "3"  # type: ignore[misc]


def test_a_report_costs_the_garbage_collector_nothing() -> None:
    """None of a report's Structs is tracked, so large runs do not slow the collector down."""
    report = msgspec.json.decode(msgspec.json.encode(SAMPLE), type=CreatorReport)
    profile = report.user_profile
    assert profile is not None
    assert profile.top_posts is not None
    assert not any(gc.is_tracked(part) for part in (report, profile, profile.top_posts[0], profile.top_posts[0].stat))


# Audience lookups


def test_the_weights_of_a_real_report_are_found_by_code() -> None:
    """Gender, age, both, reach, language and country are looked up by code, in any case."""
    data = msgspec.convert(SAMPLE, CreatorReport).audience
    assert data is not None
    assert (data.gender("FEMALE"), data.gender("male")) == (0.277913, 0.722087)
    assert (data.age("18-24"), data.age("65-")) == (0.571121, 0)
    assert (data.gender_age("FEMALE", "18-24"), data.gender_age("male", "13-17")) == (0.167999, 0.07876)
    assert (data.reachability("-500"), data.language("EN")) == (
        _weight("reachability", "-500"),
        _weight("languages", "en"),
    )
    assert (data.country("us"), data.country("MX")) == (_country("US"), _country("MX"))


def _weight(table: str, code: str) -> Any:
    rows = SAMPLE["audience_followers"]["data"][f"audience_{table}"]
    return next(row["weight"] for row in rows if row["code"] == code)


def _country(code: str) -> Any:
    rows = SAMPLE["audience_followers"]["data"]["audience_geo"]["countries"]
    return next(row["weight"] for row in rows if row["code"] == code)


def test_of_an_unknown_audience_every_share_is_unknown() -> None:
    """Without the tables every lookup is None, not 0."""
    for data in (AudienceData(), AudienceData(audience_genders=(), audience_genders_per_age=(), audience_ages=())):
        assert data.gender("MALE") is data.age("18-24") is data.reachability("-500") is None
        assert data.language("en") is data.country("US") is data.gender_age("MALE", "18-24") is None


def test_a_missing_row_is_nothing_only_when_the_others_are_everybody() -> None:
    """With only women in the table men are 0.0; with a table that leaves a rest they are unknown."""
    women = AudienceData(
        audience_genders=(CodeWeight(code="FEMALE", weight=1),),
        audience_ages=(CodeWeight(code="18-24", weight=0.4), CodeWeight(code="25-34", weight=0.599999)),
        audience_genders_per_age=(GenderAgeWeight(code="18-24", male=0, female=1),),
        audience_reachability=(CodeWeight(code="-500", weight=1.0),),
    )
    assert (
        women.gender("MALE")
        == women.age("65-")
        == women.gender_age("FEMALE", "65-")
        == women.reachability("1500-")
        == 0.0
    )
    part = AudienceData(
        audience_genders=(CodeWeight(code="FEMALE", weight=0.6), CodeWeight(code="OTHER")),
        audience_genders_per_age=(GenderAgeWeight(code="18-24", female=0.5), GenderAgeWeight()),
    )
    assert part.gender("MALE") is part.gender("OTHER") is part.gender_age("MALE", "18-24") is None
    assert part.gender_age("MALE", "65-") is None


def test_a_misspelt_code_is_unknown_and_not_nothing() -> None:
    """A code that no table has is None even where the rows are everybody, so that a slip does not pass for a zero."""
    data = msgspec.convert(SAMPLE, CreatorReport).audience
    assert data is not None
    assert data.gender("F") is data.age("18-25") is data.reachability("2000-") is None
    assert data.gender_age("F", "18-24") is data.gender_age("MALE", "18-25") is None


def test_a_country_or_language_without_a_row_is_unknown() -> None:
    """Countries below 1 % have no row and languages end in `other`, so a missing one is never 0."""
    data = AudienceData(
        audience_geo=AudienceGeo(countries=(CountryWeight(code="US", weight=1.0),)),
        audience_languages=(LanguageWeight(code="en", weight=1.0),),
    )
    assert (data.country("US"), data.country("PK"), data.language("ur")) == (1.0, None, None)


def test_rows_of_one_code_add_up() -> None:
    """A share that is split over rows is their sum, as in a score; a row that says nothing adds nothing."""
    data = AudienceData(
        audience_genders=(
            CodeWeight(code="MALE", weight=0.25),
            CodeWeight(code="male", weight=0.5),
            CodeWeight(code="MALE"),
        ),
        audience_genders_per_age=(GenderAgeWeight(code="18-24", male=0.25), GenderAgeWeight(code="18-24", male=0.125)),
    )
    assert (data.gender("MALE"), data.gender_age("MALE", "18-24")) == (0.75, 0.375)
    assert data.gender_age("FEMALE", "18-24") is None


@given(st.permutations([("MALE", 0.25), ("FEMALE", 0.75), (None, None)]))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str | None, float | None]]) -> None:
    """Rows come in any order; a lookup finds its own."""
    data = AudienceData(audience_genders=tuple(CodeWeight(code=code, weight=weight) for code, weight in rows))
    assert (data.gender("MALE"), data.gender("FEMALE")) == (0.25, 0.75)


def test_data_is_given_only_after_success() -> None:
    """A block that failed, or does not say that it succeeded, has no data; a report without the block neither."""
    data = AudienceData()
    assert Audience(success=True, data=data).data_or_none is data
    assert Audience(success=True).data_or_none is None
    assert Audience(success=False, error="empty_audience", data=data).data_or_none is None
    assert Audience(data=data).data_or_none is None
    assert CreatorReport().audience is CreatorReport(audience_followers=Audience(success=False)).audience is None


# Times, places, the score


@pytest.mark.parametrize(
    "text",
    [
        "2023-10-23T06:04:07.182+00:00",
        "2023-10-23T06:04:07.182+0000",
        "2023-10-23T06:04:07.182Z",
        "2023-10-23T06:04:07.182",
    ],
)
def test_a_time_is_read_in_every_form_it_comes_in(text: str) -> None:
    """Offsets with a colon, without one, as Z or missing are all UTC, and the raw text stays."""
    info = ReportInfo(created=text, profile_updated=text)
    assert info.created == text
    assert info.created_at == info.profile_updated_at == Post(created=text).created_at
    assert info.created_at == datetime(2023, 10, 23, 6, 4, 7, 182000, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "string", "2023-13-01T00:00:00Z", "1698040000"])
def test_what_is_no_time_reads_as_none(text: str | None) -> None:
    """A missing or unreadable time is unknown, not an error."""
    assert ReportInfo(created=text).created_at is ReportInfo(profile_updated=text).profile_updated_at is None
    assert Post(created=text).created_at is None


@given(st.datetimes(timezones=st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))))
def test_any_time_survives_as_text(moment: datetime) -> None:
    """Whatever offset a time is written with, the same moment is read, and always aware."""
    read = ReportInfo(created=moment.isoformat()).created_at
    assert read == moment
    assert read is not None
    assert read.utcoffset() == moment.utcoffset()


def test_a_country_code_needs_no_steps() -> None:
    """The country of the creator, of a related user and of a headline is one property, None at any missing step."""
    report, headline = msgspec.convert(SAMPLE, CreatorReport), msgspec.convert(SAMPLE, Headline)
    assert report.user_profile is not None
    assert report.user_profile.similar_users is not None
    assert headline.user_profile is not None
    assert report.user_profile.country_code == headline.user_profile.country_code == "US"
    assert (
        report.user_profile.similar_users[0].country_code
        == SAMPLE["user_profile"]["similar_users"][0]["geo"]["country"]["code"]
    )
    assert UserProfile().country_code is UserProfile(geo=Geo()).country_code is RelatedUser().country_code is None


def test_the_quality_score_is_one_step_away() -> None:
    """`cqs_value` of a report and of its headline is the block's value, None without the block."""
    raw = {"cqs": {"cqs_value": 61, "mark": "good"}}
    assert msgspec.convert(raw, CreatorReport).cqs_value == msgspec.convert(raw, Headline).cqs_value == 61
    assert CreatorReport().cqs_value is Headline().cqs_value is None


def test_a_headline_says_what_the_report_says() -> None:
    """Every field of the headline has the value it has in the whole report."""
    raw = {**DOCUMENTED, **SAMPLE}
    report, headline = msgspec.convert(raw, CreatorReport), msgspec.convert(raw, Headline)
    assert headline.report_info == report.report_info
    for part in ("user_profile", "cqs"):
        small, whole = getattr(headline, part), getattr(report, part)
        assert msgspec.structs.asdict(small) == {name: getattr(whole, name) for name in small.__struct_fields__}
