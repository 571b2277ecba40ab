"""Words and numbers for people: text from outside made safe for a terminal, and one way to write each number."""

from __future__ import annotations

import re
import time
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN: Final = "not known"
"""What stands where a report is silent. It is never a zero."""

_MOST: Final = 1e15
"""As for scores, which take nothing greater for a count, rate or share either."""
_JOINERS: Final = "\u200c\u200d"
"""Invisible, harmless, and part of how Persian words and family emoji are written."""
_SPACES: Final = re.compile(r" {2,}")
_BARS: Final = "▁▂▃▄▅▆▇█"


def clean(text: str, limit: int | None = None) -> str:
    """The text on one line, with nothing that a terminal would obey, cut to `limit` characters with an ellipsis.

    Control characters become their pictures (ESC is ␛); what reorders or hides text, such as bidi overrides, is left
    out. Names, captions and messages come from strangers: print none of them without this.
    """
    line = _SPACES.sub(" ", "".join(map(_harmless, text))).strip()
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def _harmless(character: str) -> str:
    number = ord(character)
    if character.isspace():
        return " "
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "␡"
    category = unicodedata.category(character)
    if category in ("Cc", "Cs"):
        return "\ufffd"
    return "" if category in ("Cf", "Co") and character not in _JOINERS else character


def known(value: object) -> str:
    """The value as clean text, or that it is not known."""
    return UNKNOWN if value is None or value == "" else clean(str(value))


def big(value: float | None) -> str:
    """A count as people say it: 950, 12.4 K, 1.2 M. What no count can be is not known."""
    if value is None or not 0 <= value < _MOST:
        return UNKNOWN
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= size * 0.9995:
            digits = f"{value / size:#.3g}" if value < size * 999.5 else f"{value / size:,.0f}"
            return f"{digits.rstrip('.')} {unit}"
    return f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:.1f}"


def percent(fraction: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """A fraction as a percentage: 0.0142 is 1.42 %. What no share can be is not known; a change may be below zero."""
    if fraction is None or not (-_MOST if signed else 0) <= fraction < _MOST:
        return UNKNOWN
    return f"{fraction * 100:{'+' if signed else ''},.{digits}f} %"


def duration(seconds: float) -> str:
    """A time as two units at most: 12 s, 1 min 36 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60:,} h"


def size(count: int) -> str:
    """Bytes as people say it, in powers of ten."""
    return f"{count:,} bytes" if count < 1000 else f"{big(count)}B"


def money(amount: float) -> str:
    """An amount in the unit of the price: 1,234.50; with more digits where two would hide it."""
    return f"{amount:,.2f}" if amount >= 0.01 or not amount else f"{amount:,.6f}".rstrip("0")


def moment(at: float) -> str:
    """A time in Unix seconds, to the minute: 2026-01-15 12:00 UTC."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    except (OverflowError, ValueError, OSError):  # no clock shows it; somebody else wrote it
        return UNKNOWN


def plural(count: int, one: str, many: str | None = None) -> str:
    """The count with its noun: 1 handle, 2,000 handles."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(texts: Sequence[str], most: int = 5) -> str:
    """The first of the texts, cleaned, and how many more there are."""
    shown = ", ".join(clean(text, 64) for text in texts[:most])
    return f"{shown} and {len(texts) - most:,} more" if len(texts) > most else shown


def sparkline(values: Sequence[float]) -> str:
    """One bar for each value, from the least to the greatest; a flat line stays in the middle."""
    if not values:
        return ""
    least, most = min(values), max(values)
    if least == most:
        return _BARS[3] * len(values)
    return "".join(_BARS[round((value - least) / (most - least) * (len(_BARS) - 1))] for value in values)
