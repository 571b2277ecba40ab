"""What creators of the same size do, to compare one with."""

from __future__ import annotations

from walee_async.models.base import Part


class FollowersRange(Part, frozen=True, kw_only=True):
    """The tier of creators the histogram is drawn from, in followers. The top tier has no `right_number`."""

    left_number: int | None = None
    right_number: int | None = None


class HistogramBucket(Part, frozen=True, kw_only=True):
    """How many creators of the tier have an engagement rate from `min` to `max`.

    Rates are fractions. Buckets are contiguous and ascending; the first has no `min`, the last no `max`.
    """

    min: float | None = None
    max: float | None = None
    total: int | None = None
    """Creators in the bucket."""
    median: bool | None = None
    """True on the one bucket that holds the tier's median; absent on the others."""


class Extra(Part, frozen=True, kw_only=True):
    """The creator's tier and its engagement rates: enough to place the creator among peers."""

    followers_range: FollowersRange | None = None
    engagement_rate_histogram: tuple[HistogramBucket, ...] | None = None
    """20 buckets as a rule."""
