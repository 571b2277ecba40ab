"""Single values of a brief: checked, and brought to their normal form. The sentences name the key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr

from walee_async.errors import ConfigError
from walee_async.models.audience import AGES, GENDERS
from walee_async.scoring.codes import COUNTRIES, COUNTRY_SLIPS, LANGUAGE_SLIPS, LANGUAGES

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_STARTS: Final = tuple(age.partition("-")[0] for age in AGES)
_ENDS: Final = tuple(age.partition("-")[2] for age in AGES)


MANIFOLD: Final = 10
"""The highest limit of a growth that makes sense: tenfold."""


def check_table(table: Struct, name: str, least: float, most: float = math.inf) -> None:
    """Make sure of every field of a table as `check_field` does."""
    for field in table.__struct_fields__:
        check_field(table, name, field, least, most)


def check_field(table: Struct, name: str, field: str, least: float, most: float = math.inf) -> None:
    """Make sure that a field is None or a number within the bounds, and make it a float: 5 and 5.0 say the same.

    Raises:
        ConfigError: it is not.
    """
    value = getattr(table, field)
    if value is None:
        return
    key = f"{name}.{field}"
    if least <= number(key, value) <= most:
        force_setattr(table, field, float(value))
        return
    bounds = f"from {least:g} to {most:g}" if most < math.inf else f"at least {least:g}"
    percent = f"; {value:g} % is {value / 100:g}" if most <= MANIFOLD and most < value <= 100 else ""
    raise ConfigError(f"{key} is {value:g}; it must be {bounds}{percent}")


def check_points(table: Struct, name: str, field: str) -> None:
    """As `check_field`, for points of 100. One between 0 and 1 is a slip: it was thought to be a fraction.

    Raises:
        ConfigError: it is none.
    """
    check_field(table, name, field, 0, 100)
    value = getattr(table, field)
    if value is not None and 0 < value < 1:
        raise ConfigError(f"{name}.{field} is {value:g}, of 100; did you mean {100 * value:g}?")


def number(key: str, value: object) -> float:
    """The value, if it is a finite number.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{key} is {value!r}; it must be a number")
    return value


def words(key: str, given: Iterable[str] | str, read: Callable[[str, str], Iterable[str]]) -> tuple[str, ...]:
    """The words as `read` gives them, each once, sorted, so that briefs that say the same are equal; one text will do.

    Raises:
        ConfigError: one is no text, or `read` does not know it.
    """
    texts = [given] if isinstance(given, str) else list(given)
    for text in texts:
        if not isinstance(text, str):
            raise ConfigError(f"{key} holds {text!r}; it must hold texts")
    return tuple(sorted({found for text in texts for found in read(key, text.strip())}))


def country(key: str, word: str) -> Iterable[str]:
    """The code of a country, in any case."""
    code = word.upper()
    if code in COUNTRIES:
        return (code,)
    meant = COUNTRY_SLIPS.get(code)
    hint = f"did you mean {meant}?" if meant else "it takes ISO 3166-1 alpha-2 codes, such as PK"
    raise ConfigError(f"{key} has {word!r}, which is no country code; {hint}")


def gender(key: str, word: str) -> Iterable[str]:
    """`MALE` or `FEMALE`, in any case."""
    if word.upper() not in GENDERS:
        raise ConfigError(f"{key} has {word!r}; it takes {' and '.join(GENDERS)}")
    return (word.upper(),)


def language(key: str, word: str) -> Iterable[str]:
    """The code of a language, in any case."""
    code = word.lower()
    start = code.partition("-")[0]
    if _LANGUAGE.fullmatch(code) and (start in LANGUAGES or len(start) == 3):
        return (code,)
    meant = LANGUAGE_SLIPS.get(code)
    hint = f"did you mean {meant}?" if meant else "it takes ISO 639 codes, such as ur or en"
    raise ConfigError(f"{key} has {word!r}, which is no language code; {hint}")


def ages(key: str, word: str) -> Iterable[str]:
    """The bands of one word: a band, or a span from the start of one to the end of another; `65+` is `65-`."""
    first, dash, last = word.replace("–", "-").replace("+", "-").partition("-")
    begin = _STARTS.index(first.strip()) if first.strip() in _STARTS else len(AGES)
    end = _ENDS.index(last.strip()) if dash and last.strip() in _ENDS else -1
    if end < begin:
        near = get_close_matches(word, AGES)
        hint = f"did you mean {near[0]}?" if near else "a span joins whole bands, such as 18-34"
        raise ConfigError(f"{key} has {word!r}; the bands are {', '.join(AGES)}; {hint}")
    return AGES[begin : end + 1]
