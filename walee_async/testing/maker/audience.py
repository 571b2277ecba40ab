"""The audience block: shares in millionths, so that every table sums to one and the joint one fits its margins."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from walee_async.testing.maker.creator import AGES, Creator
from walee_async.testing.maker.places import COUNTRIES, LANGUAGE_CODES, LANGUAGES

WHOLE = 1_000_000
_REACH = ("-500", "500-1000", "1000-1500", "1500-")
EMPTY: dict[str, Any] = {"success": False, "error": "empty_audience"}


def demographics(creator: Creator, rng: Random) -> dict[str, Any]:
    """Return the tables of an analysed audience, in the order reports have them."""
    ages = split(creator.ages, WHOLE)
    female = min(WHOLE, max(0, round(creator.female * WHOLE)))
    women = _women_by_age(ages, female, 0.25 * (rng.random() - 0.5))
    genders = [("MALE", WHOLE - female), ("FEMALE", female)]
    if rng.random() < 0.5:
        genders.reverse()
    joint = [
        {"code": code, "male": fraction(all_ - hers), "female": fraction(hers)}
        for code, all_, hers in zip(AGES, ages, women, strict=True)
    ]
    return {
        "audience_reachability": _rows(_REACH, _reachability(creator.reachable, rng)),
        "audience_genders": [{"code": code, "weight": fraction(share)} for code, share in genders if share],
        "audience_ages": _rows(AGES, ages),
        "audience_genders_per_age": joint,
        "audience_languages": _languages(creator, rng),
        "audience_geo": {"countries": _countries(creator)},
    }


def fraction(millionths: int) -> float:
    """Return a share as reports write it: six decimals, and an exact zero as an int."""
    return millionths / WHOLE if millionths else 0


def split(weights: Sequence[float], whole: int) -> list[int]:
    """Divide `whole` in proportion to weights, to the last one: largest remainders round up."""
    total = sum(weights)
    exact = [weight / total * whole for weight in weights]
    parts = [int(share) for share in exact]
    order = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in order[: whole - sum(parts)]:
        parts[place] += 1
    return parts


def _rows(codes: Sequence[str], shares: Sequence[int]) -> list[dict[str, Any]]:
    return [{"code": code, "weight": fraction(share)} for code, share in zip(codes, shares, strict=True)]


def _women_by_age(ages: Sequence[int], female: int, tilt: float) -> list[int]:
    """Return the women of each age group: more or fewer among the young, and together exactly `female`."""
    women = []
    for place, people in enumerate(ages):
        share = female / WHOLE + tilt * (2.5 - place) / 2.5
        women.append(min(people, max(0, round(people * share))))
    missing = female - sum(women)
    for place, people in enumerate(ages):
        room = people - women[place] if missing > 0 else -women[place]
        step = min(missing, room) if missing > 0 else max(missing, room)
        women[place] += step
        missing -= step
    return women


def _reachability(reachable: float, rng: Random) -> list[int]:
    near = min(WHOLE, max(0, round(reachable * WHOLE)))
    first, third = int(near * (0.6 + 0.25 * rng.random())), int((WHOLE - near) * (0.15 + 0.2 * rng.random()))
    return [first, near - first, third, WHOLE - near - third]


def _languages(creator: Creator, rng: Random) -> list[dict[str, Any]]:
    own = creator.language or "en"
    codes = [own, *(code for code in LANGUAGE_CODES if code != own)][: 8 + int(13 * rng.random())]
    weights = sorted((rng.random() * (place + 1) ** -1.6 for place in range(1, len(codes))), reverse=True)
    shares = split([1.2 + rng.random(), *weights, 0.004 + 0.02 * rng.random()], WHOLE)
    named = sorted(zip(shares, codes, strict=False), key=lambda row: -row[0])
    rows: list[dict[str, Any]] = [
        {"code": code, "name": LANGUAGES.get(code, code), "weight": fraction(share)} for share, code in named
    ]
    return [*rows, {"code": "other", "weight": fraction(shares[-1])}]


def _countries(creator: Creator) -> list[dict[str, Any]]:
    return [
        {"id": COUNTRIES[code].id, "name": COUNTRIES[code].name, "code": code, "weight": round(share, 6)}
        for code, share in creator.countries
        if share >= 0.01
    ]
