"""The creator quality score. Its formula is not public, and the whole block may be absent."""

from __future__ import annotations

from walee_async.models.base import Part


class QualityScore(Part, frozen=True, kw_only=True):
    """One component of the quality score."""

    value: float | None = None
    """Of an unpublished scale."""
    mark: str | None = None
    """A word for the value; an open set."""
    description: str | None = None


class QualityScores(Part, frozen=True, kw_only=True):
    """The six components of the quality score."""

    engagement_rate_score: QualityScore | None = None
    followers_growth_score: QualityScore | None = None
    likes_growth_score: QualityScore | None = None
    audience_location_score: QualityScore | None = None
    audience_reachability_score: QualityScore | None = None
    followers_credibility_score: QualityScore | None = None


class CreatorQuality(Part, frozen=True, kw_only=True):
    """The creator quality score, `cqs`."""

    cqs_value: float | None = None
    """0 to 100."""
    mark: str | None = None
    """A word for the value; an open set."""
    value_description: QualityScores | None = None
