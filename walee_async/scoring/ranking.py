"""Who comes before whom, and the best of many in the memory of a few."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from walee_async.checks import check_whole
from walee_async.scoring.result import Grade, Score

_ORDER: Final = {grade: place for place, grade in enumerate(Grade)}


def rank(score: Score) -> tuple[int, bool, float, float, str]:
    """What to sort scores by, the best first: grade, value, coverage; then the handle, so that no two runs differ.

    Within a grade, those of whom a requirement or the target cannot be told come after all others: what is not known
    would else outrank what is known and not perfect.
    """
    value = -1.0 if score.value is None else score.value
    unsure = any(requirement.met is None for requirement in score.requirements)
    return _ORDER[score.grade], unsure, -value, -score.coverage, score.handle or ""


class _Last:
    """A score in a heap whose first is the worst."""

    __slots__ = ("rank", "score")

    def __init__(self, score: Score) -> None:
        self.score = score
        self.rank = rank(score)

    def __lt__(self, other: _Last) -> bool:
        return self.rank > other.rank


class Top:
    """Keeps the best `size` of the scores it is given. Iterating gives them, the best first.

    Raises:
        ConfigError: the size is no whole number from 0.
    """

    def __init__(self, size: int) -> None:
        check_whole("The number of the best to keep", size, 0)
        self.size = size
        self._heap: list[_Last] = []

    def add(self, score: Score) -> None:
        """Take note of one score."""
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, _Last(score))
        elif self.size:
            heapq.heappushpop(self._heap, _Last(score))

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Score]:
        return iter([last.score for last in sorted(self._heap, key=lambda last: last.rank)])
