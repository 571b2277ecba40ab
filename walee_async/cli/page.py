"""`walee page`: the best creators of a store as one HTML file, to be opened in a browser."""

from __future__ import annotations

import math
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from walee_async.cli.exits import Exit
from walee_async.cli.keeping import tell_lost
from walee_async.cli.pagefile import check_page, write_page
from walee_async.cli.rating import counted
from walee_async.cli.screen import Screen, complain
from walee_async.cli.tally import Tally
from walee_async.cli.text import clean, plural
from walee_async.decode import decode
from walee_async.errors import ConfigError
from walee_async.outcomes import Charge
from walee_async.page import About, Spend, render
from walee_async.rescoring import rescore
from walee_async.scoring import Brief, ScoreView, Top, read_brief, score
from walee_async.store import StoreReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from walee_async.scoring import Score

MOST: Final = 10_000
"""Creators that a page can have: 9.5 MB; nobody reads so many, and a browser slows down."""


def page(store: Path, brief: Path | None, out: Path, top: int, price: float | None) -> Exit:
    """Write the page of a store and return the exit code. Buys nothing.

    Raises:
        ConfigError: an option or the brief is wrong, the file is none of ours, or the extra is missing.
        OutputError: the file cannot be written.
        StoreError: the store cannot be used.
    """
    if not 1 <= top <= MOST:
        raise ConfigError(f"--top is {top}; a page has 1 to {MOST:,} creators")
    if price is not None and not 0 <= price < math.inf:
        raise ConfigError(f"--price is {price:g}; it must be at least 0 and have an end")
    check_page(out)
    wanted = read_brief(brief) if brief is not None else Brief()
    screen, tally = Screen(), Tally(Top(top))
    for found in counted(rescore(store, wanted, on_trouble=tally.miss), screen):
        tally.add(found)
    tally.warn(store, screen)
    code = Exit.STORE if tell_lost(store, screen) else tally.exit
    if not tally.scored:
        complain(f"{store} holds no report that can be scored, so there is no page.")
        return code or Exit.SOME_FAILED
    length = make(store, wanted, tally, out, price)
    best = f"The best {len(tally.kept):,} of {tally.scored:,} creators" if len(tally.kept) < tally.scored else ""
    said = best or plural(tally.scored, "creator")
    screen.say(clean(f"{said} written to {out} ({length}); open it in a browser."))
    return code


def make(store: Path, brief: Brief, tally: Tally, out: Path, price: float | None) -> str:
    """Write the page of the creators that a tally keeps; return how large it is.

    Raises:
        ConfigError: the extra is missing.
        OutputError: the file cannot be written.
        StoreError: the store cannot be read.
    """
    with closing(StoreReader.open(store)) as reader:
        about = About(
            made=datetime.now(UTC),
            grades={str(grade): count for grade, count in tally.grades.items()},
            unreadable=tally.damaged + tally.unreadable,
            spend=_spend(reader, price),
        )
        return write_page(out, render(_reports(reader, tally, brief), brief, about))


def _reports(reader: StoreReader, tally: Tally, brief: Brief) -> Iterator[tuple[Score, ScoreView]]:
    """The best with their reports, one in memory at a time.

    Each is scored again: a run may have kept a newer report meanwhile, and what is shown must be of one report.
    """
    for best in tally.kept:
        payload = reader.latest(best.handle or "")
        if payload is not None:  # else removed just now
            view: ScoreView = decode(payload, ScoreView)
            yield score(view, brief, handle=payload.handle), view


def _spend(reader: StoreReader, price: float | None) -> Spend:
    totals = reader.totals()
    return Spend(bought=totals.charges[Charge.BILLED], ambiguous=totals.ambiguous.total(), price=price)
