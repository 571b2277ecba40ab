"""The example of a service: it runs as a process of its own, against the gateway, alone and beside a replica."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from _redis import RedisServer, free_port
from anyio import open_process
from anyio.abc import Process

from walee_async import Store
from walee_async.testing import Drop, Gateway, Revoke

pytestmark = pytest.mark.anyio

PROGRAM = Path(__file__).parent.parent.parent / "examples" / "service.py"


async def kept(path: Path) -> set[str]:
    async with Store.open(path / "reports.db") as store:
        return {payload.handle async for payload in store.payloads()}


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():  # noqa: ASYNC110 - it is another process that does it
        await asyncio.sleep(0.01)


class Service:
    """The service as a process, and a caller of it."""

    def __init__(self, process: Process, http: aiohttp.ClientSession) -> None:
        self.process = process
        self._http = http
        self._stopped = False

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._http.get(path) as response:
            return response.status, await response.json()

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.process.send_signal(signal.SIGTERM)

    async def answers(self) -> bool:
        assert self.process.returncode is None
        try:
            await self.get("/health")
        except aiohttp.ClientConnectorError:
            return False
        return True


@asynccontextmanager
async def serving(gateway: Gateway, folder: Path, **more: str) -> AsyncIterator[Service]:
    """Run the service until the block is left, and see that it ends well."""
    port = free_port()
    given = {"WALEE_API_KEY": gateway.key, "WALEE_BASE_URL": gateway.base_url, "PORT": str(port)} | more
    async with (
        await open_process(
            [sys.executable, "-W", "error", str(PROGRAM)], cwd=folder, env=os.environ | given
        ) as process,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        service = Service(process, http)
        try:
            await until(service.answers)
            yield service
            service.stop()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
        assert process.stderr is not None
        assert [part async for part in process.stderr] == []


async def test_the_service_gives_reports_and_buys_each_once(gateway: Gateway, tmp_path: Path) -> None:
    """A report is bought for the first of its callers and read from the store for the others, also after a restart."""
    handle = gateway.handles[0]
    for _ in range(2):
        async with serving(gateway, tmp_path) as service:
            answers = await asyncio.gather(*(service.get(f"/creators/{handle}") for _ in range(5)))
            assert {status for status, _ in answers} == {200}
            assert all(said["user_profile"]["username"] for _, said in answers)
    assert gateway.billed == {handle: 1}


async def test_the_service_needs_no_redis(gateway: Gateway, tmp_path: Path) -> None:
    """Without an address of one, it starts where the extra is not installed."""
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "redis.py").write_text("raise ImportError")
    given = os.pathsep.join([str(tmp_path / "absent"), os.environ.get("PYTHONPATH", "")])
    async with serving(gateway, tmp_path, PYTHONPATH=given) as service:
        assert (await service.get("/health"))[0] == 200


async def test_the_service_tells_callers_what_is_theirs_to_know(gateway: Gateway, tmp_path: Path) -> None:
    """A wrong handle is 400, one without a report 404; what is wrong with the account is 503, and also the health."""
    async with serving(gateway, tmp_path) as service:
        assert await service.get("/health") == (200, {"keys": 1, "paused_seconds": 0.0})
        status, said = await service.get("/creators/no%20handle!")
        assert (status, said["error"]) == (400, "InvalidHandleError")
        status, said = await service.get("/creators/nobody.here")
        assert (status, said["error"]) == (404, "NoReportError")
        gateway.plan(gateway.handles[0], Revoke())
        status, said = await service.get(f"/creators/{gateway.handles[0]}")
        assert (status, said) == (503, {"error": "RefusedKeyError", "detail": "There is no report at the moment."})
        assert await service.get("/health") == (503, {"keys": 0, "paused_seconds": None})


async def test_the_service_ends_when_it_has_answered(gateway: Gateway, tmp_path: Path) -> None:
    """SIGTERM while reports are under way loses none and buys none twice.

    That holds as well for one that has to be tried again, and for one whose caller has gone.
    """
    gateway.latency = 0.5
    gateway.plan(gateway.handles[1], Drop("request"))

    async def sent() -> bool:
        return gateway.requests_seen >= 4

    async with serving(gateway, tmp_path) as service:
        calls = [asyncio.create_task(service.get(f"/creators/{handle}")) for handle in gateway.handles[:4]]
        await until(sent)
        calls[3].cancel()
        service.stop()
        answers = await asyncio.gather(*calls[:3])
    assert [status for status, _ in answers] == [200, 200, 200]
    assert await kept(tmp_path) == set(gateway.handles[:4])
    assert gateway.billed == dict.fromkeys(gateway.handles[:4], 1)


async def test_replicas_of_the_service_keep_to_one_limit(gateway: Gateway, tmp_path: Path, redis: RedisServer) -> None:
    """Two that meet in a Redis send together what one alone may: here 8/s, after the first."""
    folders = [tmp_path / name for name in ("one", "two")]
    async with AsyncExitStack() as stack:
        services = []
        for folder in folders:
            folder.mkdir()
            services.append(await stack.enter_async_context(serving(gateway, folder, REDIS_URL=redis.url)))
        began = asyncio.get_running_loop().time()
        calls = [
            service.get(f"/creators/{handle}")
            for service, handles in zip(services, (gateway.handles[:8], gateway.handles[8:16]), strict=True)
            for handle in handles
        ]
        answers = await asyncio.gather(*calls)
        took = asyncio.get_running_loop().time() - began
    assert [status for status, _ in answers] == [200] * 16
    assert took >= 15 / 8 - 0.1
