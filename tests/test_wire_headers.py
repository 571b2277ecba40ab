"""What headers say about waiting."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.wire import Limits, limits, retry_after
from walee_async.wire.headers import http_date

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tuesday, 14-Nov-23 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue Nov 14 22:13:50 2023"}, 30.0),
        ({"retry-after": "Fri Dec  1 00:00:00 2023"}, 1_388_800.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:37 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:60 GMT"}, 39.0),
        ({"retry-after": "86400"}, 86_400.0),
        ({"retry-after": "2764800"}, 2_764_800.0),
        ({"retry-after": "999999999"}, None),
        ({"retry-after": "1700000030"}, None),
        ({"retry-after": "Tue, 14 Nov 2034 22:13:50 GMT"}, None),
        ({"retry-after": "Tue, 31 Feb 2023 22:13:50 GMT"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 24:13:50 GMT"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:60:50 GMT"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after_in_its_spellings(headers: dict[str, str], wait: float | None) -> None:
    """Milliseconds, seconds and all three date formats are seconds from now; garbage and the absurd are no wait."""
    assert retry_after(headers, NOW) == wait


@pytest.mark.parametrize("date", ["Tue, 14 Nov 2023 22:13:20 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT"])
@pytest.mark.parametrize("skew", [-86_400, 0, 7200])
def test_dates_are_measured_by_the_answers_own_clock(skew: int, date: str) -> None:
    """Our clock may be a day off: the answer's date is what its Retry-After was reckoned from."""
    headers = {"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": date}
    assert retry_after(headers, NOW + skew) == 30.0


@pytest.mark.parametrize(("short", "year"), [("23", 2023), ("73", 2073), ("74", 1974), ("00", 2000)])
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(short: str, year: int) -> None:
    """RFC 9110: one that seems to be further ahead is of the century before."""
    when = dt.datetime(year, 11, 14, 22, 13, 50, tzinfo=dt.UTC)
    assert http_date(f"Tuesday, 14-Nov-{short} 22:13:50 GMT", NOW) == when.timestamp()


@given(st.integers(0, 30 * 86_400), st.integers(1_000_000_000, 4_000_000_000))
def test_every_http_date_is_read(wait: int, now: int) -> None:
    """A date written by the standard library comes back as the wait it was made from, in each format."""
    when = dt.datetime.fromtimestamp(now + wait, dt.UTC)
    forms = [
        format_datetime(when, usegmt=True),
        f"{when:%A, %d-%b-%y %H:%M:%S} GMT",
        f"{when:%a %b} {when.day:2d} {when:%H:%M:%S %Y}",
    ]
    assert [retry_after({"retry-after": form}, now) for form in forms] == [wait] * 3


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, None),
        ({"ratelimit": '"default";r=50;t=30'}, Limits(remaining=50, reset=30.0)),
        ({"ratelimit": '"default";r=50'}, Limits(remaining=50)),
        ({"ratelimit": '"default";t=30'}, Limits(reset=30.0)),
        ({"ratelimit": '"default";t=1700000012'}, Limits(reset=12.0)),
        ({"ratelimit": "r=50;t=30"}, Limits(remaining=50, reset=30.0)),
        ({"ratelimit": "limit=100"}, Limits(quota=100)),
        ({"ratelimit": "remaining=50"}, Limits(remaining=50)),
        ({"ratelimit": "reset=1700000012"}, Limits(reset=12.0)),
        (
            {"ratelimit": "default;r=50;t=30", "ratelimit-policy": '"default";q=100;w=60'},
            Limits(quota=100, window=60.0, remaining=50, reset=30.0),
        ),
        (
            {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
            Limits(quota=100, window=60.0, remaining=50, reset=30.0),
        ),
        (
            {"ratelimit": "limit=100, remaining=50, reset=30", "ratelimit-policy": "100;w=60, 5000;w=3600"},
            Limits(quota=100, window=60.0, remaining=50, reset=30.0),
        ),
        ({"ratelimit-policy": "100;w=60"}, Limits(quota=100, window=60.0)),
        (
            {"ratelimit-limit": "10, 10;w=1;burst=5", "ratelimit-remaining": "9", "ratelimit-reset": "1"},
            Limits(quota=10, window=1.0, remaining=9, reset=1.0),
        ),
        (
            {
                "ratelimit-limit": "10",
                "ratelimit-remaining": "10",
                "ratelimit-reset": "1",
                "ratelimit-policy": "10;w=60",
            },
            Limits(quota=10, window=60.0, remaining=10, reset=1.0),
        ),
        (
            {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"},
            Limits(quota=20, remaining=0, reset=5.0),
        ),
        ({"x-ratelimit-reset": "1700000012"}, Limits(reset=12.0)),
        ({"x-ratelimit-reset": "1700000012500"}, Limits(reset=12.5)),
        ({"x-ratelimit-reset": "1699999990"}, Limits(reset=0.0)),
        ({"x-ratelimit-reset": "Tue, 14 Nov 2023 22:13:50 GMT"}, Limits(reset=30.0)),
        ({"x-ratelimit-reset-requests": "1m30s"}, Limits(reset=90.0)),
        ({"x-ratelimit-reset-requests": "250ms"}, Limits(reset=0.25)),
        ({"x-ratelimit-reset-requests": "2h"}, Limits(reset=7200.0)),
        ({"x-ratelimit-reset": "Tuesday, 14-Nov-23 22:13:50 GMT"}, Limits(reset=30.0)),
        ({"x-ratelimit-reset": "1700000012", "x-ratelimit-reset-after": "0.5"}, Limits(reset=0.5)),
        ({"x-rate-limit-remaining": "-3"}, Limits(remaining=0)),
        (
            {"x-ratelimit-limit-minute": "600", "x-ratelimit-remaining-minute": "7"},
            Limits(quota=600, window=60.0, remaining=7),
        ),
        ({"x-ratelimit-limit": "many", "ratelimit": ";;,=", "ratelimit-policy": '"'}, None),
        ({"ratelimit-policy": '"bytes";q=9;w=1;qu="content-bytes"'}, None),
        ({"ratelimit-policy": '"a";q=9;w=1;qu="x=y"'}, None),
        ({"ratelimit-policy": '"a";w=60'}, None),
        ({"ratelimit-policy": '"a,b;c";q=9;w=1'}, Limits(quota=9, window=1.0)),
        ({"ratelimit-policy": '"a";q=9;w=1;qu="requests"'}, Limits(quota=9, window=1.0)),
        ({"ratelimit-policy": "100;w=0"}, Limits(quota=100)),
        ({"x-ratelimit-reset": "99999999"}, None),
    ],
)
def test_rate_limits_in_their_spellings(headers: dict[str, str], told: Limits | None) -> None:
    """The draft's new and old forms and the habits of gateways come to the same four numbers."""
    assert limits(headers, NOW) == told


def test_epochs_are_measured_by_the_answers_own_clock() -> None:
    """A reset in Unix seconds is reckoned from the answer's date, not from a clock that may be off."""
    for headers in (
        {"x-ratelimit-reset": "1700000012"},
        {"ratelimit": "a;t=1700000012"},
        {"ratelimit": "reset=1700000012"},
    ):
        assert limits(headers | {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}, NOW + 3600) == Limits(reset=12.0)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {
                "ratelimit": '"second";r=9;t=1, "day";r=5000;t=40000',
                "ratelimit-policy": '"day";q=9999;w=86400, "second";q=10;w=1',
            },
            Limits(quota=10, window=1.0, remaining=9, reset=1.0),
        ),
        (
            {
                "ratelimit": '"second";r=9;t=1, "day";r=3;t=40000',
                "ratelimit-policy": '"day";q=9999;w=86400, "second";q=10;w=1',
            },
            Limits(quota=9999, window=86_400.0, remaining=3, reset=40_000.0),
        ),
        ({"ratelimit": '"second";r=0;t=1, "day";r=0;t=40000'}, Limits(remaining=0, reset=40_000.0)),
        ({"ratelimit-policy": "100;w=60, 10;w=1"}, Limits(quota=10, window=1.0)),
        ({"x-ratelimit-reset": "5", "x-ratelimit-remaining-hour": "2"}, Limits(remaining=2, window=3600.0)),
        (
            {"x-ratelimit-remaining": "3", "ratelimit-remaining": "3", "ratelimit-reset": "0.5"},
            Limits(remaining=3, reset=0.5),
        ),
        ({"x-ratelimit-remaining-second": "4", "x-ratelimit-remaining-hour": "2"}, Limits(remaining=2, window=3600.0)),
    ],
)
def test_of_several_policies_the_first_to_stop_counts(headers: dict[str, str], told: Limits) -> None:
    """The fewest requests remaining decide, and of two that are used up the later reset."""
    assert limits(headers, NOW) == told


NAMES = st.sampled_from(
    [
        "date",
        "ratelimit",
        "ratelimit-limit",
        "ratelimit-policy",
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-limit-day",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ]
)
VALUES = st.one_of(
    st.text(),
    st.text('0123456789-+.,;="\\ rtqwms:GMTuenov', max_size=60),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda when: f"{when:%a, %d %b %Y %H:%M:%S GMT}"),
    st.from_regex(r'("[a-z]"|[0-9]+)(;[rtqw]=[0-9]{1,18})*(, "?[a-z]"?;r=[0-9]+)*', fullmatch=True),
)


@given(st.dictionaries(NAMES, VALUES), st.floats(0, 1e11))
def test_garbage_never_raises_and_never_misleads(headers: dict[str, str], now: float) -> None:
    """Whatever stands there, a wait is None or between nothing and a month, and no count is below nothing."""
    wait = retry_after(headers, now)
    told = limits(headers, now) or Limits()
    for seconds in (wait, told.reset):
        assert seconds is None or 0 <= seconds <= 32 * 86_400
    assert all(count is None or count >= 0 for count in (told.quota, told.remaining))
    assert told.window is None or told.window > 0
