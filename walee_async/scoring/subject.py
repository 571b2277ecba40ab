"""What is scored: a report, with what several components and flags need of it worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from walee_async.scoring.measures import known, month_number

if TYPE_CHECKING:
    from datetime import datetime

    from walee_async.models.audience import AudienceShares
    from walee_async.models.profile import UserProfile
    from walee_async.scoring.view import Scorable, ScoreProfile

_DAY: Final = 24 * 3600.0


class Subject:
    """A report and its history.

    Attributes:
        report: A CreatorReport or a ScoreView.
        profile: Its profile, or None.
        audience: The followers' shares, or None where there are none.
        months: The months with followers, ascending: months since year 0, and the followers at their end.
        likes: The average likes of the months that state them, in the same count, in no order.
        days_since_post: Days from the newest post to the report, at least 0; None where either has no date.
    """

    __slots__ = ("audience", "days_since_post", "likes", "months", "profile", "report")

    def __init__(self, report: Scorable) -> None:
        self.report = report
        self.profile: UserProfile | ScoreProfile | None = report.user_profile
        self.audience: AudienceShares | None = report.audience
        followers: dict[int, float] = {}
        self.likes: list[tuple[int, float]] = []
        for row in (self.profile.stat_history if self.profile is not None else None) or ():
            month = month_number(row.month)
            if month is None:
                continue
            if (count := known(row.followers)) is not None and count > followers.get(month, 0.0):
                followers[month] = count
            if (likes := known(row.avg_likes)) is not None:
                self.likes.append((month, likes))
        self.months = sorted(followers.items())
        self.days_since_post = self._days_since_post()

    def _days_since_post(self) -> float | None:
        info, profile = self.report.report_info, self.profile
        made = info.created_at if info is not None else None
        if made is None or profile is None:
            return None
        newest: datetime | None = None
        for post in profile.recent_posts or ():
            at = post.created_at
            if at is not None and (newest is None or at > newest):
                newest = at
        return None if newest is None else max(0.0, (made - newest).total_seconds() / _DAY)
