"""Top and recent posts."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from random import Random
from typing import Any

from walee_async.testing.maker.creator import Creator
from walee_async.testing.maker.people import MEDIA, Noise, user_id
from walee_async.testing.maker.words import pick_word, sentence

LISTED = 10
_COVER, _COVER_TAIL = f"{MEDIA}/tos-xy-p-0068/", "~tplv-noop.image?x-signature="
_QUERY = (
    "?a=1233&bti=NDU3ZjAwMDA&ch=0&cr=3&dr=0&lr=all&cd=0%7C0%7C0%7C&cv=1&br={rate}&bt={half}&cs=0&ds=6&ft={first}&"
    "mime_type=video_mp4&qs=0&rc={second}&l={third}&btag=e00088000&cc=1f"
)
_SAVES_SINCE_DAYS = 900


def recent_posts(creator: Creator, rng: Random, noise: Noise) -> list[dict[str, Any]]:
    """Return the last posts, newest first."""
    days, posts = creator.last_post_days, []
    gap = 28 / max(creator.posts_per_4w, 0.1)
    for _ in range(min(LISTED, creator.posts)):
        likes = int(creator.followers * creator.engagement_rate * math.exp(1.4 * (rng.random() - 0.5)))
        posts.append(_post(creator, rng, noise, days, likes))
        days += gap * (0.3 + 1.4 * rng.random())
    return posts


def top_posts(creator: Creator, rng: Random, noise: Noise) -> list[dict[str, Any]]:
    """Return the posts with the most likes, of any age, best first."""
    likes, posts = creator.followers * creator.engagement_rate * (4 + 12 * rng.random()), []
    for _ in range(min(LISTED, creator.posts)):
        days = creator.last_post_days + 1_500 * rng.random() ** 1.5
        posts.append(_post(creator, rng, noise, days, int(likes)))
        likes *= 0.78 + 0.2 * rng.random()
    return posts


def moment(at: datetime, old_style: bool) -> str:
    """Return a time as reports write it; older ones end in +0000."""
    text = at.isoformat(timespec="milliseconds")
    return text[:-3] + text[-2:] if old_style else text


def _post(creator: Creator, rng: Random, noise: Noise, days: float, likes: int) -> dict[str, Any]:
    number, tags = user_id(rng), [pick_word(rng) for _ in range(int(6 * rng.random() ** 1.5))]
    text = sentence(rng, (creator.language or "en") if rng.random() < 0.6 else "en", int(22 * rng.random() ** 1.3))
    post: dict[str, Any] = {
        "user_id": creator.user_id,
        "username": creator.handle,
        "user_picture": f"{MEDIA}/tos-xy-avt-0068/{creator.user_id}~c5_720x720.jpeg",
        "user_url": f"{MEDIA}/@{creator.handle}",
        "type": "video",
        "post_id": number,
        "created": moment((creator.created - timedelta(days=days)).replace(microsecond=0), not creator.recent_schema),
        "text": " ".join([text, *(f"#{tag}" for tag in tags)]).strip(),
        "video": _video(rng, noise),
        "duration": 5 + int(170 * rng.random() ** 2),
        "thumbnail": f"{_COVER}{noise.take(32 + int(30 * rng.random()))}{_COVER_TAIL}{noise.take(27)}%3D",
        "link": f"{MEDIA}/@{creator.handle}/video/{number}",
    }
    if creator.recent_schema and tags:
        post["hashtags"] = tags
    post["stat"] = _stat(creator, rng, days, likes)
    return post


def _video(rng: Random, noise: Noise) -> str:
    rate = 300 + int(3_000 * rng.random())
    query = _QUERY.format(rate=rate, half=rate // 2, first=noise.take(29), second=noise.take(60), third=noise.take(20))
    return f"{MEDIA}/{noise.take(32)}/{noise.take(8)}/video/tos/xy/tos-xy-ve-0068c001/{noise.take(32)}/{query}"


def _stat(creator: Creator, rng: Random, days: float, likes: int) -> dict[str, int]:
    stat = {
        "likes": likes,
        "comments": int(likes * creator.comments_per_like * (0.5 + rng.random())),
        "views": int(likes * creator.views_per_like * (0.6 + 0.8 * rng.random())),
        "shares": int(likes * 0.01 * rng.random()),
    }
    if days < _SAVES_SINCE_DAYS:
        stat["saves"] = int(likes * 0.08 * rng.random())
    return stat
