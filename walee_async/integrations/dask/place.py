"""A cluster to work on: one that is there already, or one that is started on this machine and ends with the work."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import distributed

from walee_async.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    WorkerPlugin = object  # the types are checked without Dask as well
else:
    from distributed import WorkerPlugin

LOCAL: Final = "local"
THREADS: Final = 2
"""Chunks that a worker process has under way, so that the end of one is not a pause."""
PATIENCE: Final = 5.0
"""Seconds for which a scheduler is waited for."""

_dask: Any = distributed


class Deaf(WorkerPlugin):
    """Keeps Ctrl-C from the workers of this machine's own cluster: it is for the process that asked."""

    name = "walee-deaf"

    def setup(self, worker: Any) -> None:
        """Hear nothing, if this is the worker's own process."""
        if worker.nanny and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)


@asynccontextmanager
async def cluster_at(address: str, workers: int | None = None) -> AsyncIterator[Any]:
    """A client of the cluster at an address (`tcp://…`); at `local` there are so many worker processes of this machine.

    Those have the environment of this process. None is one for each core.

    Raises:
        ConfigError: no scheduler answers there, or it has no workers.
    """
    if address == LOCAL:
        async with _local(workers or os.cpu_count() or 1) as local, _dask.Client(local, asynchronous=True) as client:
            await client.register_plugin(Deaf())
            yield client
        return
    try:
        connecting = await _dask.Client(address, asynchronous=True, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise ConfigError(f"No Dask scheduler answers at {address}: {str(error).rstrip('.')}") from None
    async with connecting as client:
        if not client.scheduler_info()["n_workers"]:
            raise ConfigError(f"The scheduler at {address} has no workers; start some: dask worker {address}")
        yield client


def _local(workers: int) -> Any:
    return _dask.LocalCluster(
        n_workers=workers,
        threads_per_worker=THREADS,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.ERROR,
        asynchronous=True,
    )
