"""From a report and a brief to a score: the weighted mean of what is known, what each part of it gave, and a grade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from walee_async.models.geo import country_code
from walee_async.scoring.brief import Brief
from walee_async.scoring.components import consistency, growth, quality, reach, reachable_audience
from walee_async.scoring.engagement import engagement
from walee_async.scoring.fit import audience_fit
from walee_async.scoring.flags import flags_of
from walee_async.scoring.measures import known
from walee_async.scoring.requirements import requirements_of
from walee_async.scoring.result import SCORING_VERSION, Contribution, Grade, Score, explanation
from walee_async.scoring.subject import Subject

if TYPE_CHECKING:
    from walee_async.scoring.component import Component
    from walee_async.scoring.flags import Flag
    from walee_async.scoring.requirements import Requirement
    from walee_async.scoring.view import Scorable

_COMPONENTS: Final = (quality, engagement, reach, growth, audience_fit, reachable_audience, consistency)
_DEFAULT: Final = Brief()


def score(report: Scorable, brief: Brief = _DEFAULT, *, handle: str | None = None) -> Score:
    """Score one report: the weighted mean over the components that have data.

    Args:
        report: A CreatorReport or a ScoreView; both give the same.
        brief: What is wanted; without one, all that is well made.
        handle: What to call the creator; None takes the report's own username.
    """
    subject = Subject(report)
    components = tuple(component(subject, brief) for component in _COMPONENTS)
    flags = flags_of(subject, brief)
    asked = {part.name: float(getattr(brief.weights, part.name)) for part in components}
    if not brief.has_target:
        del asked["audience_fit"]
    known = [part for part in components if part.value is not None and asked.get(part.name)]
    weight = math.fsum(asked[part.name] for part in known)
    shares = {part.name: asked[part.name] / weight for part in known}
    whole = math.fsum(asked.values())
    coverage = round(weight / whole, 4) if whole else 0.0
    requirements = requirements_of(subject, brief, components, flags, coverage)
    contributions = _contributions(known, shares, flags, brief)
    value = _sum(contributions) if known else None
    told: dict[str, Any] = {
        **_identity(report, handle),
        **_bounds(contributions, known, shares, math.fsum(getattr(brief.penalties, flag.name) for flag in flags)),
        "value": value,
        "coverage": coverage,
        "grade": _grade(value, coverage, requirements, brief),
        "contributions": contributions,
        "components": components,
        "flags": flags,
        "requirements": requirements,
        "brief": brief.id,
        "version": SCORING_VERSION,
    }
    return Score(explanation=explanation(told), **told)


def _contributions(
    known: Sequence[Component], shares: dict[str, float], flags: Sequence[Flag], brief: Brief
) -> tuple[Contribution, ...]:
    """What each component gives, rounded so that the hundredths add up to the rounded mean; then what flags take.

    The hundredths that rounding down leaves over go to those that lost most by it (Hamilton's method).
    """
    exact = [100.0 * shares[part.name] * (part.value or 0.0) for part in known]
    parts = [math.floor(part) for part in exact]
    left = round(math.fsum(exact)) - sum(parts)
    for place in sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])[:left]:
        parts[place] += 1
    found = [
        Contribution(part.name, round(shares[part.name], 4), points / 100)
        for part, points in zip(known, parts, strict=True)
    ]
    rest = sum(parts)
    for flag in flags:
        taken = min(rest, round(100 * getattr(brief.penalties, flag.name)))
        if taken:
            found.append(Contribution(flag.name, 0.0, -taken / 100))
            rest -= taken
    return tuple(found)


def _sum(contributions: Sequence[Contribution]) -> float:
    return sum(round(100 * part.points) for part in contributions) / 100


def _bounds(
    contributions: Sequence[Contribution], known: Sequence[Component], shares: dict[str, float], taken: float
) -> dict[str, float]:
    """What the score could be, where a component says how far it could be from its own value."""
    bounded = [part for part in known if part.low is not None and part.high is not None]
    if not bounded:
        return {}
    value = _sum([part for part in contributions if part.points >= 0]) - taken
    down = math.fsum(shares[part.name] * ((part.value or 0.0) - (part.low or 0.0)) for part in bounded)
    up = math.fsum(shares[part.name] * ((part.high or 0.0) - (part.value or 0.0)) for part in bounded)
    return {"low": round(max(0.0, value - down), 2), "high": round(max(0.0, value + up), 2)}


def _grade(value: float | None, coverage: float, requirements: Sequence[Requirement], brief: Brief) -> Grade:
    """What it comes to. A requirement that is not met rejects; one that cannot be told keeps from being approved."""
    cutoffs = brief.grades
    if any(requirement.met is False for requirement in requirements):
        return Grade.REJECT
    if value is None or coverage < cutoffs.min_coverage:
        return Grade.NOT_ENOUGH_DATA
    if value < cutoffs.review:
        return Grade.REJECT
    unsure = any(requirement.met is None for requirement in requirements)
    return Grade.REVIEW if unsure or value < cutoffs.approve else Grade.APPROVE


def _identity(report: Scorable, handle: str | None) -> dict[str, Any]:
    profile, info = report.user_profile, report.report_info
    return {
        "handle": handle if handle is not None or profile is None else profile.username,
        "user_id": profile.user_id if profile is not None else None,
        "fullname": profile.fullname if profile is not None else None,
        "country": country_code(profile.geo) if profile is not None else None,
        "followers": known(profile.followers) if profile is not None else None,
        "report_id": info.report_id if info is not None else None,
        "created": info.created if info is not None else None,
    }
