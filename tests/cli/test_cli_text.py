"""Words and numbers for people."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from walee_async.cli.keys import looks_like_key, mask
from walee_async.cli.kinds import KINDS, by_kind, kind_of
from walee_async.cli.text import big, clean, duration, known, listed, percent, plural, size, sparkline
from walee_async.errors import AccountError, LongPauseError, RunEndedError, WaleeError
from walee_async.scoring.measures import MOST


@given(st.text())
def test_nothing_reaches_the_terminal_that_it_would_obey(text: str) -> None:
    """No control, no format character but the joiners, no surrogate and no line break is left in a cleaned text."""
    kept = clean(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or c in "\u200c\u200d" for c in kept)
    assert clean(kept) == kept
    kept.encode()


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    """A limit is kept to, ellipsis included."""
    assert len(clean(text, limit)) <= limit


def test_what_was_there_is_shown() -> None:
    """Control characters become visible, emoji and scripts stay as they are."""
    assert clean("\x1b[31mred\x07") == "␛[31mred␇"
    assert clean("  two\n\tlines ") == "two lines"
    assert clean("👩‍🍳 سلام") == "👩‍🍳 سلام"
    assert clean("user\u202egnp.exe") == "usergnp.exe"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not known"),
        (0, "0"),
        (7.25, "7.2"),
        (950, "950"),
        (999.6, "1.00 K"),
        (1000, "1.00 K"),
        (12_345, "12.3 K"),
        (999_949, "1.00 M"),
        (2_363_657_484, "2.36 G"),
        (4_200_000_000_000, "4,200 G"),
        (-1, "not known"),
        (1e300, "not known"),
        (10**400, "not known"),
        (float("inf"), "not known"),
        (float("nan"), "not known"),
    ],
)
def test_counts_are_short(value: float | None, text: str) -> None:
    """Three digits and a unit; the unknown is not zero."""
    assert big(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.7, "1 min"), (96, "1 min 36 s"), (3599.8, "1 h"), (7500, "2 h 5 min"), (360_000, "100 h")],
)
def test_times_have_two_units_at_most(seconds: float, text: str) -> None:
    """Seconds under an hour, minutes above."""
    assert duration(seconds) == text


def test_the_other_numbers() -> None:
    """Percentages, sizes, plurals and lists read as people write them."""
    assert (percent(0.01425), percent(6.129, 1), percent(-0.1, 1, signed=True)) == ("1.43 %", "612.9 %", "-10.0 %")
    assert percent(None) == known(None) == known("") == "not known"
    assert big(MOST) == "not known" != big(0.999 * MOST)  # as scores take it
    assert percent(-5) == percent(10**400) == percent(float("nan")) == percent(-1e300, signed=True) == "not known"
    assert (size(12), size(156_000_000)) == ("12 bytes", "156 MB")
    assert (plural(1, "handle"), plural(2000, "handle"), plural(2, "breach", "breaches")) == (
        "1 handle",
        "2,000 handles",
        "2 breaches",
    )
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_a_sparkline_has_a_bar_for_each_value(values: list[int]) -> None:
    """It is as wide as the list is long, highest where the value is."""
    line = sparkline(values)
    assert cell_len(line) == len(values)
    if len(set(values)) > 1:
        assert line[values.index(max(values))] == "█"
        assert line[values.index(min(values))] == "▁"


def _classes(kind: type[WaleeError]) -> list[type[WaleeError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _classes(child))]


def test_every_failure_has_words() -> None:
    """Every class of error that a handle can fail with has its words."""
    roots = {cls.__name__ for cls in _classes(WaleeError) if cls.__subclasses__()}
    ending = {cls.__name__ for cls in (RunEndedError, LongPauseError, *_classes(AccountError))}
    leaves = {cls.__name__ for cls in _classes(WaleeError)} - roots - ending - {"ConfigError"}
    assert leaves <= set(KINDS)
    assert set(KINDS) <= {cls.__name__ for cls in _classes(WaleeError)}


def test_a_failure_that_is_not_ours_gives_no_orders() -> None:
    """A store of somebody else's may name any kind; it is shown without what a terminal would obey."""
    assert kind_of("\x1b[31mEvil\u202eError") == "␛[31mEvil"


def test_kinds_are_counted_together() -> None:
    """Classes that mean the same to a user are one kind, the most frequent first."""
    assert by_kind({"DecodeError": 1, "NoReportError": 2, "InflateError": 2}) == [("unreadable", 3), ("no report", 2)]


def test_keys_are_told_from_handles() -> None:
    """A key is longer than any handle and has letters and digits; it is left out of messages."""
    assert looks_like_key("wk_test_20b58b931cd7d279947c2e40b0c17b98")
    assert not looks_like_key("river.kites")
    assert not looks_like_key("averylonghandle_of_24chr")
    assert mask('unable to convert "wk_test_20b58b931cd7d279947c2e40b0c17b98".') == 'unable to convert "…".'
