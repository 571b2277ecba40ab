"""Posts, and what they count."""

from __future__ import annotations

from datetime import datetime

from walee_async.models.base import Part, parse_time


class PostStat(Part, frozen=True, kw_only=True):
    """What one post has gathered, in whole numbers. Old posts lack `saves`."""

    likes: int | None = None
    comments: int | None = None
    views: int | None = None
    shares: int | None = None
    saves: int | None = None


class PostDay(Part, frozen=True, kw_only=True):
    """When a post was made, and what it has gathered."""

    created: str | None = None
    """When it was posted, as sent."""
    stat: PostStat | None = None

    @property
    def created_at(self) -> datetime | None:
        """When it was posted, aware; None when absent or no time."""
        return parse_time(self.created)


class Post(PostDay, frozen=True, kw_only=True):
    """One row of `top_posts` (by likes) or `recent_posts` (newest first)."""

    user_id: str | None = None
    """The creator's, up to 19 digits."""
    username: str | None = None
    user_picture: str | None = None
    user_url: str | None = None
    type: str | None = None
    """Such as `video`."""
    post_id: str | None = None
    """Up to 19 digits."""
    text: str | None = None
    """The caption; may be empty."""
    video: str | None = None
    """An address that expires within about a day."""
    duration: float | None = None
    """Seconds."""
    thumbnail: str | None = None
    """An address that expires within about a day."""
    link: str | None = None
    hashtags: tuple[str, ...] | None = None
