"""The file of `walee score --out`: a row for each creator in CSV and Parquet, the whole scores in JSON lines."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from walee_async.errors import ConfigError
from walee_async.export import open_table
from walee_async.export.scores import SCORES, score_row
from walee_async.scoring import SCORING_VERSION
from walee_async.store.files import WholeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from walee_async.export import TableFile, Unfit
    from walee_async.scoring import Brief, Score

BATCH: Final = 500
"""Rows that are in memory together."""
LINES: Final = ".jsonl"


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
        return ScoreTable(open_table(path, SCORES, replace=replace, bom=bom, on_unfit=on_unfit, about=about))
    if bom:
        raise ConfigError("--bom is about CSV; JSON lines need no mark")
    return ScoreLines(path)


class ScoreTable:
    """Writes rows, as CSV or Parquet."""

    def __init__(self, table: TableFile) -> None:
        self._table = table

    def write(self, scores: Iterable[Score]) -> int:
        """Write them all, and return how many they are."""
        rows = (score_row(place, score) for place, score in enumerate(scores, 1))
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
        try:
            self._whole = WholeFile(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from None

    def write(self, scores: Iterable[Score]) -> int:
        """Write them all, and return how many they are."""
        place = 0
        for place, line in enumerate(lines(scores), 1):  # noqa: B007  (it is the count)
            self._whole.file.write(line)
        return place

    def close(self) -> None:
        """Bring all of it to the disk, and move it into place."""
        self._whole.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        self._whole.abort()


def lines(scores: Iterable[Score]) -> Iterator[bytes]:
    """The scores as JSON lines."""
    for place, score in enumerate(scores, 1):
        yield b'{"rank":%d,%s\n' % (place, msgspec.json.encode(score)[1:])
