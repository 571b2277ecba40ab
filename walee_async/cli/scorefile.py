"""The file of `walee score --out`: a row for each creator in CSV and Parquet, the whole scores in JSON lines."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

import msgspec

from walee_async.cli.board import fact
from walee_async.errors import ConfigError
from walee_async.export import Cell, Column, Kind, Table, open_table
from walee_async.scoring import SCORING_VERSION, Brief, Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from walee_async.export import TableFile, Unfit

COMPONENTS: Final = Brief().weights.__struct_fields__
BATCH: Final = 500
"""Rows that are in memory together."""
LINES: Final = ".jsonl"

_POINTS: Final = "points of 100"
_FRACTION: Final = "fraction"


def _component(name: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_points", Kind.NUMBER, _POINTS, "Of the component by itself."),
        Column(f"{name}_contribution", Kind.NUMBER, _POINTS, "Of the score that the component gave."),
    )


TABLE: Final = Table(
    "scores",
    (
        Column("rank", Kind.INTEGER, description="The place, from 1."),
        Column("handle", description="The creator, as asked for."),
        Column("user_id", description="Up to 19 digits."),
        Column("name"),
        Column("country", description="The creator's own, ISO 3166-1 alpha-2."),
        Column("followers", Kind.INTEGER, "followers"),
        Column("score", Kind.NUMBER, _POINTS),
        Column("low", Kind.NUMBER, _POINTS, "What the score may be at least, where the audience's data leaves room."),
        Column("high", Kind.NUMBER, _POINTS, "What the score may be at most."),
        Column("grade", description="`approve`, `review`, `not_enough_data` or `reject`."),
        Column("coverage", Kind.NUMBER, _FRACTION, "The share of the weight that had data."),
        *(column for name in COMPONENTS for column in _component(name)),
        Column("penalties", Kind.NUMBER, _POINTS, "What flags took off the score; 0 or less."),
        Column("target_share", Kind.NUMBER, _FRACTION, "The share of the audience that the brief is after."),
        Column("target_share_low", Kind.NUMBER, _FRACTION, "What it may be at least."),
        Column("target_share_high", Kind.NUMBER, _FRACTION, "What it may be at most."),
        Column("engagement_percentile", Kind.NUMBER, "of 100", "Among creators of the same tier."),
        Column("flags", description="Their names, separated by spaces."),
        Column("reasons", description="Why they are raised, and which requirements are not met."),
        Column("explanation", description="One sentence."),
        Column("report_id"),
        Column("created", description="When the report was made, as sent."),
        Column("brief", description="The brief's id."),
        Column("scoring_version"),
    ),
    "One row for each creator that was scored, the best first.",
)


class ScoreFile(Protocol):
    """Takes scores, the best first. The file is there once it is closed."""

    def write(self, scores: Iterable[Score]) -> int:
        """Write them all, and return how many they are."""
        ...

    def close(self) -> None:
        """Bring all of it to the disk, and move it into place."""
        ...

    def abort(self) -> None:
        """Leave nothing behind. Safe to repeat, and after `close`."""
        ...


def open_scores(path: Path, brief: Brief, *, replace: bool, bom: bool, on_unfit: Callable[[Unfit], None]) -> ScoreFile:
    """Begin the file; it is there when it is whole, and not before.

    Raises:
        ConfigError: it can be made in none of the formats, or is there already.
    """
    if not replace and os.path.lexists(path):
        raise ConfigError(f"{path} is there already; name another file, or add --replace")
    if path.suffix.lower() != LINES:
        about = {"brief": brief.id, "scoring_version": SCORING_VERSION}
        return ScoreTable(open_table(path, TABLE, replace=replace, bom=bom, on_unfit=on_unfit, about=about))
    if bom:
        raise ConfigError("--bom is about CSV; JSON lines need no mark")
    return ScoreLines(path)


class ScoreTable:
    """Writes rows, as CSV or Parquet."""

    def __init__(self, table: TableFile) -> None:
        self._table = table

    def write(self, scores: Iterable[Score]) -> int:
        """Write them all, and return how many they are."""
        rows = (cells(place, score) for place, score in enumerate(scores, 1))
        while some := list(islice(rows, BATCH)):
            self._table.write(some)
        return self._table.rows

    def close(self) -> None:
        """Bring all of it to the disk, and move it into place."""
        self._table.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        self._table.abort()


class ScoreLines:
    """Writes JSON lines, with the rank before all else that a score holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            descriptor, half = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
        self._half = Path(half)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")

    def write(self, scores: Iterable[Score]) -> int:
        """Write them all, and return how many they are."""
        place = 0
        for place, line in enumerate(lines(scores), 1):  # noqa: B007  (it is the count)
            self._file.write(line)
        return place

    def close(self) -> None:
        """Bring all of it to the disk, and move it into place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._half.replace(self._path)

    def abort(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._half.unlink(missing_ok=True)


def lines(scores: Iterable[Score]) -> Iterator[bytes]:
    """The scores as JSON lines."""
    for place, score in enumerate(scores, 1):
        yield b'{"rank":%d,%s\n' % (place, msgspec.json.encode(score)[1:])


def cells(place: int, score: Score) -> list[Cell]:
    """The row of one score."""
    given = {part.name: part.points for part in score.contributions if part.points >= 0}
    parts = [(score.component(name), given.get(name)) for name in COMPONENTS]
    taken = sum(round(100 * part.points) for part in score.contributions if part.points < 0) / 100
    reasons = [flag.reason for flag in score.flags]
    reasons += [held.reason for held in score.requirements if not held.met and held.name != "review_flags"]
    return [
        place,
        score.handle,
        score.user_id,
        score.fullname,
        score.country,
        score.followers,
        score.value,
        score.low,
        score.high,
        str(score.grade),
        score.coverage,
        *(cell for part, points in parts for cell in (part.value if part is not None else None, points)),
        taken,
        *(fact(score, "audience_fit", name) for name in ("target_share", "target_share_low", "target_share_high")),
        fact(score, "engagement", "percentile"),
        " ".join(flag.name for flag in score.flags),
        "; ".join(reasons),
        score.explanation,
        score.report_id,
        score.created,
        score.brief,
        score.version,
    ]
