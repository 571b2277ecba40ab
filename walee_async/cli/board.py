"""The table of scores: as many columns as fit, the most important first; and what it all came to, below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from rich.text import Text

from walee_async.cli.text import UNKNOWN, big, clean, listed, percent, plural
from walee_async.cli.wording import NONE, STYLES
from walee_async.export.scores import fact
from walee_async.scoring import Grade, Score
from walee_async.scoring.component import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from walee_async.cli.tally import Kept, Tally
    from walee_async.scoring import Brief

GAP: Final = 2
"""Columns between two columns."""
BAR: Final = 10
"""Columns of a bar that stands for 100 points."""


class Column(Struct, frozen=True):
    """One column of the table. `most` is how wide it may be, `least` how narrow it is still worth having."""

    head: str
    cell: Callable[[int, Score], Text]
    most: int
    least: int = 0
    right: bool = False


def bar(value: float | None, width: int = BAR, style: str = "green") -> Text:
    """A value from 0 to 100 as a bar."""
    return Text("━" * round((value or 0.0) / 100 * width), style=style)


def _grade(score: Score) -> Text:
    return Text(plain(score.grade), style=STYLES[score.grade])


def _target(score: Score) -> Text:
    return _short(percent(fact(score, "audience_fit", "target_share"), 0))


def _between(score: Score) -> Text:
    low, high = (fact(score, "audience_fit", f"target_share_{end}") for end in ("low", "high"))
    if low is None or high is None:
        return _short(None)
    return Text(f"{low * 100:.0f}–{high * 100:.0f} %", style="dim")


def _percentile(score: Score) -> Text:
    place = fact(score, "engagement", "percentile")
    return _short(None if place is None else f"{place:.0f}")


def _flags(score: Score) -> Text:
    return Text(", ".join(plain(flag.name) for flag in score.flags), style="yellow")


def unmet(score: Score) -> Text:
    """The requirements that are not met; of flags that the brief does not allow, the flags."""
    held = [part for part in score.requirements if part.met is False]
    names = [str(part.limit) if part.name == "no_flags" else part.name.partition("_")[2] for part in held]
    return Text(", ".join(plain(name) for name in dict.fromkeys(names)), style="red")


def _short(text: str | None) -> Text:
    return Text(NONE, style="dim") if text is None or text == UNKNOWN else Text(text)


def _words(text: str | None, most: int) -> Text:
    return _short(clean(text, most) or None if text is not None else None)


_COLUMNS: Final = {
    "rank": Column("", lambda place, score: Text(f"{place:,}", style="dim"), 9, right=True),
    "handle": Column("handle", lambda _, score: _words(score.handle, 64), 24),
    "name": Column("name", lambda _, score: _words(score.fullname, 64), 24, least=12),
    "country": Column("country", lambda _, score: _words(score.country, 7), 7),
    "followers": Column("followers", lambda _, score: _short(big(score.followers)), 9, right=True),
    "score": Column(
        "score", lambda _, score: _short(None if score.value is None else f"{score.value:.2f}"), 6, right=True
    ),
    "bar": Column("", lambda _, score: bar(score.value, style=STYLES[score.grade]), BAR),
    "grade": Column("grade", lambda _, score: _grade(score), 15),
    "coverage": Column("coverage", lambda _, score: Text(percent(score.coverage, 0)), 8, right=True),
    "percentile": Column("percentile", lambda _, score: _percentile(score), 10, right=True),
    "target": Column("on target", lambda _, score: _target(score), 9, right=True),
    "between": Column("between", lambda _, score: _between(score), 9, right=True),
    "unmet": Column("not met", lambda _, score: unmet(score), 40, least=10),
    "flags": Column("flags", lambda _, score: _flags(score), 64, least=12),
}
_IMPORTANCE: Final[tuple[str, ...]] = tuple(
    "rank handle score grade followers flags unmet bar target country percentile coverage name between".split()
)
"""The columns, the last to be left out first."""
_IF_ANY: Final = ("unmet", "flags")
"""Columns that are left out where all of their cells are empty."""


class Board:
    """The table of some scores, laid out for a width in columns."""

    def __init__(self, kept: Kept, brief: Brief, width: int) -> None:
        self._kept = kept
        contents = dict.fromkeys(_COLUMNS, 0)
        for place, score in enumerate(kept, 1):
            for name, column in _COLUMNS.items():
                contents[name] = max(contents[name], min(column.most, column.cell(place, score).cell_len))
        left_out = {name for name in _IF_ANY if not contents[name]}
        left_out |= set() if brief.has_target else {"target", "between"}
        wanted = {name: max(contents[name], len(column.head)) for name, column in _COLUMNS.items()} | {"bar": BAR}
        self._widths = _fitted({name: least for name, least in wanted.items() if name not in left_out}, width)

    def lines(self) -> Iterator[Text]:
        """The head, and a line for each score."""
        heads = [(Text(_COLUMNS[name].head, style="dim"), name) for name in self._widths]
        yield self._line(heads)
        for place, score in enumerate(self._kept, 1):
            yield self._line([(_COLUMNS[name].cell(place, score), name) for name in self._widths])

    def _line(self, cells: Sequence[tuple[Text, str]]) -> Text:
        line = Text(no_wrap=True, overflow="crop")
        for number, (cell, name) in enumerate(cells):
            width = self._widths[name]
            cell.truncate(width, overflow="ellipsis")
            cell.align("right" if _COLUMNS[name].right else "left", width)
            line.append(" " * GAP if number else "").append_text(cell)
        line.rstrip()
        return line


def _fitted(wanted: dict[str, int], width: int) -> dict[str, int]:
    """The columns that fit and how wide each is, in the order of the table."""
    given: dict[str, int] = {}
    room = width + GAP
    for name in filter(wanted.__contains__, _IMPORTANCE):
        least = min(wanted[name], _COLUMNS[name].least or wanted[name])
        if least + GAP <= room:
            given[name] = least
            room -= least + GAP
    for name, least in given.items():
        given[name] = min(least + room, wanted[name])
        room -= given[name] - least
    return {name: given[name] for name in _COLUMNS if name in given}


def sums(tally: Tally, store: str, *, cut: bool) -> Iterable[Text]:
    """What it came to, line by line. `cut` says that the table shows only the best."""
    parts = [f"{tally.grades[grade]:,} {plain(grade)}" for grade in Grade if tally.grades[grade]]
    shown = f"; the best {len(tally.kept):,} are shown, --top 0 shows all" if cut else ""
    told = f": {', '.join(parts)}" if parts else ""
    yield Text(f"{plural(tally.scored, 'creator')} scored{told}{shown}.", style="bold")
    if tally.flags:
        flags = ", ".join(f"{plain(name)} {count:,}" for name, count in tally.flags.most_common())
        yield Text(f"Flags: {flags}.")
    if tally.missing:
        named = f"{plural(len(tally.missing), 'handle')} not in {store}: {listed(tally.missing)}"
        yield Text(clean(f"{named}. --buy gets them; `walee plan` tells what that costs."))
    if tally.invalid:
        yield Text(clean(f"Not a handle: {listed(tally.invalid)}."))
