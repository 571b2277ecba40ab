"""The creator: identity, numbers, history, tags, posts."""

from __future__ import annotations

from collections.abc import Iterable

from walee_async.models.base import Part
from walee_async.models.geo import Geo, country_code
from walee_async.models.people import RelatedUser
from walee_async.models.posts import Post


class Language(Part, frozen=True, kw_only=True):
    """The language a creator posts in."""

    code: str | None = None
    """Such as `en`."""
    name: str | None = None
    """In English."""


class ProfileMonth(Part, frozen=True, kw_only=True):
    """One month of a creator, at its end. Averages are per post; older months lack shares and saves."""

    month: str | None = None
    """`YYYY-MM`."""
    followers: int | None = None
    following: int | None = None
    avg_likes: float | None = None
    avg_comments: float | None = None
    avg_views: float | None = None
    avg_shares: float | None = None
    avg_saves: float | None = None
    avg_engagements: float | None = None
    """In newer reports only."""
    total_likes: int | None = None
    """Noisy: it can fall from month to month."""


def ascending(months: Iterable[ProfileMonth] | None) -> list[ProfileMonth]:
    """A creator's months from the first to the last, in whatever order they came; those of no month are first."""
    return sorted(months or (), key=lambda row: row.month or "")


class PostTypeMonth(Part, frozen=True, kw_only=True):
    """One month of a creator's posts of one type. Averages are per post."""

    month: str | None = None
    """`YYYY-MM`."""
    avg_likes: float | None = None
    avg_comments: float | None = None
    avg_views: float | None = None
    avg_shares: float | None = None
    avg_saves: float | None = None
    avg_engagements: float | None = None


class PostTypeStats(Part, frozen=True, kw_only=True):
    """A creator's numbers on one type of post. Averages are per post."""

    post_type: str | None = None
    """An open word; TikTok has the one type `all`."""
    engagements: float | None = None
    """Average likes per post."""
    engagement_rate: float | None = None
    """Engagements per follower, a fraction: 0.014 is 1.4 %. Not bounded by 1."""
    avg_likes: float | None = None
    avg_comments: float | None = None
    avg_views: float | None = None
    avg_shares: float | None = None
    avg_saves: float | None = None
    avg_posts4w: float | None = None
    """Posts in four weeks."""
    stat_history: tuple[PostTypeMonth, ...] | None = None
    """Ascending months."""


class TopHashtag(Part, frozen=True, kw_only=True):
    """A hashtag the creator uses."""

    tag: str | None = None
    """With its `#`."""
    weight: float | None = None
    """0 to 1; the weights of a list do not sum to 1."""


class RelevantTag(Part, frozen=True, kw_only=True):
    """A subject close to the creator's."""

    tag: str | None = None
    """Without a `#`."""
    distance: float | None = None
    """From 0; lower is closer."""
    freq: float | None = None
    """The logarithm of how often it is used."""


class UserProfile(Part, frozen=True, kw_only=True):
    """The creator. Averages are per post over the recent posts the gateway looked at."""

    type: str | None = None
    """The platform, `tiktok`."""
    user_id: str | None = None
    """Up to 19 digits; the stable identity, as handles change hands."""
    sec_uid: str | None = None
    username: str | None = None
    """The handle."""
    url: str | None = None
    picture: str | None = None
    """An address that expires within about a day."""
    fullname: str | None = None
    description: str | None = None
    is_verified: bool | None = None
    is_hidden: bool | None = None
    gender: str | None = None
    """`MALE` or `FEMALE`, by the gateway's estimate."""
    age_group: str | None = None
    """Such as `25-34`, by the gateway's estimate."""
    language: Language | None = None
    followers: int | None = None
    posts_count: int | None = None
    engagements: float | None = None
    """Average likes per post."""
    engagement_rate: float | None = None
    """Engagements per follower, a fraction: 0.014 is 1.4 %. Not bounded by 1."""
    avg_likes: float | None = None
    avg_comments: float | None = None
    avg_views: float | None = None
    avg_shares: float | None = None
    avg_saves: float | None = None
    avg_posts4w: float | None = None
    """Posts in four weeks; may be fractional."""
    total_likes: int | None = None
    """Over the life of the account; exceeds 32 bits."""
    stat_history: tuple[ProfileMonth, ...] | None = None
    """Seven months as a rule, ascending; the last is the report's own."""
    stats: tuple[PostTypeStats, ...] | None = None
    geo: Geo | None = None
    top_hashtags: tuple[TopHashtag, ...] | None = None
    relevant_tags: tuple[RelevantTag, ...] | None = None
    similar_users: tuple[RelatedUser, ...] | None = None
    """By ascending score, the closest first."""
    top_posts: tuple[Post, ...] | None = None
    """By likes, the most first."""
    recent_posts: tuple[Post, ...] | None = None
    """By date, the newest first."""

    @property
    def country_code(self) -> str | None:
        """ISO 3166-1 alpha-2 code of the creator's country, or None."""
        return country_code(self.geo)
