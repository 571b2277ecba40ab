"""What the tests of integrations have: a real Redis of this session's own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from _redis import RedisServer, find


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server on a free port. Where there is none installed, CI fails, and others are told."""
    program = find()
    if program is None:
        said = "there is no redis-server here; `apt-get install redis-server` brings it"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    with RedisServer(program) as server:
        yield server


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    """The server, running and empty."""
    redis_server.revive()
    redis_server.command("FLUSHALL")
    return redis_server
