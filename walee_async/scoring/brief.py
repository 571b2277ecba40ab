"""The brief: whom a campaign wants to reach, what it weighs, what it insists on. Values, checked when they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from walee_async.errors import ConfigError
from walee_async.scoring.values import (
    MANIFOLD,
    ages,
    check_field,
    check_points,
    check_table,
    country,
    gender,
    language,
    words,
)

HEAVIEST: Final = 1000
"""The highest weight; only how weights compare counts, so that nothing more is ever needed."""
_LISTS: Final = ("countries", "genders", "ages", "languages")
"""What a single text will do for."""


def _flag_name(key: str, word: str) -> Iterable[str]:
    if word not in FLAGS:
        near = get_close_matches(word, FLAGS)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FLAGS)}"
        raise ConfigError(f"{key} has {word!r}, which is no flag; {hint}")
    return (word,)


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a brief."""


class Range(_Part, frozen=True, kw_only=True):
    """From `min` to `max`, both included; None is no bound."""

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        check_table(self, "followers", 0)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError(f"followers.min is {self.min:g}, which is more than followers.max, {self.max:g}")


class Weights(_Part, frozen=True, kw_only=True):
    """How much each component counts, as against the others; 0 leaves it out.

    The defaults are this package's own judgement: whom the audience is made of before all, then engagement among peers.
    """

    quality: float = 1.0
    engagement: float = 2.0
    reach: float = 1.0
    growth: float = 1.0
    audience_fit: float = 3.0
    """Counts only where the brief names a target audience."""
    reachable_audience: float = 1.0
    consistency: float = 1.0

    def __post_init__(self) -> None:
        check_table(self, "weights", 0, HEAVIEST)
        if not any(msgspec.structs.astuple(self)):
            raise ConfigError("weights: all are 0, so there is nothing to score by")


class Requirements(_Part, frozen=True, kw_only=True):
    """What a creator must have, whatever its score: one that lacks it is rejected.

    Where the report does not say, it is not approved without a look.
    """

    min_quality: float | None = None
    """Of the gateway's own quality score, 0 to 100."""
    min_engagement_percentile: float | None = None
    """Among creators of the same tier, 0 to 100."""
    min_target_share: float | None = None
    """The share of the audience that the brief is after, a fraction."""
    min_reachable_share: float | None = None
    """The share of the audience that follows fewer than 1,000 accounts, a fraction."""
    max_days_since_post: float | None = None
    """Days from the newest post to the report."""
    no_flags: tuple[str, ...] = ()
    """Flags that reject a creator."""
    review_flags: tuple[str, ...] = (
        "few_comments",
        "dormant",
        "growth_month",
        "growth_quarter",
        "hidden",
        "high_engagement",
        "likes_over_views",
        "likes_spike",
    )
    """Flags with which a creator is not approved without a look. By default all but `low_engagement`, which the
    percentile tells by the measure of the tier, and `growth_monthly`, which steady growth raises too."""

    def __post_init__(self) -> None:
        for name in ("min_quality", "min_engagement_percentile"):
            check_points(self, "require", name)
        for name in ("min_target_share", "min_reachable_share"):
            check_field(self, "require", name, 0, 1)
        check_field(self, "require", "max_days_since_post", 0)
        for name in ("no_flags", "review_flags"):
            force_setattr(self, name, words(f"require.{name}", getattr(self, name), _flag_name))


class FlagLimits(_Part, frozen=True, kw_only=True):
    """Where a flag is raised. The defaults are what agencies use, as read from their published code."""

    min_engagement_rate: float = 0.01
    """Likes per follower."""
    max_engagement_rate: float = 0.15
    max_likes_per_view: float = 2.0
    max_likes_per_comment: float = 500.0
    max_growth_month: float = 0.20
    """Follower growth of any one month, a fraction."""
    max_growth_monthly: float = 0.05
    """Mean follower growth a month, a fraction."""
    max_growth_quarter: float = 0.50
    """Follower growth within three months, a fraction."""
    max_days_since_post: float = 60.0
    max_likes_spike: float = 10.0
    """The likes of the best month, as a multiple of the median month's."""

    def __post_init__(self) -> None:
        check_table(self, "flags", 0)
        for name in ("min_engagement_rate", "max_engagement_rate", "max_growth_month", "max_growth_monthly"):
            check_field(self, "flags", name, 0, 1)
        check_field(self, "flags", "max_growth_quarter", 0, MANIFOLD)
        if self.min_engagement_rate > self.max_engagement_rate:
            raise ConfigError(
                f"flags.min_engagement_rate is {self.min_engagement_rate:g}, which is more than "
                f"flags.max_engagement_rate, {self.max_engagement_rate:g}"
            )


class Penalties(_Part, frozen=True, kw_only=True):
    """Points that each flag takes off a score; none, unless the brief says so."""

    low_engagement: float = 0.0
    high_engagement: float = 0.0
    likes_over_views: float = 0.0
    few_comments: float = 0.0
    growth_month: float = 0.0
    growth_monthly: float = 0.0
    growth_quarter: float = 0.0
    likes_spike: float = 0.0
    dormant: float = 0.0
    hidden: float = 0.0

    def __post_init__(self) -> None:
        check_table(self, "penalties", 0, 100)


FLAGS: Final = Penalties.__struct_fields__
"""The names of the flags, in the order in which they are told."""


class Curves(_Part, frozen=True, kw_only=True):
    """Where the curves of the components stand: this package's own, as no public norm is known for any of them."""

    reach_half: float = 0.2
    """Views a post per follower that make 50 points. 0.19 is what a creator of 93 million has."""
    growth_high: float = 0.03
    """Follower growth a month that makes 75 points, a fraction; as much decline makes 25. 3 % doubles in two years."""
    fit_full: float = 0.5
    """The share of the audience on target that makes 100 points, a fraction: every second follower."""
    cadence_half: float = 4.0
    """Posts in four weeks that make 50 points: one a week."""
    recency_half: float = 30.0
    """Days since the last post that make 50 points."""

    def __post_init__(self) -> None:
        check_table(self, "curves", 0)
        check_field(self, "curves", "fit_full", 0, 1)
        for name in self.__struct_fields__:
            if not getattr(self, name):
                raise ConfigError(f"curves.{name} is 0; it must be above 0")


class Cutoffs(_Part, frozen=True, kw_only=True):
    """What a score means. 70 and 50 are the cut-offs that agencies use, as read from their published code."""

    approve: float = 70.0
    review: float = 50.0
    min_coverage: float = 0.5
    """The share of the weight that must have had data, a fraction; below it there is no grade to give."""
    approve_coverage: float = 0.75
    """Below this one nobody is approved without a look: what is known may be the better part by chance."""

    def __post_init__(self) -> None:
        check_points(self, "grades", "approve")
        check_points(self, "grades", "review")
        check_field(self, "grades", "min_coverage", 0, 1)
        check_field(self, "grades", "approve_coverage", 0, 1)
        if self.review > self.approve:
            raise ConfigError(f"grades.review is {self.review:g}, which is more than grades.approve, {self.approve:g}")


class Brief(_Part, frozen=True, kw_only=True):
    """What a campaign wants. `Brief()` is the brief of somebody who has none: no target, all that is well made.

    Make one with `Brief.make`, which takes plain dicts for the tables and finds typing errors, or read one with
    `read_brief`. Codes are taken in any case; ages also as spans of whole bands, such as `18-34`.

    Raises:
        ConfigError: a value is impossible; the sentence names its key.
    """

    name: str = ""
    """For people: `Women 18–34 in Pakistan`."""
    countries: tuple[str, ...] = ()
    """Where the audience should be: ISO 3166-1 alpha-2 codes."""
    genders: tuple[str, ...] = ()
    """`MALE`, `FEMALE`."""
    ages: tuple[str, ...] = ()
    """Bands of `walee_async.models.audience.AGES`."""
    languages: tuple[str, ...] = ()
    """What the audience should speak: codes such as `ur`."""
    followers: Range = Range()
    """How many followers a creator must have; others are rejected."""
    weights: Weights = Weights()
    require: Requirements = Requirements()
    flags: FlagLimits = FlagLimits()
    penalties: Penalties = Penalties()
    curves: Curves = Curves()
    grades: Cutoffs = Cutoffs()

    def __post_init__(self) -> None:
        force_setattr(self, "countries", words("countries", self.countries, country))
        force_setattr(self, "genders", words("genders", self.genders, gender))
        force_setattr(self, "ages", words("ages", self.ages, ages))
        force_setattr(self, "languages", words("languages", self.languages, language))
        if self.require.min_target_share is not None and not self.has_target:
            raise ConfigError("require.min_target_share asks for a target, and the brief names none")

    @property
    def has_target(self) -> bool:
        """Whether an audience is named."""
        return bool(self.countries or self.genders or self.ages or self.languages)

    @property
    def id(self) -> str:
        """The same for briefs that say the same, whatever their name: 12 hexadecimal digits of SHA-256."""
        return _id_of(self)

    @classmethod
    def make(cls, **keys: Any) -> Brief:
        """Make a brief of plain values, its tables as dicts.

        Raises:
            ConfigError: a key is unknown or a value impossible; the sentence names it, and the key most like it.
        """
        return brief_of(keys)


def brief_of(keys: dict[str, Any]) -> Brief:
    """As `Brief.make`, from a dict, as a file holds it."""
    _check_keys(keys, Brief, "")
    listed = {key: [value] if key in _LISTS and isinstance(value, str) else value for key, value in keys.items()}
    try:
        return msgspec.convert(listed, Brief)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from None
        reason, _, place = str(error).partition(" - at `$.")
        raise ConfigError(f"The brief does not fit at {place.rstrip('`')}: {reason[:1].lower()}{reason[1:]}") from None


@lru_cache(maxsize=64)
def _id_of(brief: Brief) -> str:
    named = msgspec.structs.replace(brief, name="")
    return hashlib.sha256(msgspec.json.encode(named)).hexdigest()[:12]


def _check_keys(given: object, table: type[Struct], path: str) -> None:
    if not isinstance(given, dict):
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(table)}
    for key, value in given.items():
        if key not in fields:
            near = get_close_matches(str(key), fields)
            others = f"did you mean {near[0]}?" if near else f"it has {', '.join(fields)}"
            raise ConfigError(f"The brief has no key {path}{key}; {others}")
        if isinstance(fields[key], type) and issubclass(fields[key], Struct):
            _check_keys(value, fields[key], f"{path}{key}.")
