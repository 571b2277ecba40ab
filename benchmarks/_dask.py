"""A Dask cluster on this machine, for the tests and the benchmark that need one."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


def needs_dask() -> None:
    """Skip the test module that calls it where there is no Dask; in CI, fail."""
    import pytest

    if importlib.util.find_spec("distributed") is None:
        said = "there is no Dask here; `pip install -e '.[dask]'` brings it"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said, allow_module_level=True)


def local_cluster(workers: int = 2, threads: int = 2, **more: Any) -> Any:
    """A cluster of worker processes on free ports; they have this process's environment."""
    dask: Any = importlib.import_module("distributed")
    return dask.LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        # As in the command's own: a worker whose scheduler ends while it reports to it says so with a traceback.
        silence_logs=logging.CRITICAL,
        **more,
    )


@asynccontextmanager
async def cluster(workers: int = 2, threads: int = 2) -> AsyncIterator[Any]:
    """A client of a cluster that begins and ends with it."""
    dask: Any = importlib.import_module("distributed")
    local = local_cluster(workers, threads, asynchronous=True)
    async with local, dask.Client(local, asynchronous=True) as client:
        yield client
