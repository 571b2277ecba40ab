"""A cluster to work on: one that is there already, or one that is started on this machine and ends with the work."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Final

import distributed
from distributed.utils import silence_logging_cmgr

from walee_async.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    class Nanny:
        """The types are checked without Dask as well."""

        async def instantiate(self) -> Any:
            """Start a worker process."""

else:
    from distributed import Nanny

LOCAL: Final = "local"
THREADS: Final = 2
"""Chunks that a worker process has under way, so that the end of one is not a pause."""
PATIENCE: Final = 5.0
"""Seconds for which a scheduler is waited for."""

_dask: Any = distributed


class Guard(Nanny):
    """Starts the worker processes of this machine's own cluster deaf to Ctrl-C: it is for the process that asked.

    They are in the terminal's process group, and would end with requests under way, or half started.
    """

    _starting = 0

    async def instantiate(self) -> Any:
        """Start a process. It has the signals blocked that are blocked here, and has so from its first instant."""
        with self._deaf():
            return await super().instantiate()

    @classmethod
    @contextmanager
    def _deaf(cls) -> Iterator[None]:
        if sys.platform == "win32":  # where no signals are held back
            yield
            return
        resource_tracker.ensure_running()  # which would unblock them
        cls._starting += 1
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            cls._starting -= 1
            if not cls._starting:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@asynccontextmanager
async def cluster_at(address: str, workers: int | None = None) -> AsyncIterator[Any]:
    """A client of the cluster at an address (`tcp://…`); at `local` there are so many worker processes of this machine.

    Those have the environment of this process. None is one for each core. What Dask logs meanwhile is kept off the
    terminal: what a person should know is said in the words of the command.

    Raises:
        ConfigError: no scheduler answers there, or it has no workers.
    """
    with silence_logging_cmgr(logging.CRITICAL):
        if address == LOCAL:
            async with (
                _local(workers or os.cpu_count() or 1) as local,
                _dask.Client(local, asynchronous=True) as client,
            ):
                yield client
            return
        await _greet(address)
        async with _dask.Client(address, asynchronous=True, timeout=PATIENCE) as client:
            if not client.scheduler_info()["n_workers"]:
                raise ConfigError(f"The scheduler at {address} has no workers; start some: dask worker {address}")
            yield client


async def _greet(address: str) -> None:
    """Make sure that a scheduler answers, before a client is made: one that cannot connect leaves warnings behind.

    Raises:
        ConfigError: nobody answers, or somebody else.
    """
    how = _dask.Security().get_connection_args("client")  # from Dask's configuration, as a client reads it
    try:
        async with asyncio.timeout(PATIENCE), _dask.rpc(address, timeout=PATIENCE, connection_args=how) as there:
            found = await there.identity()
    except TimeoutError:
        raise ConfigError(f"No Dask scheduler answers at {address} within {PATIENCE:g} s") from None
    except Exception as error:  # noqa: BLE001  (what is no Dask at all may answer anything)
        why = str(error).rstrip(".") or type(error).__name__
        raise ConfigError(f"No Dask scheduler answers at {address}: {why}") from None
    if found["type"] != "Scheduler":
        raise ConfigError(f"At {address} there is a {found['type']} of Dask; give the address of its scheduler")


def _local(workers: int) -> Any:
    return _dask.LocalCluster(
        n_workers=workers,
        threads_per_worker=THREADS,
        worker_class=Guard,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        asynchronous=True,
    )
