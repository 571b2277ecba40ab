"""Tidy tables made by the workers: of each store a folder of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from distributed import KilledWorker

from walee_async.errors import ConfigError, WaleeError
from walee_async.export import export_tables
from walee_async.integrations.dask.orders import check_asynchronous
from walee_async.store import Finding


async def write_tables_on_dask(
    client: Any,
    stores: Sequence[str | PathLike[str]],
    folder: str | PathLike[str],
    *,
    on_trouble: Callable[[Finding], None] | None = None,
) -> int:
    """Let the workers write the tables of stores as Parquet, a store each; return how many reports are in them.

    Those of `shards/host-1.db` go into `FOLDER/host-1`, in the place of tables that are there. Every worker must see
    the stores and the folder, and have pyarrow.

    Raises:
        ConfigError: the client blocks, the folder cannot be written to, or there is no pyarrow.
        StoreError: a store cannot be read; without `on_trouble`, also for a damaged report.
        PayloadError: a report cannot be decoded, and `on_trouble` is None.
    """
    check_asynchronous(client)
    into = await asyncio.to_thread(Path(folder).absolute)
    lenient = on_trouble is not None
    tasks = [
        client.submit(write_tables, str(store), str(into / Path(store).stem), lenient, pure=False) for store in stores
    ]
    rows = 0
    try:
        for task in tasks:
            written, troubles = await task
            rows += written
            for trouble in troubles:
                if on_trouble is not None:
                    on_trouble(trouble)
    except KilledWorker:
        raise WaleeError("The workers that wrote tables have died, one after the other; is memory short?") from None
    finally:
        for task in tasks:
            task.release()
    return rows


def write_tables(store: str, folder: str, lenient: bool) -> tuple[int, list[Finding]]:
    """Write the tables of a store, in a worker; how many reports they have, and what could not be read."""
    troubles: list[Finding] = []
    try:
        rows = export_tables(store, folder, replace=True, on_trouble=troubles.append if lenient else None)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
    return rows["creators"], troubles
