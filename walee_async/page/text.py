"""Strangers' texts and numbers, made fit for a page: texts of bounded length, numbers that JSON can hold."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from walee_async.scoring.measures import known

LONGEST: Final = 120
"""Characters of a text that are shown; the longest name that TikTok takes has 30."""
_KEPT: Final = "\u200c\u200d\u200e\u200f"
"""Joiners, which are part of how Persian words and family emoji are written, and marks of direction, which end with
their text."""
_REGION: Final = re.compile("(\U0001f3f4[\U000e0061-\U000e007a]{3,5}\U000e007f)")
"""The flag of a part of a country, such as Scotland: a black flag, letters that are not seen and an end (Unicode
Technical Standard 51). Letters that are not seen are left out elsewhere."""
_BLANK: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and a symbol that are drawn as nothing: a name of these alone is none."""


def text(given: str | None, limit: int = LONGEST) -> str | None:
    """The text on one line, cut to `limit` characters; None when nothing of it is left.

    What controls, reorders or hides other text is left out. It is not escaped: the page never reads it as HTML.
    """
    if given is None:
        return None
    # Far more than can be left is looked at, and no more: a name may have a hundred thousand characters.
    parts = enumerate(_REGION.split(given[: 8 * limit]))
    line = " ".join("".join(part if flag % 2 else "".join(map(_harmless, part)) for flag, part in parts).split())
    cut = len(given) > 8 * limit or len(line) > limit
    if line and all(character in _BLANK or unicodedata.category(character)[0] in "CZ" for character in line):
        return None
    return (f"{line[: limit - 1]}…" if cut else line) or None


def _harmless(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    return "" if category in ("Cc", "Cf", "Co", "Cs") and character not in _KEPT else character


def number(given: float | None, digits: int = 6) -> float | None:
    """The number with so many decimals; None where it is not known, or no count, rate or share can be so."""
    value = known(given)
    return round(value, digits) if isinstance(value, float) else value
