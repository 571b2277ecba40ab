"""The arithmetic of the components. Plain functions; what cannot be is None, and no order of rows changes a result."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final

from msgspec import Struct

from walee_async.models.audience import WHOLE, CodeWeight, CountryWeight, LanguageWeight

_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


MOST: Final = 1e15
"""No count or rate is that high. Past it lie whole numbers that neither a float nor 64 bits can hold."""


FRACTION: Final = 1.01
"""The most that a share of an audience can be, and what rounding may make of it."""


def known(value: float | None) -> float | None:
    """The value, or None where it is missing or no count, rate or share can be so: below zero, or past `MOST`."""
    return value if value is not None and 0 <= value < MOST else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """One known value as a multiple of another; None where it cannot be told."""
    part, whole = known(part), known(whole)
    return part / whole if part is not None and whole else None


def saturating(value: float, half: float) -> float:
    """0 to 100 points for a value from 0: each `half` more halves what is missing. 50 at `half`, 75 at twice that."""
    return 100.0 * (1.0 - math.exp2(-value / half))


# -- time -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def month_number(month: str | None) -> int | None:
    """`YYYY-MM` as months since year 0, so that gaps can be counted; None for anything else."""
    if month is None or not _MONTH.fullmatch(month):
        return None
    return 12 * int(month[:4]) + int(month[5:]) - 1


def theil_sen(points: Sequence[tuple[int, float]]) -> float:
    """The slope of a line through points by Theil and Sen: the median of the slopes of all pairs.

    Up to 29 % of the points can be anything without moving it far (Sen, "Estimates of the Regression Coefficient Based
    on Kendall's Tau", JASA 1968). The points ascend; there are two of them at least.
    """
    return median([(y - x) / (later - earlier) for (earlier, x), (later, y) in combinations(points, 2)])


def median(values: Sequence[float]) -> float:
    """The middle of one value or more; of an even number, the mean of the two in the middle."""
    ranked, middle = sorted(values), len(values) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


# -- shares -----------------------------------------------------------------------------------------------------------


class Interval(Struct, frozen=True):
    """A share that lies from `low` to `high`, both fractions; `middle` is the best guess."""

    low: float
    high: float
    middle: float


def table_of(rows: Iterable[CodeWeight | CountryWeight | LanguageWeight] | None) -> dict[str, float]:
    """The known weights by code in upper case; rows of one code add up.

    None of a table in which a weight is above `FRACTION`: it holds something else, such as percentages.
    """
    table: dict[str, float] = {}
    for row in rows or ():
        code, weight = row.code, row.weight
        if code is None or weight is None or not weight >= 0:  # as `known`, for hundreds of rows a report
            continue
        if weight > FRACTION:
            return {}
        code = code.upper()
        table[code] = table.get(code, 0.0) + weight
    return table


def share_of(table: Mapping[str, float], wanted: Sequence[str], cut_off: float = 1.0) -> Interval:
    """The share that is of the wanted codes, as far as a table of weights tells.

    What the rows leave of the whole may be of those that have no row, at most `cut_off` of it each.
    """
    low = math.fsum(table.get(code, 0.0) for code in wanted)
    total = math.fsum(table.values())
    room = 1.0 - total if total < WHOLE else 0.0
    missing = sum(code not in table for code in wanted)
    high = min(1.0, low + min(room, missing * cut_off))
    low = min(1.0, low)
    return Interval(low, high, (low + high) / 2)


def both(shares: Sequence[Interval]) -> Interval:
    """The share of those to whom all of the shares apply.

    How they overlap is not known: the bounds are Fréchet's, the middle is that of shares that do not depend on each
    other, their product.
    """
    low = max(0.0, math.fsum(share.low for share in shares) - (len(shares) - 1))
    return Interval(low, min(share.high for share in shares), math.prod(share.middle for share in shares))


def dispersion(values: Sequence[float]) -> float | None:
    """The quartile coefficient of dispersion, (Q3 − Q1) / (Q3 + Q1): 0 for equal values, near 1 for wild ones.

    Quartiles lie between the values in proportion (type 7 of Hyndman and Fan, 1996). None below four values, or when
    all are zero.
    """
    if len(values) < 4:
        return None
    ranked = sorted(values)
    first, third = _quantile(ranked, 0.25), _quantile(ranked, 0.75)
    return (third - first) / (third + first) if third + first > 0 else None


def _quantile(ranked: Sequence[float], part: float) -> float:
    place = part * (len(ranked) - 1)
    under = int(place)
    over = min(under + 1, len(ranked) - 1)
    return ranked[under] + (place - under) * (ranked[over] - ranked[under])
