"""Scores as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from walee_async.export.columns import Column, Kind, Table
from walee_async.scoring import Brief

if TYPE_CHECKING:
    from walee_async.export.columns import Cell
    from walee_async.scoring import Score

COMPONENTS: Final = Brief().weights.__struct_fields__

_POINTS: Final = "points of 100"
_FRACTION: Final = "fraction"


def _component(name: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_points", Kind.NUMBER, _POINTS, "Of the component by itself."),
        Column(f"{name}_contribution", Kind.NUMBER, _POINTS, "Of the score that the component gave."),
    )


SCORES: Final = Table(
    "scores",
    (
        Column("rank", Kind.INTEGER, description="The place, from 1."),
        Column("handle", description="The creator, as asked for."),
        Column("user_id", description="Up to 19 digits."),
        Column("name"),
        Column("country", description="The creator's own, ISO 3166-1 alpha-2."),
        Column("followers", Kind.INTEGER, "followers"),
        Column("score", Kind.NUMBER, _POINTS),
        Column("low", Kind.NUMBER, _POINTS, "What the score may be at least, where the audience's data leaves room."),
        Column("high", Kind.NUMBER, _POINTS, "What the score may be at most."),
        Column("grade", description="`approve`, `review`, `not_enough_data` or `reject`."),
        Column("coverage", Kind.NUMBER, _FRACTION, "The share of the weight that had data."),
        *(column for name in COMPONENTS for column in _component(name)),
        Column("penalties", Kind.NUMBER, _POINTS, "What flags took off the score; 0 or less."),
        Column("target_share", Kind.NUMBER, _FRACTION, "The share of the audience that the brief is after."),
        Column("target_share_low", Kind.NUMBER, _FRACTION, "What it may be at least."),
        Column("target_share_high", Kind.NUMBER, _FRACTION, "What it may be at most."),
        Column("engagement_percentile", Kind.NUMBER, "of 100", "Among creators of the same tier."),
        Column("flags", description="Their names, separated by spaces."),
        Column("reasons", description="Why they are raised, and which requirements are not met."),
        Column("explanation", description="One sentence."),
        Column("report_id"),
        Column("created", description="When the report was made, as sent."),
        Column("brief", description="The brief's id."),
        Column("scoring_version"),
    ),
    "One row for each creator that was scored, the best first.",
)


def fact(score: Score, component: str, name: str) -> float | None:
    """A number that a score rests on; None where it is not known."""
    part = score.component(component)
    found = next((fact.value for fact in part.evidence if fact.name == name), None) if part is not None else None
    return found if isinstance(found, int | float) else None


def score_row(place: int | None, score: Score) -> list[Cell]:
    """The row of one score; without a place where the others are not known."""
    given = {part.name: part.points for part in score.contributions if part.points >= 0}
    parts = [(score.component(name), given.get(name)) for name in COMPONENTS]
    taken = sum(round(100 * part.points) for part in score.contributions if part.points < 0) / 100
    reasons = [flag.reason for flag in score.flags]
    reasons += [held.reason for held in score.requirements if not held.met and held.name != "review_flags"]
    return [
        place,
        score.handle,
        score.user_id,
        score.fullname,
        score.country,
        score.followers,
        score.value,
        score.low,
        score.high,
        str(score.grade),
        score.coverage,
        *(cell for part, points in parts for cell in (part.value if part is not None else None, points)),
        taken,
        *(fact(score, "audience_fit", name) for name in ("target_share", "target_share_low", "target_share_high")),
        fact(score, "engagement", "percentile"),
        " ".join(flag.name for flag in score.flags),
        "; ".join(reasons),
        score.explanation,
        score.report_id,
        score.created,
        score.brief,
        score.version,
    ]
