"""The whole report, and where it comes from."""

from __future__ import annotations

from datetime import datetime

from walee_async.models.audience import Audience, AudienceData
from walee_async.models.base import Part, parse_time
from walee_async.models.peers import Extra
from walee_async.models.profile import UserProfile
from walee_async.models.quality import CreatorQuality


class ReportInfo(Part, frozen=True, kw_only=True):
    """Which report this is, and how old."""

    report_id: str | None = None
    created: str | None = None
    """When the gateway made the report, as sent."""
    profile_updated: str | None = None
    """When the profile was last looked at, as sent."""

    @property
    def created_at(self) -> datetime | None:
        """When the report was made, aware; None when absent or no time."""
        return parse_time(self.created)

    @property
    def profile_updated_at(self) -> datetime | None:
        """When the profile was last looked at, aware; None when absent or no time."""
        return parse_time(self.profile_updated)


class CreatorReport(Part, frozen=True, kw_only=True):
    """A TikTok creator's report: the `payload` object of the gateway's answer, nested as documented there."""

    success: bool | None = None
    version: str | None = None
    """`2`."""
    report_info: ReportInfo | None = None
    user_profile: UserProfile | None = None
    audience_likers: Audience | None = None
    audience_followers: Audience | None = None
    audience_commenters: Audience | None = None
    extra: Extra | None = None
    cqs: CreatorQuality | None = None
    location: str | None = None
    """The gateway's own word for where the creator is."""

    @property
    def audience(self) -> AudienceData | None:
        """The followers' data, the one audience TikTok reports have; None when there is none."""
        return self.audience_followers.data_or_none if self.audience_followers is not None else None

    @property
    def cqs_value(self) -> float | None:
        """The creator quality score, 0 to 100, or None."""
        return self.cqs.cqs_value if self.cqs is not None else None
