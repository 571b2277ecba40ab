"""Follower tiers and the spread of engagement among the creators of one tier."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

STARTS = (1, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000)
"""The fewest followers of each tier; a tier ends where the next begins, the last nowhere."""

MEDIAN_BUCKET = 5

_TOP_EDGES = (
    0.000778, 0.001928, 0.003308, 0.004972, 0.006829, 0.008912, 0.011218, 0.013789, 0.016688, 0.019999,
    0.023894, 0.028576, 0.034198, 0.041279, 0.050382, 0.062609, 0.081093, 0.112505, 0.184592,
)  # fmt: skip
# The published edges are of the highest tier; smaller creators engage more, about this much.
_SCALES = (4.5, 3.3, 2.6, 2.0, 1.6, 1.25, 1.0)
_CROWDS = (1_950_000, 1_120_000, 1_480_000, 402_000, 391_000, 58_200, 32_924)
# First and last bucket are open; a rate in them lies within these multiples of their one edge.
_LOWEST, _HIGHEST = 0.15, 2.5


def tier_of(followers: int) -> int:
    """Return the number of the tier that a count of followers falls into, from 0."""
    return max(0, bisect_right(STARTS, followers) - 1)


def edges_of(tier: int) -> list[float]:
    """Return the 19 edges between the 20 buckets of a tier, as engagement rates (fractions)."""
    return [round(edge * _SCALES[tier], 6) for edge in _TOP_EDGES]


def totals_of(tier: int) -> list[int]:
    """Return how many creators of the tier are in each bucket: C/(3+k) in the k-th, as measured."""
    return [round(_CROWDS[tier] / (3 + k)) for k in range(1, 21)]


def extra(followers: int) -> dict[str, Any]:
    """Return the report's `extra` block for a creator with so many followers."""
    tier = tier_of(followers)
    reach = {"left_number": STARTS[tier]}
    if tier + 1 < len(STARTS):
        reach["right_number"] = STARTS[tier + 1]
    edges, histogram = edges_of(tier), []
    for number, total in enumerate(totals_of(tier)):
        bucket: dict[str, Any] = {}
        if number > 0:
            bucket["min"] = edges[number - 1]
        if number < len(edges):
            bucket["max"] = edges[number]
        bucket["total"] = total
        if number == MEDIAN_BUCKET:
            bucket["median"] = True
        histogram.append(bucket)
    return {"followers_range": reach, "engagement_rate_histogram": histogram}


def rate_at(tier: int, quantile: float) -> float:
    """Return the engagement rate at a quantile (0–1) of a tier's creators, by its histogram."""
    totals, edges = totals_of(tier), edges_of(tier)
    left = quantile * sum(totals)
    bounds = [edges[0] * _LOWEST, *edges, edges[-1] * _HIGHEST]
    for number, total in enumerate(totals):
        if left <= total:
            return bounds[number] + (bounds[number + 1] - bounds[number]) * left / total
        left -= total
    return bounds[-1]
