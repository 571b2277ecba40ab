"""What a made-up creator is like, before a report is written about it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from random import Random
from typing import Any

from msgspec import Struct

from walee_async.testing.maker.places import AUDIENCE_CODES, COUNTRIES
from walee_async.testing.maker.tiers import rate_at, tier_of
from walee_async.testing.maker.words import full_name

CREATED = datetime(2026, 1, 15, 12, 0, 0, 182_000, tzinfo=UTC)
"""When every report was created, unless the maker is told otherwise; fixed, so that bytes are the same in every run."""

FEWEST, MOST = 500, 200_000_000
AGES = ("13-17", "18-24", "25-34", "35-44", "45-64", "65-")


class Creator(Struct, frozen=True, kw_only=True):
    """The traits of a made-up creator. Shares and rates are fractions; None is what the report leaves out.

    Its report follows the traits exactly: followers, rates, shares and growth are read back from it as given, but for
    rounding to whole accounts and to six decimals.
    """

    index: int
    handle: str
    user_id: str
    fullname: str
    followers: int
    engagement_rate: float
    """Likes per follower."""
    country: str | None
    """ISO code."""
    language: str | None
    """ISO code."""
    gender: str | None
    age_group: str | None
    verified: bool
    hidden: bool
    posts: int
    """All it ever posted; the report lists at most ten top and ten recent ones."""
    posts_per_4w: float
    last_post_days: float
    """Days between the newest post and the report."""
    growth: tuple[float, ...]
    """Follower growth of the last six months, oldest first; 0.03 is 3 % in a month."""
    likes: tuple[float, ...]
    """Average likes of the seven months as multiples of the report's own; the last is 1."""
    views_per_like: float
    comments_per_like: float
    audience: bool
    """Whether the followers were analysed."""
    female: float
    """The female share of the audience."""
    ages: tuple[float, ...]
    """Shares of the six age groups, youngest first."""
    countries: tuple[tuple[str, float], ...]
    """Audience countries with their shares; those under 1 % are not reported."""
    reachable: float
    """The share of followers who follow fewer than 1,000 accounts."""
    cqs: float | None
    """Creator quality score, 0–100."""
    location: str | None
    recent_schema: bool
    """Whether the report has what newer ones have: `stats`, `avg_posts4w`, `avg_engagements`, hashtags of posts."""
    created: datetime
    """When the report was made."""


def draw(rng: Random, identity: dict[str, Any], given: dict[str, Any]) -> Creator:
    """Return a creator of likely traits; given ones are kept, and those drawn after them depend on them."""
    traits = {**identity, **given}
    for step in (_draw_size, _draw_person, _draw_habits, _draw_history, _draw_audience, _draw_rest):
        # The same number of dice is thrown whatever is given, so one given trait leaves the others as they are.
        traits = {**traits, **step(rng, traits), **given}
    return Creator(**traits)


def _draw_size(rng: Random, _: dict[str, Any]) -> dict[str, Any]:
    return {"followers": int(FEWEST * math.exp(rng.random() * math.log(MOST / FEWEST)))}


def _draw_person(rng: Random, traits: dict[str, Any]) -> dict[str, Any]:
    dice = [rng.random() for _ in range(9)]
    tier = tier_of(traits["followers"])
    known = 0.55 + 0.06 * tier
    country = AUDIENCE_CODES[int(len(AUDIENCE_CODES) * dice[0] ** 2)]
    language = COUNTRIES[traits.get("country") or country].language
    return {
        "country": country if dice[1] < known else None,
        "language": language if dice[2] < 0.95 else None,
        "gender": ("FEMALE" if dice[3] < 0.55 else "MALE") if dice[4] < known else None,
        "age_group": AGES[int(1 + 3 * dice[5] ** 1.5)] if dice[6] < known else None,
        "verified": dice[7] < (0.001, 0.005, 0.02, 0.06, 0.2, 0.5, 0.75)[tier],
        "hidden": dice[8] < 0.01,
        "fullname": full_name(Random(rng.getrandbits(64)), language),
    }


def _draw_habits(rng: Random, traits: dict[str, Any]) -> dict[str, Any]:
    dice = [rng.random() for _ in range(6)]
    tier = tier_of(traits["followers"])
    posts = int(math.exp(2.2 + 0.35 * tier + 2.4 * dice[0])) - (12 if tier == 0 else 0)
    return {
        "engagement_rate": round(rate_at(tier, dice[1]), 6),
        "posts": max(posts, 0),
        "posts_per_4w": round(math.exp(3.6 * dice[2]), 2),
        "last_post_days": round(0.1 + (200 if dice[3] < 0.06 else 14) * dice[3] ** 2 + 2 * dice[4], 3),
        "views_per_like": round(math.exp(1.6 + 1.7 * dice[5]), 3),
        "comments_per_like": round(math.exp(-6.0 + 2.8 * dice[4]), 5),
    }


def _draw_history(rng: Random, _: dict[str, Any]) -> dict[str, Any]:
    trend, wobble = 0.06 * rng.random() ** 2 - 0.005, 0.25 + 0.5 * rng.random()
    growth = tuple(round(trend + 0.012 * (rng.random() - 0.4), 5) for _ in range(6))
    likes = tuple(round(math.exp(wobble * (rng.random() - 0.4)), 4) for _ in range(6))
    return {"growth": growth, "likes": (*likes, 1.0)}


def _draw_audience(rng: Random, traits: dict[str, Any]) -> dict[str, Any]:
    tier = tier_of(traits["followers"])
    base = (0.14, 0.43, 0.27, 0.1, 0.05, 0.01)
    ages = [share * math.exp(1.4 * (rng.random() - 0.5)) for share in base]
    if rng.random() < 0.4:
        ages[-1] = 0.0
    analysed = rng.random() < (0.45, 0.7, 0.9, 0.97, 0.98, 0.99, 0.995)[tier]
    home = 0.15 + 0.5 * rng.random()
    return {
        "audience": analysed,
        "ages": tuple(age / sum(ages) for age in ages),
        "female": round(0.12 + 0.76 * rng.random(), 6),
        "reachable": round(0.35 + 0.45 * rng.random(), 6),
        "countries": _draw_countries(rng, traits.get("country") or "US", home),
    }


def _draw_countries(rng: Random, home_code: str, home: float) -> tuple[tuple[str, float], ...]:
    others = [code for code in AUDIENCE_CODES if code != home_code]
    marked = sorted((rng.random() * (1 + place / 12), code) for place, code in enumerate(others))
    slope = 0.75 + 0.65 * rng.random()
    weights = [(number + 1.5) ** -slope for number in range(len(marked))]
    # What is left over belongs to the many countries too small to be named.
    scale = (1 - home) * (0.86 + 0.13 * rng.random()) / sum(weights)
    shares = [(code, round(weight * scale, 6)) for (_, code), weight in zip(marked, weights, strict=True)]
    return tuple(sorted([(home_code, round(home, 6)), *shares], key=lambda row: -row[1]))


def _draw_rest(rng: Random, traits: dict[str, Any]) -> dict[str, Any]:
    dice = [rng.random() for _ in range(6)]
    score = min(98.0, max(4.0, 55 + 34 * (dice[0] + dice[1] + dice[2] - 1.5)))
    country = traits.get("country")
    place = COUNTRIES[country].name if country is not None else None
    return {
        "cqs": (float(round(score, 2)) if dice[3] < 0.6 else round(score)) if dice[4] < 0.88 else None,
        "location": place if dice[5] < 0.4 else None,
        "recent_schema": dice[1] < 0.7,
    }
