"""What one component of a score is, and the facts it rests on."""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing a report says, or that follows from it. None is unknown."""

    name: str
    value: int | float | str | None
    unit: str = ""
    """Such as `fraction`, `followers`, `days`, `posts in 4 weeks`."""


class Component(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One component: 0 to 100 points in hundredths, or None where the report has no data for it, which is not zero."""

    name: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Where the data leaves room, what the value may be at least and at most; None where it leaves none."""
    missing: str = ""
    """Why there is no value."""
    evidence: tuple[Fact, ...] = ()


def plain(name: str) -> str:
    """A name as people read it: `audience_fit` is audience fit."""
    return name.replace("_", " ")


def points(value: float) -> float:
    """Points as they are reported and summed: 0 to 100, in hundredths."""
    return round(min(100.0, max(0.0, value)), 2)


def beside(found: float, limit: float, kind: str, digits: int, sign: str = "") -> tuple[str, str]:
    """A number and the limit it is held against, as people read them; `kind` is `f` or `%`.

    The limit is told as it was given, the number with `digits` decimals, or with as many more as show that they differ.
    """
    asked = _trimmed(f"{limit:,.6{kind}}")
    while digits < 8 and found != limit and _trimmed(f"{found:,.{digits}{kind}}") == asked:
        digits += 1
    return f"{found:{sign},.{digits}{kind}}", asked


def _trimmed(number: str) -> str:
    """Without zeros at its end: `15.000000%` is 15%."""
    digits, percent = number.removesuffix("%"), "%" if number.endswith("%") else ""
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + percent


def fact(name: str, value: int | float | str | None, unit: str = "") -> Fact:
    """A fact, numbers to six places after the point, so that the last digit of a library's logarithm is not in it."""
    return Fact(name, round(value, 6) if isinstance(value, float) else value, unit)
