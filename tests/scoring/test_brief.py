"""Briefs: what they take, and what they say of what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from walee_async.errors import ConfigError
from walee_async.scoring import FLAGS, Brief, read_brief
from walee_async.scoring.brief import Weights

TOML = """
name = "Women 18-34 in Pakistan"
countries = "pk"
genders = ["Female"]
ages = ["18-34"]
languages = ["UR", "en"]
followers = { min = 10_000, max = 2e6 }
[weights]
audience_fit = 5
[require]
min_target_share = 0.1
no_flags = ["hidden"]
[penalties]
dormant = 12.5
"""


def test_codes_are_taken_as_people_write_them() -> None:
    """Any case, spans of ages, single texts; the same wishes are the same brief, and have the same id."""
    brief = Brief.make(countries="pk", genders=["Female"], ages=["18–34", "65+"], languages=["UR", "en", "ur"])
    assert (brief.countries, brief.genders, brief.languages) == (("PK",), ("FEMALE",), ("en", "ur"))
    assert brief.ages == ("18-24", "25-34", "65-")
    same = Brief(countries=("PK",), genders=("FEMALE",), ages=("65-", "25-34", "18-24"), languages=("ur", "en"))
    assert brief == same
    assert brief.id == same.id == msgspec.structs.replace(same, name="With a name").id
    assert brief.id != Brief().id


def test_a_brief_survives_json() -> None:
    """What a brief says as JSON is a brief again, the same."""
    brief = Brief.make(countries=["PK", "IN"], ages="18-24", followers={"min": 5}, penalties={"dormant": 3})
    assert msgspec.json.decode(msgspec.json.encode(brief), type=Brief) == brief


def test_files_are_toml_or_json(tmp_path: Path) -> None:
    """Both say the same, with or without a byte order mark."""
    toml, json = tmp_path / "brief.toml", tmp_path / "brief.JSON"
    toml.write_text(TOML, "utf-8-sig")
    brief = read_brief(toml)
    json.write_bytes(msgspec.json.encode(brief))
    assert read_brief(json) == brief
    assert brief.followers.max == 2e6
    assert brief.require.no_flags == ("hidden",)
    assert brief.penalties.dormant == 12.5


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"contries": ["PK"]}, "no key contries; did you mean countries?"),
        ({"weights": {"audiencefit": 2}}, "no key weights.audiencefit; did you mean audience_fit?"),
        ({"flags": {"zzz": 2}}, "no key flags.zzz; it has min_engagement_rate, "),
        ({"countries": ["UK"]}, "countries has 'UK', which is no country code; did you mean GB?"),
        ({"countries": ["Freedonia"]}, "it takes ISO 3166-1 alpha-2 codes, such as PK"),
        ({"countries": 7}, "does not fit at countries: expected `array`, got `int`"),
        ({"genders": ["women"]}, "genders has 'women'; it takes MALE and FEMALE"),
        ({"ages": ["18-25"]}, "the bands are 13-17, 18-24, 25-34, 35-44, 45-64, 65-; did you mean 18-24?"),
        ({"ages": ["34-18"]}, "ages has '34-18'"),
        ({"ages": ["young"]}, "; a span joins whole bands, such as 18-34."),
        ({"languages": ["Urdu!"]}, "no language code; it takes ISO 639 codes, such as ur or en"),
        ({"followers": {"min": 9, "max": 3}}, "followers.min is 9, which is more than followers.max, 3"),
        ({"followers": {"min": -1}}, "followers.min is -1; it must be at least 0"),
        ({"weights": {"reach": -1}}, "weights.reach is -1; it must be from 0 to 1000"),
        ({"weights": {"reach": float("nan")}}, "weights.reach is nan; it must be a number"),
        ({"weights": {"reach": "much"}}, "does not fit at weights.reach: expected `float`, got `str`"),
        (
            {"weights": dict.fromkeys(Brief().weights.__struct_fields__, 0)},
            "weights: all are 0, so there is nothing to score by",
        ),
        (
            {"require": {"min_target_share": 15}, "ages": "18-24"},
            "require.min_target_share is 15; it must be from 0 to 1; 15 % is 0.15",
        ),
        ({"require": {"min_reachable_share": 100}}, "it must be from 0 to 1; 100 % is 1."),
        ({"require": {"min_reachable_share": 101}}, "it must be from 0 to 1."),
        ({"require": {"min_reachable_share": -1}}, "it must be from 0 to 1."),
        ({"require": {"min_quality": -1}}, "require.min_quality is -1; it must be from 0 to 100."),
        ({"require": {"max_days_since_post": -0.5}}, "require.max_days_since_post is -0.5; it must be at least 0."),
        ({"flags": {"max_likes_per_view": -1}}, "flags.max_likes_per_view is -1; it must be at least 0."),
        ({"curves": {"cadence_half": -1}}, "curves.cadence_half is -1; it must be at least 0."),
        ({"grades": {"min_coverage": 2}}, "grades.min_coverage is 2; it must be from 0 to 1; 2 % is 0.02."),
        ({"grades": {"approve_coverage": 75}}, "grades.approve_coverage is 75; it must be from 0 to 1; 75 % is 0.75."),
        ({"require": {"no_flags": ["zzz"]}}, "which is no flag; there are low_engagement, high_engagement, "),
        ({"require": {"min_target_share": 0.1}}, "asks for a target, and the brief names none"),
        ({"require": {"min_engagement_percentile": 101}}, "it must be from 0 to 100"),
        ({"require": {"no_flags": ["hiden"]}}, "'hiden', which is no flag; did you mean hidden?"),
        ({"penalties": {"dormant": 101}}, "penalties.dormant is 101; it must be from 0 to 100"),
        ({"curves": {"reach_half": 0}}, "curves.reach_half is 0; it must be above 0"),
        ({"curves": {"fit_full": 2}}, "curves.fit_full is 2; it must be from 0 to 1; 2 % is 0.02"),
        ({"weights": {"reach": 1e308}}, "weights.reach is 1e+308; it must be from 0 to 1000"),
        ({"languages": ["zz"]}, "languages has 'zz', which is no language code; it takes ISO 639 codes"),
        ({"languages": "Urdu"}, "which is no language code; did you mean ur?"),
        ({"grades": {"approve": 0.7}}, "grades.approve is 0.7, of 100; did you mean 70?"),
        ({"grades": {"review": 0.5}}, "grades.review is 0.5, of 100; did you mean 50?"),
        ({"require": {"min_quality": 0.4}}, "require.min_quality is 0.4, of 100; did you mean 40?"),
        ({"require": {"review_flags": ["dormand"]}}, "require.review_flags has 'dormand', which is no flag"),
        (
            {"flags": {"max_engagement_rate": 15}},
            "flags.max_engagement_rate is 15; it must be from 0 to 1; 15 % is 0.15",
        ),
        ({"flags": {"max_growth_quarter": 50}}, "flags.max_growth_quarter is 50; it must be from 0 to 10; 50 % is 0.5"),
        ({"flags": {"min_engagement_rate": 0.2}}, "which is more than flags.max_engagement_rate, 0.15"),
        ({"grades": {"review": 80}}, "grades.review is 80, which is more than grades.approve, 70"),
    ],
)
def test_what_a_brief_cannot_say_is_one_sentence(keys: dict[str, Any], said: str) -> None:
    """It names the key, and what was probably meant."""
    with pytest.raises(ConfigError) as caught:
        Brief.make(**keys)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "?." not in str(caught.value)


def test_the_ends_of_every_range_are_in_it() -> None:
    """What is from 0 to 1, or of 100 points, may be either end, and one point is no slip; a limit may equal another."""
    ends = {"min_quality": 0, "min_engagement_percentile": 1, "max_days_since_post": 0.5}
    assert Brief.make(require=ends).require.min_engagement_percentile == 1.0
    assert Brief.make(grades={"min_coverage": 1, "approve_coverage": 0}).grades.min_coverage == 1.0
    assert Brief.make(flags={"min_engagement_rate": 0.15}).flags.max_engagement_rate == 0.15


def test_a_brief_made_by_hand_takes_one_text_and_only_texts() -> None:
    """A text is one code and not its letters."""
    assert Brief(countries="pk").countries == ("PK",)
    with pytest.raises(ConfigError, match="countries holds 7; it must hold texts"):
        Brief(countries=(7,))


def test_true_is_no_number() -> None:
    """Whoever makes a table by hand is told as well: a bool would count as 1."""
    with pytest.raises(ConfigError, match=r"weights\.reach is True; it must be a number"):
        Weights(reach=True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("brief.toml", b"countries = [", "is no TOML: "),
        ("brief.json", b"{", "is no JSON: input data was truncated."),
        ("brief.json", b"[]", "holds no object"),
        ("brief.toml", b"name = '\xff'", "is not UTF-8 text"),
        ("brief.toml", b"contries = ['PK']", "brief.toml: The brief has no key contries; did you mean countries?"),
        ("missing.toml", None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_brief_is_one_sentence(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    """It names the file, and what is wrong in it."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_brief(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_every_flag_can_be_penalised_and_forbidden() -> None:
    """The names of flags are one list."""
    assert Brief.make(penalties=dict.fromkeys(FLAGS, 1), require={"no_flags": list(FLAGS)}).require.no_flags == tuple(
        sorted(FLAGS)
    )


def test_languages_are_codes_of_two_letters_or_three() -> None:
    """Those of ISO 639-1, such as data holds that it had once, and any of three letters, with a script or place."""
    assert Brief.make(languages=["UR", "iw", "fil", "zh-Hant"]).languages == ("fil", "iw", "ur", "zh-hant")
