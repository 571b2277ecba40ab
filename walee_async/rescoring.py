"""Scores for what a store holds: nothing is bought, all cores work, and the order is the store's."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from walee_async.decode import decode
from walee_async.errors import ConfigError, PayloadError, StoreDamagedError, WaleeError
from walee_async.scoring import Brief, Score, ScoreView, score
from walee_async.store import Finding, StoreReader, Views
from walee_async.workers import Piece, Workers, can_start

if TYPE_CHECKING:
    from os import PathLike

CHUNK: Final = 32
"""Reports that a process scores at a time: 5 to 15 ms of work, and a message of 85 KB. A pipe holds one of these; a
larger one would keep whoever sends it until it is taken in. With 50, two processes that scored 40,000 reports again
had three to five times as many page faults, and took as long within what could be told."""
AHEAD: Final = 8
"""Chunks for each process that may have to wait until it is their turn."""
ASIDE: Final = 2
"""Chunks that are kept for this process, before those that are handed out. A score that it gives away at once takes it
167 µs of CPU, one that it keeps until it is its turn 181 to 190, as so many do not fit into a core's cache. Two
processes score again in 1 to 6 % less time than when this one had what came after the others'; one chunk gains less,
three no more."""
ALONE: Final = 512
"""Reports up to which other processes are not started: on two cores they pay from fewer than 300 on where the views are
still to be made, from 550 where they are there."""

_Told = Callable[[Finding], None]
_DEFAULT: Final = Brief()
_decode = msgspec.msgpack.Decoder(Score).decode
_encode_into = msgspec.msgpack.Encoder().encode_into


class Packed(Struct):
    """Scores on their way between processes; each is made again only when it is its turn."""

    data: bytearray
    ends: list[int]

    def append(self, score: Score) -> None:
        """Add one."""
        _encode_into(score, self.data, -1)
        self.ends.append(len(self.data))

    def __iter__(self) -> Iterator[Score]:
        view = memoryview(self.data)
        return (_decode(view[start:end]) for start, end in pairwise((0, *self.ends)))


class Scored(Struct):
    """What came of a chunk: its scores up to the problem, if any, that is to be raised after them."""

    scores: list[Score] | Packed
    troubles: list[Finding]
    problem: WaleeError | None = None

    def opened(self, on_trouble: _Told | None) -> Iterator[Score]:
        """Its scores; the troubles are told before them."""
        _tell(self.troubles, on_trouble)
        yield from self.scores
        if self.problem is not None:
            raise self.problem


class Scorer:
    """Scores the reports of one store for one brief, in whatever process it is made."""

    def __init__(self, reader: StoreReader, views: Views[ScoreView], brief: Brief, *, lenient: bool) -> None:
        self._reader = reader
        self._views = views
        self._brief = brief
        self._lenient = lenient
        self.troubles: list[Finding] = []

    def scores(self, versions: Sequence[int]) -> Iterator[Score]:
        """The scores of some reports; those that cannot be read are among the troubles, or raised."""
        for version, known in self._views.walk(versions):
            try:
                entry = known or self._read(version)
            except (StoreDamagedError, PayloadError) as error:
                if not self._lenient:
                    raise
                damage = isinstance(error, StoreDamagedError)
                self.troubles.append(Finding(error.detail, error.handle, version=version, damage=damage))
            else:
                if entry is not None:
                    handle, view = entry
                    yield score(view, self._brief, handle=handle)

    def _read(self, version: int) -> tuple[str, ScoreView] | None:
        record = self._reader.record(version)
        if record is None:
            return None  # removed since its number was read
        _, payload = record
        view = decode(payload, ScoreView)
        self._views.add(version, view)
        return payload.handle, view

    def scored(self, versions: Sequence[int], scores: list[Score] | Packed) -> Scored:
        """All at once, added to `scores`; what would be raised is kept until it is its turn."""
        came = Scored(scores, [])
        try:
            for found in self.scores(versions):
                scores.append(found)
        except WaleeError as problem:
            came.problem = problem
        came.troubles = self.take_troubles()
        return came

    def take_troubles(self) -> list[Finding]:
        """The troubles since the last call."""
        troubles, self.troubles = self.troubles, []
        return troubles


def rescore(
    path: str | PathLike[str],
    brief: Brief = _DEFAULT,
    *,
    handles: Iterable[str] | None = None,
    jobs: int | None = None,
    on_trouble: Callable[[Finding], None] | None = None,
) -> Iterator[Score]:
    """Score the newest report of every creator in a store, in the order in which they were kept. Blocks.

    What scoring reads of a report is kept beside the store, in a file of its name and `.views`, so that scoring again
    takes half the time or less. That file can be removed at any time, and goes with what is pruned; without room or
    leave for it, all else is the same. A report's body was whole when it was first scored; damage since then is for
    `walee verify` to find.

    Neither the scores nor their order depend on any of this, nor on `jobs`.

    Args:
        path: The store; another process may be writing to it.
        brief: What is wanted.
        handles: Only these creators, in their order; those without a report are left out.
        jobs: Processes, this one included; None is one for each core, and this one alone for a small store. A program
            that is frozen into a file of its own has no other.
        on_trouble: Is told of each report that is damaged or cannot be read, which is then left out; without it, the
            first one is raised.

    Raises:
        ConfigError: `jobs` is below 1.
        StoreError: the store cannot be read, or a report is damaged.
        PayloadError: a report cannot be read.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs is {jobs}; it must be at least 1")
    with StoreReader.open(path) as reader, closing(Views(reader, ScoreView)) as views:
        damage: list[Finding] = []
        chunks = _chunks(reader, handles, damage.append)
        first = list(islice(chunks, ALONE // CHUNK))
        more = next(chunks, None)
        chunks = chain(first, chunks if more is None else chain([more], chunks))
        jobs = jobs or (1 if more is None else _cores())
        own = Scorer(reader, views, brief, lenient=on_trouble is not None)
        if jobs == 1 or not can_start():
            yield from _alone(own, chunks, on_trouble)
        else:
            with Workers(jobs - 1, scorer_of, (str(reader.path), brief, on_trouble is not None)) as workers:
                yield from _shared(workers, own, chunks, AHEAD * jobs, on_trouble)
        if damage and on_trouble is None:
            raise StoreDamagedError(damage[0].problem)
        _tell(damage, on_trouble)


def _chunks(reader: StoreReader, handles: Iterable[str] | None, on_damage: _Told) -> Iterator[list[int]]:
    """The reports to score, by their ids, some at a time."""
    pages = reader.pages(on_damage=on_damage)
    versions = chain.from_iterable(pages) if handles is None else _newest(reader, handles)
    while chunk := list(islice(versions, CHUNK)):
        yield chunk


def _newest(reader: StoreReader, handles: Iterable[str]) -> Iterator[int]:
    given = iter(handles)
    while some := list(islice(given, CHUNK)):
        found = reader.newest(some)
        yield from (found[handle] for handle in some if handle in found)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _alone(scorer: Scorer, chunks: Iterable[Sequence[int]], on_trouble: _Told | None) -> Iterator[Score]:
    for chunk in chunks:
        yield from scorer.scores(chunk)
        _tell(scorer.take_troubles(), on_trouble)


def _shared(
    workers: Workers[list[int], Scored], own: Scorer, chunks: Iterator[list[int]], ahead: int, on_trouble: _Told | None
) -> Iterator[Score]:
    """Score beside other processes: this one has begun long before they are there.

    It keeps some chunks for itself and hands out what comes after them, so that theirs have come when it is their turn.
    While one has not, it scores the next of its own for later.
    """
    line: deque[Piece[Scored] | list[int]] = deque()
    while True:
        aside = sum(isinstance(chunk, list) for chunk in line)
        line.extend(islice(chunks, min(ASIDE - aside, ahead - len(line))))
        line.extend(workers.hand_out(chunks, ahead - len(line)))
        if not line:
            return
        first = line[0]
        if isinstance(first, list):
            line.popleft()
            yield from _alone(own, [first], on_trouble)
        elif first.came is not None:
            line.popleft()
            yield from first.came.opened(on_trouble)
        elif mine := [(place, chunk) for place, chunk in enumerate(line) if isinstance(chunk, list)]:
            place, chunk = mine[0]
            line[place] = Piece(own.scored(chunk, []))
        else:
            workers.wait()


def _tell(troubles: Iterable[Finding], on_trouble: _Told | None) -> None:
    for trouble in troubles:
        if on_trouble is not None:
            on_trouble(trouble)


# -- in another process -----------------------------------------------------------------------------------------------


@contextmanager
def scorer_of(path: str, brief: Brief, lenient: bool) -> Iterator[Callable[[list[int]], Scored]]:
    """What scores chunks of a store in another process."""
    with StoreReader.open(path) as reader, closing(Views(reader, ScoreView)) as views:
        scorer = Scorer(reader, views, brief, lenient=lenient)
        yield lambda chunk: scorer.scored(chunk, Packed(bytearray(), []))
