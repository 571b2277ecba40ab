"""What the tests of integrations have: a real Redis and a real Dask cluster of this session's own."""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from _dask import local_cluster
from _redis import RedisServer, find

CANARY = "wk-canary-0123456789abcdef"
"""An API key that is looked for where none may be."""


def _redis_program() -> str:
    """Where the server is. Where there is none installed, CI fails, and others are told."""
    program = find()
    if program is None:
        said = "there is no redis-server here; `apt-get install redis-server` brings it"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    return program


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server on a free port."""
    with RedisServer(_redis_program()) as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server of the test's own, which may save to its folder and be set otherwise."""
    with RedisServer(_redis_program()) as server:
        yield server


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    """The server, running and empty."""
    redis_server.revive()
    redis_server.command("FLUSHALL")
    return redis_server


@pytest.fixture(scope="session")
def cluster_address() -> Iterator[str]:
    """A cluster of worker processes that have the key `CANARY`, for all tests that leave its processes alone."""
    with local_cluster(env={"WALEE_API_KEY": CANARY}) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
async def client(cluster_address: str) -> AsyncIterator[Any]:
    """A client of that cluster."""
    dask: Any = importlib.import_module("distributed")
    async with dask.Client(cluster_address, asynchronous=True) as client:
        yield client
