"""What is shared through a real Redis over TLS, which takes leave of whom it closes a connection with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from _redis import RedisServer, free_port

from walee_async import Options, WaleeClient
from walee_async.events import Event, GateAlone, GateRejoined
from walee_async.integrations.redis import SharedBudget, SharedGate
from walee_async.outcomes import Fetched
from walee_async.testing import Gateway
from walee_async.testing.contracts import until

pytestmark = [pytest.mark.anyio, pytest.mark.long]

SELF_SIGNED = Path(__file__).parent.parent / "data" / "self-signed.pem"
"""A certificate for 127.0.0.1 and its key, made for these tests."""


@pytest.fixture
def url(own_redis: RedisServer) -> str:
    """The address of a server that answers over TLS as well."""
    port = free_port()
    settings = {f"tls-{name}": SELF_SIGNED for name in ("cert-file", "key-file", "ca-cert-file")}
    for name, value in {**settings, "tls-auth-clients": "no", "tls-port": port}.items():
        assert own_redis.command(f"CONFIG SET {name} {value}") == "+OK\r\n"
    return f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={SELF_SIGNED}"


async def take_leave(redis: RedisServer) -> None:
    """Let the server go on, and wait until the ends of all connections are closed on both sides."""
    redis.thaw()
    await until(lambda: redis.command("CLIENT LIST").count("id=") == 1)
    await asyncio.sleep(0.1)  # what it sent before it answered is there, and has to be read


async def test_a_frozen_redis_behind_tls_ends_no_run(own_redis: RedisServer, url: str) -> None:
    """A process goes on at its share although nobody takes leave of it, goes back when Redis does, and can be left."""
    events: list[Event] = []
    options = Options(hook=events.append, sharing=SharedGate(url))

    def told(kind: type[Event]) -> Callable[[], bool]:
        return lambda: any(isinstance(event, kind) for event in events)

    async with Gateway(creators=200) as gateway:
        async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=50, options=options) as walee:
            assert len(await walee.creator_reports(gateway.handles[:40]).collect()) == 40
            own_redis.freeze()
            outcomes = await walee.creator_reports(gateway.handles[40:80]).collect()
            assert all(isinstance(outcome, Fetched) for outcome in outcomes)
            assert told(GateAlone)()
            own_redis.thaw()
            await until(told(GateRejoined))
            await walee.fetch(gateway.handles[80])
            own_redis.freeze()
        assert gateway.billed.total() == 81
    await take_leave(own_redis)


async def test_a_budget_behind_tls_can_be_left_while_redis_is_frozen(own_redis: RedisServer, url: str) -> None:
    """The connection is closed although nobody answers, and no error comes of it."""
    async with SharedBudget(url, "march", max_reports=3) as budget:
        with budget.place([]) as ready:
            await ready()
        await until(lambda: budget.reserved_now == 0)
        own_redis.freeze()
    await take_leave(own_redis)
