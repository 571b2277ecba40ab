"""Scores as HTML for notebooks: tables with bars, without scripts, in the notebook's own colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from walee_async.scoring.component import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from walee_async.scoring.result import Score

LONGEST: Final = 80
"""Characters of a name that are shown."""
UNKNOWN: Final = "<i>not known</i>"
_COLOUR: Final = "#3b82c4"
"""Has a contrast of 3 to 1 with white and with black."""


def score_html(score: Score) -> str:
    """One score, taken apart."""
    given = {part.name: part for part in score.contributions}
    rows = [
        (
            _words(part.name),
            _bar(part.value) if part.value is not None else f"{UNKNOWN}: {_text(part.missing)}",
            f"{given[part.name].points:+.2f}" if part.name in given else "",
        )
        for part in score.components
    ]
    parts = {part.name for part in score.components}
    rows += [(f"flag: {_words(name)}", "", f"{part.points:+.2f}") for name, part in given.items() if name not in parts]
    flags = "".join(f"<li><b>{_words(flag.name)}</b>: {_text(flag.reason, 200)}</li>" for flag in score.flags)
    return (
        f"<div><p>{_who(score)}: <b>{_words(score.grade)}</b>, {_value(score.value)} of 100</p>"
        f"<p>{_text(score.explanation, 1000)}</p>{_table(('part', 'points of 100', 'gives'), rows)}"
        f"{f'<ul>{flags}</ul>' if flags else ''}</div>"
    )


def ranking_html(scores: Sequence[Score]) -> str:
    """Scores in their order, a row each."""
    rows = [
        (
            str(place),
            _who(score),
            _words(score.grade),
            _bar(score.value) if score.value is not None else UNKNOWN,
            f"{score.coverage:.0%}",
            f"{score.followers:,}" if score.followers is not None else UNKNOWN,
            ", ".join(_words(flag.name) for flag in score.flags),
        )
        for place, score in enumerate(scores, 1)
    ]
    return f"<div>{_table(('', 'creator', 'grade', 'score', 'coverage', 'followers', 'flags'), rows)}</div>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already."""
    cells = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _bar(value: float) -> str:
    return (
        '<svg width="100" height="8" aria-hidden="true">'
        '<rect width="100" height="8" fill="currentColor" opacity="0.12"/>'
        f'<rect width="{value:.0f}" height="8" fill="{_COLOUR}"/></svg> {value:.2f}'
    )


def _value(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _who(score: Score) -> str:
    """Name and handle, each in a direction of its own, so that no text turns round what stands beside it."""
    handle = f"<bdi>@{_text(score.handle)}</bdi>" if score.handle is not None else UNKNOWN
    return f"<bdi>{_text(score.fullname)}</bdi> {handle}" if score.fullname else handle


def _words(name: str) -> str:
    return escape(plain(name))


def _text(given: str, limit: int = LONGEST) -> str:
    return escape(given if len(given) <= limit else f"{given[: limit - 1]}…")
