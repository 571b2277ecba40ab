"""The profile block: who it is, how it does, how that went over seven months."""

from __future__ import annotations

from random import Random
from typing import Any

from walee_async.testing.maker.creator import Creator
from walee_async.testing.maker.people import MEDIA, Noise
from walee_async.testing.maker.places import GEO, LANGUAGES
from walee_async.testing.maker.tiers import tier_of
from walee_async.testing.maker.words import pick_word, sentence

MONTHS = 7


def identity(creator: Creator, rng: Random, noise: Noise) -> dict[str, Any]:
    """Return who it is; what is not known is left out."""
    profile: dict[str, Any] = {
        "type": "tiktok",
        "user_id": creator.user_id,
        "sec_uid": f"MS4wLjABAAAA{noise.take(64)}",
        "username": creator.handle,
        "url": f"{MEDIA}/@{creator.handle}",
        "picture": f"{MEDIA}/tos-xy-avt-0068/{noise.take(60)}~c5_720x720.jpeg?x-signature={noise.take(27)}%3D",
        "fullname": creator.fullname,
        "description": sentence(rng, creator.language or "en", int(16 * rng.random())),
        "is_verified": creator.verified,
        "is_hidden": creator.hidden,
    }
    if creator.gender is not None:
        profile["gender"] = creator.gender
    if creator.age_group is not None:
        profile["age_group"] = creator.age_group
    if creator.language is not None:
        name = LANGUAGES.get(creator.language, creator.language)
        profile["language"] = {"code": creator.language, "name": name}
    return profile


def performance(creator: Creator, rng: Random) -> dict[str, Any]:
    """Return the numbers of now and of the last seven months."""
    now = _averages(creator, rng)
    engagements = now["avg_likes"]
    rate = round(engagements / creator.followers, 6) if creator.followers else 0
    block: dict[str, Any] = {"engagements": engagements, "engagement_rate": rate, **now}
    history = _history(creator, rng, now)
    profile = {"followers": creator.followers, "posts_count": creator.posts, **block}
    if creator.recent_schema:
        block["avg_posts4w"] = profile["avg_posts4w"] = creator.posts_per_4w
    profile |= {"total_likes": history[-1]["total_likes"], "stat_history": history}
    if creator.recent_schema:
        months = [_without(month, "followers", "following", "total_likes") for month in history]
        profile["stats"] = [{"post_type": "all", **block, "stat_history": months}]
    return profile


def surroundings(creator: Creator, rng: Random) -> dict[str, Any]:
    """Return country and tags; small accounts often lack the tags."""
    small = tier_of(creator.followers) == 0
    block: dict[str, Any] = {}
    if creator.country is not None:
        block["geo"] = GEO[creator.country]
    used = min(30, creator.posts, int(31 * rng.random()))
    if used and not (small and rng.random() < 0.4):
        weights = sorted((rng.random() ** 2 for _ in range(used)), reverse=True)
        tags = [{"tag": f"#{pick_word(rng)}", "weight": round(weight * 0.4, 6)} for weight in weights]
        block["top_hashtags"] = tags
    if not (small and rng.random() < 0.3):
        near = sorted(0.003 + 0.52 * (1 - rng.random() ** 3) for _ in range(30))
        block["relevant_tags"] = [
            {"tag": pick_word(rng), "distance": round(distance, 6), "freq": round(1 + 9 * rng.random(), 6)}
            for distance in near
        ]
    return block


def _averages(creator: Creator, rng: Random) -> dict[str, Any]:
    likes = round(creator.followers * creator.engagement_rate)
    return {
        "avg_likes": likes,
        "avg_comments": round(likes * creator.comments_per_like),
        "avg_views": round(likes * creator.views_per_like),
        "avg_shares": round(likes * 0.01 * rng.random()),
        "avg_saves": round(likes * 0.08 * rng.random()),
    }


def _history(creator: Creator, rng: Random, now: dict[str, Any]) -> list[dict[str, Any]]:
    """Return seven months, oldest first; the last holds the report's own averages."""
    followers = [float(creator.followers)]
    for growth in reversed(creator.growth):
        followers.insert(0, followers[0] / (1 + growth))
    total, following = now["avg_likes"] * max(creator.posts, 1) * 1.2, int(2_000 * rng.random() ** 2)
    counted_since = int(5 * rng.random()) if rng.random() < 0.5 else 0
    history = []
    for place in range(MONTHS):
        month: dict[str, Any] = {
            "month": _month(creator.created.year, creator.created.month, MONTHS - 1 - place),
            "followers": round(followers[place]),
            "following": following + place,
        }
        month |= {name: round(value * creator.likes[place]) for name, value in now.items()}
        if place < counted_since:
            month = _without(month, "avg_shares", "avg_saves")
        if creator.recent_schema:
            month["avg_engagements"] = month["avg_likes"]
        # It is noisy: now and then a month has fewer than the one before.
        month["total_likes"] = round(total * (1 - 0.012 * (MONTHS - 1 - place)) * (1 - 0.02 * rng.random()))
        history.append(month)
    return history


def _without(block: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name not in names}


def _month(year: int, month: int, before: int) -> str:
    index = year * 12 + month - 1 - before
    return f"{index // 12:04}-{index % 12 + 1:02}"
