"""What a brief insists on, held against what a report says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from walee_async.scoring.component import beside, plain
from walee_async.scoring.measures import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from walee_async.scoring.brief import Brief
    from walee_async.scoring.component import Component
    from walee_async.scoring.flags import Flag
    from walee_async.scoring.subject import Subject

_FACTS: Final = {
    "min_quality": "cqs_value",
    "min_engagement_percentile": "percentile",
    "min_target_share": "target_share",
    "min_reachable_share": "reachable_share",
}
"""The fact each requirement is about."""


class Requirement(Struct, frozen=True, omit_defaults=True, gc=False):
    """One requirement of a brief. `met` is None where the report does not say, or somebody has to look."""

    name: str
    limit: float | str
    found: float | str | None = None
    met: bool | None = None

    @property
    def reason(self) -> str:
        """A clause for people: what was found and what is asked."""
        if self.name == "no_flags":
            return f"the brief allows no flag {plain(str(self.limit))}: {self.found}"
        if self.name == "review_flags":
            return f"to be looked at, {plain(str(self.limit))}: {self.found}"
        bound, _, what = self.name.partition("_")
        what = plain(what)
        if not self.limit and self.found is None:
            return f"{what}: not known"
        limit = float(self.limit)
        known = isinstance(self.found, int | float)
        found, asked = beside(float(self.found or 0.0) if known else limit, limit, *self._form())
        most = "most" if bound == "max" else "least"
        return f"{what}: {found if known else 'not known'}, and the brief asks for at {most} {asked}"

    def _form(self) -> tuple[str, int]:
        if self.name.endswith(("_share", "_coverage")):
            return "%", 1
        return "f", 0 if self.name.endswith("_followers") else 1


def requirements_of(
    subject: Subject, brief: Brief, components: Sequence[Component], flags: Sequence[Flag], coverage: float
) -> tuple[Requirement, ...]:
    """Everything the brief insists on and whether it is met; of the flags, those that are raised and matter to it.

    A target insists on being known: where the share on target is not, that is a requirement which cannot be told. So
    does being approved insist on coverage.
    """
    return (*_numbers(subject, brief, components), *_coverage(coverage, brief), *_raised(flags, brief))


def _coverage(coverage: float, brief: Brief) -> Iterator[Requirement]:
    if coverage < brief.grades.approve_coverage:
        yield Requirement("min_coverage", brief.grades.approve_coverage, coverage)


def _raised(flags: Sequence[Flag], brief: Brief) -> Iterator[Requirement]:
    for flag in flags:
        if flag.name in brief.require.no_flags:
            yield Requirement("no_flags", flag.name, flag.reason, False)
        elif flag.name in brief.require.review_flags:
            yield Requirement("review_flags", flag.name, flag.reason)


def _numbers(subject: Subject, brief: Brief, components: Sequence[Component]) -> Iterator[Requirement]:
    profile, require = subject.profile, brief.require
    followers = known(profile.followers) if profile is not None else None
    for name, limit in (("min_followers", brief.followers.min), ("max_followers", brief.followers.max)):
        if limit is not None:
            yield _held(name, limit, followers)
    facts = {fact.name: fact.value for component in components for fact in component.evidence}
    for name, source in _FACTS.items():
        limit, found = getattr(require, name), facts.get(source)
        if limit is not None:
            held = _held(name, limit, found if isinstance(found, int | float) else None)
            most = facts.get(f"{source}_high")
            # Where an interval reaches the limit, the report does not say that it is missed.
            unsure = held.met is False and isinstance(most, int | float) and most >= limit
            yield msgspec.structs.replace(held, met=None) if unsure else held
    if brief.has_target and require.min_target_share is None and facts.get("target_share") is None:
        # Who names a target does not want somebody approved whose audience nobody knows.
        yield Requirement("min_target_share", 0.0)
    if require.max_days_since_post is not None:
        yield _held("max_days_since_post", require.max_days_since_post, subject.days_since_post)


def _held(name: str, limit: float, found: float | None) -> Requirement:
    limit = float(limit)
    if found is None:
        return Requirement(name, limit)
    found = round(float(found), 6)
    return Requirement(name, limit, found, found <= limit if name.startswith("max_") else found >= limit)
