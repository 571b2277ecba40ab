"""What an answer's headers say about waiting: Retry-After in its spellings, and rate limits in theirs.

Sources: RFC 9110 (Retry-After, HTTP dates), draft-ietf-httpapi-ratelimit-headers in its newest form
(`"default";r=50;t=30`) and its older ones, and the `X-RateLimit-*` habits of gateways. Header names arrive in lower
case. Nothing here raises on garbage; what cannot be read is as good as absent.
"""

from __future__ import annotations

import calendar
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ABSURD: Final = 32 * 86_400.0
"""Seconds. A wait longer than any month is a mistake of the sender's, not a wait."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,15})?")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATES: Final = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        r"[a-z]{3}, (?P<d>\d\d?) (?P<m>[a-z]{3}) (?P<y>\d{4}) (?P<t>\d\d:\d\d:\d\d) (?:GMT|UTC)",
        r"[a-z]{6,9}, (?P<d>\d\d)-(?P<m>[a-z]{3})-(?P<y>\d\d) (?P<t>\d\d:\d\d:\d\d) (?:GMT|UTC)",
        r"[a-z]{3} (?P<m>[a-z]{3}) (?P<d>[ \d]\d) (?P<t>\d\d:\d\d:\d\d) (?P<y>\d{4})",
    )
)
_DURATION: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?", re.ASCII)
_ITEM: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')
_PIECE: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"])+')
_FAMILY: Final = re.compile(
    r"((?:x-)?rate-?limit)-(limit|remaining|reset|reset-after)(?:-(requests|second|minute|hour|day|month))?"
)
_WINDOWS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_LONGEST: Final = 4096


class Limits(Struct, frozen=True, kw_only=True):
    """What the gateway says of its rate limit; None where it does not say."""

    quota: int | None = None
    """Requests allowed in a window."""
    window: float | None = None
    """Seconds."""
    remaining: int | None = None
    """Requests left in this window."""
    reset: float | None = None
    """Seconds from now to the next window."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The wait an answer asks for, in seconds from now; None if it asks for none, or for more than 32 days.

    Read from `retry-after-ms`, `x-ms-retry-after-ms`, then `retry-after` as seconds (decimals too) or as an HTTP date
    in any of its three formats. A date is compared with the answer's own `date` when it has one, so that the two clocks
    need not agree; else with `now`, Unix seconds. What lies in the past is 0.0.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name, ""))
        if milliseconds is not None:
            return _sane(milliseconds / 1000)
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is None:
        when = http_date(text, now)
        seconds = None if when is None else when - _clock(headers, now)
    return None if seconds is None else _sane(seconds)


def http_date(text: str, now: float) -> float | None:
    """Unix seconds of an HTTP date, or None. `now` settles the century of the oldest format's two-digit year."""
    for pattern in _DATES:
        found = pattern.fullmatch(text.strip())
        if found and found["m"].lower() in _MONTHS:
            year, month, day = int(found["y"]), _MONTHS.index(found["m"].lower()) + 1, int(found["d"])
            hour, minute, second = map(int, found["t"].split(":"))
            if len(found["y"]) == 2:
                year = _century(year, now)
            if not (year >= 1970 and 1 <= day <= calendar.monthrange(year, month)[1] and hour < 24 and minute < 60):
                return None
            return float(calendar.timegm((year, month, day, hour, minute, min(second, 59))))
    return None


def _century(year: int, now: float) -> int:
    """RFC 9110: a two-digit year more than 50 years ahead is of the century before."""
    this_year = 1970 + int(now / 31_556_952)
    full = this_year - this_year % 100 + year
    return full - 100 if full > this_year + 50 else full


def limits(headers: Mapping[str, str], now: float) -> Limits | None:
    """The rate limit an answer tells of, or None. `now` is in Unix seconds.

    Of several policies, the one that stops the next requests first: the one with the fewest requests remaining (its
    quota where that is unknown), and among equals the one that resets last.
    """
    if "limit" not in " ".join(headers):  # as in most answers
        return None
    policies = [(name, _policy(fields)) for name, fields in _items(headers.get("ratelimit-policy", ""))]
    found: list[Limits] = []
    for name, state in (*_standard(headers, now), *_families(headers, now)):
        policy = next((known for known in policies if known[0] == name or known[1].quota == state.quota), None)
        if policy is None or policy[1].quota is None:
            found.append(state)
        else:
            policies.remove(policy)
            found.append(replace(state, quota=policy[1].quota, window=policy[1].window or state.window))
    found += [policy for _, policy in policies]
    found = [limit for limit in found if limit != Limits(window=limit.window)]
    return min(found, key=_room) if found else None


def _room(limit: Limits) -> tuple[float, float]:
    left = limit.remaining if limit.remaining is not None else limit.quota
    return (float("inf") if left is None else left), -(limit.reset or limit.window or 0.0)


def _standard(headers: Mapping[str, str], now: float) -> Iterator[tuple[str | None, Limits]]:
    """The one header `RateLimit`, with the names of its policies; its older form has no names."""
    whole: dict[str, str] = {}
    for name, fields in _items(headers.get("ratelimit", "")):
        if "r" in fields or "t" in fields:
            reset = _reset(fields.get("t", ""), headers, now)
            yield name, Limits(remaining=_count(fields.get("r", "")), reset=reset)
        whole |= fields
    if whole.keys() & {"limit", "remaining", "reset"}:
        reset = _reset(whole.get("reset", ""), headers, now)
        quota, remaining = _count(whole.get("limit", "")), _count(whole.get("remaining", ""))
        yield None, Limits(quota=quota, remaining=remaining, reset=reset)


def _families(headers: Mapping[str, str], now: float) -> Iterator[tuple[str | None, Limits]]:
    """`RateLimit-Limit`, `-Remaining`, `-Reset`, the same with `X-`, and those that end in `-Minute` and the like."""
    families: dict[tuple[str, str | None], dict[str, str]] = {}
    for name, value in headers.items():
        found = _FAMILY.fullmatch(name)
        if found:
            families.setdefault((found[1], found[3]), {})[found[2]] = value
    for (_, unit), values in families.items():
        # The limit may repeat itself with its window: `100, 100;w=60`.
        listed = [_policy(fields) for _, fields in _items(values.get("limit", ""))] or [Limits()]
        window = next((policy.window for policy in listed if policy.quota == listed[0].quota and policy.window), None)
        reset = _reset(values.get("reset-after", values.get("reset", "")), headers, now)
        remaining = _count(values.get("remaining", ""))
        window = _WINDOWS.get(unit or "", window)
        yield None, Limits(quota=listed[0].quota, window=window, remaining=remaining, reset=reset)


def _policy(fields: Mapping[str, str]) -> Limits:
    if fields.get("qu", "requests") != "requests":
        return Limits()
    window = _number(fields.get("w", ""))
    return Limits(quota=_count(fields.get("q", fields[""])), window=window if window and window > 0 else None)


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each member of a list header: its name, and its fields; the name also as field `` for bare `100;w=60`."""
    for item in _ITEM.findall(text[:_LONGEST]):
        first, *rest = [piece.strip() for piece in _PIECE.findall(item)] or [""]
        fields = dict(_field(piece) for piece in (*rest, first) if "=" in piece)
        yield first.strip('"'), {"": first, **fields}


def _field(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _count(text: str) -> int | None:
    number = _number(text)
    return None if number is None else max(0, int(number))


def _sane(seconds: float) -> float | None:
    return None if seconds > ABSURD else max(0.0, seconds)


def _clock(headers: Mapping[str, str], now: float) -> float:
    sent = http_date(headers.get("date", ""), now)
    return now if sent is None else sent


def _reset(text: str, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from now: from a delta, Unix seconds or milliseconds, a date, or a duration such as `1m30s`."""
    number = _number(text)
    if number is None:
        when = http_date(text, now)
        return _sane(when - _clock(headers, now)) if when is not None else _duration(text.strip())
    if number >= 1e11:
        number /= 1000
    return _sane(number - _clock(headers, now) if number >= 1e9 else number)


def _duration(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if not text or not found:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return _sane(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)
