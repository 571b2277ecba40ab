"""Scores for what a store holds: nothing is bought, all cores work, and the order is the store's."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from itertools import chain, islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

import msgspec

from walee_async.decode import decode
from walee_async.errors import ConfigError, PayloadError, StoreDamagedError, WaleeError
from walee_async.scoring import Brief, Score, ScoreView, score
from walee_async.store import Finding, StoreReader, Views

if TYPE_CHECKING:
    from os import PathLike

CHUNK: Final = 100
"""Reports that a process scores at a time: 20 to 45 ms of work for one message of 300 KB."""
AHEAD: Final = 4
"""Chunks that wait for each process, so that none is idle; more would only be memory."""
ALONE: Final = 2000
"""Reports up to which starting other processes would take longer than the work: on two cores 1,500 where the views are
still to be made, 4,000 where they are there."""

_Told = Callable[[Finding], None]
_Done = Future[tuple[list[Score] | list[bytes], list[Finding]]]
"""The scores of a chunk, encoded where they come from another process; and its troubles."""
_DEFAULT: Final = Brief()
_decode = msgspec.json.Decoder(Score).decode  # MessagePack has no numbers past 64 bits
_encode = msgspec.json.Encoder().encode


class Scorer:
    """Scores the reports of one store for one brief, in whatever process it is made."""

    mine: Scorer
    """The one of a worker process."""

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

    Neither the scores nor their order depend on any of this, nor on `jobs`. Its processes import the main module anew,
    so a script that calls this does its work under `if __name__ == "__main__":`.

    Args:
        path: The store; another process may be writing to it.
        brief: What is wanted.
        handles: Only these creators, in their order; those without a report are left out.
        jobs: Processes, this one included; None is one for each core, and this one alone for a small store.
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
        chunks = _chunks(reader, handles)
        first = list(islice(chunks, ALONE // CHUNK))
        more = next(chunks, None)
        chunks = chain(first, chunks if more is None else chain([more], chunks))
        jobs = jobs or (1 if more is None else _cores())
        own = Scorer(reader, views, brief, lenient=on_trouble is not None)
        if jobs == 1:
            yield from _alone(own, chunks, on_trouble)
        else:
            yield from _shared(reader, own, brief, chunks, jobs, on_trouble)


def _chunks(reader: StoreReader, handles: Iterable[str] | None) -> Iterator[list[int]]:
    """The reports to score, by their ids, some at a time."""
    versions = _versions(reader) if handles is None else _newest(reader, handles)
    while chunk := list(islice(versions, CHUNK)):
        yield chunk


def _versions(reader: StoreReader) -> Iterator[int]:
    last = 0
    while page := reader.versions(last):
        last = page[-1]
        yield from page


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
    reader: StoreReader,
    own: Scorer,
    brief: Brief,
    chunks: Iterable[Sequence[int]],
    jobs: int,
    on_trouble: _Told | None,
) -> Iterator[Score]:
    """Score with `jobs` processes, of which this is one: it has begun long before the others are there."""
    # Not forked: a store that this process writes to has threads, and they would not be in the copy.
    given = (str(reader.path), brief, on_trouble is not None)
    pool = ProcessPoolExecutor(jobs - 1, get_context("spawn"), _start, given)
    ahead: deque[tuple[Sequence[int], _Done]] = deque()
    try:
        with _deaf():  # each question to nobody starts a process
            there, *_ = [pool.submit(_ready) for _ in range(jobs - 1)]
        for chunk in chunks:
            ahead.append((chunk, pool.submit(_work, chunk) if there.done() else _by(own, chunk)))
            if len(ahead) > (AHEAD * jobs if there.done() else 0):
                yield from _come(ahead, own, on_trouble)
        while ahead:
            yield from _come(ahead, own, on_trouble)
    except BrokenProcessPool:
        raise WaleeError("A process that scored has ended; where memory is short, try fewer jobs") from None
    finally:
        # A join that Ctrl-C breaks off takes its thread for ended (https://github.com/python/cpython/issues/90882): the
        # program would end around the pool, and hang, or leave its processes with a traceback each.
        with _deaf():
            pool.shutdown(cancel_futures=True)


def _come(ahead: deque[tuple[Sequence[int], _Done]], own: Scorer, on_trouble: _Told | None) -> Iterator[Score]:
    """The scores of the first chunk. Until they are there, this process scores those that no other has begun."""
    for place, (chunk, done) in enumerate(ahead):
        if ahead[0][1].done():
            break
        if not done.done() and done.cancel():
            ahead[place] = chunk, _by(own, chunk)
    scores, troubles = ahead.popleft()[1].result()
    _tell(troubles, on_trouble)
    return (_decode(score) if isinstance(score, bytes) else score for score in scores)


def _by(scorer: Scorer, chunk: Sequence[int]) -> _Done:
    """Score a chunk here. What is raised is kept until it is its turn."""
    done: _Done = Future()
    try:
        done.set_result((list(scorer.scores(chunk)), scorer.take_troubles()))
    except WaleeError as error:
        done.set_exception(error)
    return done


@contextmanager
def _deaf() -> Iterator[None]:
    """Hear Ctrl-C when this is done, and keep it from the processes that are started here.

    They inherit the mask, so that they do not hear it while they start either.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _tell(troubles: Iterable[Finding], on_trouble: _Told | None) -> None:
    for trouble in troubles:
        if on_trouble is not None:
            on_trouble(trouble)


# -- in a worker process ----------------------------------------------------------------------------------------------


def _start(path: str, brief: Brief, lenient: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `_deaf` cannot keep it away
    reader = StoreReader.open(path)
    Scorer.mine = Scorer(reader, Views(reader, ScoreView), brief, lenient=lenient)


def _ready() -> None:
    """Nothing: that it was done tells that a process is there."""


def _work(chunk: Sequence[int]) -> tuple[list[bytes], list[Finding]]:
    scorer = Scorer.mine
    return [_encode(score) for score in scorer.scores(chunk)], scorer.take_troubles()
