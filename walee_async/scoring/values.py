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
from walee_async.scoring.countries import COUNTRIES, SLIPS

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_STARTS: Final = tuple(age.partition("-")[0] for age in AGES)
_ENDS: Final = tuple(age.partition("-")[2] for age in AGES)


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
    percent = f"; {value:g} % is {value / 100:g}" if most == 1 and 1 < value <= 100 else ""
    raise ConfigError(f"{key} is {value:g}; it must be {bounds}{percent}")


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
    meant = SLIPS.get(code)
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
    if not _LANGUAGE.fullmatch(code):
        raise ConfigError(f"{key} has {word!r}, which is no language code, such as ur or en")
    return (code,)


def ages(key: str, word: str) -> Iterable[str]:
    """The bands of one word: a band, or a span from the start of one to the end of another; `65+` is `65-`."""
    first, dash, last = word.replace("–", "-").replace("+", "-").partition("-")
    begin = _STARTS.index(first.strip()) if first.strip() in _STARTS else len(AGES)
    end = _ENDS.index(last.strip()) if dash and last.strip() in _ENDS else -1
    if end < begin:
        near = get_close_matches(word, AGES, 1)
        hint = f"did you mean {near[0]}?" if near else "a span joins whole bands, such as 18-34"
        raise ConfigError(f"{key} has {word!r}; the bands are {', '.join(AGES)}; {hint}")
    return AGES[begin : end + 1]
