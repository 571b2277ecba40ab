"""Scores on all workers: for stores, and for raw reports in JSON lines, wherever fsspec reads. Nothing is bought."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, closing
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fsspec
import msgspec
from distributed import KilledWorker
from fsspec.core import url_to_fs
from fsspec.utils import read_block
from msgspec import Struct

from walee_async.decode import decode
from walee_async.errors import ConfigError, StoreDamagedError, StorePathError, WaleeError
from walee_async.export import open_table
from walee_async.export.scores import SCORES, score_row
from walee_async.integrations.dask.orders import check_asynchronous
from walee_async.rescoring import CHUNK, Scorer
from walee_async.scoring import SCORING_VERSION, Brief, Score, ScoreView, score
from walee_async.store import Finding, StoreReader, Views
from walee_async.store.arrivals import read_line
from walee_async.store.files import make_folder
from walee_async.store.reader import UNORDERED

if TYPE_CHECKING:
    from walee_async.export import Unfit

Sources = str | PathLike[str] | Sequence[str | PathLike[str]]

IDS: Final = 500
"""Ids of a store's reports that are one task: a tenth of a second of work where the views are still to be made."""
BLOCK: Final = 16 * 2**20
"""Bytes of a file of JSON lines that are one task: some 200 reports as they come, 600 of an export."""
AHEAD: Final = 3
"""Tasks handed out for each thread of the workers, so that none is idle while results come in order."""
_SQLITE: Final = b"SQLite format 3\0"
_GZIP: Final = b"\x1f\x8b"
_DEFAULT: Final = Brief()
_fsspec: Any = fsspec  # its types say less than is true
_scores = msgspec.json.Decoder(list[Score])


class Part(Struct, frozen=True):
    """What one task scores: the reports of a store after one id up to another, or the lines that begin in some bytes.

    A file that cannot be read from its middle is one part (`last` is None).
    """

    source: str
    first: int
    last: int | None
    store: bool


async def rescore_on_dask(
    client: Any,
    sources: Sources,
    brief: Brief = _DEFAULT,
    *,
    on_trouble: Callable[[Finding], None] | None = None,
) -> AsyncIterator[Score]:
    """Score reports on the workers of a cluster, source after source, each in its own order; as `rescore` does here.

    Of a store the newest report of every creator is scored, in the order in which they were kept; of a file of JSON
    lines each report. Neither the scores nor their order depend on the number of workers.

    Args:
        client: A Dask client made with `asynchronous=True`.
        sources: Paths as fsspec takes them (`*` for many), that every worker can read. Stores must be on a file system;
            JSON lines, gzipped or not, of any kind that `walee import` takes, may be anywhere.
        brief: What is wanted.
        on_trouble: Is told of each report that is damaged or cannot be read, which is then left out; without it, the
            first one is raised.

    Raises:
        ConfigError: the client blocks, or a source cannot be read.
        StoreError: a store cannot be read, or a report is damaged.
        PayloadError: a report cannot be read.
    """
    async with aclosing(_results(client, sources, brief, on_trouble)) as results:
        async for scores in results:
            for one in _scores.decode(scores):
                yield one


async def write_scores_on_dask(
    client: Any,
    sources: Sources,
    folder: str | PathLike[str],
    brief: Brief = _DEFAULT,
    *,
    on_trouble: Callable[[Finding], None] | None = None,
) -> int:
    """Score as `rescore_on_dask` does, and let the workers write the scores; return how many they are.

    They go into `scores-00000.parquet` and so on in a folder that every worker sees, in the same order, a row for each
    score; files of these names are replaced. The columns are those of `walee score`; a place has no score, for that of
    the others is not known. Workers need pyarrow.

    Raises:
        ConfigError: as for `rescore_on_dask`; or the folder cannot be written to, or there is no pyarrow.
    """
    rows = 0
    into = str(await asyncio.to_thread(Path(folder).absolute))
    async with aclosing(_results(client, sources, brief, on_trouble, into)) as results:
        async for written in results:
            rows += written
    return rows


async def _results(
    client: Any, sources: Sources, brief: Brief, on_trouble: Callable[[Finding], None] | None, *into: str
) -> AsyncGenerator[Any, None]:
    """What the tasks of all parts came to, in order."""
    check_asynchronous(client)
    given = [sources] if not isinstance(sources, Sequence) or isinstance(sources, str) else sources
    planned = [client.submit(plan, str(source), pure=False) for source in given]
    parts = enumerate(chain.from_iterable([await _done(future) for future in planned]))
    task, lenient = write_part if into else score_part, on_trouble is not None
    most = AHEAD * max(1, int(client.scheduler_info()["total_threads"]))
    ahead: deque[Any] = deque()
    try:
        while True:
            for number, part in islice(parts, most - len(ahead)):
                ahead.append(client.submit(task, part, brief, lenient, number, *into, pure=False))
            if not ahead:
                return
            result, troubles = await _done(ahead.popleft())
            for trouble in troubles:
                if on_trouble is not None:
                    on_trouble(trouble)
            yield result
    finally:
        for future in ahead:
            future.release()


async def _done(future: Any) -> Any:
    try:
        return await future
    except KilledWorker:
        raise WaleeError("The workers that scored have died, one after the other; is memory short?") from None
    finally:
        future.release()


# -- on the workers ---------------------------------------------------------------------------------------------------


def plan(source: str) -> list[Part]:
    """The parts of a source, in order.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
        StoreError: it is a store that cannot be read.
    """
    try:
        files, path = url_to_fs(source)
        paths = sorted(files.glob(path)) if "*" in path else [path]
        if not paths:
            raise ConfigError(f"Nothing is at {source}")
        return [part for one in paths for part in _parts(files, one)]
    except (OSError, ValueError, ImportError) as error:
        if isinstance(error, WaleeError):
            raise
        raise ConfigError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _parts(files: Any, path: str) -> Iterator[Part]:
    local = "file" in files.protocol
    if local and (last := _last_of(path)) is not None:
        yield from (Part(path, first, first + IDS, True) for first in range(0, last, IDS))
        return
    with files.open(path, "rb") as file:
        head = file.read(len(_SQLITE))
    where = files.unstrip_protocol(path)
    if head == _SQLITE:
        advice = "it is no store of reports" if local else "SQLite reads only from file systems; copy it to one"
        raise ConfigError(f"{where} is an SQLite file, and {advice}")
    if head.startswith(_GZIP):
        yield Part(where, 0, None, False)
    else:
        yield from (Part(where, first, first + BLOCK, False) for first in range(0, files.size(path), BLOCK))


def _last_of(path: str) -> int | None:
    """The last id of a store; None where there is none. A store is opened by SQLite alone: see store/connect.py."""
    try:
        with StoreReader.open(path) as reader:
            ((last,),) = reader.connection.execute("SELECT coalesce(max(id), 0) FROM reports").fetchall()
    except StorePathError:
        return None
    return int(last)


def score_part(part: Part, brief: Brief, lenient: bool, _: int) -> tuple[bytes, list[Finding]]:
    """The scores of a part, encoded, and its troubles.

    Raises:
        StoreError: a store cannot be read; or, unless lenient, a report is damaged.
        PayloadError: a report cannot be read, unless lenient.
        ConfigError: a line holds no report, unless lenient.
    """
    scores, troubles = _scored(part, brief, lenient)
    return msgspec.json.encode(scores), troubles


def write_part(part: Part, brief: Brief, lenient: bool, number: int, into: str) -> tuple[int, list[Finding]]:
    """Write the scores of a part to a file; how many they are, and the troubles. Raises what `score_part` raises."""
    scores, troubles = _scored(part, brief, lenient)

    def tell(unfit: Unfit) -> None:
        troubles.append(Finding(str(unfit), damage=False))

    try:
        make_folder(Path(into))
        about = {"brief": brief.id, "scoring_version": SCORING_VERSION}
        path = Path(into) / f"scores-{number:05}.parquet"
        with open_table(path, SCORES, replace=True, on_unfit=tell, about=about) as table:
            table.write([score_row(None, score) for score in scores])
    except OSError as error:
        raise ConfigError(f"{into} cannot be written: {error.strerror}") from None
    return len(scores), troubles


def _scored(part: Part, brief: Brief, lenient: bool) -> tuple[list[Score], list[Finding]]:
    troubles: list[Finding] = []
    of = _of_store if part.store else _of_lines
    return list(of(part, brief, lenient, troubles)), troubles


def _of_store(part: Part, brief: Brief, lenient: bool, troubles: list[Finding]) -> Iterator[Score]:
    with StoreReader.open(part.source) as reader, closing(Views(reader, ScoreView)) as views:
        scorer = Scorer(reader, views, brief, lenient=lenient)
        wrong: list[Finding] = []
        ids = _ids(reader, part, wrong.append)
        while chunk := list(islice(ids, CHUNK)):
            yield from scorer.scores(chunk)
        if wrong and not lenient:
            raise StoreDamagedError(UNORDERED)
        troubles += (*scorer.take_troubles(), *wrong)


def _ids(reader: StoreReader, part: Part, tell: Callable[[Finding], None]) -> Iterator[int]:
    """The ids of a part's reports, as long as they ascend; where they do not, that is told and is the end of it."""
    last = part.first
    while page := reader.versions(last):
        for version in page:
            if version <= last:
                tell(Finding(UNORDERED))
                return
            if part.last is not None and version > part.last:
                return
            last = version
            yield version


def _of_lines(part: Part, brief: Brief, lenient: bool, troubles: list[Finding]) -> Iterator[Score]:
    for line in _lines(part):
        handle = None
        try:
            payload = read_line(line).payload
            handle = payload.handle
            view = decode(payload, ScoreView)
        except (ValueError, WaleeError) as error:
            detail = error.detail if isinstance(error, WaleeError) else str(error)
            if not lenient:
                if isinstance(error, WaleeError):
                    raise
                raise ConfigError(f"A line of {part.source} holds no report: {detail}") from None
            troubles.append(Finding(detail, handle, damage=False))
        else:
            yield score(view, brief, handle=handle)


def _lines(part: Part) -> Iterable[bytes]:
    """The lines that begin in a part, without those that are empty."""
    try:
        if part.last is None:
            with _fsspec.open(part.source, "rb", compression="gzip") as file:
                yield from (line for line in file if line.strip())
            return
        with _fsspec.open(part.source, "rb") as file:
            block = read_block(file, part.first, part.last - part.first, delimiter=b"\n")
        yield from (line for line in block.split(b"\n") if line.strip())
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{part.source} cannot be read: {getattr(error, 'strerror', None) or error}") from None
