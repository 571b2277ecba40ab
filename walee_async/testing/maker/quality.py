"""The creator quality score and its six parts."""

from __future__ import annotations

from random import Random
from typing import Any

from walee_async.testing.maker.creator import Creator

_OWN = ("engagement_rate_score", "followers_growth_score", "likes_growth_score")
_OF_AUDIENCE = ("audience_location_score", "audience_reachability_score", "followers_credibility_score")
_MARKS = ((80, "excellent"), (60, "good"), (40, "average"), (0, "poor"))


def quality(creator: Creator, rng: Random) -> dict[str, Any] | None:
    """Return the `cqs` block, or None where there is none; the audience's parts need an analysed audience."""
    if creator.cqs is None:
        return None
    parts = {}
    for name in (*_OWN, *_OF_AUDIENCE) if creator.audience else _OWN:
        value = min(100, max(0, round(creator.cqs + 40 * (rng.random() - 0.5))))
        words = name.removesuffix("_score").replace("_", " ")
        description = f"The {words} is {mark(value)} among creators of this size."
        parts[name] = {"value": value, "mark": mark(value), "description": description}
    return {"cqs_value": creator.cqs, "mark": mark(creator.cqs), "value_description": parts}


def mark(value: float) -> str:
    """Return the word for a score of 0–100."""
    return next(word for least, word in _MARKS if value >= least or least == 0)
