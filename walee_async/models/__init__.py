"""The report as immutable Structs, nested as the gateway documents it; None means unknown.

- report.py: CreatorReport, the whole; ReportInfo
- headline.py: Headline, a small view of it
- profile.py: the creator: identity, numbers, history, tags
- posts.py: top and recent posts
- people.py: similar creators, lookalikes, notable followers
- audience.py: the followers, by gender, age, country, language, reach
- peers.py: the creator's tier and its engagement rates
- quality.py: the creator quality score
- geo.py: countries
"""

from __future__ import annotations

from walee_async.models.audience import (
    Audience,
    AudienceData,
    AudienceGeo,
    AudienceShares,
    CodeWeight,
    CountryWeight,
    GenderAgeWeight,
    LanguageWeight,
)
from walee_async.models.geo import Coordinates, Country, Geo
from walee_async.models.headline import Headline, HeadlineProfile, HeadlineQuality
from walee_async.models.peers import Extra, FollowersRange, HistogramBucket
from walee_async.models.people import RelatedStats, RelatedUser
from walee_async.models.posts import Post, PostStat
from walee_async.models.profile import (
    Language,
    PostTypeMonth,
    PostTypeStats,
    ProfileMonth,
    RelevantTag,
    TopHashtag,
    UserProfile,
)
from walee_async.models.quality import CreatorQuality, QualityScore, QualityScores
from walee_async.models.report import CreatorReport, ReportInfo

__all__ = [
    "Audience",
    "AudienceData",
    "AudienceGeo",
    "AudienceShares",
    "CodeWeight",
    "Coordinates",
    "Country",
    "CountryWeight",
    "CreatorQuality",
    "CreatorReport",
    "Extra",
    "FollowersRange",
    "GenderAgeWeight",
    "Geo",
    "Headline",
    "HeadlineProfile",
    "HeadlineQuality",
    "HistogramBucket",
    "Language",
    "LanguageWeight",
    "Post",
    "PostStat",
    "PostTypeMonth",
    "PostTypeStats",
    "ProfileMonth",
    "QualityScore",
    "QualityScores",
    "RelatedStats",
    "RelatedUser",
    "RelevantTag",
    "ReportInfo",
    "TopHashtag",
    "UserProfile",
]
