"""Engagement among peers: where a creator stands in the histogram of its own tier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from walee_async.scoring.component import Component, fact, points
from walee_async.scoring.measures import known

if TYPE_CHECKING:
    from walee_async.models.peers import FollowersRange, HistogramBucket
    from walee_async.scoring.brief import Brief
    from walee_async.scoring.subject import Subject

NAME: Final = "engagement"
_TAIL: Final = 1.0
"""The tail's exponent where two buckets do not tell it: Zipf's."""


def engagement(subject: Subject, brief: Brief) -> Component:
    """The percentile of the creator's engagement rate among creators of its tier, by the report's histogram."""
    profile, extra = subject.profile, subject.report.extra
    rate = known(profile.engagement_rate) if profile is not None else None
    if rate is None:
        return Component(name=NAME, missing="the engagement rate is not known")
    place = percentile(rate, (extra.engagement_rate_histogram if extra is not None else None) or ())
    if place is None:
        missing = "there is no histogram of the tier to compare with"
        return Component(name=NAME, missing=missing, evidence=(fact("engagement_rate", rate, "likes per follower"),))
    assert extra is not None
    peers = sum(bucket.total or 0 for bucket in extra.engagement_rate_histogram or ())
    evidence = (
        fact("engagement_rate", rate, "likes per follower"),
        fact("percentile", place, "of 100"),
        fact("tier", tier(extra.followers_range), "followers"),
        fact("peers", peers, "creators"),
    )
    return Component(name=NAME, value=points(place), evidence=evidence)


def percentile(rate: float, buckets: Sequence[HistogramBucket]) -> float | None:
    """The share of creators with a lower engagement rate, 0 to 100; None when the histogram cannot tell.

    Inside a bucket creators are taken to lie evenly. The first bucket begins at 0. Past the edge of the open last one
    the share with more than `rate` falls as `(edge / rate) ** a`, a Pareto tail, whose exponent `a` is that of the fall
    over the bucket before: the curve goes on as it came, and never reaches 100.

    Buckets must be contiguous and ascending, with known totals; an edge may be stated by either neighbour.
    """
    edges = _edges(buckets)
    counts = [total for bucket in buckets if (total := known(bucket.total)) is not None]
    whole, below = sum(counts), 0.0
    if edges is None or len(counts) < len(buckets) or not whole:
        return None
    last = len(counts) - 1
    for place in range(last):
        low, high = edges[place], edges[place + 1]
        if rate < high:
            return 100.0 * (below + counts[place] * (rate - low) / (high - low)) / whole
        below += counts[place]
    return 100.0 * (1.0 - counts[last] * _tail(rate, edges, counts) / whole)


def _edges(buckets: Sequence[HistogramBucket]) -> list[float] | None:
    """The lower edges, the first of them 0; None when one is missing or they do not ascend."""
    if len(buckets) < 2:
        return None
    edges = [0.0]
    for before, bucket in pairwise(buckets):
        edge = known(bucket.min if bucket.min is not None else before.max)
        if edge is None or edge <= edges[-1]:
            return None
        edges.append(edge)
    return edges


def _tail(rate: float, edges: Sequence[float], counts: Sequence[float]) -> float:
    """The share of the last bucket with at least this rate."""
    exponent = _TAIL
    if edges[-2] > 0 and counts[-1] and counts[-2]:
        exponent = math.log((counts[-2] + counts[-1]) / counts[-1]) / math.log(edges[-1] / edges[-2])
    return float((edges[-1] / rate) ** exponent)


def tier(bounds: FollowersRange | None) -> str | None:
    """The tier in words, such as `10,000 to 50,000`."""
    if bounds is None or (bounds.left_number is None and bounds.right_number is None):
        return None
    if bounds.right_number is None:
        return f"{bounds.left_number:,} and more"
    return f"{bounds.left_number or 0:,} to {bounds.right_number:,}"
