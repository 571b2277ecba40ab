"""The store of one worker, and what all the stores of one folder know together."""

from __future__ import annotations

import asyncio
import itertools
import platform
import re
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from msgspec import structs

from walee_async.errors import StoreDamagedError, StoreError, StoreLockedError, StorePathError
from walee_async.reuse import is_young
from walee_async.store import Standing, Store, StoreReader
from walee_async.store.connect import check_header
from walee_async.store.files import make_folder
from walee_async.store.lock import is_held

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
    from os import PathLike

    from walee_async.integrations.dask.orders import Terms
    from walee_async.outcomes import Payload
    from walee_async.store import Failure, Held, Merged

MERGED: Final = "reports.db"
"""What the shards of a folder are merged into."""
SHARDS: Final = "shards"


def host_name() -> str:
    """This machine's name, fit for a file's."""
    return re.sub(r"[^\w.]+", "_", platform.node())[:64] or "host"


def shards_of(folder: Path, host: str = "*") -> list[Path]:
    """The shards in a folder, of one host or of all."""
    return sorted((folder / SHARDS).glob(f"{host}-*.db"))


class Shard(Store):
    """A worker's own store, which also knows what the other stores of its folder hold.

    What stands in any of them is not bought again. An attempt that is under way in another shard is a doubt: the worker
    that made it is dead or cut off, or its chunk would not have come here.
    """

    _folder: Path
    _cluster_run: str
    _fresh: bool
    _max_age: float
    _where: dict[str, Path]
    _run: Awaitable[int] | None = None

    @classmethod
    def take(cls, folder: Path, run: str, terms: Terms, under_way: int) -> Self:
        """Open the first shard of this host that nobody writes to: so a dead worker's is taken up again. Blocks.

        It judges by the terms what of the stored reports is young enough; what this very run has bought always is.

        Raises:
            StoreError: none can be opened or made.
        """
        try:
            make_folder(folder / SHARDS)
        except OSError as error:
            raise StorePathError(f"{folder} cannot be written to: {error.strerror}") from None
        for number in itertools.count(1):
            path = folder / SHARDS / f"{host_name()}-{number}.db"
            try:
                shard = cls.open(path, under_way=under_way)
            except StoreLockedError:
                continue
            except (StoreDamagedError, StorePathError) as error:
                raise _unknown(error) from None
            shard._folder, shard._cluster_run, shard._where = folder, run, {}
            shard._fresh, shard._max_age = terms.fresh, terms.max_age
            return shard
        raise AssertionError

    async def standing(self, handles: Sequence[str]) -> dict[str, Standing]:
        """All that bears on whether to buy the report of each handle, from every store of the folder."""
        return await self._read(lambda reader: self._known(reader, handles))

    def is_new(self, handle: str) -> bool:
        """No handle is, without reading: any store of the folder may hold something of it."""
        return False

    async def bought_now(self, handles: Sequence[str]) -> set[str]:
        """Those of some handles whose reports this very run has bought, by whichever of its workers."""

        def look(own: StoreReader) -> set[str]:
            with ExitStack() as stack:
                readers = (own, *map(stack.enter_context, readers_of(self._folder, self.path)))
                return {handle for reader in readers for handle in reader.bought_by(handles, self._cluster_run)}

        return await self._read(look) if handles else set()

    async def latest(self, handle: str) -> Payload | None:
        """The newest report of a handle, wherever in the folder it is."""
        path = self._where.pop(handle, self.path)
        if path == self.path:
            return await super().latest(handle)
        return await asyncio.to_thread(_latest, path, handle)

    def begin_run(self, command: str = "") -> Awaitable[int]:
        """The one run that the books of a worker have, however many chunks it is given."""
        if self._run is None:
            self._run = asyncio.ensure_future(super().begin_run(self._cluster_run))
        return asyncio.shield(self._run)

    def end_run(self, run: int, reason: str) -> Awaitable[None]:
        """A chunk has ended, and the run goes on; see `finish`."""
        return asyncio.sleep(0)

    async def finish(self, reason: str) -> None:
        """Note that the worker's part in the run has ended, and why."""
        if self._run is not None:
            await super().end_run(await self._run, reason)

    def _known(self, own: StoreReader, handles: Sequence[str]) -> dict[str, Standing]:
        with ExitStack() as stack:
            others = [stack.enter_context(reader) for reader in readers_of(self._folder, self.path)]
            known, where = known_to(own, others, handles, self._cluster_run if self._fresh else None)
            old = [handle for handle, one in known.items() if one.held and not is_young(one.held, self._max_age)]
            if old and not self._fresh:
                # A chunk that is done again must not buy what it has just bought, however young reports have to be.
                mine = {handle for reader in (own, *others) for handle in reader.bought_by(old, self._cluster_run)}
                known |= {handle: structs.replace(known[handle], held=None) for handle in old if handle not in mine}
        self._where.update((handle, path) for handle, path in where.items() if path != self.path)
        return known


def readers_of(folder: Path, besides: Path | None = None) -> Iterator[StoreReader]:
    """Every store of a folder that can be looked into from here, to be closed by the caller. Blocks.

    Raises:
        StoreError: one of them cannot be used, and what it holds would be bought again.
    """
    mine = host_name()
    for path in (folder / MERGED, *shards_of(folder)):
        # SQLite cannot be read from one machine while another writes to it.
        foreign = path.name != MERGED and path.name.rpartition("-")[0] != mine
        if path == besides or (foreign and is_held(path)):
            continue
        try:
            reader = StoreReader.open(path) if check_header(path) else None  # else there is none, or it is being made
        except (StoreDamagedError, StorePathError) as error:
            raise _unknown(error) from None
        if reader is not None:
            yield reader


def _unknown(error: StoreError) -> StorePathError:
    return StorePathError(
        f"{error.detail}; nothing is bought as long as it is not known what is in it: put it back as it was, or move"
        " it away to go on without it"
    )


def _latest(path: Path, handle: str) -> Payload | None:
    with StoreReader.open(path) as reader:
        return reader.latest(handle)


def known_to(
    own: StoreReader, others: Sequence[StoreReader], handles: Sequence[str], command: str | None = None
) -> tuple[dict[str, Standing], dict[str, Path]]:
    """What several stores know of handles together, and which of them has the newest report of each.

    An attempt that several of them have in their books, because they were merged, counts once. With a `command`, only
    what the runs did which it began.
    """
    held: dict[str, Held] = {}
    where: dict[str, Path] = {}
    failed: dict[str, Failure] = {}
    doubts: defaultdict[str, set[tuple[float, int, str]]] = defaultdict(set)
    for reader in (own, *others):
        mine = set(handles) if command is None else reader.bought_by(handles, command)
        for handle, one in reader.lookup(list(mine)).items():
            if handle not in held or one.received_at > held[handle].received_at:
                held[handle], where[handle] = one, reader.path
        for handle, failure in reader.failed(handles).items() if command is None else ():
            if handle not in failed or failure.at > failed[handle].at:
                failed[handle] = failure
        for handle, at, number, key in reader.doubtful(handles, under_way=reader is not own, command=command):
            doubts[handle].add((at, number, key))
    bought = {handle: one.received_at for handle, one in held.items()}
    if command is None:
        for reader in (own, *others):
            for handle, at in reader.billed([handle for handle in doubts if handle not in held]).items():
                bought[handle] = max(at, bought.get(handle, 0.0))
    return {handle: _standing(handle, held, failed, doubts[handle], bought) for handle in handles}, where


def _standing(
    handle: str,
    held: Mapping[str, Held],
    failed: Mapping[str, Failure],
    doubts: Iterable[tuple[float, int, str]],
    bought: Mapping[str, float],
) -> Standing:
    since = bought.get(handle, 0.0)
    failure = failed.get(handle)
    count = sum(intended_at > since for intended_at, *_ in doubts)
    return Standing(held.get(handle), None if failure is None or failure.at < since else failure, count)


async def merge_shards(folder: str | PathLike[str]) -> list[Merged]:
    """Bring all that the shards of a folder hold into its `reports.db`, as `Store.merge` does; what came of each.

    Raises:
        StoreLockedError: a shard, or `reports.db`, is being written to.
        StoreError: one of them cannot be used.
    """
    into = Path(folder)
    async with await asyncio.to_thread(Store.open, into / MERGED) as store:
        return [await store.merge(shard) for shard in await asyncio.to_thread(shards_of, into)]
