"""The view that scoring reads: about 8 of a report's 95 KB. The whole report gives the same score."""

from __future__ import annotations

from typing import TypeAlias

from walee_async.models.audience import AudienceShares
from walee_async.models.base import Part
from walee_async.models.geo import Geo
from walee_async.models.peers import Extra
from walee_async.models.posts import PostDay
from walee_async.models.profile import ProfileMonth
from walee_async.models.quality import CreatorQuality
from walee_async.models.report import CreatorReport, ReportInfo


class ScoreProfile(Part, frozen=True, kw_only=True):
    """The creator's numbers and history, named and measured as in `UserProfile`."""

    user_id: str | None = None
    username: str | None = None
    fullname: str | None = None
    is_hidden: bool | None = None
    followers: int | None = None
    engagement_rate: float | None = None
    avg_likes: float | None = None
    avg_comments: float | None = None
    avg_views: float | None = None
    avg_posts4w: float | None = None
    stat_history: tuple[ProfileMonth, ...] | None = None
    geo: Geo | None = None
    recent_posts: tuple[PostDay, ...] | None = None


class ScoreAudience(Part, frozen=True, kw_only=True):
    """The followers' shares, without the people among them."""

    success: bool | None = None
    data: AudienceShares | None = None


class ScoreView(Part, frozen=True, kw_only=True):
    """What a score is made of; a view of the same payload as `CreatorReport`."""

    success: bool | None = None
    report_info: ReportInfo | None = None
    user_profile: ScoreProfile | None = None
    audience_followers: ScoreAudience | None = None
    extra: Extra | None = None
    cqs: CreatorQuality | None = None

    @property
    def audience(self) -> AudienceShares | None:
        """The followers' shares when the block is a success; None otherwise."""
        block = self.audience_followers
        return block.data if block is not None and block.success else None


Scorable: TypeAlias = CreatorReport | ScoreView
"""What can be scored."""
