"""The file: a template with everything in it, under a policy that permits that and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from walee_async.errors import ConfigError
from walee_async.page.creator import Row, Sheet, row_of, sheet_of
from walee_async.page.pack import CHUNK, LIBRARIES, libraries, packed, packed_sheets, read, script, styles
from walee_async.page.text import text
from walee_async.scoring import Brief, rank

if TYPE_CHECKING:
    from jinja2 import Template

    from walee_async.scoring import Scorable, Score

MARK: Final = '<meta name="generator" content="walee_async">'
"""Stands near the beginning of every page: whoever writes one over another knows it by this."""
_DEFAULT: Final = Brief()


class Spend(Struct, frozen=True, kw_only=True):
    """What the reports cost."""

    bought: int
    ambiguous: int = 0
    """Requests that may have bought a report without delivering it."""
    price: float | None = None
    """Of one report; None where nobody said."""


class About(Struct, frozen=True, kw_only=True):
    """What a page says of itself besides its creators. None is not known, and not said."""

    title: str | None = None
    """None takes the brief's name."""
    made: datetime | None = None
    grades: Mapping[str, int] | None = None
    """How many of all that were scored have each grade, where the page shows only the best of them."""
    unreadable: int = 0
    """Reports that could not be scored."""
    spend: Spend | None = None
    alone: bool = False
    """The page is about one creator, whose sheet is shown at once."""


_NOTHING: Final = About()


class _Facts(Struct, frozen=True, kw_only=True):
    """What the scripts are told besides the creators."""

    brief: dict[str, Any]
    order: list[int]
    """The places of the rows, the best first."""
    chunk: int = CHUNK
    brief_id: str
    title: str
    about: About


def render(scored: Iterable[tuple[Score, Scorable]], brief: Brief = _DEFAULT, about: About = _NOTHING) -> str:
    """Make the page: the text of one HTML file, for a few thousand creators.

    Memory holds the page, a row for each creator, and one report at a time.

    Args:
        scored: Scores with the reports they are of, in any order; a `ScoreView` of the report will do.
        brief: The brief that they were scored for.
        about: What else is to be said.

    Raises:
        ConfigError: the extra `page` is not installed.
    """
    template = _template()
    rows: list[Row] = []
    ranks: list[Any] = []
    sheets = list(packed_sheets(_noted(scored, rows, ranks)))
    order = sorted(range(len(rows)), key=ranks.__getitem__)
    title = text(about.title or brief.name) or ("Creator" if about.alone else "Shortlist")
    facts = _Facts(brief=msgspec.to_builtins(brief), order=order, brief_id=brief.id, title=title, about=about)
    return template.render(
        mark=MARK,
        policy=_policy(),
        title=title,
        styles=styles().text,
        script=script().text,
        libraries=libraries().text,
        facts=packed(facts),
        rows=packed(rows),
        sheets=sheets,
        licences=packed(read("vendor/LICENSES.txt")),
        made_with=", ".join(name.partition(".")[0] for name in LIBRARIES),
    )


def check_extra() -> None:
    """Make sure that pages can be made.

    Raises:
        ConfigError: the extra `page` is not installed.
    """
    _template()


def _noted(scored: Iterable[tuple[Score, Scorable]], rows: list[Row], ranks: list[Any]) -> Iterator[Sheet]:
    for score, report in scored:
        rows.append(row_of(score, report))
        ranks.append(rank(score))
        yield sheet_of(score, report)


@cache
def _template() -> Template:
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError:
        raise ConfigError("The page needs an extra: pip install 'walee-async[page]'") from None
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(read("files/page.html"))


def _policy() -> str:
    """Nothing from anywhere; the two scripts and the style sheet that are in the file, by their hashes."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {script().source} {libraries().source}",
            f"style-src {styles().source}",
            "img-src data:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
