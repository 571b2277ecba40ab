"""The made-up creators: the same in every run, of the measured shape, and true to themselves."""

from __future__ import annotations

import gzip
import re
import statistics
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walee_async.decode import decode
from walee_async.outcomes import Payload
from walee_async.testing import Creator, Maker

SEEDS = st.integers(0, 2**32)
INDICES = st.integers(0, 100_000)
SAMPLE = 300


def payload_of(maker: Maker, index: int, **traits: Any) -> dict[str, Any]:
    payload: dict[str, Any] = maker.report(index, **traits)["payload"]
    return payload


def total(rows: list[dict[str, Any]], key: str = "weight") -> float:
    return sum(float(row[key]) for row in rows)


@pytest.fixture(scope="module")
def payloads() -> list[dict[str, Any]]:
    maker = Maker(seed=11)
    return [payload_of(maker, index) for index in range(SAMPLE)]


@given(SEEDS, INDICES, st.booleans())
def test_every_made_report_decodes_whole(seed: int, index: int, small: bool) -> None:
    """Whatever creator is made, the library reads its report, every list at its full length."""
    maker = Maker(seed, creators=index + 1, small=small)
    report = decode(Payload(handle=maker.handle(index), body=maker.gzip(index), encoding="gzip"))
    profile = payload_of(maker, index)["user_profile"]
    assert report.user_profile is not None
    assert report.user_profile.username == maker.handle(index)
    assert report.user_profile.followers == profile["followers"]
    assert len(report.user_profile.stat_history or []) == len(profile["stat_history"])
    assert len(report.user_profile.similar_users or []) == len(profile.get("similar_users", []))


@given(SEEDS, st.lists(INDICES, min_size=2, max_size=4, unique=True), st.booleans())
@settings(max_examples=25)
def test_a_report_depends_on_seed_and_index_alone(seed: int, indices: list[int], small: bool) -> None:
    """In whatever order reports are made, and by however many makers, their bytes are the same."""
    one, other = Maker(seed, small=small), Maker(seed, small=small)
    forwards = {index: one.body(index) for index in indices}
    backwards = {index: other.body(index) for index in reversed(indices)}
    assert forwards == backwards
    assert len(set(forwards.values())) == len(indices)


def test_a_seed_keeps_its_creators() -> None:
    """Handles and ids of a seed stay the same from release to release, so that tests may name them."""
    creator = Maker(seed=0).creator(0)
    assert (creator.handle, creator.user_id) == ("amber.anchor", "7055067942580660162")


def test_the_compressed_report_is_the_report() -> None:
    """The body joined from prepared pieces is one ordinary gzip member with the same bytes."""
    maker = Maker(seed=5)
    assert [gzip.decompress(maker.gzip(index)) for index in range(20)] == [maker.body(index) for index in range(20)]


@given(SEEDS, INDICES)
def test_a_handle_leads_back_to_its_creator(seed: int, index: int) -> None:
    """A handle is one TikTok allows, and tells its index without a table."""
    maker = Maker(seed, creators=index + 1)
    assert re.fullmatch(r"[a-z0-9_.]{2,24}", maker.handle(index))
    assert maker.index(maker.handle(index)) == index
    assert Maker(seed, creators=index).index(maker.handle(index)) is None


def test_no_two_creators_share_a_handle_or_an_id() -> None:
    """Among many creators each has a handle and an id of its own, small ones too."""
    assert len(set(Maker(seed=3).handles(20_000))) == 20_000
    small = Maker(seed=3, small=True)
    assert len({payload_of(small, index)["user_profile"]["user_id"] for index in range(500)}) == 500


@pytest.mark.parametrize("text", ["river.kites", "amber-anchor", "amber_anchor01", "", "amber", "amber_anchor99999999"])
def test_a_handle_of_nobody_has_no_index(text: str) -> None:
    """A handle that the maker never gave is nobody's."""
    assert Maker(seed=0, creators=10**9).index(text) is None


def test_reports_have_the_measured_sizes() -> None:
    """Full reports are 85–95 KB and 21–25 KB gzipped, by the median; small ones about 1 KB on the wire."""
    maker, small = Maker(seed=2), Maker(seed=2, small=True)
    sizes = [len(maker.body(index)) for index in range(SAMPLE)]
    wire = [len(maker.gzip(index)) for index in range(SAMPLE)]
    assert 85_000 <= statistics.median(sizes) <= 95_000
    assert max(sizes) < 110_000
    assert 21_000 <= statistics.median(wire) <= 25_000
    assert 700 <= statistics.median(len(small.gzip(index)) for index in range(SAMPLE)) <= 1_300


def test_the_parts_of_a_report_have_the_measured_sizes(payloads: list[dict[str, Any]]) -> None:
    """People and posts weigh what they weigh in real reports."""

    def weigh(block: str, name: str) -> float:
        blocks = [
            payload["audience_followers"].get("data", {}) if block else payload["user_profile"] for payload in payloads
        ]
        return statistics.median(len(msgspec.json.encode(found[name])) for found in blocks if name in found)

    assert 25_000 <= weigh("data", "notable_users") <= 35_000
    assert 13_000 <= weigh("data", "audience_lookalikes") <= 19_000
    assert 13_000 <= weigh("", "similar_users") <= 16_000
    assert 20_000 <= weigh("", "top_posts") + weigh("", "recent_posts") <= 27_000


def test_a_report_is_made_quickly() -> None:
    """Making a report takes a few milliseconds of processor time at the very most."""
    maker = Maker(seed=4)
    before = time.process_time()
    for index in range(100):
        maker.gzip(index)
    assert (time.process_time() - before) / 100 < 0.02


def nulls(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(nulls, value.values()))
    if isinstance(value, list):
        return sum(map(nulls, value))
    return value is None


def test_what_is_unknown_is_left_out(payloads: list[dict[str, Any]]) -> None:
    """There is no null anywhere; absent keys stand for the unknown, and some are absent, and none always."""
    assert sum(map(nulls, payloads)) == 0
    profiles = [payload["user_profile"] for payload in payloads]
    for name in ("gender", "age_group", "geo", "similar_users", "relevant_tags", "top_hashtags", "stats", "top_posts"):
        assert 0 < sum(name in profile for profile in profiles) < SAMPLE, name
    for name in ("cqs", "location"):
        assert 0 < sum(name in payload for payload in payloads) < SAMPLE, name


def test_small_accounts_miss_what_small_accounts_miss() -> None:
    """Below 5,000 followers nobody notable follows and the audience is often unknown; from a million on it never is."""
    maker = Maker(seed=6)
    small = [payload_of(maker, index, followers=1_200) for index in range(100)]
    large = [payload_of(maker, index, followers=30_000_000) for index in range(100)]
    empty = [payload["audience_followers"] for payload in small if not payload["audience_followers"]["success"]]
    assert 20 < len(empty) < 80
    assert empty[0] == {"success": False, "error": "empty_audience"}
    assert not any("notable_users" in payload["audience_followers"].get("data", {}) for payload in small)
    known = [payload["audience_followers"] for payload in large if payload["audience_followers"]["success"]]
    assert len(known) > 90
    assert all(57 <= len(audience["data"]["notable_users"]) <= 60 for audience in known)
    assert {len(payload["user_profile"]["top_posts"]) for payload in large} == {10}
    assert len({len(payload["user_profile"].get("top_posts", [])) for payload in small}) > 3


def test_followers_spread_over_all_tiers(payloads: list[dict[str, Any]]) -> None:
    """From 500 to 200 million, evenly by orders of magnitude."""
    followers = sorted(payload["user_profile"]["followers"] for payload in payloads)
    assert followers[0] >= 500
    assert followers[-1] <= 200_000_000
    assert 100_000 < statistics.median(followers) < 1_000_000
    starts = Counter(payload["extra"]["followers_range"]["left_number"] for payload in payloads)
    assert set(starts) == {1, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000}


@given(SEEDS, INDICES)
def test_shares_sum_to_one(seed: int, index: int) -> None:
    """Every table of the audience sums to one, and genders per age add up to both ages and genders."""
    data = payload_of(Maker(seed), index, audience=True)["audience_followers"]["data"]
    for name in ("audience_reachability", "audience_genders", "audience_ages", "audience_languages"):
        assert total(data[name]) == pytest.approx(1, abs=1e-6), name
    joint, ages = data["audience_genders_per_age"], data["audience_ages"]
    for row, age in zip(joint, ages, strict=True):
        assert row["code"] == age["code"]
        assert row["male"] + row["female"] == pytest.approx(age["weight"], abs=1e-9)
    genders = {row["code"]: row["weight"] for row in data["audience_genders"]}
    assert total(joint, "female") == pytest.approx(genders["FEMALE"], abs=1e-6)
    assert total(joint, "male") == pytest.approx(genders["MALE"], abs=1e-6)
    assert data["audience_languages"][-1]["code"] == "other"
    assert "name" not in data["audience_languages"][-1]


@given(SEEDS, INDICES)
def test_countries_are_cut_at_one_percent(seed: int, index: int) -> None:
    """Countries come largest first, none under 1 %, and leave a part unnamed."""
    countries = payload_of(Maker(seed), index, audience=True)["audience_followers"]["data"]["audience_geo"]["countries"]
    weights = [country["weight"] for country in countries]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] >= 0.01
    assert 5 <= len(weights) <= 38
    assert 0.6 < sum(weights) < 1


@given(SEEDS, INDICES)
def test_the_histogram_follows_the_measured_law(seed: int, index: int) -> None:
    """Twenty contiguous buckets of the creator's tier, open at both ends, the sixth the median one, totals C/(3+k)."""
    payload = payload_of(Maker(seed), index)
    reach, buckets = payload["extra"]["followers_range"], payload["extra"]["engagement_rate_histogram"]
    followers = payload["user_profile"]["followers"]
    assert reach["left_number"] <= followers < reach.get("right_number", float("inf"))
    assert len(buckets) == 20
    assert ("min" in buckets[0], "max" in buckets[-1]) == (False, False)
    assert [bucket["max"] for bucket in buckets[:-1]] == [bucket["min"] for bucket in buckets[1:]]
    assert [place for place, bucket in enumerate(buckets) if bucket.get("median")] == [5]
    crowd = buckets[0]["total"] * 4
    assert all(bucket["total"] == pytest.approx(crowd / (3 + k), rel=1e-3) for k, bucket in enumerate(buckets, 1))


def test_engagement_is_spread_as_the_histogram_says() -> None:
    """Of many creators of one tier, about as many lie in each part of the histogram as it counts."""
    maker, below = Maker(seed=8), 0
    for index in range(1_000):
        below += maker.creator(index, followers=5_000_000).engagement_rate <= 0.008912
    totals = [
        bucket["total"] for bucket in payload_of(maker, 0, followers=5_000_000)["extra"]["engagement_rate_histogram"]
    ]
    assert below / 1_000 == pytest.approx(sum(totals[:6]) / sum(totals), abs=0.05)


@given(SEEDS, INDICES)
def test_a_profile_agrees_with_itself(seed: int, index: int) -> None:
    """Rate, history and posts tell one story."""
    payload = payload_of(Maker(seed), index)
    profile = payload["user_profile"]
    assert profile["engagement_rate"] == pytest.approx(profile["engagements"] / profile["followers"], abs=1e-6)
    history = profile["stat_history"]
    months = [month["month"] for month in history]
    assert months == ["2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01"]
    assert history[-1]["followers"] == profile["followers"]
    assert all(history[-1][name] == profile[name] for name in ("avg_likes", "avg_views", "total_likes"))
    counted = ["avg_saves" in month for month in history]
    assert counted == sorted(counted)
    top, recent = profile.get("top_posts", []), profile.get("recent_posts", [])
    assert len(top) == len(recent) == min(10, profile["posts_count"])
    assert [post["stat"]["likes"] for post in top] == sorted((post["stat"]["likes"] for post in top), reverse=True)
    assert [post["created"] for post in recent] == sorted((post["created"] for post in recent), reverse=True)
    assert all(post["created"] <= payload["report_info"]["created"] for post in [*top, *recent])


def test_people_are_listed_as_the_gateway_lists_them(payloads: list[dict[str, Any]]) -> None:
    """Similar users and lookalikes come closest first, notable users by followers and without a score."""
    for payload in payloads:
        data = payload["audience_followers"].get("data", {})
        for people in (payload["user_profile"].get("similar_users", []), data.get("audience_lookalikes", [])):
            scores = [person["score"] for person in people]
            assert scores == sorted(scores)
            assert len(scores) in {0, 30}
        followers = [person["followers"] for person in data.get("notable_users", [])]
        assert followers == sorted(followers, reverse=True)
        assert not any("score" in person for person in data.get("notable_users", []))


def test_the_variety_of_real_reports_is_there(payloads: list[dict[str, Any]]) -> None:
    """Genders in either order, int and float scores, both spellings of UTC, and names in many scripts."""
    audiences = [
        payload["audience_followers"]["data"] for payload in payloads if payload["audience_followers"]["success"]
    ]
    assert {audience["audience_genders"][0]["code"] for audience in audiences} == {"MALE", "FEMALE"}
    assert {type(payload["cqs"]["cqs_value"]) for payload in payloads if "cqs" in payload} == {int, float}
    assert {payload["report_info"]["created"][-6:] for payload in payloads} == {"+00:00", "2+0000"}
    names = "".join(payload["user_profile"]["fullname"] for payload in payloads)
    for script in ("[a-z]", r"[\u0627-\u06cc]", r"[\u0430-\u044f]", r"[\u0915-\u0939]", "[\U0001f300-\U0001faff]"):
        assert re.search(script, names), script
    assert all(payload["audience_likers"] == payload["audience_commenters"] for payload in payloads)
    assert {int(row["weight"] == 0) for audience in audiences for row in audience["audience_ages"]} == {0, 1}


def test_given_traits_are_read_back_from_the_report() -> None:
    """A planted profile's numbers appear in its report as they were given."""
    growth = (0.02, 0.02, 0.02, 0.02, 0.02, 0.4)
    created = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
    payload = payload_of(
        Maker(seed=1),
        7,
        followers=250_000,
        engagement_rate=0.04,
        audience=True,
        female=0.9,
        ages=(0.1, 0.6, 0.2, 0.1, 0, 0),
        countries=(("PK", 0.8), ("IN", 0.1), ("US", 0.005)),
        growth=growth,
        cqs=88,
        posts=40,
        last_post_days=75.0,
        created=created,
    )
    profile, data = payload["user_profile"], payload["audience_followers"]["data"]
    assert (profile["followers"], profile["engagements"], profile["engagement_rate"]) == (250_000, 10_000, 0.04)
    assert {row["code"]: row["weight"] for row in data["audience_genders"]} == {"FEMALE": 0.9, "MALE": 0.1}
    assert [row["weight"] for row in data["audience_ages"]] == [0.1, 0.6, 0.2, 0.1, 0, 0]
    assert [(row["code"], row["weight"]) for row in data["audience_geo"]["countries"]] == [("PK", 0.8), ("IN", 0.1)]
    counts = [month["followers"] for month in profile["stat_history"]]
    assert [after / before - 1 for before, after in pairwise(counts)] == pytest.approx(growth, abs=1e-4)
    assert payload["cqs"]["cqs_value"] == 88
    assert profile["stat_history"][-1]["month"] == "2026-03"
    newest = datetime.fromisoformat(profile["recent_posts"][0]["created"])
    assert created - newest == timedelta(days=75)


def test_a_given_trait_leaves_the_others_as_they_were() -> None:
    """Planting one trait changes that one and what follows from it, and no other."""
    maker = Maker(seed=9)
    for index in range(50):
        drawn, planted = maker.creator(index), maker.creator(index, cqs=12.5, female=0.25)
        same = set(Creator.__struct_fields__) - {"cqs", "female"}
        assert all(getattr(drawn, name) == getattr(planted, name) for name in same)
        assert (planted.cqs, planted.female) == (12.5, 0.25)


def test_an_unknown_trait_is_a_mistake() -> None:
    """A misspelt trait is not silently ignored."""
    with pytest.raises(TypeError, match="folowers"):
        Maker().creator(0, folowers=5)
