"""What a score is, and how it is told in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from walee_async.scoring.component import Component, beside, plain
from walee_async.scoring.flags import Flag
from walee_async.scoring.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

SCORING_VERSION: Final = "1"
"""Part of every score; a change that gives any report another score raises it."""


class Grade(StrEnum):
    """What a score comes to by the brief's cut-offs, the best first."""

    APPROVE = "approve"
    REVIEW = "review"
    NOT_ENOUGH_DATA = "not_enough_data"
    REJECT = "reject"


class Contribution(Struct, frozen=True, gc=False):
    """What one component gave, or the penalty for one flag took."""

    name: str
    share: float
    """Of the weight that had data, a fraction; 0 for a penalty."""
    points: float
    """In hundredths; those of a score sum to it exactly. Below 0 for a penalty, and for nothing else."""


class Score(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A creator's score for one brief. The same report, brief and version give the same bytes."""

    handle: str | None = None
    user_id: str | None = None
    fullname: str | None = None
    country: str | None = None
    """The creator's own, ISO 3166-1 alpha-2."""
    followers: int | None = None
    report_id: str | None = None
    created: str | None = None
    """When the report was made, as sent."""
    value: float | None = None
    """0 to 100, in hundredths; None where nothing that counts has data."""
    low: float | None = None
    high: float | None = None
    """What the value may be at least and at most, where the audience's data leaves room; None where it leaves none."""
    coverage: float
    """The share of the weight that had data, a fraction."""
    grade: Grade
    explanation: str
    """One sentence."""
    contributions: tuple[Contribution, ...] = ()
    components: tuple[Component, ...] = ()
    flags: tuple[Flag, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    brief: str
    """The brief's id."""
    version: str
    """The `SCORING_VERSION` it was made with."""

    def component(self, name: str) -> Component | None:
        """The component of that name, or None."""
        return next((part for part in self.components if part.name == name), None)

    def _repr_html_(self) -> str:
        """How notebooks show it."""
        from walee_async.scoring.notebook import score_html

        return score_html(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The same, and the sentence where there is no HTML."""
        return {"text/html": self._repr_html_(), "text/plain": self.explanation}


LEAST: Final = 0.05
"""Points that hold a score back. Less may be what is lost by rounding shares to 0.0001 and points to 0.01."""
_TOLD: Final = ("review_flags", "min_coverage")
"""Requirements that a sentence tells of elsewhere."""


def explanation(told: Mapping[str, Any]) -> str:
    """One sentence about a score: what carried it, what held it back, what is wrong, how much was known."""
    value, grade = told["value"], plain(told["grade"])
    parts = [f"{grade} at {value:.2f}" if value is not None else grade]
    parts.extend(requirement.reason for requirement in told["requirements"] if requirement.met is False)
    unsure = [held for held in told["requirements"] if held.met is None]
    parts.extend(_drivers([part for part in told["contributions"] if part.points >= 0]))
    taken = [f"−{-part.points:.2f} for {plain(part.name)}" for part in told["contributions"] if part.points < 0]
    parts.extend([", ".join(taken)] if taken else [])
    parts.extend(held.reason for held in unsure if held.name not in _TOLD)
    if told["flags"]:
        parts.append(f"flagged for {', '.join(plain(flag.name) for flag in told['flags'])}")
    parts.append(_coverage(told["coverage"], unsure))
    return f"{'; '.join(parts)}."


def _coverage(coverage: float, unsure: Sequence[Requirement]) -> str:
    asked = next((float(held.limit) for held in unsure if held.name == "min_coverage"), None)
    told, limit = beside(coverage, coverage if asked is None else asked, "%", 0)
    little = f", too little to approve without a look (under {limit})" if asked is not None else ""
    return f"{told} of the weight had data{little}"


def _drivers(contributions: Sequence[Contribution]) -> list[str]:
    """The two that gave most, and of the others the one that gave least of what it could have."""
    if not contributions:
        return []
    ranked = sorted(contributions, key=lambda part: -part.points)
    carried = " and ".join(f"{plain(part.name)} (+{part.points:.2f})" for part in ranked[:2])
    lost = {part.name: 100 * part.share - part.points for part in ranked[2:]}
    worst = max(lost, key=lost.__getitem__, default="")
    held = [f"held back by {plain(worst)} (−{lost[worst]:.2f})"] if lost.get(worst, 0.0) >= LEAST else []
    return [f"carried by {carried}", *held]
