"""Who follows the creator: shares by gender, age, country, language and reach, and the accounts they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from walee_async.models.base import Part
from walee_async.models.people import RelatedUser

GENDERS = ("MALE", "FEMALE")
"""The codes of an audience's genders."""
AGES = ("13-17", "18-24", "25-34", "35-44", "45-64", "65-")
"""The codes of an audience's ages, in years; `65-` is 65 and over."""
REACHABILITY = ("-500", "500-1000", "1000-1500", "1500-")
"""How many accounts a follower follows; those who follow `1500-` are unlikely to see a given post."""

WHOLE: Final = 0.999
"""Shares that sum to this leave nothing for a missing row: six decimals each, and a margin for rounding."""


class CodeWeight(Part, frozen=True, kw_only=True):
    """The share of an audience that a gender, age or reachability code stands for."""

    code: str | None = None
    weight: float | None = None
    """0 to 1."""


class GenderAgeWeight(Part, frozen=True, kw_only=True):
    """The shares of the whole audience that are of one age and of either gender: the table sums to 1."""

    code: str | None = None
    """The age."""
    male: float | None = None
    """0 to 1."""
    female: float | None = None
    """0 to 1."""


class LanguageWeight(Part, frozen=True, kw_only=True):
    """The share of an audience that uses one language; the last row may be `other`, without a name."""

    code: str | None = None
    name: str | None = None
    weight: float | None = None
    """0 to 1."""


class CountryWeight(Part, frozen=True, kw_only=True):
    """The share of an audience in one country."""

    id: int | None = None
    name: str | None = None
    code: str | None = None
    """ISO 3166-1 alpha-2."""
    weight: float | None = None
    """0 to 1."""


class AudienceGeo(Part, frozen=True, kw_only=True):
    """Where an audience is."""

    countries: tuple[CountryWeight, ...] | None = None
    """Those with 1 % or more, so the weights sum to less than 1 (0.72 to 0.97 as a rule)."""


class AudienceShares(Part, frozen=True, kw_only=True):
    """An audience in shares. Weights are fractions of it, 0 to 1; look them up by code, as the rows come in any order.

    A row that is not there is None, unknown, with one exception: when the rows of `gender`, `age`, `gender_age` and
    `reachability` already sum to 1, a code known to this package that has no row is 0.0, because nothing is left for
    it. Countries and languages are open lists with small ones cut off or gathered in `other`: always None.
    Codes are matched in any case, and rows of one code add up.
    """

    audience_reachability: tuple[CodeWeight, ...] | None = None
    audience_genders: tuple[CodeWeight, ...] | None = None
    audience_ages: tuple[CodeWeight, ...] | None = None
    audience_genders_per_age: tuple[GenderAgeWeight, ...] | None = None
    audience_languages: tuple[LanguageWeight, ...] | None = None
    audience_geo: AudienceGeo | None = None

    def gender(self, code: str) -> float | None:
        """Return the share of `MALE` or `FEMALE`; 0.0 when the other one is everybody, None when unknown."""
        return _share(self.audience_genders, code, GENDERS)

    def age(self, code: str) -> float | None:
        """Return the share of one of `AGES`, such as `18-24`; 0.0 when the others are everybody, None when unknown."""
        return _share(self.audience_ages, code, AGES)

    def reachability(self, code: str) -> float | None:
        """Return the share that follows so many accounts, one of `REACHABILITY`; 0.0 and None as for `age`."""
        return _share(self.audience_reachability, code, REACHABILITY)

    def language(self, code: str) -> float | None:
        """Return the share of one language, such as `en`; None when it has no row."""
        return _share(self.audience_languages, code, ())

    def country(self, code: str) -> float | None:
        """Return the share of one country, such as `PK`; None when it has no row, which means below 1 % or unknown."""
        return _share(self.audience_geo.countries if self.audience_geo else None, code, ())

    def gender_age(self, gender: str, age: str) -> float | None:
        """Return the share of the whole audience that is of this gender and this age; 0.0 and None as for `age`."""
        rows = self.audience_genders_per_age
        wanted = gender.casefold()
        if rows is None or wanted not in ("male", "female"):
            return None
        aged = age.casefold()
        there = [row for row in rows if row.code is not None and row.code.casefold() == aged]
        if there:
            return _sum(row.male if wanted == "male" else row.female for row in there)
        total = sum((row.male or 0.0) + (row.female or 0.0) for row in rows)
        return 0.0 if age in AGES and total >= WHOLE else None


class AudienceData(AudienceShares, frozen=True, kw_only=True):
    """An audience: its shares, and the accounts it has in common."""

    notable_users_ratio: float | None = None
    """The fraction of the audience that is notable."""
    audience_lookalikes: tuple[RelatedUser, ...] | None = None
    """Accounts this audience also follows, by ascending score, the closest first."""
    notable_users: tuple[RelatedUser, ...] | None = None
    """Followers with many followers, the most first; about 60."""


class Audience(Part, frozen=True, kw_only=True):
    """One audience block. On TikTok likers and commenters are `empty_audience`: normal, not a failure."""

    success: bool | None = None
    """Whether there is `data`."""
    error: str | None = None
    """Why there is none, such as `empty_audience`."""
    data: AudienceData | None = None

    @property
    def data_or_none(self) -> AudienceData | None:
        """The data when the block is a success; None otherwise."""
        return self.data if self.success else None


def _share(
    rows: Iterable[CodeWeight | LanguageWeight | CountryWeight] | None, code: str, known: tuple[str, ...]
) -> float | None:
    wanted = code.casefold()
    there = [row.weight for row in rows or () if row.code is not None and row.code.casefold() == wanted]
    if there:
        return _sum(there)
    total = sum(row.weight or 0.0 for row in rows or ())
    return 0.0 if total >= WHOLE and code.upper() in known else None


def _sum(weights: Iterable[float | None]) -> float | None:
    there = [weight for weight in weights if weight is not None]
    return sum(there) if there else None
