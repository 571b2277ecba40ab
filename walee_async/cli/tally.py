"""What scoring many creators comes to: counts, and the scores in the order of their rank, however many there are."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from walee_async.cli.exits import Exit, OutputError
from walee_async.cli.keeping import is_of_report
from walee_async.scoring import Grade, Score, rank

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from walee_async.cli.screen import Screen
    from walee_async.store import Finding

NAMED: Final = 5
"""Reports that are named which cannot be scored."""

_decoder: Final = msgspec.msgpack.Decoder(Score)


class Kept(Protocol):
    """Keeps scores, and gives them the best first; `walee_async.scoring.Top` does it for a few."""

    def add(self, score: Score) -> None:
        """Take note of one score."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Score]: ...


class Ranked:
    """Keeps all of them. In memory are their ranks alone, some 0.3 KB each; they themselves are in a file without name.

    They are given out once all are there. The file is in `folder`, where the scores are to be written and there is room
    for them; None is the usual place.
    """

    def __init__(self, folder: Path | None) -> None:
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (it lives as long as this does)
        except OSError as error:
            raise OutputError("A file for the scores", error) from None
        self._places: list[tuple[tuple[int, bool, float, float, str], int, int]] = []
        self._end = 0

    def add(self, score: Score) -> None:
        """Take note of one score.

        Raises:
            OutputError: the disk is full or refuses.
        """
        packed = msgspec.msgpack.encode(score)
        try:
            self._file.write(packed)
        except OSError as error:
            raise OutputError("A file for the scores", error) from None
        self._places.append((rank(score), self._end, len(packed)))
        self._end += len(packed)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Score]:
        self._places.sort()
        for _, start, length in self._places:
            yield _decoder.decode(self._read(start, length))

    def _read(self, start: int, length: int) -> bytes:
        try:
            self._file.seek(start)  # which writes what is left to write
            return self._file.read(length)
        except OSError as error:
            raise OutputError("A file for the scores", error) from None

    def close(self) -> None:
        """Remove the file; what a full disk has not taken goes with it."""
        with suppress(OSError):
            self._file.close()


class Tally:
    """Counts scores by grade and flag, and what could not be scored; `kept` keeps the scores themselves."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.grades: Counter[Grade] = Counter()
        self.flags: Counter[str] = Counter()
        self.first: list[Finding] = []
        """The first reports that are damaged or cannot be read."""
        self.remarks: list[Finding] = []
        """What is wrong with the store, and not with one report."""
        self.damaged = 0
        self.unreadable = 0
        self.missing: list[str] = []
        """Handles without a report in the store."""
        self.invalid: list[str] = []
        """Entries that are no handle."""

    @property
    def scored(self) -> int:
        """How many creators have been scored."""
        return self.grades.total()

    @property
    def exit(self) -> Exit:
        """The exit code that says how bad it is."""
        if self.damaged or any(remark.damage for remark in self.remarks):
            return Exit.STORE
        return Exit.SOME_FAILED if self.unreadable or self.invalid else Exit.FETCHED

    def add(self, score: Score) -> None:
        """Take note of one score."""
        self.grades[score.grade] += 1
        self.flags.update(flag.name for flag in score.flags)
        self.kept.add(score)

    def miss(self, finding: Finding) -> None:
        """Take note of a report that is damaged or cannot be read, or of what is wrong with the store."""
        if not is_of_report(finding):
            self.remarks.append(finding)
            return
        self.damaged += finding.damage
        self.unreadable += not finding.damage
        if len(self.first) < NAMED:
            self.first.append(finding)

    def warn(self, store: Path, screen: Screen) -> None:
        """Name the first reports that could not be scored, and say what is wrong with the store."""
        for remark in self.remarks:
            screen.warn(f"{remark.problem}.")
        for finding in self.first:
            screen.warn(f"{finding.handle or 'A report'} cannot be scored: {finding.problem}.")
        more = self.damaged + self.unreadable - len(self.first)
        if more:
            screen.warn(f"{more:,} more like these; `walee verify {store}` names them all.")
