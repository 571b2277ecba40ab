"""A small view: who, how big, how engaging, how good, how old. It decodes in less than half the time of the whole."""

from __future__ import annotations

from walee_async.models.base import Part
from walee_async.models.geo import Geo, country_code
from walee_async.models.report import ReportInfo


class HeadlineProfile(Part, frozen=True, kw_only=True):
    """The creator's identity and numbers, named and measured as in `UserProfile`."""

    user_id: str | None = None
    username: str | None = None
    url: str | None = None
    fullname: str | None = None
    is_verified: bool | None = None
    followers: int | None = None
    posts_count: int | None = None
    engagements: float | None = None
    engagement_rate: float | None = None
    """A fraction."""
    avg_likes: float | None = None
    avg_comments: float | None = None
    avg_views: float | None = None
    avg_shares: float | None = None
    avg_saves: float | None = None
    avg_posts4w: float | None = None
    total_likes: int | None = None
    geo: Geo | None = None

    @property
    def country_code(self) -> str | None:
        """ISO 3166-1 alpha-2 code of the creator's country, or None."""
        return country_code(self.geo)


class HeadlineQuality(Part, frozen=True, kw_only=True):
    """The creator quality score without its components."""

    cqs_value: float | None = None
    """0 to 100."""
    mark: str | None = None


class Headline(Part, frozen=True, kw_only=True):
    """The headline of a report; a view of the same payload as `CreatorReport`."""

    success: bool | None = None
    report_info: ReportInfo | None = None
    user_profile: HeadlineProfile | None = None
    cqs: HeadlineQuality | None = None

    @property
    def cqs_value(self) -> float | None:
        """The creator quality score, 0 to 100, or None."""
        return self.cqs.cqs_value if self.cqs is not None else None
