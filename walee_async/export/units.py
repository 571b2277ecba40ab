"""What the numbers of a report count, by the name of their field: one place for all tables."""

from __future__ import annotations

from typing import Final

LIKES: Final = "likes per follower"
_UNITS: Final = {
    "avg_comments": "comments per post",
    "avg_engagements": "likes per post",
    "avg_likes": "likes per post",
    "avg_posts4w": "posts per four weeks",
    "avg_saves": "saves per post",
    "avg_shares": "shares per post",
    "avg_views": "views per post",
    "comments": "comments",
    "cqs_value": "points of 100",
    "distance": "distance, 0 is closest",
    "duration": "seconds",
    "engagement_rate": LIKES,
    "engagements": "likes per post",
    "followers": "followers",
    "following": "accounts",
    "freq": "logarithm of a count",
    "lat": "degrees north",
    "left_number": "followers",
    "likes": "likes",
    "lon": "degrees east",
    "max": LIKES,
    "min": LIKES,
    "notable_users_ratio": "fraction of the audience",
    "posts_count": "posts",
    "queue_seconds": "seconds",
    "right_number": "followers",
    "saves": "saves",
    "score": "distance, 0 is closest",
    "service_seconds": "seconds",
    "shares": "shares",
    "size": "bytes",
    "total": "creators",
    "total_likes": "likes",
    "value": "unpublished scale",
    "views": "views",
    "weight": "fraction",
}
COUNTS_NOTHING: Final = {"attempt", "id", "number", "run", "status"}
"""Numbers that are names."""


def unit_of(field: str) -> str | None:
    """The unit of a field's numbers; None for numbers that are names.

    Raises:
        KeyError: nobody has said yet; to be added here.
    """
    return None if field in COUNTS_NOTHING else _UNITS[field]
